"""Run processors: a consumer and a worker each, until told to stop or braked."""

import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import structlog
from sqlalchemy import Engine

from infra.clock import Clock
from infra.metrics import Metrics
from infra.transport import Producer, Transport
from processors.base import Processor
from processors.runtime.brake import Brake
from processors.runtime.consumer import ConsumerLoop, Parts
from processors.runtime.dead_letters import DeadLetters
from processors.runtime.endings import Endings
from processors.runtime.health import Health, health_file
from processors.runtime.inbox import Inbox
from processors.runtime.outbox import Outbox
from processors.runtime.performers import Performer
from processors.runtime.ready import Ready
from processors.runtime.skips import Skips
from processors.runtime.together import Together
from processors.runtime.upkeep import Upkeep
from processors.runtime.watch import Watch
from processors.runtime.worker import Tools, Worker
from schemas.errors import PipelineError

log = structlog.get_logger(__name__)

_LOOK_SECONDS = 0.2  # how late the end of a braked processor is noticed
CONCURRENCY = 8  # effects of one processor at a time: enough for a burst of downloads, few enough for one machine


@dataclass(frozen=True, slots=True)
class World:
    """What processors run on."""

    engine: Engine
    transport: Transport
    producer: Producer
    performers: Mapping[str, Performer[Any]]
    clock: Clock
    metrics: Metrics
    health_file: str | None = None  # with {processor} in it


class Member:
    """One processor in this process: a member of its consumer group, and a worker."""

    def __init__(self, processor: Processor[Any], world: World) -> None:
        self._processor = processor
        self._world = world
        self._brake = Brake(world.engine, processor.name, world.clock)
        outbox = Outbox(world.engine, processor.name, world.clock)
        ready = Ready(outbox, CONCURRENCY)
        self._inbox = Inbox(world.engine, processor, world.clock, asked=ready.lease_due)
        self._together = Together(world.engine, processor, world.clock, asked=ready.lease_due)
        self._health = Health(health_file(world.health_file, processor.name), world.clock)
        watch = Watch(processor.name, world.clock, world.metrics)
        self.upkeep = Upkeep(world.engine, processor, world.clock, world.metrics, watch)
        self.worker = Worker(
            Tools(
                processor=processor,
                performers=world.performers,
                outbox=outbox,
                ready=ready,
                endings=Endings(
                    world.engine, outbox, self._inbox, self._together, world.clock, ready=ready, said=self._say
                ),
                brake=self._brake,
                clock=world.clock,
                metrics=world.metrics,
                partitions=self._count_partitions,
                watch=watch,
                alive=lambda: self._health.beat("worker"),
            ),
        )

    def check(self) -> None:
        """Raise BrakedError while a person must resume it first."""
        self._brake.check()

    def consume(self, stop: threading.Event) -> None:
        """Be a member of the group until told to stop."""
        consumer = self._world.transport.consumer(self._processor.name, self._processor.topics)
        try:
            self.consumer_loop(consumer).run(stop)
        finally:
            consumer.close()

    def consumer_loop(self, consumer: Any) -> ConsumerLoop:
        """The loop over an open consumer; tests step through it."""
        return ConsumerLoop(
            Parts(
                processor=self._processor,
                consumer=consumer,
                inbox=self._inbox,
                together=self._together,
                dead_letters=DeadLetters(self._world.producer, self._processor.name),
                brake=self._brake,
                engine=self._world.engine,
                clock=self._world.clock,
                metrics=self._world.metrics,
                alive=lambda: self._health.beat("consumer"),
                skipped=Skips(self._world.engine, self._processor.name).all(),
            )
        )

    def _say(self, reasons: Sequence[str]) -> None:
        """Count and log why decisions about the ends of effects came out as they did."""
        for reason in reasons:
            self._world.metrics.count("processor_decisions_total", processor=self._processor.name, reason=reason)
            log.info("effect.decided", processor=self._processor.name, reason=reason)

    def _count_partitions(self) -> int:
        return sum(self._world.transport.partitions(topic) for topic in self._processor.topics)


def run(processors: Iterable[Processor[Any]], world: World, stop: threading.Event) -> list[str]:
    """Run them side by side until `stop`, or until none is left; return the reasons of those that ended before that."""
    running = [_Running(processor, world) for processor in processors]
    while any(one.is_alive() for one in running) and not stop.is_set():
        stop.wait(_LOOK_SECONDS)
    for one in running:
        one.stop.set()
    for one in running:
        one.join()
    return [reason for one in running for reason in one.failures]


class _Running:
    """A member's threads: when one ends, so do the others."""

    def __init__(self, processor: Processor[Any], world: World) -> None:
        self.stop = threading.Event()
        self.failures: list[str] = []
        self._lock = threading.Lock()
        self._name = processor.name
        member = Member(processor, world)
        self._threads = [
            threading.Thread(target=self._guard, args=(member.check, work), name=f"{processor.name}-{role}")
            for role, work in (
                ("consumer", member.consume),
                ("worker", member.worker.run),
                ("upkeep", member.upkeep.run),
            )
        ]
        for thread in self._threads:
            thread.start()

    def is_alive(self) -> bool:
        return any(thread.is_alive() for thread in self._threads)

    def join(self) -> None:
        for thread in self._threads:
            thread.join()

    def _guard(self, check: Callable[[], None], work: Callable[[threading.Event], None]) -> None:
        try:
            check()
            work(self.stop)
        except PipelineError as error:
            self._fail(str(error))
        except Exception as error:
            log.exception("processor.failed", processor=self._name)
            self._fail(f"{self._name} ended by {type(error).__name__}: see the log")
        finally:
            self.stop.set()

    def _fail(self, reason: str) -> None:
        with self._lock:
            if reason not in self.failures:
                log.error("processor.stopped", processor=self._name, reason=reason)
                self.failures.append(reason)
