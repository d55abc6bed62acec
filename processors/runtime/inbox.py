"""Decide about one event for one key, in one transaction: state, effects and the mark that it was handled."""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Connection, Engine, insert, select, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import IntegrityError

from infra.clock import Clock
from infra.database.engine import writing
from infra.database.tables import effects, handled, states
from infra.errors import TransientError
from processors.base import Decision, Event, Processor
from processors.commands import Command, WakeAt, effect_id
from processors.runtime.codec import dump, load

_TRIES = 20  # of a decision that somebody else's kept overtaking; each try sees that one's result
_LONG_AGO = datetime(1970, 1, 1, tzinfo=UTC)


class Overtaken(Exception):
    """Another member decided about the same state in between; decide again."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of it: how many new effects, and the decision's reasons. `handled_before` is a double."""

    handled_before: bool
    effects: int
    reasons: tuple[str, ...] = ()


class Inbox:
    """Makes decisions and stores them. Safe to share between threads and processes."""

    def __init__(self, engine: Engine, processor: Processor[Any], clock: Clock) -> None:
        self._engine = engine
        self._processor = processor
        self._clock = clock

    def take(self, event: Event, key: str) -> Outcome:
        """Decide about an event in a transaction of its own, once however often it comes.

        Raises:
            InvalidEvent: the processor cannot use it; nothing was written.
            TransientError: the database does not take it; nothing was written.
        """
        for _ in range(_TRIES):
            try:
                with writing(self._engine) as connection:
                    return self.decide(connection, event, key)
            except (Overtaken, IntegrityError):
                continue
        raise TransientError("the state is written by others all the time")

    def decide(self, connection: Connection, event: Event, key: str) -> Outcome:
        """Decide inside a transaction of the caller's.

        Raises:
            Overtaken, IntegrityError: roll back and try again.
        """
        if self._is_handled(connection, event.id, key):
            return Outcome(handled_before=True, effects=0)
        stored = self._load(connection, key)
        state = None if stored is None else load(self._processor.state_type, stored.document)
        decision: Decision[Any] = self._processor.decide(event, state)
        self._store(connection, key, None if stored is None else stored.version, decision.state)
        added = sum(self._insert(connection, key, command) for command in decision.commands)
        now = self._clock.now()
        connection.execute(
            insert(handled).values(processor=self._processor.name, event_id=event.id, key=key, handled_at=now)
        )
        return Outcome(handled_before=False, effects=added, reasons=tuple(decision.reasons))

    def _is_handled(self, connection: Connection, event_id: str, key: str) -> bool:
        mine = handled.c.processor == self._processor.name
        query = select(handled.c.key).where(mine, handled.c.event_id == event_id, handled.c.key == key)
        return connection.execute(query).first() is not None

    def _load(self, connection: Connection, key: str) -> Any:
        mine = states.c.processor == self._processor.name
        return connection.execute(select(states).where(mine, states.c.key == key)).first()

    def _store(self, connection: Connection, key: str, version: int | None, state: object) -> None:
        name, schema_version = self._processor.name, self._processor.state_version
        values = {"document": dump(state), "schema_version": schema_version, "updated_at": self._clock.now()}
        if version is None:
            connection.execute(insert(states).values(processor=name, key=key, version=1, **values))
            return
        unchanged = (states.c.processor == name, states.c.key == key, states.c.version == version)
        if connection.execute(update(states).where(*unchanged).values(version=version + 1, **values)).rowcount != 1:
            raise Overtaken

    def _insert(self, connection: Connection, key: str, command: Command) -> int:
        """Ask for an effect: new, or tried anew when the same one had died; an effect asked for before stays as it is."""
        if command.newest_only:
            self._supersede(connection, command.target)
        due_at = command.at if isinstance(command, WakeAt) else _LONG_AGO
        values = {"due_at": due_at, "status": "pending", "attempts": 0, "command": dump(command)}
        upsert = postgresql.insert if connection.dialect.name == "postgresql" else sqlite.insert
        statement = upsert(effects).values(
            effect_id=effect_id(self._processor.name, command),
            processor=self._processor.name,
            state_key=key,
            kind=command.kind,
            target=command.target,
            created_at=self._clock.now(),
            **values,
        )
        revived = {**values, "created_at": self._clock.now(), "error": None, "finished_at": None}
        statement = statement.on_conflict_do_update(
            index_elements=[effects.c.effect_id], set_=revived, where=effects.c.status == "dead"
        )
        return connection.execute(statement).rowcount

    def _supersede(self, connection: Connection, target: str) -> None:
        waiting = (effects.c.processor == self._processor.name, effects.c.target == target)
        connection.execute(
            update(effects)
            .where(*waiting, effects.c.status == "pending")
            .values(status="superseded", finished_at=self._clock.now())
        )
