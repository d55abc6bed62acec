"""Calls from the first request for them: one row per idempotency key, and one worker per row at a time."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any
from uuid import uuid4

from sqlalchemy import ColumnElement, Connection, Engine, Row, delete, or_, select, update
from sqlalchemy.dialects import postgresql, sqlite

from infra.clock import Clock
from infra.database.engine import reading, writing
from infra.database.tables import call_starts
from infra.errors import TransientError

# After that a worker counts as gone. Making a meeting takes a second or two; a Zoom that hangs is given up after 25 s.
WORK_SECONDS = 60.0


class State(StrEnum):
    """How far a call is. `arranged`: its meeting is there, and its registration may be in the log already."""

    CREATING = "creating"
    ARRANGED = "arranged"
    REGISTERED = "registered"
    ABANDONED = "abandoned"


class KeyReused(Exception):
    """The idempotency key stands for another request."""


class KeyBusy(Exception):
    """Another request works at this call; `retry_after_seconds` says until when at most."""

    def __init__(self, retry_after_seconds: float) -> None:
        super().__init__("another request works at this call")
        self.retry_after_seconds = retry_after_seconds


class Overtaken(TransientError):
    """Somebody else works at this call by now: nothing was written."""


@dataclass(frozen=True, slots=True)
class OwnLink:
    """A party's registration at Zoom."""

    registrant_id: str
    join_url: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class CallStart:
    """A call, as far as it is. `document` is who and about what; `attempt` names this worker's turn; `touched_at` is when
    it was last written, so for a registered one when it was registered."""

    call_id: str
    document: Mapping[str, Any] = field(repr=False)
    state: State
    created_at: datetime
    touched_at: datetime
    attempts: int
    attempt: str | None
    host_user: str | None
    meeting_id: str | None
    join_url: str | None = field(repr=False)
    links: Mapping[str, OwnLink] = field(repr=False)


class CallStarts:
    """The table. Safe to share between threads and processes. Raises TransientError when the database fails."""

    def __init__(self, engine: Engine, clock: Clock) -> None:
        self._engine = engine
        self._clock = clock

    def begin(self, service: str, key: str, digest: str, document: Mapping[str, Any]) -> CallStart:
        """Return the call of a key, this request's to work at unless it is registered; the first time it is made.

        Raises:
            KeyReused: the key came with another request before.
            KeyBusy: another request works at it.
        """
        now = self._clock.now()
        fresh = {
            "call_id": str(uuid4()),
            "service": service,
            "idempotency_key": key,
            "digest": digest,
            "document": json.dumps(document, ensure_ascii=False),
            "state": State.CREATING,
            "created_at": now,
            "touched_at": now,
            "attempts": 0,
            "closed_revision": 0,
        }
        mine = (call_starts.c.service == service, call_starts.c.idempotency_key == key)
        with writing(self._engine, durable=True) as connection:
            insert = postgresql.insert if connection.dialect.name == "postgresql" else sqlite.insert
            connection.execute(insert(call_starts).values(fresh).on_conflict_do_nothing())
            row = connection.execute(select(call_starts).where(*mine).with_for_update()).one()
            if row.digest != digest:
                raise KeyReused
            return _read(row) if row.state == State.REGISTERED else self._taken(connection, row, now)

    def take(self, call_id: str) -> CallStart | None:
        """Return a call to work at; None when somebody does, or nothing is left to do."""
        with writing(self._engine, durable=True) as connection:
            row = connection.execute(
                select(call_starts).where(call_starts.c.call_id == call_id).with_for_update()
            ).first()
            if row is None or row.state == State.REGISTERED:
                return None
            try:
                return self._taken(connection, row, self._clock.now())
            except KeyBusy:
                return None

    def save(self, start: CallStart, **values: Any) -> CallStart:
        """Write what was achieved, durably, and return the call as it is now.

        Raises:
            Overtaken: this worker's turn is over.
        """
        with writing(self._engine, durable=True) as connection:
            return save_in(connection, start, self._clock.now(), **values)

    def let_go(self, start: CallStart, **values: Any) -> None:
        """End this worker's turn, so that the next may begin at once; does nothing where it is over."""
        with writing(self._engine, durable=True) as connection:
            connection.execute(update(call_starts).where(_mine(start)).values(working_until=None, **values))

    def find(self, call_id: str) -> CallStart | None:
        """Return a call."""
        return next(iter(self._rows(call_starts.c.call_id == call_id)), None)

    def unfinished(self, untouched_since: datetime) -> Sequence[CallStart]:
        """Return the calls that nobody has worked at since then and that have not come to an end."""
        waiting = call_starts.c.state.in_((State.CREATING, State.ARRANGED))
        now = self._clock.now()
        free = or_(call_starts.c.working_until.is_(None), call_starts.c.working_until <= now)
        return self._rows(waiting, call_starts.c.touched_at <= untouched_since, free)

    def known(self, call_ids: Sequence[str]) -> Mapping[str, CallStart]:
        """Return those of these calls that are ours, by id."""
        return {one.call_id: one for one in self._rows(call_starts.c.call_id.in_(call_ids))}

    def forget(self, made_before: datetime) -> int:
        """Drop the calls that were asked for before then, with their names and links; return how many."""
        with writing(self._engine) as connection:
            return connection.execute(delete(call_starts).where(call_starts.c.created_at < made_before)).rowcount

    def _rows(self, *conditions: ColumnElement[bool]) -> Sequence[CallStart]:
        with reading(self._engine) as connection:
            found = connection.execute(select(call_starts).where(*conditions).order_by(call_starts.c.created_at)).all()
        return [_read(row) for row in found]

    def _taken(self, connection: Connection, row: Row[Any], now: datetime) -> CallStart:
        if row.working_until is not None and row.working_until > now:
            raise KeyBusy((row.working_until - now).total_seconds())
        values = {
            "attempt": str(uuid4()),
            "attempts": row.attempts + 1,
            "working_until": now + timedelta(seconds=WORK_SECONDS),
            "touched_at": now,
        }
        if row.state == State.ABANDONED:
            values["state"] = State.CREATING
        connection.execute(update(call_starts).where(call_starts.c.call_id == row.call_id).values(values))
        return _read(connection.execute(select(call_starts).where(call_starts.c.call_id == row.call_id)).one())


def save_in(connection: Connection, start: CallStart, now: datetime, **values: Any) -> CallStart:
    """Write what was achieved in the caller's transaction. Raises as CallStarts.save."""
    until = now + timedelta(seconds=WORK_SECONDS)
    stamped = {"working_until": until, **values, "touched_at": now}
    if not connection.execute(update(call_starts).where(_mine(start)).values(stamped)).rowcount:
        raise Overtaken("another worker has taken this call over")
    return _read(connection.execute(select(call_starts).where(call_starts.c.call_id == start.call_id)).one())


def links_text(links: Mapping[str, OwnLink]) -> str:
    """Return links as they are stored."""
    return json.dumps({party: [one.registrant_id, "".join(one.join_url)] for party, one in links.items()})


def _mine(start: CallStart) -> ColumnElement[bool]:
    return (call_starts.c.call_id == start.call_id) & (call_starts.c.attempt == start.attempt)


def _read(row: Row[Any]) -> CallStart:
    return CallStart(
        call_id=row.call_id,
        document=json.loads(row.document),
        state=State(row.state),
        created_at=row.created_at,
        touched_at=row.touched_at,
        attempts=row.attempts,
        attempt=row.attempt,
        host_user=row.host_user,
        meeting_id=row.meeting_id,
        join_url=row.join_url,
        links={party: OwnLink(*parts) for party, parts in json.loads(row.links or "{}").items()},
    )
