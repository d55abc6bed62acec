"""The end of the receiver's spool in memory: keeps what is put, and fails or hangs on request."""

from schemas.envelope import Headers
from tests.fakes.clock import FakeClock


class FakeSpool:
    """`records` are topic and value of what was put. `hang` lets the whole time-out pass before it fails."""

    def __init__(self, clock: FakeClock) -> None:
        self._clock = clock
        self._error: Exception | None = None
        self._hangs = False
        self.records: list[tuple[str, bytes]] = []

    def fail(self, error: Exception, *, after_time_out: bool = False) -> None:
        """Raise this from every put."""
        self._error, self._hangs = error, after_time_out

    def put(self, topic: str, *, key: bytes | None, headers: Headers, value: bytes, timeout_seconds: float) -> None:
        if self._hangs:
            self._clock.sleep(timeout_seconds)
        if self._error is not None:
            raise self._error
        self.records.append((topic, value))

    def ready(self) -> bool:
        return self._error is None
