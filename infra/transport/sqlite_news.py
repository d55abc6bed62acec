"""Whether anybody has written to the embedded log: one look for all of a process's consumers."""

import sqlite3
import threading

from infra.transport.sqlite_log import SqliteLog

LOOK_SECONDS = 0.01  # between two looks for news: a new record is polled within two of them


class News:
    """Counts the changes of a log as editions. Safe to share between the threads of a process.

    Of those who wait one looks, and the others sleep until it has found something or leaves: five processors in a process
    would otherwise wake it 500 times a second for nothing.
    """

    def __init__(self, log: SqliteLog) -> None:
        self._log = log
        self._changed = threading.Condition()
        self._looking = False
        self._members = 0
        self._connection: sqlite3.Connection | None = None
        self._data_version: int | None = None
        self._edition = 0

    def join(self) -> None:
        """Look for one more consumer from now on."""
        with self._changed:
            self._members += 1

    def leave(self) -> None:
        """Undo a `join`; with the last one the connection goes."""
        with self._changed:
            self._members -= 1
            if self._members == 0 and self._connection is not None:
                self._connection.close()
                self._connection = self._data_version = None

    def edition(self) -> int:
        """Return the edition of now, or of up to LOOK_SECONDS ago while somebody waits for the next one.

        Raises:
            sqlite3.Error: the log cannot be looked at.
        """
        if self._begin_looking():
            self._look(self._edition, self._log.clock.monotonic())
        return self._edition

    def wait(self, edition: int | None, timeout_seconds: float) -> None:
        """Return as soon as there is another edition than this one, or after the time.

        Raises:
            sqlite3.Error: the log cannot be looked at.
        """
        deadline = self._log.clock.monotonic() + timeout_seconds
        while self._edition == edition and (left_seconds := deadline - self._log.clock.monotonic()) > 0:
            if self._begin_looking(left_seconds):
                self._look(edition, deadline)

    def _begin_looking(self, timeout_seconds: float = 0.0) -> bool:
        """Whether it is ours to look; else some time has passed, or what the other one found is known."""
        with self._changed:
            if not self._looking:
                self._looking = True
                return True
            if timeout_seconds > 0:
                self._changed.wait(timeout_seconds)
            return False

    def _look(self, edition: int | None, deadline: float) -> None:
        try:
            while not self._has_changed() and self._edition == edition:
                left_seconds = deadline - self._log.clock.monotonic()
                if left_seconds <= 0:
                    break
                self._log.clock.sleep(min(LOOK_SECONDS, left_seconds))
        finally:
            with self._changed:
                self._looking = False
                self._changed.notify_all()  # of news, or that another one is to look: who has time left, nobody here knows

    def _has_changed(self) -> bool:
        """Whether somebody has written since the last look. Costs one pragma."""
        if self._connection is None:
            self._connection = self._log.connect()
        (version,) = self._connection.execute("PRAGMA data_version").fetchone()
        if version == self._data_version:
            return False
        self._data_version = version
        self._edition += 1
        return True
