"""Consumer groups on the embedded log: one member of a group owns a topic by a lease, the others stand by."""

import sqlite3
from collections.abc import Mapping, Sequence

from infra.errors import PermanentError
from infra.transport.base import Record, TopicPartition
from infra.transport.sqlite_leases import Leases
from infra.transport.sqlite_log import (
    SqliteLog,
    StoredTopic,
    find_topic,
    has_from,
    on_connection,
    read,
    transaction,
    translated,
)
from infra.transport.sqlite_news import News

LEASE_LOOK_SECONDS = 0.5  # between two looks at the leases when nobody writes: a dead owner writes nothing


class SqliteConsumer:
    """One member of a group. Belongs to one thread of one process."""

    def __init__(self, log: SqliteLog, news: News, group: str, topics: Sequence[str]) -> None:
        def find(connection: sqlite3.Connection) -> list[StoredTopic]:
            return [find_topic(connection, name) for name in topics]

        self._log = log
        self._news = news
        self._group = group
        self._topics = on_connection(log, "joining a group of", find)
        self._positions: dict[StoredTopic, int] = {}  # of the topics that are ours; the next one to read comes first
        self._idle_edition: int | None = None  # of the news when there was nothing left to read
        self._look_at = 0.0
        self._opened: tuple[sqlite3.Connection, Leases] | None = None
        self._closed = False

    def poll(self, timeout_seconds: float, max_records: int = 500) -> Sequence[Record]:
        clock = self._log.clock
        deadline = clock.monotonic() + timeout_seconds
        with translated("polling"):
            while True:
                records = self._poll_once(max_records)
                left_seconds = deadline - clock.monotonic()
                if records or left_seconds <= 0:
                    return records
                self._news.wait(self._idle_edition, min(LEASE_LOOK_SECONDS, left_seconds))

    def commit(self, offsets: Mapping[TopicPartition, int]) -> None:
        with translated("committing to"):
            connection, leases = self._open()
            with transaction(connection):
                for topic in self._topics:
                    offset = offsets.get(TopicPartition(topic.name, 0))
                    if offset is not None and leases.renew(connection, topic):
                        connection.execute(
                            "INSERT INTO offsets VALUES (?, ?, ?)"
                            " ON CONFLICT DO UPDATE SET next_offset = excluded.next_offset",
                            (self._group, topic.id, offset),
                        )

    def seek(self, place: TopicPartition, offset: int) -> None:
        for topic in self._positions:
            if place == TopicPartition(topic.name, 0):
                self._positions[topic] = offset
                self._idle_edition = None

    def assignment(self) -> Mapping[TopicPartition, bool]:
        with translated("reading"):
            connection, _ = self._open()
            self._follow_leases()
            return {
                TopicPartition(topic.name, 0): not has_from(connection, topic, position)
                for topic, position in self._positions.items()
            }

    def close(self) -> None:
        self._closed = True
        if self._opened is not None:
            connection, leases = self._opened
            self._opened = None
            leases.give_back(connection)
            connection.close()
            self._news.leave()

    def _open(self) -> tuple[sqlite3.Connection, Leases]:
        if self._closed:
            raise PermanentError("the consumer is closed")
        if self._opened is None:
            self._opened = (self._log.connect(), Leases(self._log, self._group))
            self._news.join()
        return self._opened

    def _poll_once(self, max_records: int) -> list[Record]:
        """Read what is new. While nobody writes this costs next to nothing."""
        connection, leases = self._open()
        leases.touch()
        now = self._log.clock.monotonic()
        edition = self._news.edition()
        if edition == self._idle_edition and now < self._look_at:
            return []
        if len(self._positions) < len(self._topics) or now >= self._look_at:
            self._follow_leases()
            self._look_at = now + LEASE_LOOK_SECONDS
        records = self._read(connection, max_records)
        self._idle_edition = None if records else edition
        return records

    def _read(self, connection: sqlite3.Connection, max_records: int) -> list[Record]:
        """Read from each topic in turn; one that gave records goes to the end of the row."""
        records: list[Record] = []
        for topic, position in list(self._positions.items()):
            found = read(connection, topic, position, max_records - len(records))
            if found:
                del self._positions[topic]
                self._positions[topic] = found[-1].offset + 1
                records += found
            if len(records) >= max_records:
                break
        return records

    def _follow_leases(self) -> None:
        """Forget the topics that another member took, and begin those that became ours at the committed offset."""
        connection, leases = self._open()
        owned = leases.look(connection, self._topics)
        for topic in self._positions.keys() - owned:
            del self._positions[topic]
        for topic in self._topics:
            if topic in owned and topic not in self._positions:
                self._positions[topic] = self._committed(connection, topic)

    def _committed(self, connection: sqlite3.Connection, topic: StoredTopic) -> int:
        row = connection.execute(
            "SELECT next_offset FROM offsets WHERE grp = ? AND topic = ?", (self._group, topic.id)
        ).fetchone()
        return int(row[0]) if row else 0
