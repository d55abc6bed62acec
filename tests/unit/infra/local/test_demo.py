"""The demo on a log that is not ready yet."""

from datetime import UTC, datetime
from typing import Any

import pytest

from infra.errors import TransientError
from infra.local.demo import REGISTER_SECONDS, _register
from infra.zoom.simulator import build_call
from tests.fakes.clock import FakeClock

CALL = build_call("clean", 1, datetime(2026, 11, 22, 14, 0, tzinfo=UTC))


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


def test_calls_are_registered_when_the_log_wakes_up_late() -> None:
    """A broker that refuses its first records costs a moment, not the demo."""
    producer: Any = ColdProducer(refusals=3)

    _register(producer, [CALL], FakeClock())

    assert producer.taken == 1


def test_registering_ends_when_the_log_never_wakes_up() -> None:
    """It gives up after a while, with the log's own reason."""
    clock = FakeClock()
    producer: Any = ColdProducer(refusals=float("inf"))
    started = clock.monotonic()

    with pytest.raises(TransientError, match="not yet"):
        _register(producer, [CALL], clock)

    assert REGISTER_SECONDS < clock.monotonic() - started < REGISTER_SECONDS + 2
