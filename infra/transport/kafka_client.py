"""The network client underneath kafka-python's producer, which else waits busily."""

from typing import Any

from kafka.net.compat import KafkaNetClient

LOOK_MS = 50.0  # an answer, a connection or a new record ends the wait at once; this is for what none of them tells
LEAST_MS = 5.0  # between two looks while a connection is being made


class CalmClient(KafkaNetClient):  # type: ignore[misc] # kafka-python has no types
    """Tells the producer's thread how long to wait for a broker that takes nothing now.

    In kafka-python 3.0.12 that is 0 for a broker that has yet to answer the request before, so with one request in flight
    (which keeps the order) the thread spins until the answer, and takes the interpreter from everybody it works for; and
    while a broker is away it takes the seconds until the next try for milliseconds (`kafka/producer/sender.py`,
    `_send_producer_data`).
    """

    def connection_delay(self, node_id: Any) -> float:
        """Return how many milliseconds to wait, at most, before looking at this broker again."""
        if self.connected(node_id):
            return LOOK_MS
        seconds: float = super().connection_delay(node_id)
        return min(LOOK_MS, max(LEAST_MS, seconds * 1000))
