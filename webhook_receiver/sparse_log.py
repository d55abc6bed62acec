"""Log lines that anyone on the internet can cause, without letting them fill the disk."""

import threading

import structlog

from infra.clock import Clock

INTERVAL_SECONDS = 60.0  # at most one line of a kind in this time

log = structlog.get_logger(__name__)


class SparseLog:
    """Safe to share between threads. The kinds of lines are ours and few: values never come from a request."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._last: dict[tuple[str, str], tuple[float, int]] = {}

    def line(self, event: str, reason: str) -> None:
        """Log the first, and then one line a minute with how many there were since the line before."""
        now = self._clock.monotonic()
        with self._lock:
            logged_at, unlogged = self._last.get((event, reason), (now - INTERVAL_SECONDS, 0))
            due = now - logged_at >= INTERVAL_SECONDS
            self._last[event, reason] = (now, 0) if due else (logged_at, unlogged + 1)
        if due:
            log.info(event, reason=reason, count=unlogged + 1)
