"""Writing to a log that is not ready yet."""

from typing import Any

import pytest

from infra.errors import TransientError
from infra.transport.patient import produce_patiently
from schemas.envelope import Envelope
from tests.fakes.clock import FakeClock

EVENT = Envelope(id="1", source="/test", type="noted", data=b"{}")


class ColdProducer:
    """Refuses so many records, then takes them."""

    def __init__(self, refusals: float) -> None:
        self._refusals = refusals
        self.taken = 0

    def produce(self, topic: str, **record: Any) -> None:
        self._refusals -= 1
        if self._refusals >= 0:
            raise TransientError("not yet")
        self.taken += 1


def test_an_event_is_written_when_the_log_wakes_up_late() -> None:
    """A broker that refuses its first records costs a moment."""
    producer: Any = ColdProducer(refusals=3)

    produce_patiently(producer, "call-events", EVENT, FakeClock())

    assert producer.taken == 1


def test_patience_ends_when_the_log_never_wakes_up() -> None:
    """It gives up after a while, with the log's own reason."""
    clock = FakeClock()
    producer: Any = ColdProducer(refusals=float("inf"))
    started = clock.monotonic()

    with pytest.raises(TransientError, match="not yet"):
        produce_patiently(producer, "call-events", EVENT, clock, within_seconds=10)

    assert 10 < clock.monotonic() - started < 12
