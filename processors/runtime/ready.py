"""The effects leased by this process: those that wait for a thread of the worker, and those in one's hands.

Most are leased by the very transaction that asks for them, or that ends the one before them on their target. It saves
two transactions an effect: one to see that something is due, one to lease it.
"""

import threading
from collections import deque
from collections.abc import Sequence
from datetime import datetime

import structlog
from sqlalchemy import Connection

from infra.database.engine import after_commit
from infra.errors import TransientError
from processors.runtime.outbox import Leased, Outbox

log = structlog.get_logger(__name__)

# While effects have lately taken milliseconds, more are leased ahead, so that one lease serves many. A long one among
# them then waits for a thread here, although another member might be free.
_AHEAD, _QUICK_SECONDS = 24, 0.1
_NEWS = 0.1  # how much the latest effect counts in what is usual


class Ready:
    """One worker's leased effects. Until it is opened, and once closed, it leases none. Safe to share between threads."""

    def __init__(self, outbox: Outbox, concurrency: int) -> None:
        self.news = threading.Event()  # there may be something to begin, or to look for
        self.concurrency = concurrency
        self._outbox = outbox
        self._usual_seconds = 2 * _QUICK_SECONDS  # nothing is known yet
        self._lock = threading.Lock()
        self._open = False
        self._waiting: deque[Leased] = deque()
        self._held: set[Leased] = set()
        self._more = False

    def open(self) -> None:
        """From now on there is a worker."""
        self._open = True

    def lease_due(self, connection: Connection) -> None:
        """Lease what is due at the end of the caller's transaction of `writing`; the worker gets it after the commit."""
        if not self._open:
            return
        room = self._room()
        leased = self._outbox.lease_in(connection, room) if room > 0 else ()
        if leased or room <= 0:
            after_commit(connection, lambda: self._put(leased, more=len(leased) >= room))

    def look(self, timers_until: datetime | None) -> None:
        """Lease whatever is due, timers too, unless enough is waiting.

        Raises:
            TransientError: the database does not answer.
        """
        if self._is_low():
            room = self._room()
            self._more = False
            leased = self._outbox.lease(room, timers_until)
            self._put(leased, more=len(leased) >= room)

    def is_more(self) -> bool:
        """Whether more is due than there was room for."""
        return self._more

    def begin(self) -> Sequence[Leased]:
        """Hand out as many effects as may have a new thread now."""
        with self._lock:
            free = self.concurrency - len(self._held) if self._open else 0
            firsts = [self._waiting.popleft() for _ in range(min(free, len(self._waiting)))]
            self._held.update(firsts)
        return firsts

    def follow(self, done: Leased) -> Leased | None:
        """Put away an effect that is over; hand out the next one for its thread."""
        with self._lock:
            self._held.discard(done)
            following = self._waiting.popleft() if self._waiting and self._open else None
            if following is not None:
                self._held.add(following)
        if self._more and self._is_low():
            self.news.set()
        return following

    def took(self, seconds: float) -> None:
        """Learn how long effects take, which says how many to lease ahead."""
        self._usual_seconds += _NEWS * (seconds - self._usual_seconds)

    def held(self) -> Sequence[Leased]:
        """Return those in a thread's hands."""
        with self._lock:
            return list(self._held)

    def all(self) -> Sequence[Leased]:
        """Return every effect that is leased here, begun or not."""
        with self._lock:
            return [*self._held, *self._waiting]

    def close(self) -> None:
        """Begin nothing more; let others take what has not been begun."""
        with self._lock:
            self._open = False
            unbegun = list(self._waiting)
            self._waiting.clear()
        self._give_back(unbegun)

    def _put(self, leased: Sequence[Leased], *, more: bool) -> None:
        with self._lock:
            open_still = self._open
            if open_still:
                self._waiting.extend(leased)
                self._more = self._more or more
        if not open_still:
            self._give_back(leased)
        elif leased or more:
            self.news.set()

    def _give_back(self, leased: Sequence[Leased]) -> None:
        try:
            self._outbox.give_back(leased)
        except TransientError as error:  # then others take them when the leases have run out
            log.warning("leases.not_given_back", count=len(leased), reason=str(error))

    def _ahead(self) -> int:
        return _AHEAD if self._usual_seconds < _QUICK_SECONDS else 0

    def _room(self) -> int:
        with self._lock:
            return self.concurrency + self._ahead() - len(self._held) - len(self._waiting)

    def _is_low(self) -> bool:
        return self._room() > self._ahead() // 2
