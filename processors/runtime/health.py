"""Liveness for whoever restarts processes: a file that is touched as long as every loop of a processor turns."""

import threading
from pathlib import Path
from typing import Literal

import structlog

from infra.clock import Clock
from infra.errors import ConfigurationError

log = structlog.get_logger(__name__)

Loop = Literal["consumer", "worker"]

_LOOPS: tuple[Loop, ...] = ("consumer", "worker")
_TOUCH_SECONDS = 1.0  # at most one touch a second, as arroyo does
_STALE_SECONDS = 45.0  # longer than a database may hold up one turn (statement_timeout 30 s)


class Health:
    """One processor's health file; without a path nothing is written. Safe to share between threads.

    Raises:
        ConfigurationError: the file cannot be written.
    """

    def __init__(self, path: Path | None, clock: Clock) -> None:
        self._path = path
        self._clock = clock
        self._lock = threading.Lock()
        self._beats: dict[Loop, float] = {}
        self._touched_at: float | None = None
        if path is not None:
            try:
                path.parent.mkdir(parents=True, exist_ok=True)
                path.unlink(missing_ok=True)  # of an earlier process
            except OSError as error:
                raise ConfigurationError(f"HEALTH_FILE {path} cannot be written: {error.strerror}") from error

    def beat(self, loop: Loop) -> None:
        """This loop turns; the file is touched while the other one does too."""
        if self._path is None:
            return
        with self._lock:
            now = self._clock.monotonic()
            self._beats[loop] = now
            alive = all(now - self._beats.get(one, now - 2 * _STALE_SECONDS) <= _STALE_SECONDS for one in _LOOPS)
            if not alive or (self._touched_at is not None and now - self._touched_at < _TOUCH_SECONDS):
                return
            self._touched_at = now
        try:
            self._path.touch()
        except OSError as error:
            log.error("health.not_written", path=str(self._path), reason=error.strerror)


def health_file(template: str | None, processor: str) -> Path | None:
    """Return the processor's own file: the template with its name for {processor}."""
    return None if template is None else Path(template.replace("{processor}", processor))
