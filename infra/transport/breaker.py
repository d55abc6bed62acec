"""A circuit breaker: after failures in a row every call is refused until the other side answers again.

Then one call at a time is let through, as a probe: a success ends the outage, a failure refuses everybody again.
"""

import threading
from enum import Enum

FAILURES = 3  # in a row open it; fewer would open at the loss of one of three brokers (lab/kafka.md section 6)


class Permit(Enum):
    """What a caller may do."""

    REFUSED = "an outage is on: answer at once"
    NORMAL = "go on"
    PROBE = "go on; everybody else waits for the outcome"


class Breaker:
    """Shared between threads. Each permit that is not REFUSED is handed back by one of the three reports."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._failures = 0
        self._answers = False
        self._probing = False

    @property
    def is_open(self) -> bool:
        """Whether an outage is on."""
        return self._failures >= FAILURES

    def admit(self) -> Permit:
        with self._lock:
            if not self.is_open:
                return Permit.NORMAL
            if self._probing or not self._answers:
                return Permit.REFUSED
            self._probing = True
            return Permit.PROBE

    def answered(self) -> None:
        """The other side answers again, though nobody knows whether it works: let one call probe it."""
        with self._lock:
            self._answers = True

    def succeeded(self, permit: Permit) -> None:
        """The other side works: end the outage."""
        with self._lock:
            self._failures = 0
            self._hand_back(permit)

    def failed(self, permit: Permit) -> None:
        """The other side did not do it."""
        with self._lock:
            self._failures += 1
            self._answers = False
            self._hand_back(permit)

    def undecided(self, permit: Permit) -> None:
        """The call says nothing about the other side."""
        with self._lock:
            self._hand_back(permit)

    def _hand_back(self, permit: Permit) -> None:
        if permit is Permit.PROBE:
            self._probing = False
