"""Tell how full the spool is and whether it can be written, before an outage needs it."""

import threading

import structlog

from infra.clock import Clock
from infra.errors import PermanentError, TransientError
from infra.metrics import Metrics
from infra.transport.spool import Spool

MEASURE_SECONDS = 1.0  # between two readings of the gauges
CHECK_SECONDS = 10.0  # between two writes that only try; an outage's own writes tell too

log = structlog.get_logger(__name__)


class SpoolWatch:
    """Keeps the gauges of the spool. `problem` is what stands in its way now; empty: nothing."""

    def __init__(self, spool: Spool, metrics: Metrics, clock: Clock) -> None:
        self._spool = spool
        self._metrics = metrics
        self._clock = clock
        self._checked_at: float | None = None
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run, name="spool-watch", daemon=True)
        self.problem = ""

    def start(self) -> None:
        """Look once, and then on from a thread of its own."""
        self.look()
        self._thread.start()

    def stop(self) -> None:
        self._ended.set()
        self._thread.join(MEASURE_SECONDS)

    def remarks(self) -> str:
        """Return a line for `/readyz` when the spool could not be written, though the log may take every event."""
        return f"the spool cannot be relied on: {self.problem}\n" if self.problem else ""

    def look(self) -> None:
        """Measure; check when a check is due."""
        now = self._clock.monotonic()
        if self._checked_at is None or now - self._checked_at >= CHECK_SECONDS:
            self._checked_at = now
            self._check()
        try:
            self._measure()
        except TransientError as error:
            self._tell(self.problem or str(error))

    def _run(self) -> None:
        while not self._ended.wait(MEASURE_SECONDS):
            self.look()

    def _check(self) -> None:
        try:
            self._spool.check()
        except (TransientError, PermanentError) as error:
            self._tell(str(error))
        else:
            self._tell("")

    def _measure(self) -> None:
        state, now = self._spool.state(), self._clock.now()
        waited = (now - state.oldest_at).total_seconds() if state.oldest_at else 0.0
        self._metrics.set("webhook_spool_records", state.records)
        self._metrics.set("webhook_spool_aside_records", state.aside)
        self._metrics.set("webhook_spool_bytes", state.size_bytes)
        self._metrics.set("webhook_spool_oldest_age_seconds", max(0.0, waited))
        self._metrics.set("webhook_spool_free_bytes", self._spool.free_bytes())

    def _tell(self, problem: str) -> None:
        self._metrics.set("webhook_spool_writable", not problem)
        if problem and not self.problem:
            log.error("spool.not_writable", reason=problem)
        if self.problem and not problem:
            log.warning("spool.writable_again")
        self.problem = problem
