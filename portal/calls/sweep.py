"""The sweep: finish or clear away what a crash left, set hosts free, close recordings at Zoom. Safe to run at any time, twice.

- A call whose registration may be in the log is finished; one whose registration cannot be is cleared away.
- A meeting of ours at Zoom that no call stands for is deleted. One that carries no call of this database is not ours.
- A host goes back to the pool when its call has ended, by its events or, two hours on, by asking Zoom.
- A recording that Zoom has announced is shown and downloaded at Zoom by nobody any more.
- What was asked for sixty days ago is forgotten, names and links included.
"""

from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from typing import TypeVar

import structlog

from infra.clock import Clock
from infra.zoom.answers import Meeting
from portal.calls.pool import HostPool, Lease
from portal.calls.ports import Zoom
from portal.calls.shown import Recorded, ShownCalls
from portal.calls.starting import CallMaker, call_of
from portal.calls.store import CallStart, CallStarts, State
from schemas.errors import PipelineError

UNFINISHED_AFTER = timedelta(minutes=5)  # until then whoever asked tries again, and finds what was made
ASK_AFTER = timedelta(hours=2)  # longer than nearly every call: its end should have been heard of by then
KEPT = timedelta(days=60)  # twice as long as a call can be joined: its last recording is closed by then
SLACK = timedelta(minutes=1)  # between Zoom's clock and ours

T = TypeVar("T")

log = structlog.get_logger(__name__)


@dataclass(slots=True)
class Swept:
    """What a sweep did. `failed`: what could not be done, and will be tried by the next."""

    finished: int = 0
    abandoned: int = 0
    deleted: int = 0
    released: int = 0
    closed: int = 0
    forgotten: int = 0
    failed: int = 0


class Sweep:
    """Runs over everything once; one thing that fails does not stop the others."""

    def __init__(
        self,
        *,
        zoom: Zoom,
        starts: CallStarts,
        pool: HostPool,
        shown: ShownCalls,
        maker: CallMaker,
        clock: Clock,
    ) -> None:
        self._zoom = zoom
        self._starts = starts
        self._pool = pool
        self._shown = shown
        self._maker = maker
        self._clock = clock

    def run(self) -> Swept:
        """Sweep once.

        Raises:
            TransientError: the database does not answer.
        """
        swept = Swept()
        self._each("unfinished", self._starts.unfinished(self._now() - UNFINISHED_AFTER), self._end, swept)
        self._each("strays", self._pool.hosts, self._clear_strays, swept)
        self._each("leases", self._pool.leases(), self._end_lease, swept)
        self._each("recordings", self._shown.to_close(), self._close, swept)
        swept.forgotten = self._starts.forget(self._now() - KEPT)
        if any(asdict(swept).values()):
            log.info("calls.swept", **asdict(swept))
        return swept

    def _each(self, step: str, items: Iterable[T], act: Callable[[T, Swept], None], swept: Swept) -> None:
        for item in items:
            try:
                act(item, swept)
            except PipelineError as error:
                swept.failed += 1
                log.warning("sweep.put_off", step=step, reason=str(error))

    def _end(self, start: CallStart, swept: Swept) -> None:
        taken = self._starts.take(start.call_id)
        if taken is None:
            return
        if taken.state is State.ARRANGED:
            self._maker.finish(taken)
            swept.finished += 1
        else:
            self._maker.give_up(taken)
            swept.abandoned += 1

    def _clear_strays(self, host: str, swept: Swept) -> None:
        ours = {one.meeting_id: one for one in self._zoom.meetings.scheduled(host) if call_of(one)}
        known = self._starts.known([call_of(one) or "" for one in ours.values()])
        for meeting in ours.values():
            start = known.get(call_of(meeting) or "")
            if start is not None and start.meeting_id != meeting.meeting_id:
                self._clear_stray(start, meeting, swept)

    def _clear_stray(self, start: CallStart, meeting: Meeting, swept: Swept) -> None:
        """Delete a meeting that its call does not stand for; one that a next try may still find is left to that."""
        if start.state is State.CREATING:
            return
        if start.state is State.ABANDONED:
            taken = self._starts.take(start.call_id)  # nobody begins anew meanwhile, and finds it
            if taken is None:
                return
            swept.deleted += self._zoom.meetings.delete(meeting.meeting_id)
            self._maker.give_up(taken)
        else:
            swept.deleted += self._zoom.meetings.delete(meeting.meeting_id)

    def _end_lease(self, lease: Lease, swept: Swept) -> None:
        start = self._starts.find(lease.call_id)
        if start is not None and start.state in (State.CREATING, State.ARRANGED):
            return  # it is being made
        if start is None or start.state is State.ABANDONED or self._has_ended(start, lease):
            swept.released += self._pool.release(lease.call_id)

    def _has_ended(self, start: CallStart, lease: Lease) -> bool:
        ended_at = self._shown.ends([start.call_id]).get(start.call_id)
        if ended_at is not None and ended_at >= _counts_from(start, lease):
            return True
        return lease.leased_at + ASK_AFTER <= self._now() and self._zoom_says_ended(start, lease)

    def _zoom_says_ended(self, start: CallStart, lease: Lease) -> bool:
        """Whether the meeting is gone, or was held while the host was kept for it and is not going on."""
        meeting = self._zoom.meeting(start.meeting_id or "")
        if meeting is None:
            return True
        if meeting.is_going_on:
            return False
        held = self._zoom.past_instances(meeting.meeting_id)
        return any(one.start_at is not None and one.start_at >= _counts_from(start, lease) for one in held)

    def _close(self, recorded: Recorded, swept: Swept) -> None:
        swept.closed += sum(self._zoom.close_recording(session) for session in recorded.sessions)
        self._shown.closed(recorded)

    def _now(self) -> datetime:
        return self._clock.now()


def _counts_from(start: CallStart, lease: Lease) -> datetime:
    """From when on an end ends the lease: of the first one any end does, of a later one those after it."""
    is_first = lease.leased_at <= start.touched_at
    return datetime.min.replace(tzinfo=UTC) if is_first else lease.leased_at - SLACK
