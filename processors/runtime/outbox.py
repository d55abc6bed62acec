"""The effects table as a queue: lease what is due, one effect at a time per target; finish it where the lease is ours."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

from sqlalchemy import (
    Connection,
    Engine,
    and_,
    bindparam,
    exists,
    func,
    or_,
    select,
    update,
)

from infra.clock import Clock
from infra.database.bulk import one_of, parameter_of, rows_of
from infra.database.engine import reading, writing
from infra.database.tables import Instant, effects, progress
from processors.commands import WakeAt

LEASE = timedelta(seconds=60)  # renewed while the work goes on; a killed worker's effects are free again after it
TRANSIENT_LIMIT = timedelta(hours=24)  # after the first failure: then a person must look

# Built once: for SQLAlchemy, building a statement costs more than running it.
_MINE = effects.c.processor == bindparam("of")
_EXPIRED = and_(effects.c.status == "leased", effects.c.leased_until < bindparam("now"))
_DUE = and_(
    effects.c.status == "pending",
    effects.c.due_at <= bindparam("now"),
    or_(effects.c.kind != WakeAt.kind, effects.c.due_at <= bindparam("timers_until")),
)
_EARLIER = effects.alias("earlier")
_BLOCKED = (
    select(_EARLIER.c.position)
    .where(
        _EARLIER.c.processor == effects.c.processor,
        _EARLIER.c.target == effects.c.target,
        _EARLIER.c.status.in_(("pending", "leased")),
        _EARLIER.c.position < effects.c.position,
    )
    .offset(0)  # PostgreSQL asks for each effect then, by the index; as a join it read all of a young table for each
    .exists()
)
_ANYTHING = select(exists().where(_MINE, _EXPIRED).label("expired"), exists().where(_MINE, _DUE).label("due"))
_FREE_EXPIRED = update(effects).where(_MINE, _EXPIRED).values(status="pending", lease=None)
_NEXT = (
    select(effects.c.position)
    .where(_MINE, _DUE, ~_BLOCKED)
    .order_by(effects.c.due_at, effects.c.position)
    .limit(bindparam("most"))
    .with_for_update(skip_locked=True)  # SQLite has one writer and leaves it out
    .cte("following")  # or PostgreSQL might look for them again for every row
)
_LEASE = (
    update(effects)
    .where(effects.c.position.in_(select(_NEXT.c.position)))
    .values(status="leased", lease=bindparam("token"), leased_until=bindparam("until"))
    .returning(effects)
)
_RENEW = (
    update(effects)
    .where(effects.c.effect_id.in_(bindparam("effects", expanding=True)))
    .where(effects.c.lease.in_(bindparam("tokens", expanding=True)))
    .values(leased_until=bindparam("until"))
)
_OURS = (effects.c.effect_id == bindparam("effect"), effects.c.lease == bindparam("token"))
_FINISH = (
    update(effects)
    .where(*_OURS)
    .values(
        status=bindparam("end"), finished_at=bindparam("now"), result=bindparam("outcome"), error=bindparam("reason"),
        lease=None,
    )
)  # fmt: skip
_ENDED = rows_of([effects.c.effect_id, effects.c.lease, effects.c.finished_at, effects.c.result], "ended")
_FINISH_ALL = (
    update(effects)
    .where(effects.c.effect_id == _ENDED.c.effect_id, effects.c.lease == _ENDED.c.lease)
    .where(one_of(effects.c.effect_id, "effects", "postgresql"))  # lets it look them up; by the rows alone it read all
    .values(status="done", finished_at=_ENDED.c.finished_at, result=_ENDED.c.result, error=None, lease=None)
)
_PUT_OFF = (
    update(effects)
    .where(*_OURS)
    .values(
        status=bindparam("then"), due_at=bindparam("due"), attempts=effects.c.attempts + 1, error=bindparam("reason"),
        failed_at=func.coalesce(effects.c.failed_at, bindparam("now", type_=Instant())), lease=None,
    )
)  # fmt: skip
_GIVE_BACK = (
    update(effects)
    .where(effects.c.effect_id.in_(bindparam("effects", expanding=True)))
    .where(effects.c.lease.in_(bindparam("tokens", expanding=True)))
    .values(status="pending", lease=None)
)
_THIS = effects.alias("this")
_NEWER = (
    select(effects.c.position)
    .join(_THIS, and_(effects.c.processor == _THIS.c.processor, effects.c.target == _THIS.c.target))
    .where(_THIS.c.effect_id == bindparam("effect"), effects.c.position > _THIS.c.position)
    .where(effects.c.status == "pending")
    .limit(1)
)
_PROGRESS = select(func.count(), func.min(progress.c.read_until)).where(progress.c.processor == bindparam("of"))
_LONG_AGO = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Leased:
    """An effect that is ours to perform until the lease runs out."""

    effect_id: str
    state_key: str
    kind: str
    command: str
    attempts: int
    failed_at: datetime | None
    lease: str


class Outbox:
    """One processor's effects. Safe to share between threads and processes."""

    def __init__(self, engine: Engine, processor: str, clock: Clock) -> None:
        self._engine = engine
        self._processor = processor
        self._clock = clock

    def lease(self, limit: int, timers_until: datetime | None) -> Sequence[Leased]:
        """Take up to `limit` due effects; timers only when due by `timers_until`, and none when that is None.

        Raises:
            TransientError: the database does not answer.
        """
        now = self._clock.now()
        values = {"of": self._processor, "now": now, "timers_until": timers_until or _LONG_AGO}
        with reading(self._engine) as connection:
            anything = connection.execute(_ANYTHING, values).one()
        if not (anything.expired or anything.due):
            return ()
        with writing(self._engine) as connection:
            if anything.expired:
                connection.execute(_FREE_EXPIRED, values)
            return self.lease_in(connection, limit, timers_until)

    def lease_in(self, connection: Connection, limit: int, timers_until: datetime | None = None) -> Sequence[Leased]:
        """Take up to `limit` due effects inside the caller's transaction; those whose lease ran out are left alone."""
        now = self._clock.now()
        values = {"of": self._processor, "now": now, "timers_until": timers_until or _LONG_AGO}
        taken = {**values, "most": limit, "token": str(uuid4()), "until": now + LEASE}
        rows = connection.execute(_LEASE, taken).all()
        return [_leased(row) for row in sorted(rows, key=lambda row: (row.due_at, row.position))]

    def renew(self, leased: Sequence[Leased]) -> None:
        """Keep these leases for another while."""
        with writing(self._engine) as connection:
            connection.execute(_RENEW, {**_theirs(leased), "until": self._clock.now() + LEASE})

    def give_back(self, leased: Sequence[Leased]) -> None:
        """Let others take these, which have not been begun."""
        if leased:
            with writing(self._engine) as connection:
                connection.execute(_GIVE_BACK, _theirs(leased))

    def finish(
        self,
        connection: Connection,
        leased: Leased,
        status: str,
        *,
        at: datetime | None = None,
        result: str | None = None,
        error: str | None = None,
    ) -> bool:
        """Write the end of an effect inside the caller's transaction, now or `at`; False when the lease was lost."""
        values = {"end": status, "now": at or self._clock.now(), "outcome": result, "reason": error}
        return connection.execute(_FINISH, {**_ours(leased), **values}).rowcount == 1

    def finish_all(self, connection: Connection, ended: Sequence[tuple[Leased, datetime | None, str]]) -> bool:
        """Write that these are done, with their results, at once; False when one lease was lost: then roll back."""
        now = self._clock.now()
        if connection.dialect.name == "postgresql":
            rows = [
                {"effect_id": leased.effect_id, "lease": leased.lease, "finished_at": at or now, "result": result}
                for leased, at, result in ended
            ]
            theirs = {"effects": [leased.effect_id for leased, _, _ in ended], **parameter_of(rows)}
            return connection.execute(_FINISH_ALL, theirs).rowcount == len(rows)
        rows = [
            {**_ours(leased), "end": "done", "now": at or now, "outcome": result, "reason": None}
            for leased, at, result in ended
        ]
        return connection.execute(_FINISH, rows).rowcount == len(rows)

    def put_off(self, leased: Leased, due_at: datetime, error: str, *, newest_only: bool) -> bool:
        """Have it tried again at `due_at`, unless only the newest counts and there is a newer; False when the lease was lost."""
        with writing(self._engine) as connection:
            outdated = newest_only and connection.execute(_NEWER, {"effect": leased.effect_id}).first() is not None
            status = "superseded" if outdated else "pending"
            values = {"then": status, "due": due_at, "reason": error, "now": self._clock.now()}
            return connection.execute(_PUT_OFF, {**_ours(leased), **values}).rowcount == 1

    def read_until(self, partitions: int) -> datetime | None:
        """Up to when every input partition has been read; None while one has not been read at all."""
        with reading(self._engine) as connection:
            count, earliest = connection.execute(_PROGRESS, {"of": self._processor}).one()
        return earliest if count >= partitions else None


def _ours(leased: Leased) -> dict[str, str]:
    return {"effect": leased.effect_id, "token": leased.lease}


def _theirs(leased: Sequence[Leased]) -> dict[str, list[str]]:
    return {"effects": [one.effect_id for one in leased], "tokens": sorted({one.lease for one in leased})}


def _leased(row: Any) -> Leased:
    return Leased(
        effect_id=row.effect_id,
        state_key=row.state_key,
        kind=row.kind,
        command=row.command,
        attempts=row.attempts,
        failed_at=row.failed_at,
        lease=row.lease,
    )
