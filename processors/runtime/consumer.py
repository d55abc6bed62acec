"""The consumer: poll, decode, route, decide in one transaction per key, then commit the offset."""

import heapq
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import structlog
from sqlalchemy import Engine

from infra.clock import Clock
from infra.errors import TransientError
from infra.metrics import Metrics
from infra.transport import Consumer, Record, TopicPartition
from processors.base import Event, Processor
from processors.runtime.brake import Brake, BrakedError, FailureCount
from processors.runtime.codec import decode, type_of
from processors.runtime.dead_letters import DeadLetters, digest_of, reason_of
from processors.runtime.inbox import Inbox, Outcome
from processors.runtime.progress import Progress
from processors.runtime.together import Together
from schemas.errors import InvalidEvent

log = structlog.get_logger(__name__)

_TOGETHER = 64  # records decided in one transaction: most of what there is to save, in a few milliseconds
_POLL_SECONDS = 0.25  # how late a stop or a progress mark may come when nothing arrives
_RETRY_SECONDS = 1.0  # between tries while the database or the log is away
# How often offsets are committed while records keep coming: each time costs a flush or a message to the server, and a
# process that dies in between only reads again what it knows to be handled.
_COMMIT_SECONDS = 0.5
_BRAKE_SECONDS = 1.0  # how late a member notices that another one braked


@dataclass(frozen=True, slots=True)
class Parts:
    """What a consumer works with."""

    processor: Processor[Any]
    consumer: Consumer
    inbox: Inbox
    together: Together
    dead_letters: DeadLetters
    brake: Brake
    engine: Engine
    clock: Clock
    metrics: Metrics
    alive: Callable[[], None]
    skipped: Mapping[TopicPartition, range]


class ConsumerLoop:
    """One member of a processor's group. Belongs to one thread."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._failures = FailureCount()
        self._tripped: str | None = None
        self._brake_checked_at: float | None = None
        self._taken: dict[TopicPartition, int] = {}
        self._decided: dict[tuple[TopicPartition, int], tuple[Event, list[Outcome]]] = {}
        self._wrote = False
        self._committed_at: float | None = None
        self._progress = Progress(parts.engine, parts.processor.name, parts.clock)

    def run(self, stop: threading.Event) -> None:
        """Work until told to stop.

        Raises:
            BrakedError: too much failed in a way that nobody foresaw.
        """
        try:
            while not stop.is_set():
                try:
                    self.run_once(stop)
                except TransientError as error:
                    log.warning("log.unavailable", processor=self._parts.processor.name, reason=str(error))
                    stop.wait(_RETRY_SECONDS)
        finally:
            self._try_to_settle()

    def run_once(self, stop: threading.Event) -> int:
        """Take one batch; return how many records were polled."""
        self._parts.alive()
        self._check_brake()
        records = self._parts.consumer.poll(_POLL_SECONDS)
        ordered = list(_by_time(records))
        self._decided.clear()
        for first in range(0, len(ordered), _TOGETHER):
            self._decide_together(ordered[first : first + _TOGETHER])
        for record in ordered:
            if not self._take(record, stop):
                break
            self._taken[record.place] = record.offset + 1
            self._progress.read(record)
            if self._tripped is not None:
                self._stop(self._tripped, record)
        self._mark_progress(idle=not records)
        if not records or self._commit_is_due():
            self._settle()
        return len(records)

    def _decide_together(self, records: Sequence[Record]) -> None:
        """Decide about many at once; where anything stands in the way, they are left to be decided one by one."""
        wanted = [record for record in records if type_of(record) in self._parts.processor.types]
        if len(wanted) < 2 or any(record.offset in self._parts.skipped.get(record.place, ()) for record in wanted):
            return
        try:
            events = [(record, decode(record)) for record in wanted]
            routed = [(record, event, key) for record, event in events for key in self._parts.processor.route(event)]
            outcomes = self._parts.together.take([(event, key) for _, event, key in routed])
        except Exception as error:  # noqa: BLE001 # nothing was written; taken alone, each shows its own error
            name, count = self._parts.processor.name, len(wanted)
            log.info("records.taken_alone", processor=name, count=count, error_type=type(error).__name__)
            return
        for record, event in events:
            self._decided[record.place, record.offset] = event, []
        for (record, _, _), outcome in zip(routed, outcomes, strict=True):
            self._decided[record.place, record.offset][1].append(outcome)

    def _check_brake(self) -> None:
        now = self._parts.clock.monotonic()
        if self._brake_checked_at is None or now - self._brake_checked_at >= _BRAKE_SECONDS:
            self._parts.brake.check()
            self._brake_checked_at = now

    def _stop(self, reason: str, record: Record) -> None:
        """Brake behind this record. What was taken is committed, so that nothing is dead-lettered twice."""
        try:
            self._parts.brake.trip(reason, record.place, record.offset + 1)
        except BrakedError:
            self._try_to_settle()
            raise

    def _take(self, record: Record, stop: threading.Event) -> bool:
        """Bring one record to its end: decided, or dead-lettered; False when told to stop before that."""
        if type_of(record) not in self._parts.processor.types:
            return True
        while not stop.is_set():
            try:
                self._decide(record)
                return True
            except TransientError as error:
                log.warning("record.waits", **self._place(record), reason=str(error))
                self._parts.alive()  # waiting is no fault of this process, a restart would not help
                stop.wait(_RETRY_SECONDS)
        return False

    def _decide(self, record: Record) -> None:
        started = self._parts.clock.monotonic()
        try:
            if record.offset in self._parts.skipped.get(record.place, ()):
                raise InvalidEvent("a person skipped it")
            together = self._decided.get((record.place, record.offset))
            event, outcomes = self._take_alone(record) if together is None else together
            self._wrote = self._wrote or any(not outcome.handled_before for outcome in outcomes)
        except TransientError:
            raise
        except InvalidEvent as error:
            self._dead_letter(record, error)
            self._failures.succeeded()
            return
        except Exception as error:  # noqa: BLE001 # a bug in a decision must not stop the other records (I6)
            self._dead_letter(record, error)
            if self._failures.failed():
                self._tripped = f"unexpected exceptions, the last one {reason_of(error)}"
            return
        self._failures.succeeded()
        self._count(outcomes)
        log.info(
            "record.handled",
            **self._place(record),
            event_id=event.id,
            event_type=event.type,
            doubles=sum(outcome.handled_before for outcome in outcomes),
            effects=sum(outcome.effects for outcome in outcomes),
            reasons=[reason for outcome in outcomes for reason in outcome.reasons],
            duration_ms=round((self._parts.clock.monotonic() - started) * 1000, 1),
        )

    def _take_alone(self, record: Record) -> tuple[Event, list[Outcome]]:
        event = decode(record)
        return event, [self._parts.inbox.take(event, key) for key in self._parts.processor.route(event)]

    def _count(self, outcomes: Sequence[Outcome]) -> None:
        name, metrics = self._parts.processor.name, self._parts.metrics
        for outcome in outcomes:
            said = "doubled" if outcome.handled_before else "decided"
            metrics.count("processor_records_total", processor=name, outcome=said)
            for reason in outcome.reasons:
                metrics.count("processor_decisions_total", processor=name, reason=reason)

    def _dead_letter(self, record: Record, error: Exception) -> None:
        self._parts.dead_letters.put(record, error)
        self._committed_at = None  # with this batch: read again, it would be put there again
        name = self._parts.processor.name
        self._parts.metrics.count("processor_records_total", processor=name, outcome="dead_lettered")
        log.error("record.dead_lettered", **self._place(record), reason=reason_of(error), error=digest_of(error))

    def _place(self, record: Record) -> dict[str, Any]:
        return {
            "processor": self._parts.processor.name,
            "topic": record.topic,
            "partition": record.partition,
            "offset": record.offset,
        }

    def _mark_progress(self, *, idle: bool) -> None:
        """Note up to when each partition has been read."""
        if idle and self._progress.is_due():
            asked_at = self._parts.clock.now()
            assigned = self._parts.consumer.assignment()
            self._progress.idle((place for place, at_end in assigned.items() if at_end), asked_at)
        if self._progress.is_due():
            self._write_progress()

    def _commit_is_due(self) -> bool:
        now = self._parts.clock.monotonic()
        return self._committed_at is None or now - self._committed_at >= _COMMIT_SECONDS

    def _settle(self) -> None:
        """Make what was decided durable, then commit the offsets of what was taken."""
        if self._wrote:
            self._write_progress()
        if self._taken:
            self._parts.consumer.commit(self._taken)
            self._taken.clear()
        self._committed_at = self._parts.clock.monotonic()

    def _try_to_settle(self) -> None:
        """At the end: what cannot be committed is read again."""
        with suppress(TransientError):
            self._settle()

    def _write_progress(self) -> None:
        """Write the marks; after decisions this is what makes them durable."""
        self._progress.write(durable=self._wrote)
        self._wrote = False


def _by_time(records: Sequence[Record]) -> Iterator[Record]:
    """Take what several partitions hold in the order it happened, each partition's own order kept.

    Decisions do not depend on it, but a backlog read so makes no detours: a call's registration comes before its events.
    """
    partitions: dict[TopicPartition, list[Record]] = {}
    for record in records:
        partitions.setdefault(record.place, []).append(record)
    return heapq.merge(*partitions.values(), key=lambda record: record.timestamp)
