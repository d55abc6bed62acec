"""Bring what waits in the spool to the log, first in first out, as soon as the log answers and as fast as it takes it.

A batch is shared out to lanes by key, so records of one key are never in flight together and keep their order. A record
is deleted from the spool only after the log has acknowledged it: a crash between the two doubles it, and the copy has
the same `ce_id`.
"""

import threading
from collections import defaultdict
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Literal

import structlog

from infra.clock import Clock
from infra.errors import PermanentError, TransientError
from infra.metrics import Metrics
from infra.transport import Producer
from infra.transport.spool import Spool, Spooled
from schemas.envelope import Envelope
from schemas.errors import InvalidEvent
from schemas.topics import QUARANTINE
from webhook_receiver.sparse_log import SparseLog
from webhook_receiver.translation import refused_envelope

BATCH_RECORDS = 500  # one transaction's share of deletes
LANES = 32  # that wait for the log at once, as many as request threads: 500 to 800 records/s into one local broker
PRODUCE_SECONDS = 3.0  # longer than the Kafka client's 2.5 s for a delivery: it gives up first, so fewer doubles
LOOK_SECONDS = 0.25  # between two looks, at an empty spool or at a log that does not answer

Way = Literal["log", "quarantine", "aside"]

log = structlog.get_logger(__name__)


class Relay:
    """Empties a spool. `may_start` holds it back while the topics may still be missing: they would refuse everything."""

    def __init__(
        self, spool: Spool, producer: Producer, metrics: Metrics, clock: Clock, may_start: Callable[[], bool]
    ) -> None:
        self._spool = spool
        self._producer = producer
        self._metrics = metrics
        self._clock = clock
        self._may_start = may_start
        self._sparse_log = SparseLog(clock)
        self._limit = 1
        self._done: list[int] = []
        self._taken_back = False
        self._brought = 0
        self._stop_at: float | None = None
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="relay", daemon=True)

    def start(self) -> None:
        """Work in a thread of its own until `stop`."""
        self._thread.start()

    def stop(self, grace_seconds: float) -> None:
        """Go on for as long as the grace time lasts and the log takes something; then end. What stays, stays spooled."""
        self._stop_at = self._clock.monotonic() + grace_seconds
        self._stopping.set()
        self._thread.join(grace_seconds + LOOK_SECONDS)

    def step(self) -> bool:
        """Bring the next batch to the log; whether there may be more to do at once.

        After a failure the next batch is one record, to probe with.
        """
        if not self._may_start():
            return False
        try:
            self._delete_done()
            self._take_back()
            batch = self._spool.first(self._limit)
            went_well = self._relay(batch)
            self._delete_done()
        except TransientError as error:
            self._sparse_log.line("spool.not_read", str(error))
            return False
        self._note(len(batch), went_well=went_well)
        self._limit = BATCH_RECORDS if went_well else 1
        return went_well and bool(batch)

    def _run(self) -> None:
        while not self._stopping.is_set():
            if not self._safe_step():
                self._stopping.wait(LOOK_SECONDS)
        while not self._is_over() and self._safe_step():
            pass

    def _safe_step(self) -> bool:
        """A bug must not end the thread: what waits would wait for the next start."""
        try:
            return self.step()
        except Exception as error:
            log.error("relay.failed", error_type=type(error).__name__, exc_info=error)
            return False

    def _note(self, records: int, *, went_well: bool) -> None:
        if records:
            self._metrics.set("webhook_log_available", went_well)
            self._brought += records if went_well else 0
        elif self._brought:
            log.info("spool.emptied", records=self._brought)
            self._brought = 0

    def _take_back(self) -> None:
        """At the start, try once more what no topic took: somebody may have mended the topic."""
        if not self._taken_back:
            self._spool.take_back()
            self._taken_back = True

    def _delete_done(self) -> None:
        """Delete what the log has; when that fails it is tried again before anything is read, so nothing is sent twice."""
        if self._done:
            self._spool.remove(self._done)
            self._done = []

    def _relay(self, batch: Sequence[Spooled]) -> bool:
        lanes: dict[int, list[Spooled]] = defaultdict(list)
        for record in batch:
            lanes[(record.offset if record.key is None else hash(record.key)) % LANES].append(record)
        if len(lanes) <= 1:
            return self._lane(batch)
        with ThreadPoolExecutor(len(lanes), thread_name_prefix="relay-lane") as pool:
            return all(list(pool.map(self._lane, lanes.values())))

    def _lane(self, records: Sequence[Spooled]) -> bool:
        return all(not self._is_over() and self._bring(record) for record in records)

    def _bring(self, record: Spooled) -> bool:
        """Bring one record where it can be kept; False when nothing takes it now."""
        try:
            self._producer.produce(
                record.topic,
                key=record.key,
                headers=record.headers,
                value=record.value,
                timeout_seconds=self._patience(),
            )
        except TransientError:
            return False
        except PermanentError as error:
            return not self._is_over() and self._bring_elsewhere(record, str(error))
        return self._finish(record, "log")

    def _bring_elsewhere(self, record: Spooled, reason: str) -> bool:
        """The topic refuses the record for good: to the quarantine with it, or aside when that refuses it too."""
        try:
            self._quarantine(record)
        except TransientError:
            return False
        except (PermanentError, InvalidEvent) as error:
            self._spool.put_aside(record.offset)
            self._metrics.count("webhook_relayed_total", to="aside")
            log.error("relay.kept_aside", topic=record.topic, reason=reason, quarantine=str(error))
            return True
        log.error("relay.quarantined", topic=record.topic, reason=reason)
        return self._finish(record, "quarantine")

    def _quarantine(self, record: Spooled) -> None:
        if record.topic == QUARANTINE.name:
            raise PermanentError("it is the quarantine that refused it")
        envelope = refused_envelope(Envelope.from_record(record.headers, record.value))
        self._producer.produce(
            QUARANTINE.name,
            key=envelope.key,
            headers=envelope.headers(),
            value=envelope.data,
            timeout_seconds=self._patience(),
        )

    def _finish(self, record: Spooled, way: Way) -> bool:
        self._done.append(record.offset)
        self._metrics.count("webhook_relayed_total", to=way)
        return True

    def _patience(self) -> float:
        if self._stop_at is None:
            return PRODUCE_SECONDS
        return max(0.0, min(PRODUCE_SECONDS, self._stop_at - self._clock.monotonic()))

    def _is_over(self) -> bool:
        return self._stop_at is not None and self._clock.monotonic() >= self._stop_at
