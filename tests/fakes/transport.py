"""The log in memory: keeps what is produced, and fails or hangs on request."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime

from infra.errors import PermanentError, TransientError
from infra.transport import Record, TopicPartition
from schemas.envelope import Headers
from schemas.topics import all_topics
from tests.fakes.clock import FakeClock


class FakeProducer:
    """Everything goes to partition 0. `hang` lets the whole time-out pass before it fails, by the clock's own time."""

    def __init__(self, records: dict[str, list[Record]], clock: FakeClock) -> None:
        self._records = records
        self._clock = clock
        self._error: Exception | None = None
        self._hangs = False
        self.closed = False

    def fail(self, error: Exception | None) -> None:
        """Raise this from every produce; None ends it."""
        self._error = error

    def hang(self, on: bool = True) -> None:
        """Answer nothing from now on."""
        self._hangs = on

    def produce(self, topic: str, *, key: bytes | None, headers: Headers, value: bytes, timeout_seconds: float) -> None:
        if self.closed:
            raise PermanentError("produce after close")
        if self._hangs:
            self._clock.sleep(timeout_seconds)
            raise TransientError("the log does not answer")
        if self._error is not None:
            raise self._error
        kept = self._records[topic]
        kept.append(Record(topic, 0, len(kept), datetime(2026, 1, 1, tzinfo=UTC), key, headers, value))

    def ready(self) -> bool:
        return not (self.closed or self._hangs or self._error)

    def close(self, timeout_seconds: float = 5.0) -> None:
        self.closed = True


class FakeTransport:
    """A log whose producers share its records; `records[topic]` is what arrived, in order."""

    def __init__(self, clock: FakeClock) -> None:
        self.records: dict[str, list[Record]] = defaultdict(list)
        self.outage: Exception | None = None
        self._made: list[str] = []
        self._clock = clock

    def producer(self) -> FakeProducer:
        return FakeProducer(self.records, self._clock)

    def create_topics(self) -> Sequence[str]:
        if self.outage is not None:
            raise self.outage
        missing = [topic.name for topic in all_topics() if topic.name not in self._made]
        self._made += missing
        return missing

    def topics(self) -> Sequence[str]:
        return [*self._made, *(name for name in self.records if name not in self._made)]

    def partitions(self, topic: str) -> int:
        return 1

    def end_offsets(self, topic: str) -> Mapping[TopicPartition, int]:
        return {TopicPartition(topic, 0): len(self.records[topic])}

    def offset_at(self, place: TopicPartition, instant: datetime) -> int:
        records = self.records[place.topic]
        return next((record.offset for record in records if record.timestamp >= instant), len(records))

    def read(self, place: TopicPartition, offset: int, max_records: int = 500) -> Sequence[Record]:
        return self.records[place.topic][offset : offset + max_records]

    def close(self) -> None:
        """Nothing is held."""
