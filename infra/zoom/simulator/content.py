"""The bytes of simulated files: any size, any place in them, the same for the same seed, never whole in memory."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from hashlib import sha256, shake_128

BLOCK_BYTES = 256 * 1024  # one call of SHAKE per block: about 300 MB/s on one core
_BRANDS = {"MP4": b"isom\0\0\x02\0isomiso2avc1mp41", "M4A": b"M4A \0\0\0\0M4A mp42isom\0\0\0\0"}
_JPEG_START = bytes.fromhex("ffd8ffe000104a46494600010100000100010000")  # SOI and a JFIF APP0 segment


@dataclass(frozen=True, slots=True)
class Content:
    """`head`, then pseudo-random bytes by `seed` up to `size_bytes`. A text is all head."""

    head: bytes
    size_bytes: int
    seed: str = ""

    def read(self, start: int = 0, end: int | None = None) -> Iterator[bytes]:
        """Yield the bytes from `start` to before `end`, a block at a time."""
        stop = self.size_bytes if end is None else min(end, self.size_bytes)
        while start < stop:
            number, offset = divmod(start, BLOCK_BYTES)
            piece = self._block(number)[offset : offset + stop - start]
            yield piece
            start += len(piece)

    def sha256(self) -> str:
        """Return the hex digest of the whole."""
        return _digest(self)

    def _block(self, number: int) -> bytes:
        size = min(BLOCK_BYTES, self.size_bytes - number * BLOCK_BYTES)
        head = self.head[number * BLOCK_BYTES :][:size]
        if len(head) == size:
            return head
        return head + shake_128(f"{self.seed}/{number}".encode()).digest(size)[len(head) :]


def text_content(text: str) -> Content:
    """Return a text, as UTF-8."""
    data = text.encode()
    return Content(data, len(data))


def media_content(extension: str, size_bytes: int, seed: str) -> Content:
    """Return a file that begins as a real MP4, M4A or JPG does; of any other kind, it is all pseudo-random.

    An MP4 or M4A is a valid `ftyp` box and one `mdat` box of 64-bit size: every box parser walks it to its end.

    Raises:
        ValueError: too small to hold the beginning.
    """
    head = _JPEG_START if extension == "JPG" else b""
    if extension in _BRANDS:
        ftyp = _box(b"ftyp", _BRANDS[extension])
        head = ftyp + (1).to_bytes(4, "big") + b"mdat" + (size_bytes - len(ftyp)).to_bytes(8, "big", signed=True)
    if size_bytes < len(head):
        raise ValueError(f"a file of type {extension} has at least {len(head)} bytes")
    return Content(head, size_bytes, seed)


def _box(kind: bytes, body: bytes) -> bytes:
    return (8 + len(body)).to_bytes(4, "big") + kind + body


@lru_cache(maxsize=256)
def _digest(content: Content) -> str:
    digest = sha256()
    for piece in content.read():
        digest.update(piece)
    return digest.hexdigest()
