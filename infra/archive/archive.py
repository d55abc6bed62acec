"""From Zoom's URL to an object that is complete and proven, or to a typed error and no object at all."""

import zlib
from dataclasses import replace
from hashlib import sha256

from infra.archive.checks import PROOF_BYTES, check_beginning, check_size, size_is_exact
from infra.archive.download import Body, Downloader, Renew
from infra.archive.errors import Conflict, Interrupted, WrongSize
from infra.archive.journal import Beginning, Journal, Notes, Unfinished, find_unfinished
from infra.archive.model import Receipt, Source, Target
from infra.archive.upload import Upload, part_bytes
from infra.errors import PermanentError
from infra.storage.base import AlreadyThere, Description, ObjectInfo, ObjectStore, UploadGone
from infra.storage.holds import let_stand

MAX_STARTS = 3  # of one file in one call, where a broken connection cannot be taken up; then it is due again later
METADATA_SHA256 = "sha256"  # of a small object; a multipart's is not known when its metadata must be


def archive_file(
    source: Source,
    target: Target,
    store: ObjectStore,
    download: Downloader,
    *,
    journal: Journal | None = None,
    renew: Renew | None = None,
) -> Receipt:
    """Return the receipt of the object at `target.key`; fetch and store it first unless it stands there already.

    Memory is constant: a few parts, whatever the size. The object becomes visible at once, whole, with its tags, after
    status, content type, first bytes and size were checked; what stands there is never overwritten. Calling it again
    is harmless, and with a journal it goes on where an earlier call was stopped, a killed one included. What it does not
    go on with is thrown away where the store answers.

    Raises:
        TokenRefused: fetch URL and token together from REST.
        NotARecording: Zoom sent a page, or nothing; ask REST once.
        WrongSize: the body is not as long as announced.
        Conflict: another object has this key.
        HostRefused: the URL or a redirect leads to a host that is not listed.
        TransientError: not now; `retry_after_seconds` where the server said when.
        PermanentError: anything else that another try does not change.
    """
    found = store.head(target.key)
    if found is not None:
        return _receipt_of(found, source, target, store)
    for start in range(1, MAX_STARTS + 1):
        try:
            return _start(source, target, store, download, journal=journal, renew=renew)
        except Interrupted:
            if start == MAX_STARTS:
                raise
    raise AssertionError("the last start returns or raises")


def _start(
    source: Source,
    target: Target,
    store: ObjectStore,
    download: Downloader,
    *,
    journal: Journal | None,
    renew: Renew | None,
) -> Receipt:
    """Go on with what an earlier start has left, or begin."""
    left = None if journal is None else find_unfinished(target.key, store, journal)
    if left is not None and left.rest is None:
        return _Transfer(None, source, target, store, journal).go_on(left)
    with download.open(source.url, source.token, renew, None if left is None else left.rest) as body:
        transfer = _Transfer(body, source, target, store, journal)
        if left is None:
            return transfer.run()
        if body.starts_at:
            return transfer.go_on(left)
        left.throw_away(store)  # the server has another file by now, or gives no pieces
        return transfer.run()


class _Transfer:
    """One start: one body into one object. There is none when all its parts are in the store."""

    def __init__(
        self, body: Body | None, source: Source, target: Target, store: ObjectStore, journal: Journal | None
    ) -> None:
        self._body = body
        self._source = source
        self._target = target
        self._store = store
        self._journal = journal
        self._sha256 = sha256()
        self._size_bytes = 0
        self._total_bytes = None if body is None else body.total_bytes
        self._went_on = False
        self._description = Description(target.content_type, target.disposition, target.tags, legal_hold=target.is_held)

    def run(self) -> Receipt:
        first = bytearray(part_bytes(self._source.size_bytes or self._total_bytes))
        length = self._fill(first)
        check_beginning(self._target.kind, bytes(first[: min(length, PROOF_BYTES)]))
        self._check_total()
        if length < len(first):
            return self._put(bytes(memoryview(first)[:length]))
        return self._upload(first)

    def go_on(self, left: Unfinished) -> Receipt:
        """Send what is missing; the SHA-256 then comes from reading the object back (design 8)."""
        beginning = left.notes.beginning
        self._went_on = True
        self._size_bytes = sum(left.lengths)
        self._total_bytes = beginning.total_bytes
        with Upload(self._store, self._target.key, beginning.upload_id, beginning.part_bytes) as upload:
            upload.take_up(left.notes, left.parts, left.lengths)
            self._check_total()
            if self._body is not None:
                first = upload.next_buffer()
                self._send_all(upload, first, self._fill(first))
            return self._complete(upload)

    def _put(self, content: bytes) -> Receipt:
        self._check_size()
        crc32 = zlib.crc32(content)
        description = replace(self._description, metadata={METADATA_SHA256: self._sha256.hexdigest()})
        try:
            version_id = self._store.put_small(self._target.key, content, description, crc32)
        except AlreadyThere:
            return self._lost_race(crc32)
        return self._finished(version_id, crc32)

    def _upload(self, first: bytearray) -> Receipt:
        upload_id = self._store.create_multipart(self._target.key, self._description)
        with Upload(self._store, self._target.key, upload_id, len(first)) as upload:
            notes = self._notes(upload_id, len(first))
            if notes is not None:
                upload.keep(notes)
            self._send_all(upload, first, len(first))
            return self._complete(upload)

    def _notes(self, upload_id: str, part_size: int) -> Notes | None:
        """Where the parts are noted; None when nothing could ever prove that a rest belongs to them."""
        etag = None if self._body is None else self._body.etag
        if self._journal is None or etag is None or self._total_bytes is None:
            return None
        return Notes(self._journal, Beginning(self._target.key, upload_id, etag, self._total_bytes, part_size))

    def _complete(self, upload: Upload) -> Receipt:
        self._check_size()
        crc32 = upload.wait()
        try:
            version_id = upload.complete()
        except (AlreadyThere, UploadGone):
            return self._lost_race(crc32)
        return self._finished(version_id, crc32)

    def _send_all(self, upload: Upload, buffer: bytearray, length: int) -> None:
        while length:
            upload.send(buffer, length)
            if length < len(buffer):
                return
            buffer = upload.next_buffer()
            length = self._fill(buffer)
            self._check_not_longer()

    def _fill(self, buffer: bytearray) -> int:
        assert self._body is not None  # noqa: S101 # only who has one fills
        with memoryview(buffer) as view:
            length = self._body.fill(view)
            if not self._went_on:
                self._sha256.update(view[:length])
        self._size_bytes += length
        return length

    def _check_total(self) -> None:
        if self._total_bytes is not None:
            check_size(self._target.kind, self._source.size_bytes, self._total_bytes)

    def _check_size(self) -> None:
        check_size(self._target.kind, self._source.size_bytes, self._size_bytes)
        if self._total_bytes is not None and self._size_bytes != self._total_bytes:
            raise WrongSize(f"{self._size_bytes} bytes came, the server said {self._total_bytes}")

    def _check_not_longer(self) -> None:
        """Stop a body that goes on past its announced end, however long it would have gone on."""
        declared = self._source.size_bytes or 0
        if size_is_exact(self._target.kind) and 0 < declared < self._size_bytes:
            self._check_size()

    def _finished(self, version_id: str | None, crc32: int) -> Receipt:
        """Read tags and hold back: a store may lose those of a multipart upload, and then no rule would ever act."""
        let_stand(self._store, self._target.key, version_id, self._target.tags)
        if not self._went_on:
            return self._receipt(version_id, crc32, self._sha256.hexdigest(), was_there=False)
        found = self._store.head(self._target.key, version_id)
        if found is None:
            raise UploadGone("the object is gone as soon as it was complete")
        _, digest = _read_back(replace(found, crc32=crc32), self._store)
        return self._receipt(version_id, crc32, digest, was_there=False)

    def _lost_race(self, crc32: int) -> Receipt:
        """Somebody finished this key first: the same file is as good as ours, another one is left alone."""
        found = self._store.head(self._target.key)
        if found is None:
            raise UploadGone("the upload is gone and so is the object")
        theirs = _receipt_of(found, self._source, self._target, self._store)
        digest = theirs.sha256 if self._went_on else self._sha256.hexdigest()
        if theirs != self._receipt(found.version_id, crc32, digest, was_there=True):
            raise Conflict("another object has this key; it was left alone")
        return theirs

    def _receipt(self, version_id: str | None, crc32: int, digest: str, *, was_there: bool) -> Receipt:
        return Receipt(
            key=self._target.key,
            version_id=version_id,
            size_bytes=self._size_bytes,
            crc32=f"{crc32:08x}",
            sha256=digest,
            kind=self._target.kind,
            was_there=was_there,
        )


def _receipt_of(found: ObjectInfo, source: Source, target: Target, store: ObjectStore) -> Receipt:
    """Prove what stands there: its size against Zoom's, its SHA-256 from its metadata or by reading it back."""
    if size_is_exact(target.kind) and source.size_bytes and found.size_bytes != source.size_bytes:
        raise Conflict(f"another object of {found.size_bytes} bytes has this key; it was left alone")
    crc32, digest = found.crc32, found.metadata.get(METADATA_SHA256)
    if crc32 is None or digest is None:
        crc32, digest = _read_back(found, store)
    return Receipt(
        key=found.key,
        version_id=found.version_id,
        size_bytes=found.size_bytes,
        crc32=f"{crc32:08x}",
        sha256=digest,
        kind=target.kind,
        was_there=True,
    )


def _read_back(found: ObjectInfo, store: ObjectStore) -> tuple[int, str]:
    crc32, digest = 0, sha256()
    for piece in store.read(found.key, found.version_id):
        crc32 = zlib.crc32(piece, crc32)
        digest.update(piece)
    if found.crc32 is not None and found.crc32 != crc32:
        raise PermanentError("the stored object does not have the checksum that the store tells")
    return crc32, digest.hexdigest()
