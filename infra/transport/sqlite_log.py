"""An append-only log in one SQLite file: the core of the embedded transport and of the receiver's spool.

Records of a topic have contiguous offsets from 0. A record is one row whose rowid is topic and offset together, so that
reading on from a place is a range scan without an index of its own.
"""

import json
import math
import os
import sqlite3
import stat
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TypeVar
from urllib.parse import quote

from infra.clock import Clock
from infra.errors import ConfigurationError, PermanentError, TransientError
from infra.transport.base import Record
from schemas.envelope import Headers
from schemas.topics import Topic

APPLICATION_ID = 0x7A6C6F67  # "zlog" in SQLite's header: tells our file from another program's database
SCHEMA_VERSION = 1
BUSY_SECONDS = 5.0  # how long one statement waits for another process's transaction
CHECKPOINT_PAGES = 4000  # 16 MiB of WAL: a checkpoint's fsyncs are rare enough not to show in the p99 (lab, section 7)
READ_BYTES = 16 * 1024 * 1024  # one read returns at most about this much, so a batch of largest records stays in memory
_TOPIC_BITS = 40  # offsets below 2**40 per topic: 30 years at 1,000 records a second
_LAST = 1 << _TOPIC_BITS

_SCHEMA = """
CREATE TABLE topics (
    id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, max_record_bytes INTEGER NOT NULL, next_offset INTEGER NOT NULL);
CREATE TABLE records (
    place INTEGER PRIMARY KEY, at_ms INTEGER NOT NULL, key BLOB, headers TEXT NOT NULL, value BLOB NOT NULL);
CREATE TABLE offsets (
    grp TEXT NOT NULL, topic INTEGER NOT NULL, next_offset INTEGER NOT NULL, PRIMARY KEY (grp, topic)) WITHOUT ROWID;
CREATE TABLE leases (
    grp TEXT NOT NULL, topic INTEGER NOT NULL, member TEXT NOT NULL, expires_at_ms INTEGER NOT NULL,
    PRIMARY KEY (grp, topic)) WITHOUT ROWID;
"""

_IN_WORDS = {
    "SQLITE_FULL": "its disk is full (SQLITE_FULL)",
    "SQLITE_BUSY": "another program has locked it (SQLITE_BUSY)",
    "SQLITE_READONLY": "it may only be read (SQLITE_READONLY)",
}

_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class StoredTopic:
    """A topic as the file knows it."""

    id: int
    name: str
    max_record_bytes: int

    def place(self, offset: int) -> int:
        """The rowid of the record at an offset."""
        return (self.id << _TOPIC_BITS) + offset

    @property
    def end_place(self) -> int:
        """The rowid behind the last one that the topic can have."""
        return self.place(_LAST)


@dataclass(frozen=True, slots=True)
class NewRecord:
    """A record on its way into a topic."""

    topic: StoredTopic
    key: bytes | None
    headers: Headers
    value: bytes


class SqliteLog:
    """The file and what one does with it on a connection of one's own. Opens per process, so it survives a fork.

    Raises, on construction:
        ConfigurationError: the file cannot be opened, is not a database, or is another program's.
    """

    def __init__(self, path: Path, clock: Clock) -> None:
        self.path = path
        self.clock = clock
        with translated("opening"):
            self._prepare()

    def connect(self, *, durable: bool = False) -> sqlite3.Connection:
        """Open a connection in autocommit; a `durable` one fsyncs each commit. Use it in one thread at a time."""
        address = f"file:{quote(str(self.path))}?mode=rw"
        connection = sqlite3.connect(
            address, uri=True, timeout=BUSY_SECONDS, isolation_level=None, check_same_thread=False
        )
        try:
            connection.execute(f"PRAGMA synchronous = {'FULL' if durable else 'NORMAL'}")
            connection.execute(f"PRAGMA wal_autocheckpoint = {CHECKPOINT_PAGES}")
        except sqlite3.Error:
            connection.close()
            raise
        return connection

    def now_ms(self) -> int:
        return int(self.clock.now().timestamp() * 1000)

    def _prepare(self) -> None:
        """Make the file (readable by its owner alone) and its tables where they are missing."""
        try:
            descriptor = os.open(self.path, os.O_RDONLY | os.O_CREAT, stat.S_IRUSR | stat.S_IWUSR)
        except OSError as error:
            raise ConfigurationError(f"the log {self.path} cannot be opened: {error.strerror}") from error
        os.close(descriptor)
        try:
            with closing(self.connect()) as connection:
                if not self._is_ours(connection):
                    self._create(connection)
        except sqlite3.DatabaseError as error:
            if getattr(error, "sqlite_errorcode", None) == sqlite3.SQLITE_NOTADB:
                raise ConfigurationError(f"the log {self.path} is not an SQLite database") from error
            raise

    def _is_ours(self, connection: sqlite3.Connection) -> bool:
        """Whether the tables are there. Raises ConfigurationError for a file of another program or version."""
        (application,) = connection.execute("PRAGMA application_id").fetchone()
        (version,) = connection.execute("PRAGMA user_version").fetchone()
        (tables,) = connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
        if (application, tables) == (0, 0):
            return False
        if application != APPLICATION_ID:
            raise ConfigurationError(f"the log {self.path} is the database of another program")
        if version != SCHEMA_VERSION:
            raise ConfigurationError(f"the log {self.path} was written by another version of this program")
        return True

    def _create(self, connection: sqlite3.Connection) -> None:
        deadline = self.clock.monotonic() + BUSY_SECONDS
        while not self._enter_wal(connection) and self.clock.monotonic() < deadline:
            self.clock.sleep(0.02)  # seconds; SQLite does not wait here when two processes open a new file at once
        with transaction(connection):
            if not self._is_ours(connection):
                for statement in _SCHEMA.split(";"):
                    connection.execute(statement)
                connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
                connection.execute(f"PRAGMA user_version = {SCHEMA_VERSION}")

    @staticmethod
    def _enter_wal(connection: sqlite3.Connection) -> bool:
        try:
            return bool(connection.execute("PRAGMA journal_mode = WAL").fetchone()[0] == "wal")
        except sqlite3.OperationalError:
            return False


@contextmanager
def translated(doing: str) -> Iterator[None]:
    """Turn what SQLite raises into TransientError: a full disk, a read-only file and a lock all pass.

    `doing` completes the sentence "… the SQLite log failed", which may be the spool's.
    """
    try:
        yield
    except sqlite3.Error as error:
        name = getattr(error, "sqlite_errorname", type(error).__name__)
        raise TransientError(f"{doing} the SQLite log failed: {_IN_WORDS.get(name, name)}") from error


@contextmanager
def transaction(connection: sqlite3.Connection) -> Iterator[None]:
    """Run a block as one write transaction: all of it is stored, or nothing."""
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise


def create_topics(connection: sqlite3.Connection, topics: Sequence[Topic]) -> list[str]:
    """Make the topics that are missing; return their names."""
    made = []
    with transaction(connection):
        for topic in topics:
            cursor = connection.execute(
                "INSERT OR IGNORE INTO topics (name, max_record_bytes, next_offset) VALUES (?, ?, 0)",
                (topic.name, topic.max_record_bytes),
            )
            if cursor.rowcount:
                made.append(topic.name)
    return made


def find_topic(connection: sqlite3.Connection, name: str) -> StoredTopic:
    """Return a topic by name. Raises PermanentError when there is none."""
    row = connection.execute("SELECT id, name, max_record_bytes FROM topics WHERE name = ?", (name,)).fetchone()
    if row is None:
        raise PermanentError(f"there is no topic {name}")
    return StoredTopic(*row)


def append(connection: sqlite3.Connection, records: Sequence[NewRecord], at_ms: int) -> None:
    """Store records in this order, all or none."""
    rows = []
    with transaction(connection):
        next_offsets: dict[int, int] = dict(connection.execute("SELECT id, next_offset FROM topics"))
        for record in records:
            offset = next_offsets[record.topic.id]
            next_offsets[record.topic.id] = offset + 1
            rows.append((record.topic.place(offset), at_ms, record.key, _encode_headers(record.headers), record.value))
        connection.executemany("INSERT INTO records VALUES (?, ?, ?, ?, ?)", rows)
        for topic_id in {record.topic.id for record in records}:
            connection.execute("UPDATE topics SET next_offset = ? WHERE id = ?", (next_offsets[topic_id], topic_id))


def end_offset(connection: sqlite3.Connection, topic: StoredTopic) -> int:
    """Return the offset that the topic's next record will get."""
    row = connection.execute("SELECT next_offset FROM topics WHERE id = ?", (topic.id,)).fetchone()
    return int(row[0])


def has_from(connection: sqlite3.Connection, topic: StoredTopic, offset: int) -> bool:
    """Whether there is a record at `offset` or behind it."""
    row = connection.execute(
        "SELECT 1 FROM records WHERE place >= ? AND place < ? LIMIT 1", (topic.place(offset), topic.end_place)
    ).fetchone()
    return row is not None


def offset_at(connection: sqlite3.Connection, topic: StoredTopic, instant: datetime) -> int:
    """Return the offset of the first record stored at `instant` or later; the end when there is none."""
    row = connection.execute(
        "SELECT place FROM records WHERE place >= ? AND place < ? AND at_ms >= ? ORDER BY place LIMIT 1",
        (topic.place(0), topic.end_place, math.ceil(instant.timestamp() * 1000)),
    ).fetchone()
    return row[0] - topic.place(0) if row else end_offset(connection, topic)


def read(connection: sqlite3.Connection, topic: StoredTopic, offset: int, max_records: int) -> list[Record]:
    """Return records from `offset` on, at most `max_records` of them and about READ_BYTES together."""
    cursor = connection.execute(
        "SELECT place, at_ms, key, headers, value FROM records WHERE place >= ? AND place < ? ORDER BY place LIMIT ?",
        (topic.place(offset), topic.end_place, max_records),
    )
    records, size_bytes = [], 0
    for place, at_ms, key, headers, value in cursor:
        at = datetime.fromtimestamp(at_ms / 1000, UTC)
        records.append(Record(topic.name, 0, place - topic.place(0), at, key, _decode_headers(headers), value))
        size_bytes += len(value)
        if size_bytes >= READ_BYTES:
            break
    cursor.close()
    return records


def drop_before(connection: sqlite3.Connection, topic: StoredTopic, at_ms: int) -> None:
    """Drop the topic's oldest records, up to the first one that was produced at `at_ms` or later."""
    with transaction(connection):
        bounds = (topic.place(0), topic.end_place)
        first_kept = connection.execute(
            "SELECT place FROM records WHERE place >= ? AND place < ? AND at_ms >= ? ORDER BY place LIMIT 1",
            (*bounds, at_ms),
        ).fetchone()
        connection.execute(
            "DELETE FROM records WHERE place >= ? AND place < ?",
            (bounds[0], first_kept[0] if first_kept else bounds[1]),
        )


def on_connection(log: SqliteLog, doing: str, work: Callable[[sqlite3.Connection], _T]) -> _T:
    """Run `work` on a connection of its own, errors translated."""
    with translated(doing), closing(log.connect()) as connection:
        return work(connection)


def _encode_headers(headers: Headers) -> str:
    return json.dumps([(name, content.decode("latin-1")) for name, content in headers])


def _decode_headers(text: str) -> Headers:
    return tuple((name, content.encode("latin-1")) for name, content in json.loads(text))
