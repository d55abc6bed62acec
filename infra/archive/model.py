"""What is archived, as what, and the proof of it."""

from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import quote

from infra.storage.holds import NO_HOLD
from infra.storage.tags import HOLD
from schemas.archive import Kind


@dataclass(frozen=True, slots=True)
class Source:
    """Where a file is. `url` and `token` come from one place, the event or REST; neither shows in a repr."""

    url: str
    token: str | None
    size_bytes: int | None

    def __repr__(self) -> str:
        return f"Source(size_bytes={self.size_bytes})"


@dataclass(frozen=True, slots=True)
class Target:
    """What it becomes. `file_name` is for people: it travels as a response header, never in key or tags."""

    key: str
    kind: Kind
    content_type: str
    file_name: str
    tags: Mapping[str, str]

    @property
    def is_held(self) -> bool:
        """Whether its tags hold it: then it is under legal hold too, where the bucket has Object Lock."""
        return self.tags.get(HOLD, NO_HOLD) != NO_HOLD

    @property
    def disposition(self) -> str:
        """The name as a Content-Disposition (RFC 6266): plain ASCII for old readers, and the name as it is."""
        plain = "".join(letter if letter.isalnum() or letter in "._-" else "_" for letter in self.file_name)
        plain = plain.encode("ascii", "replace").decode().replace("?", "_")
        return f"inline; filename=\"{plain}\"; filename*=UTF-8''{quote(self.file_name, safe='')}"


@dataclass(frozen=True, slots=True)
class Receipt:
    """The proof that an object stands there, whole. `crc32` is 8 hex digits, `sha256` 64.

    `was_there` tells that an earlier run had finished it: nothing was written by this one.
    """

    key: str
    version_id: str | None
    size_bytes: int
    crc32: str
    sha256: str
    kind: Kind
    was_there: bool
