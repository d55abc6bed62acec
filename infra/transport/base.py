"""The log between receiver, processors and subscribers: one small port over Kafka and the embedded log.

A topic has partitions; a record has an offset in its partition, its own place. Records with the same key go to the
same partition, in the order they were produced. A consumer group's *committed* offset is the NEXT record to read: a
member that dies before it commits has its records delivered again, to whoever owns the partition then. Delivery is at
least once; doubles are harmless because identity is semantic.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from schemas.envelope import Headers
from schemas.topics import Topic


@dataclass(frozen=True, slots=True, order=True)
class TopicPartition:
    topic: str
    partition: int


@dataclass(frozen=True, slots=True)
class Record:
    """An envelope at a place. `timestamp` is when it was produced, aware UTC."""

    topic: str
    partition: int
    offset: int
    timestamp: datetime
    key: bytes | None
    headers: Headers
    value: bytes

    @property
    def place(self) -> TopicPartition:
        return TopicPartition(self.topic, self.partition)


def record_bytes(key: bytes | None, headers: Headers, value: bytes) -> int:
    """Return the size that counts against a topic's `max_record_bytes`: key, header names, header values and value."""
    return len(key or b"") + len(value) + sum(len(name.encode()) + len(content) for name, content in headers)


class Producer(Protocol):
    """Writes records. Safe to share between threads."""

    def produce(self, topic: str, *, key: bytes | None, headers: Headers, value: bytes, timeout_seconds: float) -> None:
        """Return once the record is durable: acknowledged by all in-sync replicas, or fsynced.

        After an error the record may still land later (a double, never a loss).

        Raises:
            TransientError: not durable within `timeout_seconds`; a known outage answers at once.
            PermanentError: the topic does not exist, or the record is larger than it takes.
        """
        ...

    def ready(self) -> bool:
        """Whether a produce would be tried now: the log answers and no known outage is on. Never blocks for long."""
        ...

    def close(self, timeout_seconds: float = 5.0) -> None:
        """Flush and release. Produce after close raises PermanentError."""
        ...


class Consumer(Protocol):
    """One member of a consumer group. Belongs to one thread."""

    def poll(self, timeout_seconds: float, max_records: int = 500) -> Sequence[Record]:
        """Return the next records, in order within each partition; empty when there are none in time.

        Also keeps the membership alive: call it at least every 5 minutes.

        Raises:
            TransientError: the log does not answer; poll again.
        """
        ...

    def commit(self, offsets: Mapping[TopicPartition, int]) -> None:
        """Store the next offsets to read. A partition that is no longer ours is left alone, silently.

        Raises:
            TransientError: not stored; the records may be delivered again.
        """
        ...

    def seek(self, place: TopicPartition, offset: int) -> None:
        """Read an assigned partition from this offset on; one that is not assigned is left alone."""
        ...

    def assignment(self) -> Mapping[TopicPartition, bool]:
        """The partitions this member owns now, each with whether everything in it has been polled."""
        ...

    def close(self) -> None:
        """Leave the group, so that others take over at once. Poll after close raises PermanentError."""
        ...


class Transport(Protocol):
    """A log: makes producers and consumers, and reads at a place."""

    def producer(self) -> Producer:
        """Open a producer. Does not wait for the log to answer."""
        ...

    def consumer(self, group: str, topics: Sequence[str]) -> Consumer:
        """Join a group. A group without a committed offset starts at the oldest record.

        Raises:
            PermanentError: a topic does not exist.
        """
        ...

    def partitions(self, topic: str) -> int:
        """The number of partitions. Raises PermanentError for an unknown topic."""
        ...

    def end_offsets(self, topic: str) -> Mapping[TopicPartition, int]:
        """The offset that the next record of each partition will get."""
        ...

    def offset_at(self, place: TopicPartition, instant: datetime) -> int:
        """The offset of the first record produced at `instant` or later; the end when there is none."""
        ...

    def read(self, place: TopicPartition, offset: int, max_records: int = 500) -> Sequence[Record]:
        """Return records from `offset` on, without a group; the oldest still kept when that one is gone; empty at the end."""
        ...

    def create_topics(self, topics: Sequence[Topic] | None = None) -> Sequence[str]:
        """Make the topics (all of schemas.topics by default) that are missing; return the names of those made.

        Raises:
            ConfigurationError: some are missing and making them is not allowed; the text names them.
            TransientError: the log does not answer.
        """
        ...

    def topics(self) -> Sequence[str]:
        """The names of the topics that exist."""
        ...

    def close(self) -> None:
        """Release what the transport itself holds; producers and consumers are closed by their owners."""
        ...
