"""The audit's head: how many rows there are and the digest of the newest, in a file outside the database.

The file is replaced whole, and only ever moves on. It may lag behind the table by what was committed when a program was
killed, never run ahead of it.
"""

import fcntl
import json
import os
from contextlib import suppress
from pathlib import Path
from threading import Lock

from infra.errors import PermanentError, TransientError


class Head:
    """Safe to share between threads and processes of one machine."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock = Lock()
        self._newest = (0, "")

    def read(self) -> tuple[int, str] | None:
        """Return position and digest of the newest row that it knows; None when there is no such file yet.

        Raises:
            TransientError: the file cannot be read, or is not a head.
        """
        try:
            told = json.loads(self._path.read_text())
            return int(told["position"]), str(told["digest"])
        except FileNotFoundError:
            return None
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise TransientError(f"the audit's head cannot be read: {type(error).__name__}") from error

    def check(self, position: int, digest: str) -> None:
        """Make sure that nothing was cut off in front of a table whose newest row this is: else the cut would grow over.

        Raises:
            PermanentError: the head knows of a later row, or of another one in this place.
            TransientError: as for `read`.
        """
        known = self.read()
        if known is not None and (known[0] > position or (known[0] == position and known[1] != digest)):
            raise PermanentError(
                f"the audit ends before entry {known[0]}, which its head knows: python -m portal audit verify"
            )

    def move_to(self, position: int, digest: str) -> None:
        """Note a newer row; an older one than it knows changes nothing.

        Raises:
            TransientError: the file cannot be written.
        """
        with self._lock:
            self._newest = max(self._newest, (position, digest))
        try:
            self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            with self._path.with_suffix(".lock").open("w") as lock:
                fcntl.flock(lock, fcntl.LOCK_EX)
                self._replace(position)
        except OSError as error:
            raise TransientError(f"the audit's head cannot be written: {error.strerror}") from error

    def _replace(self, position: int) -> None:
        """Write the newest of all threads that wait here: of many at once the first pays for the disk."""
        known = None
        with suppress(TransientError):  # a broken head is written anew: verify has the table to hold it against
            known = self.read()
        if known is not None and known[0] >= position:
            return
        with self._lock:
            position, digest = self._newest
        fresh = self._path.with_suffix(".new")
        with fresh.open("w") as file:
            json.dump({"position": position, "digest": digest}, file)
            file.flush()
            os.fsync(file.fileno())
        fresh.replace(self._path)
