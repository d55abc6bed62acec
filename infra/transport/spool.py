"""A queue on the local disk for records that the log does not take in time: first in, first out, fsynced.

It is one SQLite file of the embedded log's kind, with three topics of its own: `waiting` for the queue, `aside` for records
that no topic takes and a person has to look at, `check` for the writes that tell whether it could be written. A record
leaves only by `remove`, so a crash at any point doubles a record at worst.
"""

import fcntl
import os
import shutil
import sqlite3
import stat
import threading
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TypeVar

from infra.clock import Clock
from infra.errors import ConfigurationError, TransientError
from infra.transport import sqlite_log
from infra.transport.base import Record
from infra.transport.sqlite_log import SqliteLog, find_topic, transaction, translated
from infra.transport.sqlite_producer import SqliteProducer
from schemas.envelope import Headers
from schemas.topics import MAX_RECORD_BYTES, Topic

MINIMUM_FREE_BYTES = 64 * 1024 * 1024  # half an hour of 20 events/s at 1.8 KB: time to react before events are refused
CHECK_SECONDS = 1.0  # for the write that tells whether the disk takes one; an fsync here takes 20 ms at the p99

_DESTINATION = "spool-topic"  # the first header of a waiting record: where it is to go
_T = TypeVar("_T")


def _topic(name: str) -> Topic:
    return Topic(
        name=name,
        purpose="Records on their way to the log",
        key="as in the log",
        restricted=True,
        retention=timedelta(days=14),  # not applied: nothing leaves but by `remove`
        personal_data="whatever the records hold",
        writers=("webhook_receiver",),
        readers=("webhook_receiver",),
        max_record_bytes=MAX_RECORD_BYTES + 1024,  # and the destination's header
    )


_WAITING, _ASIDE, _CHECK = (_topic(name) for name in ("waiting", "aside", "check"))
_TOPICS = {topic.name: topic for topic in (_WAITING, _ASIDE, _CHECK)}


@dataclass(frozen=True, slots=True)
class Spooled:
    """A record that waits, its place in the queue and the topic it is to go to."""

    offset: int
    topic: str
    key: bytes | None
    headers: Headers
    value: bytes


@dataclass(frozen=True, slots=True)
class SpoolState:
    """How full the spool is. `records` may count up to a batch too many while the queue is being emptied."""

    records: int
    aside: int
    size_bytes: int
    oldest_at: datetime | None


class SpoolTaken(ConfigurationError):
    """Another process that is running works with it."""


def lock_spool(path: Path) -> int:
    """Claim the spool at `path` for this process and its forks; return the descriptor that holds the lock until it is closed.

    The folder is made where it is missing, open to its owner alone.

    Raises:
        SpoolTaken: another process has it.
        ConfigurationError: the folder cannot be written.
    """
    lock = path.with_name(path.name + ".lock")
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        descriptor = os.open(lock, os.O_RDWR | os.O_CREAT, stat.S_IRUSR | stat.S_IWUSR)
    except OSError as error:
        raise ConfigurationError(f"the spool {path} cannot be made (SPOOL_PATH): {error.strerror}") from error
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        os.close(descriptor)
        raise SpoolTaken(
            f"the spool {path} belongs to another process that is running: give each one its own SPOOL_PATH"
        ) from error
    return descriptor


class Spool:
    """The queue in the file at `path`. Safe to share between threads; opens its connections in the process that uses it.

    Raises, on construction:
        ConfigurationError: the file cannot be opened, or is not a spool.
    """

    def __init__(
        self, path: Path, clock: Clock, free_bytes: Callable[[Path], int] = lambda path: shutil.disk_usage(path).free
    ) -> None:
        self._path = path
        self._clock = clock
        self._free_bytes = free_bytes
        self._lock = threading.Lock()
        self._connection: sqlite3.Connection | None = None
        self._log = self._open()
        self._inode = path.stat().st_ino
        self._producer = SqliteProducer(self._log)

    def put(self, topic: str, *, key: bytes | None, headers: Headers, value: bytes, timeout_seconds: float) -> None:
        """Return once the record is fsynced at the end of the queue. After an error it may still be there.

        Raises:
            TransientError: not in time; the disk is full or not to be written.
            PermanentError: the record is larger than any topic takes, or the spool is closed.
        """
        self._assert_file()
        marked = ((_DESTINATION, topic.encode()), *headers)
        self._producer.produce(_WAITING.name, key=key, headers=marked, value=value, timeout_seconds=timeout_seconds)

    def first(self, max_records: int) -> list[Spooled]:
        """Return the oldest records of the queue, in order. Raises TransientError."""
        read = self._work(
            "reading", lambda connection: sqlite_log.read(connection, _found(connection, _WAITING), 0, max_records)
        )
        return [_spooled(record) for record in read]

    def remove(self, offsets: Iterable[int]) -> None:
        """Forget records of the queue: they are in the log now. Raises TransientError, and then all of them stay."""

        def work(connection: sqlite3.Connection) -> None:
            waiting = _found(connection, _WAITING)
            with transaction(connection):
                connection.executemany(
                    "DELETE FROM records WHERE place = ?", [(waiting.place(offset),) for offset in offsets]
                )

        self._work("deleting from", work)

    def put_aside(self, offset: int) -> None:
        """Take a record out of the queue and keep it where it stops no other. Raises TransientError."""
        self._work("moving within", lambda connection: _move(connection, _WAITING, _ASIDE, offset))

    def take_back(self) -> int:
        """Put what was kept aside at the end of the queue, for another try; return how many. Raises TransientError."""

        def work(connection: sqlite3.Connection) -> int:
            aside = sqlite_log.read(connection, _found(connection, _ASIDE), 0, -1)
            for record in aside:
                _move(connection, _ASIDE, _WAITING, record.offset)
            return len(aside)

        return self._work("moving within", work)

    def check(self) -> None:
        """Write, fsync and delete a record, as an outage would need it.

        Raises:
            TransientError: the spool could not take a record now, or the disk is nearly full; the text says why.
        """
        self._assert_file()
        self._producer.produce(_CHECK.name, key=None, headers=(), value=b"", timeout_seconds=CHECK_SECONDS)
        self._work("deleting from", _delete_checks)
        if self.free_bytes() < MINIMUM_FREE_BYTES:
            raise TransientError(f"less than {MINIMUM_FREE_BYTES >> 20} MiB are free on the disk of the spool")

    def ready(self) -> bool:
        """Whether the last write went well, `check`'s included, and the file is still there."""
        with suppress(TransientError):
            self._assert_file()
            return self._producer.ready() and self._producer.went_well()
        return False

    def free_bytes(self) -> int:
        """How much the disk of the spool still takes. Raises TransientError."""
        try:
            return self._free_bytes(self._path.parent)
        except OSError as error:
            raise TransientError("the disk of the spool does not answer") from error

    def state(self) -> SpoolState:
        """Return how full it is, in the time of four index look-ups. Raises TransientError."""
        return self._work("reading", _state)

    def close(self, timeout_seconds: float = 5.0) -> None:
        """Release it. A put after this raises PermanentError."""
        self._producer.close(timeout_seconds)
        with self._lock:
            connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()

    def _open(self) -> SqliteLog:
        try:
            log = SqliteLog(self._path, self._clock)
            sqlite_log.on_connection(log, "opening", self._prepare)
        except (ConfigurationError, TransientError) as error:
            raise ConfigurationError(f"the spool cannot be used (SPOOL_PATH): {error}") from error
        return log

    def _prepare(self, connection: sqlite3.Connection) -> None:
        found = {name for (name,) in connection.execute("SELECT name FROM topics")}
        if found - _TOPICS.keys():
            raise ConfigurationError(f"{self._path} is the embedded log")
        if found != _TOPICS.keys():
            sqlite_log.create_topics(connection, tuple(_TOPICS.values()))

    def _assert_file(self) -> None:
        """A file that was deleted or replaced would take records and lose them with the process."""
        with suppress(OSError):
            if self._path.stat().st_ino == self._inode:
                return
        raise TransientError("the file of the spool is gone")

    def _work(self, doing: str, work: Callable[[sqlite3.Connection], _T]) -> _T:
        with self._lock, translated(doing):
            if self._connection is None:
                self._connection = self._log.connect()
            return work(self._connection)


def _found(connection: sqlite3.Connection, topic: Topic) -> sqlite_log.StoredTopic:
    return find_topic(connection, topic.name)


def _spooled(record: Record) -> Spooled:
    (_, destination), *headers = record.headers
    return Spooled(record.offset, destination.decode(), record.key, tuple(headers), record.value)


def _move(connection: sqlite3.Connection, source: Topic, target: Topic, offset: int) -> None:
    with transaction(connection):
        to = _found(connection, target)
        place = to.place(sqlite_log.end_offset(connection, to))
        connection.execute(
            "UPDATE records SET place = ? WHERE place = ?", (place, _found(connection, source).place(offset))
        )
        connection.execute("UPDATE topics SET next_offset = next_offset + 1 WHERE id = ?", (to.id,))


def _delete_checks(connection: sqlite3.Connection) -> None:
    check = _found(connection, _CHECK)
    connection.execute("DELETE FROM records WHERE place >= ? AND place < ?", (check.place(0), check.end_place))


def _state(connection: sqlite3.Connection) -> SpoolState:
    waiting = _found(connection, _WAITING)
    oldest = connection.execute(
        "SELECT place, at_ms FROM records WHERE place >= ? AND place < ? ORDER BY place LIMIT 1",
        (waiting.place(0), waiting.end_place),
    ).fetchone()
    end = waiting.place(sqlite_log.end_offset(connection, waiting))
    aside = _found(connection, _ASIDE)
    (kept_aside,) = connection.execute(
        "SELECT count(*) FROM records WHERE place >= ? AND place < ?", (aside.place(0), aside.end_place)
    ).fetchone()
    pages, free, page_bytes = (
        connection.execute(f"PRAGMA {name}").fetchone()[0] for name in ("page_count", "freelist_count", "page_size")
    )
    return SpoolState(
        records=end - oldest[0] if oldest else 0,
        aside=kept_aside,
        size_bytes=(pages - free) * page_bytes,
        oldest_at=datetime.fromtimestamp(oldest[1] / 1000, UTC) if oldest else None,
    )
