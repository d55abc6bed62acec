"""The pool of hosts: licensed Zoom users, one call at a time each.

A lease ends with its call, by reconciliation, or after 24 hours.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, Connection, Engine, and_, or_, select, update
from sqlalchemy.dialects import postgresql, sqlite

from infra.clock import Clock
from infra.database.engine import reading, writing
from infra.database.tables import host_leases
from infra.errors import TransientError
from portal.calls.store import CallStart, save_in

LEASE = timedelta(hours=24)  # the owner's rule: nobody holds a host longer, whatever was missed

LOOK_AGAIN_SECONDS = 60.0  # calls end any minute


class NoHostFree(TransientError):
    """Every host is in a call, or has made its meetings of the day."""


@dataclass(frozen=True, slots=True)
class Lease:
    """Which call a host is kept for, since when."""

    host_user: str
    call_id: str
    leased_at: datetime


class HostPool:
    """The table. Safe to share between threads and processes. Raises TransientError when the database fails."""

    def __init__(self, engine: Engine, hosts: Sequence[str], clock: Clock) -> None:
        self._engine = engine
        self._hosts = tuple(hosts)
        self._clock = clock

    @property
    def hosts(self) -> Sequence[str]:
        """The pool, as the settings have it."""
        return self._hosts

    def lease_for(self, start: CallStart) -> CallStart:
        """Keep a host for a call, the one that it has already where it has one; both are written or neither.

        Raises:
            NoHostFree: and when one may be, at the earliest.
            Overtaken: this worker's turn is over.
        """
        now = self._clock.now()
        with writing(self._engine, durable=True) as connection:
            self._add_missing(connection)
            if start.host_user in self._hosts and self._leased(connection, start.host_user, start.call_id, now):
                return save_in(connection, start, now)
            rows = connection.execute(
                select(host_leases).where(host_leases.c.host_user.in_(self._hosts))
            ).all()  # the pool is small
            for row in sorted(rows, key=lambda one: (one.leased_at is not None, one.leased_at, one.host_user)):
                if self._leased(connection, row.host_user, start.call_id, now):
                    return save_in(connection, start, now, host_user=row.host_user)
        wait = min((_wait_seconds(row.used_up_until, now) for row in rows), default=None)
        raise NoHostFree("no host is free", retry_after_seconds=wait)

    def keep(self, host_user: str, call_id: str) -> bool:
        """Keep a call's own host for it, again where its lease has ended; False when it is with another call."""
        if any((one.host_user, one.call_id) == (host_user, call_id) for one in self.leases()):
            return True
        with writing(self._engine, durable=True) as connection:
            return self._leased(connection, host_user, call_id, self._clock.now(), makes_meetings=False)

    def release(self, call_id: str) -> bool:
        """Set free the host that is kept for a call; False when there is none."""
        values = {"call_id": None, "leased_until": None}
        with writing(self._engine, durable=True) as connection:
            found = connection.execute(update(host_leases).where(host_leases.c.call_id == call_id).values(values))
            return bool(found.rowcount)

    def use_up(self, host_user: str, until: datetime) -> None:
        """Note that a host can make no meeting until then."""
        with writing(self._engine, durable=True) as connection:
            connection.execute(
                update(host_leases).where(host_leases.c.host_user == host_user).values(used_up_until=until)
            )

    def leases(self) -> Sequence[Lease]:
        """Return the leases that stand."""
        standing = and_(host_leases.c.call_id.is_not(None), host_leases.c.leased_until > self._clock.now())
        with reading(self._engine) as connection:
            rows = connection.execute(select(host_leases).where(standing)).all()
        return [Lease(row.host_user, row.call_id, row.leased_at) for row in rows]

    def free(self) -> int:
        """Return how many hosts could take a call now."""
        now = self._clock.now()
        left = host_leases.c.used_up_until > now
        taken = or_(and_(host_leases.c.call_id.is_not(None), host_leases.c.leased_until > now), left)
        statement = select(host_leases.c.host_user).where(host_leases.c.host_user.in_(self._hosts), taken)
        with reading(self._engine) as connection:
            return len(self._hosts) - len(connection.execute(statement).all())

    def _leased(
        self, connection: Connection, host_user: str, call_id: str, now: datetime, *, makes_meetings: bool = True
    ) -> bool:
        mine, free = host_leases.c.call_id == call_id, _is_idle(now)
        if makes_meetings:
            free = and_(free, or_(host_leases.c.used_up_until.is_(None), host_leases.c.used_up_until <= now))
        taken = connection.execute(
            update(host_leases)
            .where(host_leases.c.host_user == host_user, or_(mine, free))
            .values(call_id=call_id, leased_at=now, leased_until=now + LEASE)
        )
        return bool(taken.rowcount)

    def _add_missing(self, connection: Connection) -> None:
        insert = postgresql.insert if connection.dialect.name == "postgresql" else sqlite.insert
        for host in self._hosts:
            connection.execute(insert(host_leases).values(host_user=host).on_conflict_do_nothing())


def _is_idle(now: datetime) -> ColumnElement[bool]:
    return or_(host_leases.c.call_id.is_(None), host_leases.c.leased_until <= now)


def _wait_seconds(used_up_until: datetime | None, now: datetime) -> float:
    """How long until a host that is taken now may be free: a call may end any minute, a used-up day ends at midnight."""
    left = 0.0 if used_up_until is None else (used_up_until - now).total_seconds()
    return max(left, LOOK_AGAIN_SECONDS)
