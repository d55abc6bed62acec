"""Durable writes to the embedded log by group commit: many threads wait, one thread commits for all of them.

One fsync then pays for every record that arrived during the last one: 20 to 30 times the rows a second of a commit each.
"""

import os
import sqlite3
import threading
from dataclasses import dataclass, field
from queue import Empty, SimpleQueue

from infra.errors import PermanentError, TransientError
from infra.transport.base import record_bytes
from infra.transport.sqlite_log import NewRecord, SqliteLog, StoredTopic, append, find_topic, on_connection, translated
from schemas.envelope import Headers

BATCH_RECORDS = 500  # one commit's share: a few milliseconds of inserts (lab/kafka.md section 7: bulk 500)
BATCH_BYTES = 8 * 1024 * 1024  # four largest records
SHY_SECONDS = 1.0  # after a failed commit the log counts as not ready for this long


@dataclass(slots=True)
class _Waiting:
    """A record and the thread that waits for it. `done` is held until the record's fate is known."""

    record: NewRecord
    size_bytes: int
    done: threading.Lock = field(default_factory=threading.Lock)
    error: TransientError | None = None
    given_up: bool = False

    def __post_init__(self) -> None:
        self.done.acquire()


class SqliteProducer:
    """Writes records; many threads may share it. Its writer thread starts with the first record, in each process."""

    def __init__(self, log: SqliteLog) -> None:
        self._log = log
        self._lock = threading.Lock()
        self._topics: dict[str, StoredTopic] = {}
        self._writer: _Writer | None = None
        self._closed = False

    def produce(self, topic: str, *, key: bytes | None, headers: Headers, value: bytes, timeout_seconds: float) -> None:
        found = self._topic(topic)
        size_bytes = record_bytes(key, headers, value)
        if size_bytes > found.max_record_bytes:
            raise PermanentError(f"a record of {size_bytes} bytes is more than {topic} takes")
        waiting = _Waiting(NewRecord(found, key, headers, value), size_bytes)
        writer = self._running_writer()
        writer.queue.put(waiting)
        if not waiting.done.acquire(timeout=max(0.0, timeout_seconds)):
            waiting.given_up = True
            writer.late = waiting
            raise TransientError("the embedded log did not store the record in time")
        if waiting.error is not None:
            raise TransientError(str(waiting.error)) from waiting.error

    def ready(self) -> bool:
        if self._closed or not os.access(self._log.path, os.W_OK):
            return False
        writer = self._writer
        if writer is None:
            return True
        if writer.late is not None and writer.late.done.locked():
            return False  # the log is locked by another program, or its disk hangs
        return writer.failed_at is None or self._log.clock.monotonic() - writer.failed_at > SHY_SECONDS

    def went_well(self) -> bool:
        """Whether the last write, if there was one, was stored."""
        return self._writer is None or self._writer.failed_at is None

    def close(self, timeout_seconds: float = 5.0) -> None:
        with self._lock:
            self._closed = True
            writer = self._writer
        if writer is not None and writer.pid == os.getpid():
            writer.queue.put(None)
            writer.thread.join(timeout_seconds)

    def _topic(self, name: str) -> StoredTopic:
        found = self._topics.get(name)
        if found is None:
            found = on_connection(self._log, "finding a topic in", lambda connection: find_topic(connection, name))
            self._topics[name] = found
        return found

    def _running_writer(self) -> "_Writer":
        with self._lock:
            if self._closed:
                raise PermanentError("the producer is closed")
            if self._writer is None or self._writer.pid != os.getpid() or not self._writer.thread.is_alive():
                self._writer = _Writer(self._log)
            return self._writer


class _Writer:
    """The thread that drains the queue into one transaction after another, until it finds None in it."""

    def __init__(self, log: SqliteLog) -> None:
        self.pid = os.getpid()
        self.queue: SimpleQueue[_Waiting | None] = SimpleQueue()
        self.failed_at: float | None = None
        self.late: _Waiting | None = None  # the last record that was given up; its lock tells whether it is stuck still
        self._log = log
        self._connection: sqlite3.Connection | None = None
        self._ending = False
        self.thread = threading.Thread(target=self._run, name="embedded-log-writer", daemon=True)
        self.thread.start()

    def _run(self) -> None:
        while not self._ending:
            batch = self._next_batch()
            error = self._outcome(batch)
            for waiting in batch:
                waiting.error = error
                waiting.done.release()
        if self._connection is not None:
            self._connection.close()

    def _next_batch(self) -> list[_Waiting]:
        """Wait for a record and take what else is there."""
        batch: list[_Waiting] = []
        size_bytes = 0
        while len(batch) < BATCH_RECORDS and size_bytes < BATCH_BYTES:
            try:
                waiting = self.queue.get(block=not batch)
            except Empty:
                break
            if waiting is None:
                self._ending = True
                break
            batch.append(waiting)
            size_bytes += waiting.size_bytes
        return batch

    def _outcome(self, batch: list[_Waiting]) -> TransientError | None:
        """Store the batch; return what went wrong, as the waiting threads will raise it."""
        try:
            if records := [waiting.record for waiting in batch if not waiting.given_up]:
                self._store(records)
                self.failed_at = None
        except Exception as error:  # noqa: BLE001 - a bug in one write must not end the thread: every record needs it
            self.failed_at = self._log.clock.monotonic()
            if isinstance(error, TransientError):
                return error
            return TransientError(f"writing to the SQLite log failed: {type(error).__name__}")
        return None

    def _store(self, records: list[NewRecord]) -> None:
        """Commit the records. Raises TransientError."""
        with translated("writing to"):
            if self._connection is None:
                self._connection = self._log.connect(durable=True)
            append(self._connection, records, self._log.now_ms())
