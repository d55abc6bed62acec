"""The effects table as a queue: lease what is due, one effect at a time per target; finish it where the lease is ours."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import uuid4

from sqlalchemy import Connection, Engine, and_, exists, func, or_, select, update

from infra.clock import Clock
from infra.database.engine import reading, writing
from infra.database.tables import effects, progress
from processors.commands import WakeAt

LEASE = timedelta(seconds=60)  # renewed while the work goes on; a killed worker's effects are free again after it
TRANSIENT_LIMIT = timedelta(hours=24)  # design 6: then a person must look


@dataclass(frozen=True, slots=True)
class Leased:
    """An effect that is ours to perform until the lease runs out."""

    effect_id: str
    state_key: str
    kind: str
    command: str
    attempts: int
    created_at: datetime
    due_at: datetime
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
        if not self._anything_due(now, timers_until):
            return ()
        with writing(self._engine) as connection:
            self._free_expired(connection, now)
            rows = connection.execute(self._due(connection, now, timers_until).limit(limit)).all()
            return [self._take(connection, row, now) for row in rows]

    def renew(self, leased: Sequence[Leased]) -> None:
        """Keep these leases for another while."""
        ours = [one.lease for one in leased]
        until = self._clock.now() + LEASE
        with writing(self._engine) as connection:
            connection.execute(update(effects).where(effects.c.lease.in_(ours)).values(leased_until=until))

    def finish(self, connection: Connection, leased: Leased, status: str, **values: Any) -> bool:
        """Write the end of an effect inside the caller's transaction; False when the lease was lost."""
        changes = {"status": status, "finished_at": self._clock.now(), "lease": None, **values}
        return self._write(connection, leased, changes)

    def put_off(self, leased: Leased, due_at: datetime, error: str, *, newest_only: bool) -> bool:
        """Have it tried again at `due_at`, unless only the newest counts and there is a newer; False when the lease was lost."""
        changes = {"due_at": due_at, "attempts": leased.attempts + 1, "error": error, "lease": None}
        with writing(self._engine) as connection:
            outdated = newest_only and self._has_newer(connection, leased)
            return self._write(connection, leased, {**changes, "status": "superseded" if outdated else "pending"})

    def next_due(self) -> datetime | None:
        """When the next waiting effect is due, timers included."""
        waiting = and_(effects.c.processor == self._processor, effects.c.status == "pending")
        with reading(self._engine) as connection:
            return connection.execute(select(func.min(effects.c.due_at)).where(waiting)).scalar()

    def read_until(self, partitions: int) -> datetime | None:
        """Up to when every input partition has been read; None while one has not been read at all."""
        query = select(func.count(), func.min(progress.c.read_until)).where(progress.c.processor == self._processor)
        with reading(self._engine) as connection:
            count, earliest = connection.execute(query).one()
        return earliest if count >= partitions else None

    def _anything_due(self, now: datetime, timers_until: datetime | None) -> bool:
        mine = effects.c.processor == self._processor
        expired = and_(effects.c.status == "leased", effects.c.leased_until < now)
        waiting = and_(effects.c.status == "pending", self._is_due(now, timers_until))
        with reading(self._engine) as connection:
            return (
                connection.execute(select(effects.c.position).where(mine, or_(expired, waiting)).limit(1)).first()
                is not None
            )

    def _is_due(self, now: datetime, timers_until: datetime | None) -> Any:
        acts = and_(effects.c.kind != WakeAt.kind, effects.c.due_at <= now)
        if timers_until is None:
            return acts
        return or_(acts, and_(effects.c.kind == WakeAt.kind, effects.c.due_at <= min(now, timers_until)))

    def _due(self, connection: Connection, now: datetime, timers_until: datetime | None) -> Any:
        earlier = effects.alias("earlier")
        blocked = exists().where(
            earlier.c.processor == effects.c.processor,
            earlier.c.target == effects.c.target,
            earlier.c.status.in_(("pending", "leased")),
            earlier.c.position < effects.c.position,
        )
        mine = (effects.c.processor == self._processor, effects.c.status == "pending")
        query = select(effects).where(*mine, self._is_due(now, timers_until), ~blocked).order_by(effects.c.position)
        return query.with_for_update(skip_locked=True) if connection.dialect.name == "postgresql" else query

    def _free_expired(self, connection: Connection, now: datetime) -> None:
        mine = (effects.c.processor == self._processor, effects.c.status == "leased", effects.c.leased_until < now)
        connection.execute(update(effects).where(*mine).values(status="pending", lease=None))

    def _has_newer(self, connection: Connection, leased: Leased) -> bool:
        mine = effects.alias("mine")
        newer = (effects.c.processor == mine.c.processor, effects.c.target == mine.c.target)
        query = select(effects.c.position).join(mine, and_(*newer, effects.c.position > mine.c.position))
        waiting = query.where(mine.c.effect_id == leased.effect_id, effects.c.status == "pending")
        return connection.execute(waiting.limit(1)).first() is not None

    def _take(self, connection: Connection, row: Any, now: datetime) -> Leased:
        lease = str(uuid4())
        values = {"status": "leased", "lease": lease, "leased_until": now + LEASE}
        connection.execute(update(effects).where(effects.c.position == row.position).values(**values))
        return Leased(
            effect_id=row.effect_id,
            state_key=row.state_key,
            kind=row.kind,
            command=row.command,
            attempts=row.attempts,
            created_at=row.created_at,
            due_at=row.due_at,
            lease=lease,
        )

    def _write(self, connection: Connection, leased: Leased, changes: Mapping[str, Any]) -> bool:
        ours = (effects.c.effect_id == leased.effect_id, effects.c.lease == leased.lease)
        return connection.execute(update(effects).where(*ours).values(**changes)).rowcount == 1
