"""The bytes of simulated files: any size, any place in them, the same for the same seed, never whole in memory."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache, lru_cache
from hashlib import sha256, shake_128
from pathlib import Path

BLOCK_BYTES = 256 * 1024  # one call of SHAKE per block: about 300 MB/s on one core
MEDIA = Path(__file__).with_name("media")
_CLIPS = {"MP4": "video.mp4", "M4A": "audio.m4a"}
_BOX_HEAD_BYTES = 16  # of a box of 64-bit size: 1, its kind, its size (ISO/IEC 14496-12, 4.2)
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

    An MP4 or M4A plays, and every box parser walks it to its end: it is a clip, then one `free` box that players skip.
    One too small for the clip is the clip's `ftyp` box and the `free` box, and does not play.

    Raises:
        ValueError: too small to hold the beginning.
    """
    return Content(_head(extension, size_bytes), size_bytes, seed)


@lru_cache(maxsize=256)  # files of a size share their head
def _head(extension: str, size_bytes: int) -> bytes:
    head, after = _JPEG_START if extension == "JPG" else b"", b""
    if extension in _CLIPS:
        clip = _clip(extension)
        fits = len(clip) + _BOX_HEAD_BYTES <= size_bytes
        head = clip if fits else clip[: int.from_bytes(clip[:4], "big")]
        after = (1).to_bytes(4, "big") + b"free" + max(0, size_bytes - len(head)).to_bytes(8, "big")
    if size_bytes < len(head + after):
        raise ValueError(f"a file of type {extension} has at least {len(head + after)} bytes")
    return head + after


@cache
def _clip(extension: str) -> bytes:
    return (MEDIA / _CLIPS[extension]).read_bytes()


@lru_cache(maxsize=256)
def _digest(content: Content) -> str:
    digest = sha256()
    for piece in content.read():
        digest.update(piece)
    return digest.hexdigest()
