"""One object, part by part, several parts at once, in constant memory.

There are `UPLOADS_AT_ONCE` + 1 buffers and no more: while all are on their way to the store nobody reads, so a slow store
slows the download down and memory never grows with the file.
"""

import zlib
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from queue import SimpleQueue

from infra.archive.crc import combine
from infra.archive.errors import WrongSize
from infra.archive.journal import Notes
from infra.errors import PermanentError, TransientError
from infra.storage.base import ObjectStore, Part

PART_BYTES = 8 * 1024 * 1024  # 4 x 8 MiB: as fast as the best peer in 60 % of the memory of 4 x 16 (lab, section 4)
MAX_PARTS = 9_900  # S3 takes 10,000; the rest is room for a body longer than announced
MEBIBYTE = 1024 * 1024
UPLOADS_AT_ONCE = 4  # lab, section 4


def part_bytes(size_bytes: int | None) -> int:
    """Return the part size for a file: 8 MiB, more from 77 GiB on, in whole MiB."""
    needed = -(-(size_bytes or 0) // MAX_PARTS)
    return max(PART_BYTES, -(-needed // MEBIBYTE) * MEBIBYTE)


class Upload:
    """A multipart upload on its way. Belongs to one thread; leaving its `with` without `complete` throws it away.

    Unless it is kept: then an error that passes leaves its parts, noted, to the next run.
    """

    def __init__(self, store: ObjectStore, key: str, upload_id: str, size: int) -> None:
        self._store = store
        self._key = key
        self._size = size
        self._id = upload_id
        self._notes: Notes | None = None
        self._pool = ThreadPoolExecutor(UPLOADS_AT_ONCE, thread_name_prefix="part")
        self._flying: list[Future[Part]] = []
        self._parts: list[Part] = []
        self._lengths: list[int] = []
        self._free: SimpleQueue[bytearray | None] = SimpleQueue()  # None stands for one that is not made yet
        self._crc32 = 0
        self._completed = False
        for _ in range(UPLOADS_AT_ONCE):
            self._free.put(None)

    def __enter__(self) -> "Upload":
        return self

    def __exit__(self, kind: type[BaseException] | None, reason: BaseException | None, trace: object) -> None:
        self._pool.shutdown(cancel_futures=True)
        passes = isinstance(reason, TransientError) and not isinstance(reason, WrongSize)
        if self._completed or (passes and self._notes is not None):
            return
        try:
            self._store.abort(self._key, self._id)
            if self._notes is not None:
                self._notes.forget()
        except (TransientError, PermanentError):
            if reason is not None:  # the bucket's own rule throws it away after two days
                reason.add_note("the unfinished upload was left to the bucket's lifecycle rule")

    def keep(self, notes: Notes) -> None:
        """From now on note each part.

        Raises:
            TransientError: the journal does not take it.
        """
        notes.begin()
        self._notes = notes

    def take_up(self, notes: Notes, parts: Sequence[Part], lengths: Sequence[int]) -> None:
        """Go on after these parts, which are there and noted."""
        self._notes = notes
        self._parts.extend(parts)
        self._lengths.extend(lengths)
        for part, length in zip(parts, lengths, strict=True):
            self._crc32 = combine(self._crc32, part.crc32, length)

    def next_buffer(self) -> bytearray:
        """Return a buffer of one part, after waiting for one to be free.

        Raises:
            TransientError, PermanentError: a part was not taken, or not noted.
        """
        buffer = self._free.get()
        while self._flying and self._flying[0].done():
            self._land()
        return bytearray(self._size) if buffer is None else buffer

    def send(self, buffer: bytearray, length: int) -> None:
        """Hand over the next part; the buffer is not to be touched again until `next_buffer` gives it out."""
        self._lengths.append(length)
        self._flying.append(self._pool.submit(self._send, len(self._lengths), buffer, length))

    def wait(self) -> int:
        """Wait until the store has all parts; return the CRC32 of the whole.

        Raises:
            TransientError, PermanentError: a part was not taken.
        """
        while self._flying:
            self._land()
        return self._crc32

    def complete(self) -> str | None:
        """Make the object visible, after `wait`; return its version id.

        Raises:
            AlreadyThere, UploadGone, TransientError, PermanentError: it is not ours, or not visible.
        """
        version_id = self._store.complete(self._key, self._id, self._parts, self._crc32)
        self._completed = True
        return version_id

    def _land(self) -> None:
        part = self._flying.pop(0).result()
        self._crc32 = combine(self._crc32, part.crc32, self._lengths[part.number - 1])
        self._parts.append(part)

    def _send(self, number: int, buffer: bytearray, length: int) -> Part:
        try:
            body = buffer if length == len(buffer) else bytes(memoryview(buffer)[:length])
            part = self._store.upload_part(self._key, self._id, number, body, zlib.crc32(body))
            if self._notes is not None:
                self._notes.add(part)
            return part
        finally:
            self._free.put(buffer)
