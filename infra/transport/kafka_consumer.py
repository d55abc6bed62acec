"""One member of a Kafka consumer group, by kafka-python 3.0.12 without its pause and resume (they can park a partition
for good) and without a wait that has no end."""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any

from kafka import KafkaConsumer, OffsetAndMetadata
from kafka import TopicPartition as KafkaPlace
from kafka import errors as kafka_errors
from kafka.coordinator.assignors.range import RangePartitionAssignor

from infra.errors import PermanentError
from infra.transport.base import Record, TopicPartition
from infra.transport.kafka_cluster import translated

COMMIT_MS = 3000  # a commit takes 5 ms; without a coordinator it would be tried for ever
CLOSE_MS = 3000  # leaving the group in order, or not at all
END_MS = 1000  # asking for the end of all partitions takes a few ms
CONNECT_MS = 3000  # then poll says that Kafka does not answer
SETTINGS: Mapping[str, Any] = {
    "auto_offset_reset": "earliest",
    "enable_auto_commit": False,
    "allow_auto_create_topics": False,
    "session_timeout_ms": 10_000,  # how long a dead member blocks the others; its heart beats in a thread of its own
    "heartbeat_interval_ms": 3000,  # three within a session, as Kafka recommends
    "max_poll_interval_ms": 300_000,  # the port's "at least every 5 minutes"
    # Range: one member gets the same partition number of every topic, so a meeting's records meet in one process.
    "partition_assignment_strategy": (RangePartitionAssignor,),
    "metadata_max_age_ms": 30_000,  # a change of partitions is seen, and the group shared out anew, within this
    "reconnect_backoff_max_ms": 500,  # the default, 30 s, would sleep on after the broker's return
    "bootstrap_timeout_ms": CONNECT_MS,
    "metrics_enabled": False,
}
_LOST = (kafka_errors.CommitFailedError, kafka_errors.IllegalGenerationError, kafka_errors.UnknownMemberIdError)


class KafkaLogConsumer:
    """Joins its group with the first poll. Belongs to one thread of one process."""

    def __init__(self, settings: Mapping[str, Any], group: str, topics: Sequence[str]) -> None:
        self._settings = settings
        self._group = group
        self._topics = topics
        self._consumer: KafkaConsumer | None = None
        self._polled_until: dict[KafkaPlace, int] = {}  # the end of each partition that we were found to have reached
        self._closed = False

    def poll(self, timeout_seconds: float, max_records: int = 500) -> Sequence[Record]:
        with translated("reading from"):
            found = self._open().poll(timeout_ms=int(1000 * timeout_seconds), max_records=max_records)
            return [record(raw) for records in found.values() for raw in records]

    def commit(self, offsets: Mapping[TopicPartition, int]) -> None:
        with translated("committing to"):
            consumer = self._open()
            owned = consumer.assignment()
            wanted = {_kafka_place(place): OffsetAndMetadata(offset, "", -1) for place, offset in offsets.items()}
            wanted = {place: offset for place, offset in wanted.items() if place in owned}
            if wanted:
                with suppress(*_LOST):  # the group went on without us: whoever owns them now reads them again
                    consumer.commit(wanted, timeout_ms=COMMIT_MS)

    def seek(self, place: TopicPartition, offset: int) -> None:
        with translated("seeking in"):
            consumer = self._open()
            self._polled_until.pop(_kafka_place(place), None)
            if _kafka_place(place) in consumer.assignment():
                consumer.seek(_kafka_place(place), offset)

    def assignment(self) -> Mapping[TopicPartition, bool]:
        """As the port says; costs one question to the brokers (a few ms). When they do not answer, nothing is at its end."""
        with translated("asking"):
            consumer = self._open()
            owned = sorted(consumer.assignment())
            self._polled_until = {place: end for place, end in self._polled_until.items() if place in owned}
            try:
                ends = consumer.end_offsets(owned, timeout_ms=END_MS) if owned else {}
                return {
                    TopicPartition(place.topic, place.partition): self._has_reached(consumer, place, ends.get(place))
                    for place in owned
                }
            except kafka_errors.KafkaError:
                return {TopicPartition(place.topic, place.partition): False for place in owned}

    def _has_reached(self, consumer: KafkaConsumer, place: KafkaPlace, end: int | None) -> bool:
        """Whether everything before `end` has been polled. The client's own position costs it a look at all partitions."""
        if end is None or self._polled_until.get(place) == end:
            return end is not None
        position = consumer.position(place, timeout_ms=END_MS)
        if position is None or position < end:
            return False
        self._polled_until[place] = end
        return True

    def close(self) -> None:
        self._closed = True
        consumer, self._consumer = self._consumer, None
        if consumer is not None:
            with suppress(kafka_errors.KafkaError, OSError):  # the session runs out by itself
                consumer.close(autocommit=False, timeout_ms=CLOSE_MS)

    def _open(self) -> KafkaConsumer:
        if self._closed:
            raise PermanentError("the consumer is closed")
        if self._consumer is None:
            self._consumer = self._connect()
        return self._consumer

    def _connect(self) -> KafkaConsumer:
        consumer = KafkaConsumer(*self._topics, group_id=self._group, **self._settings, **SETTINGS)
        try:
            for topic in self._topics:  # one that leads the group before it knows the partitions assigns none at first
                consumer.partitions_for_topic(topic)
        except BaseException:
            consumer.close(autocommit=False, timeout_ms=0)
            raise
        return consumer


def record(raw: Any) -> Record:
    """Return a record of the client's as ours."""
    return Record(
        topic=raw.topic,
        partition=raw.partition,
        offset=raw.offset,
        timestamp=datetime.fromtimestamp(raw.timestamp / 1000, UTC),
        key=raw.key,
        headers=tuple((name, content or b"") for name, content in raw.headers),
        value=raw.value or b"",
    )


def _kafka_place(place: TopicPartition) -> KafkaPlace:
    return KafkaPlace(place.topic, place.partition)
