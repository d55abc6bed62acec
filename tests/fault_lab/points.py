"""Fault points: calls of a port at which a process dies, counted, so that a scenario names the instant of a crash.

A point is `port.method:before` or `port.method:after`, such as `chat.put:after`: the message is in the chat, and nobody
has written down that it is. The ports are wrapped from outside; the product knows nothing of it.
"""

import os
import signal
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from threading import Lock
from typing import Any

# The calls of each port that can be points; all others pass untouched.
POINTS = {
    "producer": ("produce",),
    "consumer": ("poll", "commit"),
    "store": ("create_multipart", "upload_part", "complete", "put_small", "replace_tags", "read"),
    "chat": ("put",),
    "database": ("commit",),
}


@dataclass(frozen=True, slots=True)
class Death:
    """Die at the `call`-th passing (from 1) of `point`."""

    point: str
    call: int


class Deaths:
    """Counts passings, and kills this very process at the first that was named. Safe to share between threads."""

    def __init__(self, deaths: Iterable[Death], note: Callable[[Death], None]) -> None:
        self._deaths = tuple(deaths)
        self._note = note
        self._lock = Lock()
        self._passed: Counter[str] = Counter()

    def passing(self, point: str) -> None:
        """Pass a point, or end here as `kill -9` would."""
        with self._lock:
            self._passed[point] += 1
            for death in self._deaths:
                if (death.point, death.call) == (point, self._passed[point]):
                    self._note(death)
                    os.kill(os.getpid(), signal.SIGKILL)


class Wrapped:
    """A port whose named calls pass the points before and after they are made."""

    def __init__(self, port: str, inner: Any, deaths: Deaths, makes: Sequence[str] = ()) -> None:
        self._port = port
        self._inner = inner
        self._deaths = deaths
        self._makes = makes

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._inner, name)
        if name in self._makes:  # a transport's producer() and consumer(): ports themselves
            return lambda *arguments, **named: Wrapped(name, found(*arguments, **named), self._deaths)
        if name not in POINTS.get(self._port, ()):
            return found

        def call(*arguments: Any, **named: Any) -> Any:
            self._deaths.passing(f"{self._port}.{name}:before")
            result = found(*arguments, **named)
            self._deaths.passing(f"{self._port}.{name}:after")
            return result

        return call
