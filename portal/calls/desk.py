"""Starting and joining calls, as the routes ask for it."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

from sqlalchemy import Engine

from infra.clock import Clock
from infra.errors import TransientError
from infra.secret import Secret
from infra.transport import Producer
from portal.calls.pool import HostPool
from portal.calls.ports import Zoom
from portal.calls.rules import Role
from portal.calls.shown import ShownCalls
from portal.calls.starting import CallMaker, Marketplace
from portal.calls.store import CallStart, CallStarts, State
from portal.calls.sweep import Sweep

OPEN_FOR = timedelta(days=30)  # a registration's window (docs/architecture.md), and the life of a meeting's number


class HostElsewhere(TransientError):
    """The call's host is in another call by now."""


@dataclass(frozen=True, slots=True)
class CallDesk:
    """Everything that starts calls, made once. Safe to share between threads."""

    zoom: Zoom
    starts: CallStarts
    pool: HostPool
    maker: CallMaker
    sweep: Sweep
    clock: Clock

    def role_of(self, start: CallStart, viewer: str) -> Role | None:
        """Return which of the two a user is; None for anybody else."""
        return next((role for role in Role if start.document[f"{role.value}_id"] == viewer), None)

    def registered(self, call_id: str) -> CallStart | None:
        """Return a call that was started, or None."""
        start = self.starts.find(call_id)
        return start if start is not None and start.state is State.REGISTERED else None

    def is_over(self, start: CallStart) -> bool:
        """Whether nobody can join any more."""
        return self.clock.now() >= start.created_at + OPEN_FOR

    def join_url(self, start: CallStart, role: Role) -> tuple[str, bool]:
        """Return the link for one of the two, and whether it is theirs alone."""
        own = start.links.get(role.value)
        return (start.join_url or "", False) if own is None else (own.join_url, True)

    def host_link(self, start: CallStart) -> Secret:
        """Return a fresh link with the host's rights, for the freelancer alone.

        Raises:
            HostElsewhere: the host is in another call by now.
            TransientError, PermanentError: Zoom does not give it.
        """
        if start.host_user is None or not self.pool.keep(start.host_user, start.call_id):
            raise HostElsewhere("the host is in another call", retry_after_seconds=60)
        return self.zoom.meetings.start_link(start.meeting_id or "")


def open_desk(
    engine: Engine, producer: Producer, zoom: Zoom, *, hosts: Sequence[str], marketplace: Marketplace, clock: Clock
) -> CallDesk:
    """Return the desk over a database, a log, Zoom and a pool of hosts."""
    starts, pool, shown = CallStarts(engine, clock), HostPool(engine, hosts, clock), ShownCalls(engine)
    maker = CallMaker(zoom=zoom, starts=starts, pool=pool, producer=producer, clock=clock, marketplace=marketplace)
    sweep = Sweep(zoom=zoom, starts=starts, pool=pool, shown=shown, maker=maker, clock=clock)
    return CallDesk(zoom, starts, pool, maker, sweep, clock)
