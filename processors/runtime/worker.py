"""The worker: lease due effects, perform them side by side, hand what came of it to the endings."""

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import structlog

from infra.clock import Clock
from infra.errors import PermanentError, TransientError
from infra.metrics import Metrics
from processors.base import Processor
from processors.commands import Command, Tell, WakeAt
from processors.runtime.brake import Brake, BrakedError, FailureCount
from processors.runtime.codec import load_command
from processors.runtime.dead_letters import reason_of
from processors.runtime.endings import Endings
from processors.runtime.outbox import LEASE, Leased, Outbox
from processors.runtime.performers import Performer
from processors.runtime.ready import Ready
from processors.runtime.watch import Watch
from schemas.errors import InvalidEvent

log = structlog.get_logger(__name__)

_LOOK_SECONDS = 0.5  # how late a timer, a retry or an effect of another process may be noticed; we know of our own
_TIMERS_SECONDS = 0.5  # how old the knowledge of the inputs' progress may be
_GRACE_SECONDS = 10.0  # for effects in hand at a stop; what is not done then is done again by another lease


@dataclass(frozen=True, slots=True)
class Tools:
    """What a worker works with. `partitions` tells how many input partitions the processor's timers wait for."""

    processor: Processor[Any]
    performers: Mapping[str, Performer[Any]]
    outbox: Outbox
    ready: Ready
    endings: Endings
    brake: Brake
    clock: Clock
    metrics: Metrics
    partitions: Callable[[], int]
    watch: Watch
    alive: Callable[[], None]


class Worker:
    """Performs one processor's effects, as many at a time as `ready` hands out."""

    def __init__(self, tools: Tools) -> None:
        self._tools = tools
        self._stop = threading.Event()
        self._failures = FailureCount()
        self._looked_at: float | None = None
        self._braked: BrakedError | None = None
        self._timers_until: datetime | None = None
        self._timers_checked_at: float | None = None

    def run(self, stop: threading.Event) -> None:
        """Work until told to stop, then give what is in hand a little time.

        Raises:
            BrakedError: too much failed in a way that nobody foresaw.
        """
        self._stop = stop
        ready = self._tools.ready
        ready.open()
        threading.Thread(target=self._renew_leases, args=(stop,), name="lease-renewer", daemon=True).start()
        has_news = False
        while not stop.is_set() and self._braked is None:
            ready.news.clear()
            self._tools.alive()
            try:
                self._start_due(look=not has_news)
            except TransientError as error:
                log.warning("outbox.unavailable", processor=self._tools.processor.name, reason=str(error))
            has_news = ready.news.wait(_LOOK_SECONDS)
        self._finish_held()
        if self._braked is not None:
            raise self._braked

    def run_due(self) -> int:
        """Perform what is due now, one effect after another, in this thread; return how many."""
        leased = self._tools.outbox.lease(self._tools.ready.concurrency, self._read_until())
        for one in leased:
            self.perform(one)
        return len(leased)

    def perform(self, leased: Leased) -> None:
        """Perform one leased effect and write what came of it.

        Raises:
            TransientError: it could not be written; the lease runs out and it is performed again.
            BrakedError: one unexpected exception too many.
        """
        started = self._tools.clock.monotonic()
        try:
            with self._tools.watch.over(leased):
                outcome = self._perform(leased)
        except (TransientError, BrakedError):
            raise
        except Exception as error:  # noqa: BLE001 # a bug in one decision must not stop the other effects (I6)
            outcome = self._tools.endings.undecidable(leased, reason_of(error))
            self._count(error)
        seconds = self._tools.clock.monotonic() - started
        self._tools.ready.took(seconds)
        name, kind = self._tools.processor.name, leased.kind
        self._tools.metrics.count("processor_effects_total", processor=name, kind=kind, outcome=outcome)
        self._tools.metrics.observe("processor_effect_seconds", seconds, processor=name, kind=kind)
        duration_ms = round(seconds * 1000, 1)
        log.info(
            "effect.ended",
            processor=name,
            kind=kind,
            effect_id=leased.effect_id,
            outcome=outcome,
            duration_ms=duration_ms,
        )

    def _perform(self, leased: Leased) -> str:
        command = load_command(leased.kind, leased.command)
        performer = self._tools.performers.get(leased.kind)
        try:
            result = {} if isinstance(command, WakeAt | Tell) or performer is None else performer.perform(command)
        except TransientError as error:
            return self._tools.endings.put_off(leased, command, error)
        except (PermanentError, InvalidEvent) as error:
            return self._tools.endings.dead(leased, command, str(error))
        except Exception as error:  # noqa: BLE001 # a bug in a performer must not stop the other effects (I6)
            outcome = self._tools.endings.dead(leased, command, reason_of(error))
            self._count(error)
            return outcome
        outcome = self._tools.endings.done(leased, command, result, _recorder(performer, command, result))
        self._failures.succeeded()
        return outcome

    def _count(self, error: Exception) -> None:
        if self._failures.failed():
            self._tools.brake.trip(f"unexpected exceptions, the last one {reason_of(error)}")

    def _start_due(self, *, look: bool) -> None:
        now = self._tools.clock.monotonic()
        overdue = self._looked_at is None or now - self._looked_at >= _LOOK_SECONDS
        if look or overdue or self._tools.ready.is_more():
            self._tools.ready.look(self._read_until())
            self._looked_at = now
        if self._stop.is_set():
            return  # what is not begun is given back
        for first in self._tools.ready.begin():
            name = f"{self._tools.processor.name}-effects"
            threading.Thread(target=self._perform_held, args=(first,), name=name, daemon=True).start()

    def _perform_held(self, leased: Leased | None) -> None:
        """Perform an effect and then, one after another, what has been leased ahead."""
        while leased is not None:
            try:
                self.perform(leased)
            except TransientError as error:
                log.warning("effect.unrecorded", kind=leased.kind, effect_id=leased.effect_id, reason=str(error))
            except BrakedError as error:
                self._braked = error
            except Exception as error:  # noqa: BLE001 # the thread goes on with other effects; this lease runs out
                log.error("effect.unrecorded", kind=leased.kind, effect_id=leased.effect_id, reason=reason_of(error))
            if self._braked is not None or self._stop.is_set():
                self._tools.ready.close()
            leased = self._tools.ready.follow(leased)

    def _read_until(self) -> datetime | None:
        now = self._tools.clock.monotonic()
        if self._timers_checked_at is None or now - self._timers_checked_at >= _TIMERS_SECONDS:
            self._timers_until = self._tools.outbox.read_until(self._tools.partitions())
            self._timers_checked_at = now
        return self._timers_until

    def _renew_leases(self, stop: threading.Event) -> None:
        while not stop.wait(LEASE.total_seconds() / 3):
            held = self._tools.ready.all()
            try:
                if held:
                    self._tools.outbox.renew(held)
            except TransientError as error:
                log.warning("leases.not_renewed", processor=self._tools.processor.name, reason=str(error))

    def _finish_held(self) -> None:
        ready = self._tools.ready
        ready.close()
        deadline = self._tools.clock.monotonic() + _GRACE_SECONDS
        while ready.held() and self._tools.clock.monotonic() < deadline:
            ready.news.wait(0.1)
            ready.news.clear()
        if ready.held():
            log.warning("effects.abandoned", processor=self._tools.processor.name, count=len(ready.held()))


def _recorder(performer: Performer[Any] | None, command: Command, result: Mapping[str, Any]) -> Any:
    return None if performer is None else lambda connection: performer.record(connection, command, result)
