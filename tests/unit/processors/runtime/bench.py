"""A bench for the runtime: a processor that does as its records say, and an outside that fails as the test says."""

import json
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, ClassVar

from sqlalchemy import Connection, Engine, select

from infra.database.engine import open_database, reading
from infra.database.tables import effects, metadata, progress, states
from infra.transport import Record, TopicPartition
from processors.base import Decision, Event
from processors.commands import AskRecordings, Command, PublishEvent, PutChatMessage, Tell, WakeAt
from processors.runtime.brake import Brake
from processors.runtime.performers import Performer
from processors.runtime.runner import Member, World
from schemas.envelope import Envelope
from schemas.errors import InvalidEvent
from schemas.topics import WEBHOOKS, dead_letter
from tests.fakes.clock import FakeClock
from tests.fakes.metrics import RecordingMetrics
from tests.fakes.transport import FakeTransport

BEGIN = datetime(2026, 1, 1, tzinfo=UTC)
PLACE = TopicPartition(WEBHOOKS.name, 0)
TYPE = "test.happened"
DEAD_LETTERS = dead_letter(WEBHOOKS.name, "obedient").name


@dataclass(slots=True)
class Notes:
    """What was heard under one key."""

    heard: list[str] = field(default_factory=list)


def chat(revision: int, text: str = "") -> Command:
    """Show a text in the one slot."""
    return PutChatMessage("conversation", "slot", revision, text or f"text {revision}")


def ask(attempt: int, session: str = "session") -> Command:
    """Ask about a session: effects that report back, in order per session."""
    return AskRecordings(session, attempt)


def publish(number: int, key: str = "k") -> Command:
    """Publish to one meeting's stream."""
    return PublishEvent("call-events", f"event-{number}", "noted", "/test", BEGIN, key, key, "{}")


class Obedient:
    """Asks for what a record says by name; "invalid" and "bug" are what it chokes on."""

    name: ClassVar[str] = "obedient"
    topics: ClassVar[tuple[str, ...]] = (WEBHOOKS.name,)
    types: ClassVar[frozenset[str]] = frozenset({TYPE})
    state_type: type[Notes] = Notes
    state_version: ClassVar[int] = 1

    def __init__(self) -> None:
        self.orders: dict[str, Sequence[Command]] = {}
        self.chokes_on: dict[str, Callable[[], Exception]] = {}

    def route(self, event: Event) -> Sequence[str]:
        return [str(event.data["key"])]

    def decide(self, event: Event, state: Notes | None) -> Decision[Notes]:
        heard = str(event.data.get("say", event.type))
        if heard in self.chokes_on:
            raise self.chokes_on[heard]()
        decision = Decision(state or Notes(), reasons=["noted"])
        decision.state.heard.append(heard)
        decision.commands += self.orders.get(heard, ())
        return decision


class Outside:
    """Performs everything, and notes it; `errors` are raised first, one a try; `work` is called in between."""

    def __init__(self) -> None:
        self.performed: list[Any] = []
        self.tried = 0
        self.errors: dict[str, list[Exception]] = {}
        self.work: Callable[[Any], None] = lambda _: None

    def perform(self, command: Any) -> Mapping[str, Any]:
        self.tried += 1
        waiting = self.errors.get(command.key, [])
        if waiting:
            raise waiting.pop(0)
        self.work(command)
        self.performed.append(command)
        return {"answer": "found"}

    def record(self, connection: Connection, command: Any, result: Mapping[str, Any]) -> None:
        """Nothing to write beside the effect."""


class ListConsumer:
    """Reads a list of records; `committed` is the group's offset, `on_commit` what happens on the way there."""

    def __init__(self, records: list[Record]) -> None:
        self.records = records
        self.committed = 0
        self.next = 0
        self.on_poll: Callable[[], None] = lambda: None
        self.on_commit: Callable[[], None] = lambda: None

    def poll(self, timeout_seconds: float, max_records: int = 500) -> Sequence[Record]:
        self.on_poll()
        records = self.records[self.next : self.next + max_records]
        self.next += len(records)
        return records

    def commit(self, offsets: Mapping[TopicPartition, int]) -> None:
        self.on_commit()
        self.committed = offsets[PLACE]

    def seek(self, place: TopicPartition, offset: int) -> None:
        self.next = offset

    def assignment(self) -> Mapping[TopicPartition, bool]:
        return {PLACE: self.next == len(self.records)}

    def close(self) -> None:
        """Nothing to leave."""


class LogOf(FakeTransport):
    """A log whose one consumer reads the bench's records."""

    def __init__(self, clock: FakeClock, consumer: ListConsumer) -> None:
        super().__init__(clock)
        self._consumer = consumer

    def consumer(self, group: str, topics: Sequence[str]) -> ListConsumer:
        return self._consumer


class Bench:
    """One processor in one process, stepped by hand, on a database in a folder."""

    def __init__(self, folder: Path) -> None:
        self.clock = FakeClock(BEGIN)
        self.engine: Engine = open_database(f"sqlite:///{folder / 'processors.db'}")
        metadata.create_all(self.engine)
        self.processor = Obedient()
        self.outside = Outside()
        self.metrics = RecordingMetrics()
        self.consumer = ListConsumer([])
        self.transport = LogOf(self.clock, self.consumer)
        self.producer = self.transport.producer()
        self.stop = threading.Event()
        self.restart()

    def restart(self) -> None:
        """A new process on the same database and log."""
        self.consumer.next = self.consumer.committed
        self.member = Member(self.processor, self.world())
        self.loop, self.worker = self.member.consumer_loop(self.consumer), self.member.worker

    def world(self) -> World:
        kinds = (PublishEvent, PutChatMessage, AskRecordings)
        performers: dict[str, Performer[Any]] = {command.kind: self.outside for command in kinds}
        return World(
            engine=self.engine,
            transport=self.transport,
            producer=self.producer,
            performers=performers,
            metrics=self.metrics,
            clock=self.clock,
        )

    def hear(self, *says: str, key: str = "k") -> None:
        """Let records come that say these words, and the consumer take them."""
        for say in says:
            self.add(say, key)
        self.loop.run_once(self.stop)

    def add(self, say: str, key: str = "k", at: datetime | None = None) -> Record:
        """Put a record at the end of the log."""
        offset = len(self.consumer.records)
        data = json.dumps({"key": key, "say": say}).encode()
        envelope = Envelope(id=f"{say}-{offset}", source="/test", type=TYPE, data=data)
        return self.add_raw(envelope.headers(), data, at)

    def add_raw(self, headers: Sequence[tuple[str, bytes]], value: bytes, at: datetime | None = None) -> Record:
        """Put any bytes at the end of the log."""
        record = Record(PLACE.topic, 0, len(self.consumer.records), at or self.clock.now(), b"k", tuple(headers), value)
        self.consumer.records.append(record)
        return record

    def work(self, seconds: float = 0) -> None:
        """Let time pass, then perform whatever is due, and what follows from it."""
        self.clock.advance(seconds)
        while self.worker.run_due():
            pass

    def heard(self, key: str = "k") -> list[str]:
        """What the processor keeps of one key."""
        with reading(self.engine) as connection:
            document = connection.execute(select(states.c.document).where(states.c.key == key)).scalar()
        return [] if document is None else list(json.loads(document)["heard"])

    def statuses(self) -> list[str]:
        """The status of every effect, in the order they were asked for."""
        with reading(self.engine) as connection:
            return list(connection.execute(select(effects.c.status).order_by(effects.c.position)).scalars())

    def effect(self, number: int = 0) -> Any:
        """One effect as it is stored."""
        with reading(self.engine) as connection:
            return connection.execute(select(effects).order_by(effects.c.position)).all()[number]

    def read_until(self) -> datetime | None:
        """How far the processor says that it has read."""
        with reading(self.engine) as connection:
            return connection.execute(select(progress.c.read_until)).scalar()

    def brake(self) -> Brake:
        return Brake(self.engine, self.processor.name, self.clock)

    def dead_letters(self) -> list[Record]:
        return list(self.transport.records[DEAD_LETTERS])


def wake(minutes: float) -> Command:
    """Come back so long after the beginning."""
    return WakeAt(BEGIN + timedelta(minutes=minutes), "later", "k")


def tell(key: str) -> Command:
    """Hand a word to another key."""
    return Tell(key, "word", "event", {"say": "told"})


def invalid() -> InvalidEvent:
    """What a decision raises about a record that is not what its type promises."""
    return InvalidEvent("it is not what it promises")
