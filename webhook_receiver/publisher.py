"""Make an envelope durable before Zoom's patience ends: in the log, else in the local spool.

Every event tries the log first, also while the spool still holds older ones: in an outage the log's breaker answers at
once, so it costs nothing, and after it nobody waits behind the queue. So a newer event may reach the log before an older
one of the same meeting; consumers order by Zoom's own times (design, I3). Among themselves, spooled events of one key
keep their order.
"""

from typing import Protocol

import structlog

from infra.clock import Clock
from infra.errors import PermanentError, TransientError
from infra.metrics import Metrics
from infra.transport import Producer
from schemas.envelope import Envelope, Headers

LOG_SECONDS = 1.5  # from arrival: Zoom waits 3 s, and what the log does not take by then needs time for the spool
SPOOL_SECONDS = 2.3  # from arrival: leaves 0.7 s for the way back

log = structlog.get_logger(__name__)


class EventSpool(Protocol):
    """The end of a queue on the local disk (infra.transport.spool has the real one)."""

    def put(self, topic: str, *, key: bytes | None, headers: Headers, value: bytes, timeout_seconds: float) -> None:
        """Return once the record is fsynced; a relay brings it to its topic later. Raises TransientError."""
        ...

    def ready(self) -> bool:
        """Whether a put would be tried now."""
        ...


class Publisher:
    """Safe to share between threads. One deadline runs from arrival, whatever the delivery spent its time on."""

    def __init__(self, producer: Producer, spool: EventSpool, metrics: Metrics, clock: Clock) -> None:
        self._producer = producer
        self._spool = spool
        self._metrics = metrics
        self._clock = clock

    def publish(self, topic: str, envelope: Envelope, arrived_at: float) -> None:
        """Return once the envelope is durable, in the log or in the spool; `arrived_at` is of the clock's monotonic time.

        Raises:
            TransientError: in neither in time; it may still land later.
            PermanentError: the spool is closed.
        """
        try:
            self._write_log(topic, envelope, arrived_at)
            self._metrics.set("webhook_log_available", 1)
            return
        except TransientError:
            self._metrics.set("webhook_log_available", 0)
        except PermanentError as error:  # the relay finds out what can be done with it
            log.error("webhook.refused_by_log", topic=topic, event_id=envelope.id, reason=str(error))
        self._write_spool(topic, envelope, arrived_at)
        self._metrics.count("webhook_spooled_total")

    def ready(self) -> bool:
        """Whether an event can be taken now."""
        return self._producer.ready() or self._spool.ready()

    def _write_log(self, topic: str, envelope: Envelope, arrived_at: float) -> None:
        self._producer.produce(
            topic,
            key=envelope.key,
            headers=envelope.headers(),
            value=envelope.data,
            timeout_seconds=self._left(arrived_at + LOG_SECONDS, "the log"),
        )

    def _write_spool(self, topic: str, envelope: Envelope, arrived_at: float) -> None:
        self._spool.put(
            topic,
            key=envelope.key,
            headers=envelope.headers(),
            value=envelope.data,
            timeout_seconds=self._left(arrived_at + SPOOL_SECONDS, "the spool"),
        )

    def _left(self, deadline: float, what: str) -> float:
        seconds = deadline - self._clock.monotonic()
        if seconds <= 0:
            raise TransientError(f"no time was left for {what}")
        return seconds
