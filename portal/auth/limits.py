"""How often something may be asked for: a window of a minute, in this process's memory."""

from collections import OrderedDict
from http import HTTPStatus
from threading import Lock

from infra.clock import Clock
from portal.problems import Problem

WINDOW_SECONDS = 60
_REMEMBERED = 10_000  # who asked last; older ones are forgotten, so that the memory is bounded


class RateLimit:
    """At most `most` a minute of each who asks. Safe to share between threads."""

    def __init__(self, most: int, clock: Clock) -> None:
        self._most = most
        self._clock = clock
        self._lock = Lock()
        self._asked: OrderedDict[str, tuple[float, int]] = OrderedDict()

    def ask(self, who: str) -> None:
        """Count this one.

        Raises:
            Problem: 429 with Retry-After; this one must not be answered.
        """
        now = self._clock.monotonic()
        with self._lock:
            began, count = self._asked.pop(who, (now, 0))
            if now - began >= WINDOW_SECONDS:
                began, count = now, 0
            self._asked[who] = began, count + 1
            while len(self._asked) > _REMEMBERED:
                self._asked.popitem(last=False)
        if count >= self._most:
            wait = {"Retry-After": str(max(1, round(began + WINDOW_SECONDS - now)))}
            raise Problem(HTTPStatus.TOO_MANY_REQUESTS, "too-many", "Too many tries: wait a minute.", headers=wait)
