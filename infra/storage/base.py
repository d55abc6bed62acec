"""Object storage: as much of S3 as the archive needs.

An object becomes visible whole or not at all, and is never overwritten: `put_small` and `complete` refuse a key that is
taken. Tags are there from the first moment. Safe to share between threads.

    infra.errors
    ├── TransientError
    │   └── UploadGone      the upload is unknown: completed or aborted by somebody; look at the key, start again
    └── PermanentError
        ├── AlreadyThere    the key is taken; nothing was written
        └── ObjectMissing   no such object or version
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal, Protocol

from infra.errors import PermanentError, TransientError
from infra.secret import Secret


class UploadGone(TransientError):
    """The multipart upload does not exist (any more)."""


class AlreadyThere(PermanentError):
    """The key is taken; what is there was left alone."""


class ObjectMissing(PermanentError):
    """There is no such object, or no such version of it."""


@dataclass(frozen=True, slots=True)
class ObjectInfo:
    """What the store knows about a version. `crc32` is of the whole object; None where the store does not tell it."""

    key: str
    version_id: str | None
    size_bytes: int
    content_type: str
    crc32: int | None
    metadata: Mapping[str, str]
    modified_at: datetime


@dataclass(frozen=True, slots=True)
class Description:
    """What an object is stored with. `disposition` is a Content-Disposition; metadata are ASCII.

    `legal_hold` puts it under legal hold from its first moment, where the bucket has Object Lock.
    """

    content_type: str
    disposition: str
    tags: Mapping[str, str]
    metadata: Mapping[str, str] = field(default_factory=dict)
    legal_hold: bool = False


@dataclass(frozen=True, slots=True)
class Part:
    number: int
    etag: str
    crc32: int


@dataclass(frozen=True, slots=True)
class StoredPart:
    """A part of an unfinished upload, as the store lists it."""

    number: int
    etag: str
    size_bytes: int


@dataclass(frozen=True, slots=True)
class UnfinishedUpload:
    """An upload that was neither completed nor thrown away."""

    key: str
    upload_id: str
    begun_at: datetime


@dataclass(frozen=True, slots=True)
class Provisioned:
    """What `ensure_bucket` did or found. `unknown`: it may not look; `refused`: it may not write them."""

    bucket: Literal["made", "there", "unknown"]
    rules: Literal["written", "unchanged", "unsupported", "refused"]


class ObjectStore(Protocol):
    """One bucket. Every method raises TransientError or PermanentError, nothing else."""

    def head(self, key: str, version_id: str | None = None) -> ObjectInfo | None:
        """Return what is stored there; None when nothing is."""
        ...

    def has(self, key: str, version_id: str | None = None) -> bool:
        """Tell whether something is stored there: like `head`, but quick, and tried once: somebody is waiting."""
        ...

    def put_small(self, key: str, body: bytes, description: Description, crc32: int) -> str | None:
        """Store a whole object at once; return its version id, None where there are no versions.

        Raises:
            AlreadyThere: the key is taken.
        """
        ...

    def create_multipart(self, key: str, description: Description) -> str:
        """Begin an upload, tags and all; return its id. Nothing is visible before `complete`."""
        ...

    def upload_part(self, key: str, upload_id: str, number: int, body: bytes | bytearray, crc32: int) -> Part:
        """Send part `number` (from 1 on); every part but the last has the same size, at least 5 MiB.

        Raises:
            UploadGone: there is no such upload.
        """
        ...

    def complete(self, key: str, upload_id: str, parts: Sequence[Part], crc32: int) -> str | None:
        """Make the object visible if its whole CRC32 is this; return its version id as `put_small` does.

        Raises:
            AlreadyThere: the key is taken; the upload is still to be aborted.
            UploadGone: there is no such upload; an earlier answer may have been lost.
        """
        ...

    def abort(self, key: str, upload_id: str) -> None:
        """Throw the parts away; harmless when the upload is gone."""
        ...

    def parts(self, key: str, upload_id: str) -> Sequence[StoredPart]:
        """Return the parts of an unfinished upload, by number.

        Raises:
            UploadGone: there is no such upload.
        """
        ...

    def unfinished(self, prefix: str) -> Sequence[UnfinishedUpload]:
        """Return the unfinished uploads of the keys that begin so."""
        ...

    def read(self, key: str, version_id: str | None = None, max_bytes: int | None = None) -> Iterator[bytes]:
        """Return the object's bytes piece by piece, the first `max_bytes` of them at most.

        Raises:
            ObjectMissing: there is no such version.
        """
        ...

    def link(self, key: str, version_id: str | None, seconds: int, disposition: str | None = None) -> Secret:
        """Return a link by which anybody who has it reads this version for so many seconds, ranges included.

        The store is not asked: the link of an object that is gone leads nowhere. `disposition` takes the place of the
        object's own Content-Disposition.

        Raises:
            ConfigurationError: there are no credentials to sign with.
        """
        ...

    def link_origin(self) -> str:
        """Return scheme, host and port of every link: what a page must allow its player to load from."""
        ...

    def delete(self, key: str, version_id: str | None = None) -> None:
        """Remove the version, or with None what is current; harmless when it is gone."""
        ...

    def delete_all_versions(self, key: str) -> None:
        """Remove every version and delete marker of the key, and see that none is left; harmless when there is none.

        Raises:
            TransientError: some are left, or came meanwhile.
        """
        ...

    def get_tags(self, key: str, version_id: str | None = None) -> dict[str, str]:
        """Return all its tags.

        Raises:
            ObjectMissing: there is no such version.
        """
        ...

    def replace_tags(self, key: str, version_id: str | None, tags: Mapping[str, str]) -> None:
        """Set its tags; those not named are gone.

        Raises:
            ObjectMissing: there is no such version.
        """
        ...

    def legal_hold(self, key: str, version_id: str | None = None) -> bool | None:
        """Tell whether the version is under legal hold: then nobody can delete it. None: the bucket has no Object Lock.

        Raises:
            ObjectMissing: there is no such version.
        """
        ...

    def set_legal_hold(self, key: str, version_id: str | None, *, on: bool) -> None:
        """Put the version under legal hold, or take it off; in a bucket with Object Lock alone.

        Raises:
            ObjectMissing: there is no such version.
            PermanentError: the bucket has no Object Lock.
        """
        ...

    def ensure_bucket(self, *, object_lock: bool = False) -> Provisioned:
        """Make the bucket where it is missing and allowed, and merge our lifecycle rules into its own.

        A bucket that is made now gets Object Lock if it is asked for; one that is there is left as it is.

        Raises:
            ConfigurationError: the bucket is missing and may not be made.
        """
        ...

    def close(self) -> None:
        """Release the connections."""
        ...
