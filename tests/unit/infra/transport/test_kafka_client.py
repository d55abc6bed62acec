"""How long the producer's thread waits for a broker that takes nothing now."""

from typing import Any

import pytest

from infra.transport.kafka import PRODUCER_SETTINGS
from infra.transport.kafka_client import LEAST_MS, LOOK_MS, CalmClient


class Connection:
    def __init__(self, *, connected: bool) -> None:
        self.connected = connected
        self.paused = {"max_in_flight"}


class Manager:
    """kafka-python's connections to two brokers, and the seconds until it may try one of them again."""

    def __init__(self, delay_seconds: float) -> None:
        self._conns = {1: Connection(connected=True), 2: Connection(connected=False)}
        self._delay_seconds = delay_seconds

    def connection_delay(self, _: Any) -> float:
        return self._delay_seconds


@pytest.mark.parametrize(
    ("broker", "delay_seconds", "expected_ms"),
    [(1, 0.0, LOOK_MS), (2, 0.0, LEAST_MS), (2, 0.02, 20.0), (2, 0.5, LOOK_MS), (3, 0.0, LEAST_MS)],
)
def test_a_broker_that_takes_nothing_now_is_waited_for(broker: int, delay_seconds: float, expected_ms: float) -> None:
    """One that owes an answer, one that is being connected to, and one that is away: never busily, never for long."""
    client = CalmClient(net=object(), manager=Manager(delay_seconds))

    assert client.connection_delay(broker) == expected_ms


def test_the_producer_uses_it() -> None:
    """Else its thread spins while a request is under way."""
    assert PRODUCER_SETTINGS["kafka_client"] is CalmClient
