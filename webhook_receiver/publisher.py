"""Make an envelope durable before Zoom's patience ends."""

from infra.clock import Clock
from infra.errors import TransientError
from infra.transport import Producer
from schemas.envelope import Envelope

LOG_SECONDS = 1.5  # from arrival: Zoom waits 3 s, and what the log does not take by then needs time for another way


class Publisher:
    """Writes envelopes to the log. One deadline runs from arrival, whatever the delivery spent its time on."""

    def __init__(self, log: Producer, clock: Clock) -> None:
        self._log = log
        self._clock = clock

    def publish(self, topic: str, envelope: Envelope, arrived_at: float) -> None:
        """Return once the envelope is durable; `arrived_at` is of the clock's monotonic time.

        Raises:
            TransientError: not durable in time; it may still land later.
            PermanentError: the log will not take it as things stand.
        """
        remaining_seconds = arrived_at + LOG_SECONDS - self._clock.monotonic()
        if remaining_seconds <= 0:
            raise TransientError("no time was left for the log")
        self._log.produce(
            topic,
            key=envelope.key,
            headers=envelope.headers(),
            value=envelope.data,
            timeout_seconds=remaining_seconds,
        )

    def ready(self) -> bool:
        """Whether an event can be taken now."""
        return self._log.ready()
