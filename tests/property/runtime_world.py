"""A small world for the runtime's property test: a processor, an outside that keeps what it was given, and crashes."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, ClassVar

from sqlalchemy import Connection, Engine, delete, select

from infra.database.engine import open_database, reading, writing
from infra.database.tables import effects, metadata, states
from infra.errors import TransientError
from infra.transport import Record, TopicPartition
from processors.base import Decision, Event
from processors.commands import PublishEvent, PutChatMessage, Tell, WakeAt
from processors.runtime.runner import Member, World
from schemas.envelope import Envelope
from schemas.topics import WEBHOOKS
from tests.fakes.clock import FakeClock
from tests.fakes.metrics import RecordingMetrics
from tests.fakes.transport import FakeProducer

BEGIN = datetime(2026, 1, 1, tzinfo=UTC)
PLACE = TopicPartition(WEBHOOKS.name, 0)


class Crash(BaseException):
    """The process is killed here."""


@dataclass(slots=True)
class Facts:
    """Everything seen under one key; `total` was told by other keys."""

    seen: list[int] = field(default_factory=list)
    woken: list[int] = field(default_factory=list)
    told: list[int] = field(default_factory=list)
    posted: bool = False
    revision: int = 0


class Collector:
    """Notes numbers; publishes each, shows their sorted list in a chat slot, wakes for each, and tells key `all`."""

    name: ClassVar[str] = "collector"
    topics: ClassVar[tuple[str, ...]] = (WEBHOOKS.name,)
    types: ClassVar[frozenset[str]] = frozenset({"number"})
    state_type: type[Facts] = Facts
    state_version: ClassVar[int] = 1

    def route(self, event: Event) -> Sequence[str]:
        return [str(event.data["key"])]

    def decide(self, event: Event, state: Facts | None) -> Decision[Facts]:
        decision = Decision(state or Facts())
        facts = decision.state
        if event.type == "number":
            self._note(decision, int(event.data["number"]), str(event.data["key"]))
        elif event.type == "timer.later":
            facts.woken = sorted({*facts.woken, event.data["number"]})
        elif event.type == "told.number":
            facts.told = sorted({*facts.told, event.data["number"]})
        elif event.type == "done.put_chat_message":
            facts.posted = True
        return decision

    def _note(self, decision: Decision[Facts], number: int, key: str) -> None:
        facts = decision.state
        facts.seen = sorted({*facts.seen, number})
        facts.revision += 1
        text = f"{key}: {facts.seen}"
        at = BEGIN + timedelta(minutes=number)
        event_id = f"{key}-{number}"
        decision.commands += [
            PublishEvent("call-events", event_id, "noted", "/test", at, key, key, json.dumps({"number": number})),
            PutChatMessage(key, "slot", facts.revision, text),
            WakeAt(at, "later", key, {"number": number}),
            Tell("all", "number", event_id, {"number": number}),
        ]


class Outside:
    """What people and subscribers see. It survives every crash."""

    def __init__(self) -> None:
        self.chat: dict[str, tuple[int, str]] = {}
        self.published: dict[str, str] = {}
        self.fail_next = False

    def visible(self) -> tuple[dict[str, str], dict[str, str]]:
        return {slot: text for slot, (_, text) in self.chat.items()}, dict(self.published)


class Performing:
    """A performer that can be killed before or after its effect shows."""

    def __init__(self, world: "Trial") -> None:
        self._world = world

    def perform(self, command: PublishEvent | PutChatMessage) -> Mapping[str, Any]:
        self._world.fault("before effect")
        if self._world.outside.fail_next:
            self._world.outside.fail_next = False
            raise TransientError("not now")
        if isinstance(command, PublishEvent):
            self._world.outside.published[command.event_id] = command.data
        else:
            shown = self._world.outside.chat.get(command.conversation_id, (0, ""))
            if command.revision > shown[0]:
                self._world.outside.chat[command.conversation_id] = (command.revision, command.text)
        self._world.fault("after effect")
        return {"message_id": "m"}

    def record(self, connection: Connection, command: object, result: Mapping[str, Any]) -> None:
        self._world.fault("before commit of a result")


class TrialConsumer:
    """Reads the trial's records from the committed offset."""

    def __init__(self, trial: "Trial") -> None:
        self._trial = trial
        self._next = trial.committed

    def poll(self, timeout_seconds: float, max_records: int = 500) -> Sequence[Record]:
        records = self._trial.records[self._next : self._next + 2]
        self._next += len(records)
        return records

    def commit(self, offsets: Mapping[TopicPartition, int]) -> None:
        self._trial.fault("before commit of an offset")
        self._trial.committed = offsets[PLACE]
        self._trial.fault("after commit of an offset")

    def seek(self, place: TopicPartition, offset: int) -> None:
        self._next = offset

    def assignment(self) -> Mapping[TopicPartition, bool]:
        return {PLACE: self._next == len(self._trial.records)}

    def close(self) -> None:
        """Nothing to leave."""


class Trial:
    """One run of the runtime over given records, killed at given fault points, each counted once.

    It runs on the database of `engine`, emptied first, or on one in memory.
    """

    def __init__(self, numbers: Sequence[tuple[str, int]], faults: Sequence[int], engine: Engine | None = None) -> None:
        self.records = [_record(offset, key, number) for offset, (key, number) in enumerate(numbers)]
        self.committed = 0
        self.outside = Outside()
        self.clock = FakeClock(BEGIN)
        self._faults = list(faults)
        self._passed = 0
        self.engine: Engine = open_database("sqlite:///:memory:") if engine is None else engine
        metadata.create_all(self.engine)
        _empty(self.engine)
        self.start()

    def fault(self, _where: str) -> None:
        """A point where the process may be killed."""
        self._passed += 1
        if self._faults and self._passed >= self._faults[0]:
            self._faults.pop(0)
            self._passed = 0
            raise Crash

    def start(self) -> None:
        """A new process on the same database and log."""
        performing = Performing(self)
        world = World(
            engine=self.engine,
            transport=_OneTopic(),
            producer=FakeProducer({}, self.clock),
            performers={PublishEvent.kind: performing, PutChatMessage.kind: performing},
            clock=self.clock,
            metrics=RecordingMetrics(),
        )
        member = Member(Collector(), world)
        self.loop, self.worker = member.consumer_loop(TrialConsumer(self)), member.worker

    def state(self) -> dict[str, Any]:
        """What the processor knows at the end, revisions apart: they tell how often it changed its mind."""
        with reading(self.engine) as connection:
            rows = connection.execute(select(states.c.key, states.c.document)).all()
        documents = {row.key: json.loads(row.document) for row in rows}
        return {key: {**document, "revision": None} for key, document in documents.items()}

    def unfinished(self) -> int:
        with reading(self.engine) as connection:
            waiting = select(effects.c.position).where(effects.c.status.in_(("pending", "leased")))
            return len(connection.execute(waiting).all())


def _empty(engine: Engine) -> None:
    with writing(engine) as connection:
        for table in metadata.tables.values():
            connection.execute(delete(table))


class _OneTopic:
    def partitions(self, topic: str) -> int:
        return 1


def _record(offset: int, key: str, number: int) -> Record:
    data = json.dumps({"key": key, "number": number}).encode()
    envelope = Envelope(id=f"{key}-{number}", source="/test", type="number", data=data)
    return Record(PLACE.topic, 0, offset, BEGIN, key.encode(), envelope.headers(), data)
