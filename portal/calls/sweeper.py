"""The sweep by itself, in the portal's own process."""

from threading import Event, Thread

import structlog

from infra.metrics import Metrics
from portal.calls.pool import HostPool
from portal.calls.sweep import Sweep
from schemas.errors import PipelineError

EVERY_SECONDS = 60.0  # a host is free again within a minute after its call

log = structlog.get_logger(__name__)


class Sweeper:
    """Sweeps once a minute, from start to stop."""

    def __init__(self, sweep: Sweep, pool: HostPool, metrics: Metrics) -> None:
        self._sweep = sweep
        self._pool = pool
        self._metrics = metrics
        self._ends = Event()
        self._thread = Thread(target=self._run, name="sweeper", daemon=True)

    def start(self) -> None:
        """Begin; the first sweep comes after a minute."""
        self._thread.start()

    def stop(self) -> None:
        """End; a sweep that is under way ends with the process, and the next one goes on from there."""
        self._ends.set()

    def once(self) -> None:
        """Sweep, and measure; what fails is logged, for the next sweep makes up for it."""
        try:
            self._metrics.set("portal_sweep_failed", self._sweep.run().failed)
            self._metrics.set("portal_hosts_free", self._pool.free())
        except PipelineError as error:
            log.warning("sweep.put_off", step="all", reason=str(error))
        except Exception as error:  # noqa: BLE001 - a bug in a sweep must not end the sweeps
            log.error("sweep.failed", error_type=type(error).__name__)

    def _run(self) -> None:
        while not self._ends.wait(EVERY_SECONDS):
            self.once()
