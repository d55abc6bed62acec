"""Watch over effects under way: how many there are, and which of them hang."""

import sys
import threading
import traceback
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import structlog

from infra.clock import Clock
from infra.metrics import Metrics
from processors.commands import ArchiveFile
from processors.runtime.outbox import Leased

log = structlog.get_logger(__name__)

_LIMIT_SECONDS = 120.0  # every performer but the archive gives up by itself within a minute
_LIMITS_SECONDS = {ArchiveFile.kind: 4 * 3600.0}  # 10 GiB at 1 MiB/s take not quite three hours


@dataclass(slots=True)
class _UnderWay:
    thread: int
    began_at: float
    reported: bool = False


class Watch:
    """One processor's effects under way in this process. Safe to share between threads."""

    def __init__(self, processor: str, clock: Clock, metrics: Metrics) -> None:
        self._processor = processor
        self._clock = clock
        self._metrics = metrics
        self._lock = threading.Lock()
        self._under_way: dict[Leased, _UnderWay] = {}
        self._running: Counter[str] = Counter()

    @contextmanager
    def over(self, leased: Leased) -> Iterator[None]:
        """Watch while the block performs this effect, in this thread."""
        with self._lock:
            self._under_way[leased] = _UnderWay(threading.get_ident(), self._clock.monotonic())
            self._count(leased, 1)
        try:
            yield
        finally:
            with self._lock:
                del self._under_way[leased]
                self._count(leased, -1)

    def report(self) -> None:
        """Log each effect that runs longer than its limit, once, with where its thread is; never with any values."""
        now, frames = self._clock.monotonic(), sys._current_frames()
        with self._lock:
            for leased, one in self._under_way.items():
                seconds = now - one.began_at
                if one.reported or seconds <= _LIMITS_SECONDS.get(leased.kind, _LIMIT_SECONDS):
                    continue
                one.reported = True
                stack = traceback.extract_stack(frames[one.thread]) if one.thread in frames else []
                log.error(
                    "effect.stuck",
                    processor=self._processor,
                    kind=leased.kind,
                    effect_id=leased.effect_id,
                    running_seconds=round(seconds),
                    stack=[f"{Path(frame.filename).name}:{frame.lineno} {frame.name}" for frame in stack],
                )

    def _count(self, leased: Leased, change: int) -> None:
        self._running[leased.kind] += change
        self._metrics.set(
            "processor_effects_running", self._running[leased.kind], processor=self._processor, kind=leased.kind
        )
