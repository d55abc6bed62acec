"""Write an event for a person or a program that would rather wait than be told to try again."""

from infra.clock import Clock
from infra.errors import TransientError
from infra.transport.base import Producer
from schemas.envelope import Envelope

TRY_SECONDS = 5.0
_PAUSE_SECONDS = 0.5


def produce_patiently(
    producer: Producer, topic: str, envelope: Envelope, clock: Clock, within_seconds: float = 30.0
) -> None:
    """Return once the event is durable. It may be written twice: its id tells that it is the same.

    The default patience is a broker's that has just started on a busy machine: it refuses its first records.

    Raises:
        TransientError: the log did not take it within `within_seconds`.
        PermanentError: as Producer.produce.
    """
    deadline = clock.monotonic() + within_seconds
    while True:
        try:
            producer.produce(
                topic, key=envelope.key, headers=envelope.headers(), value=envelope.data, timeout_seconds=TRY_SECONDS
            )
            return
        except TransientError:
            if clock.monotonic() > deadline:
                raise
        clock.sleep(_PAUSE_SECONDS)
