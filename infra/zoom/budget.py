"""How many calls we make: Zoom counts per account and second, over all its apps, by a label on each endpoint.

A budget is shared by all threads of a process. Processes do not know of each other: each takes its share of the account's
limit, and a 429 that comes all the same holds the process's calls of that label back as long as Zoom asks.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from threading import Lock
from typing import Literal

from infra.clock import Clock
from infra.zoom.errors import RateLimited

Label = Literal["light", "medium", "heavy"]
Plan = Literal["free", "pro", "business"]

# Calls per second; Zoom's page "Rate limits" (FACTS, section 4). Business stands for everything above it too.
PER_SECOND: Mapping[Plan, Mapping[Label, int]] = {
    "free": {"light": 4, "medium": 2, "heavy": 1},
    "pro": {"light": 30, "medium": 20, "heavy": 10},
    "business": {"light": 80, "medium": 60, "heavy": 40},
}
DEFAULT_SHARE = 0.25  # of the account's limit: four processors' processes, and nobody else on the account
MAX_WAIT_SECONDS = 5.0  # longer, and the effect waits in the outbox instead of in a thread


@dataclass(slots=True)
class _Line:
    """When the next call of a label may go: evenly spaced, so that no second holds more than its share."""

    interval_seconds: float
    next_at: float = 0.0

    def take(self, now: float) -> float:
        """Return how long the next call has to wait; its place is taken."""
        place = max(self.next_at, now)
        if place - now <= MAX_WAIT_SECONDS:
            self.next_at = place + self.interval_seconds
        return place - now

    def hold(self, until: float) -> None:
        self.next_at = max(self.next_at, until)


@dataclass(slots=True)
class RateBudget:
    """Lets calls through at the pace of our share. Safe to share between threads."""

    clock: Clock
    plan: Plan = "pro"
    share: float = DEFAULT_SHARE
    _lines: dict[Label, _Line] = field(init=False)
    _lock: Lock = field(init=False, default_factory=Lock)

    def __post_init__(self) -> None:
        limits = PER_SECOND[self.plan]
        self._lines = {label: _Line(1 / (limit * self.share)) for label, limit in limits.items()}

    def take(self, label: Label) -> None:
        """Return when a call of this label may go, after waiting for it where that is short.

        Raises:
            RateLimited: it would take longer than five seconds; `retry_after_seconds` says how long.
        """
        with self._lock:
            wait = self._lines[label].take(self.clock.monotonic())
        if wait > MAX_WAIT_SECONDS:
            raise RateLimited("the rate budget for Zoom is used up", retry_after_seconds=wait)
        if wait > 0:
            self.clock.sleep(wait)

    def hold(self, label: Label, seconds: float) -> None:
        """Let no call of this label through for so long: Zoom said so."""
        with self._lock:
            self._lines[label].hold(self.clock.monotonic() + seconds)
