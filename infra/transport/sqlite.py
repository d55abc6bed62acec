"""The embedded log: the transport for one machine, in one SQLite file, without a server.

What it does: records are fsynced before `produce` returns; several processes may write and read at once; consumer groups
have committed offsets, and a dead member's records go to another. What it does not do: a topic has one partition, so one
member of a group works and the others stand by; nothing is replicated, so the disk is the only copy; a network file
system will not do (SQLite's WAL needs shared memory); retention is applied when `create_topics` runs, not all the time.
Scaling out means Kafka.
"""

import sqlite3
from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path

from infra.clock import Clock
from infra.errors import PermanentError
from infra.transport import sqlite_log
from infra.transport.base import Record, TopicPartition
from infra.transport.sqlite_consumer import SqliteConsumer
from infra.transport.sqlite_log import SqliteLog, find_topic, on_connection
from infra.transport.sqlite_news import News
from infra.transport.sqlite_producer import SqliteProducer
from schemas.topics import Topic, all_topics


class SqliteTransport:
    """The log in the file at `path`, made when it is missing, readable by its owner alone.

    Raises:
        ConfigurationError: the file cannot be opened, is not a database, or is another program's.
    """

    def __init__(self, path: Path, clock: Clock) -> None:
        self._log = SqliteLog(path, clock)
        self._news = News(self._log)
        self._known: set[str] = set()  # topics that were there: they stay

    def producer(self) -> SqliteProducer:
        return SqliteProducer(self._log)

    def consumer(self, group: str, topics: Sequence[str]) -> SqliteConsumer:
        return SqliteConsumer(self._log, self._news, group, topics)

    def partitions(self, topic: str) -> int:
        if topic not in self._known:
            on_connection(self._log, "reading", lambda connection: find_topic(connection, topic))
            self._known.add(topic)
        return 1

    def end_offsets(self, topic: str) -> Mapping[TopicPartition, int]:
        def work(connection: sqlite3.Connection) -> int:
            return sqlite_log.end_offset(connection, find_topic(connection, topic))

        return {TopicPartition(topic, 0): on_connection(self._log, "reading", work)}

    def offset_at(self, place: TopicPartition, instant: datetime) -> int:
        _check_partition(place)

        def work(connection: sqlite3.Connection) -> int:
            return sqlite_log.offset_at(connection, find_topic(connection, place.topic), instant)

        return on_connection(self._log, "reading", work)

    def read(self, place: TopicPartition, offset: int, max_records: int = 500) -> Sequence[Record]:
        _check_partition(place)

        def work(connection: sqlite3.Connection) -> list[Record]:
            return sqlite_log.read(connection, find_topic(connection, place.topic), offset, max_records)

        return on_connection(self._log, "reading", work)

    def create_topics(self, topics: Sequence[Topic] | None = None) -> Sequence[str]:
        """Make the missing topics, and drop from each the records that are older than its retention."""
        wanted = all_topics() if topics is None else topics
        now = self._log.clock.now()

        def work(connection: sqlite3.Connection) -> list[str]:
            made = sqlite_log.create_topics(connection, wanted)
            for topic in wanted:
                oldest_ms = int((now - topic.retention).timestamp() * 1000)
                sqlite_log.drop_before(connection, find_topic(connection, topic.name), oldest_ms)
            return made

        return on_connection(self._log, "making topics in", work)

    def topics(self) -> Sequence[str]:
        def work(connection: sqlite3.Connection) -> list[str]:
            return [name for (name,) in connection.execute("SELECT name FROM topics ORDER BY name")]

        return on_connection(self._log, "reading", work)

    def close(self) -> None:
        """Nothing is held between calls."""


def _check_partition(place: TopicPartition) -> None:
    if place.partition != 0:
        raise PermanentError(f"there is no partition {place.partition} of {place.topic}")
