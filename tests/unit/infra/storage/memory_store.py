"""An object store in memory: passes the contract suite, fails on request, holds parts back on request."""

import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from itertools import count
from urllib.parse import quote, urlencode

from infra.errors import PermanentError, TransientError
from infra.secret import Secret
from infra.storage.base import (
    AlreadyThere,
    Description,
    ObjectInfo,
    ObjectMissing,
    Part,
    Provisioned,
    StoredPart,
    UnfinishedUpload,
    UploadGone,
)

LINK_ORIGIN = "https://recordings.example"  # links lead nowhere: they say what they were made of
MODIFIED_AT = datetime(2026, 1, 1, tzinfo=UTC)


@dataclass
class _Object:
    body: bytes
    description: Description
    crc32: int
    held: bool = False


@dataclass
class MemoryStore:
    """`before` is called with the name of each operation; what it raises comes out of it. `locks`: it has Object Lock."""

    objects: dict[str, _Object] = field(default_factory=dict)
    uploads: dict[str, tuple[str, Description, dict[int, bytes]]] = field(default_factory=dict)
    before: Callable[[str], None] = lambda operation: None
    locks: bool = False
    _ids: Iterator[int] = field(default_factory=count)

    def head(self, key: str, version_id: str | None = None) -> ObjectInfo | None:
        self.before("head")
        found = self.objects.get(key)
        if found is None:
            return None
        metadata = found.description.metadata
        return ObjectInfo(
            key, None, len(found.body), found.description.content_type, found.crc32, metadata, MODIFIED_AT
        )

    def has(self, key: str, version_id: str | None = None) -> bool:
        self.before("has")
        return key in self.objects

    def put_small(self, key: str, body: bytes, description: Description, crc32: int) -> str | None:
        self.before("put_small")
        self._store(key, body, description, crc32)
        return None

    def create_multipart(self, key: str, description: Description) -> str:
        self.before("create_multipart")
        upload_id = str(next(self._ids))
        self.uploads[upload_id] = (key, description, {})
        return upload_id

    def upload_part(self, key: str, upload_id: str, number: int, body: bytes | bytearray, crc32: int) -> Part:
        self.before("upload_part")
        if zlib.crc32(body) != crc32:
            raise TransientError("bad digest")
        self._upload(key, upload_id)[2][number] = bytes(body)
        return Part(number, f'"{crc32:08x}"', crc32)

    def complete(self, key: str, upload_id: str, parts: Sequence[Part], crc32: int) -> str | None:
        self.before("complete")
        _, description, bodies = self._upload(key, upload_id)
        self._store(key, b"".join(bodies[part.number] for part in parts), description, crc32)
        del self.uploads[upload_id]
        return None

    def abort(self, key: str, upload_id: str) -> None:
        self.before("abort")
        self.uploads.pop(upload_id, None)

    def parts(self, key: str, upload_id: str) -> list[StoredPart]:
        self.before("parts")
        bodies = self._upload(key, upload_id)[2]
        return [StoredPart(number, f'"{zlib.crc32(body):08x}"', len(body)) for number, body in sorted(bodies.items())]

    def unfinished(self, prefix: str) -> list[UnfinishedUpload]:
        self.before("unfinished")
        found = [(key, upload_id) for upload_id, (key, _, _) in self.uploads.items() if key.startswith(prefix)]
        return [UnfinishedUpload(key, upload_id, MODIFIED_AT) for key, upload_id in found]

    def read(self, key: str, version_id: str | None = None, max_bytes: int | None = None) -> Iterator[bytes]:
        self.before("read")
        return iter([self._object(key).body[:max_bytes]])

    def link(self, key: str, version_id: str | None, seconds: int, disposition: str | None = None) -> Secret:
        self.before("link")
        query = {"version": version_id, "seconds": seconds, "disposition": disposition}
        return Secret(f"{LINK_ORIGIN}/{quote(key)}?{urlencode({name: one for name, one in query.items() if one})}")

    def link_origin(self) -> str:
        return LINK_ORIGIN

    def delete(self, key: str, version_id: str | None = None) -> None:
        self.before("delete")
        self._refuse_held(key)
        self.objects.pop(key, None)

    def get_tags(self, key: str, version_id: str | None = None) -> dict[str, str]:
        self.before("get_tags")
        return dict(self._object(key).description.tags)

    def replace_tags(self, key: str, version_id: str | None, tags: Mapping[str, str]) -> None:
        self.before("replace_tags")
        found = self._object(key)
        found.description = replace(found.description, tags=dict(tags))

    def legal_hold(self, key: str, version_id: str | None = None) -> bool | None:
        self.before("legal_hold")
        return self._object(key).held if self.locks else None

    def set_legal_hold(self, key: str, version_id: str | None, *, on: bool) -> None:
        self.before("set_legal_hold")
        found = self._object(key)
        if not self.locks:
            raise PermanentError("no Object Lock")
        found.held = on

    def ensure_bucket(self, *, object_lock: bool = False) -> Provisioned:
        return Provisioned("there", "unchanged")

    def close(self) -> None:
        pass

    def _store(self, key: str, body: bytes, description: Description, crc32: int) -> None:
        if key in self.objects:
            raise AlreadyThere("taken")
        if zlib.crc32(body) != crc32:
            raise TransientError("bad digest")
        self.objects[key] = _Object(bytes(body), description, crc32, held=self.locks and description.legal_hold)

    def _refuse_held(self, key: str) -> None:
        if key in self.objects and self.objects[key].held:
            raise PermanentError("under legal hold")

    def _object(self, key: str) -> _Object:
        if key not in self.objects:
            raise ObjectMissing("missing")
        return self.objects[key]

    def _upload(self, key: str, upload_id: str) -> tuple[str, Description, dict[int, bytes]]:
        found = self.uploads.get(upload_id)
        if found is None or found[0] != key:
            raise UploadGone("gone")
        return found


def failing_on(operation: str, error: PermanentError | TransientError) -> Callable[[str], None]:
    """Make a `before` that fails one operation, always."""

    def before(name: str) -> None:
        if name == operation:
            raise error

    return before
