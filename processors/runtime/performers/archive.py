"""ArchiveFile: fetch one recording file from Zoom and store it, complete and proven."""

from collections.abc import Mapping
from contextlib import suppress
from typing import Any, cast

from sqlalchemy import Connection

from infra.archive.archive import archive_file
from infra.archive.download import Downloader
from infra.archive.errors import LinkRefused, NotARecording, TokenRefused
from infra.archive.journal import Journal
from infra.archive.model import Receipt, Source, Target
from infra.clock import Clock
from infra.errors import PermanentError
from infra.storage.base import ObjectStore
from infra.storage.holds import let_stand
from infra.storage.tags import Hold, lifecycle_tags
from processors.commands import ArchiveFile
from processors.runtime.performers.archive_source import FileSources
from processors.runtime.receipts import Receipts, write_receipt
from processors.runtime.uploads import forget_upload
from schemas.archive import Kind, content_type_of, extension_of


class ArchiveFilePerformer:
    """Archives files. A file whose object was expired, or should be by now, is never archived again."""

    def __init__(
        self,
        *,
        sources: FileSources,
        store: ObjectStore,
        download: Downloader,
        receipts: Receipts,
        journal: Journal,
        clock: Clock,
    ) -> None:
        self._sources = sources
        self._store = store
        self._download = download
        self._receipts = receipts
        self._journal = journal
        self._clock = clock

    def perform(self, command: ArchiveFile) -> Mapping[str, Any]:
        """Store the file unless it stands there, going on where a stopped run has left it; return the proof of it.

        Raises:
            TransientError: Zoom, the log, the database or the store does not answer, or refuses for now.
            PermanentError: there is nothing to fetch, it is past its retention, or another object has its key.
        """
        self._refuse_expired(command)
        target = _target(command)
        receipt = self._archive(command, target)
        if receipt.was_there:
            self._settle_tags(receipt, target)
        return {
            "object_key": receipt.key,
            "version_id": receipt.version_id,
            "size_bytes": receipt.size_bytes,
            "crc32": receipt.crc32,
            "sha256": receipt.sha256,
            "content_type": target.content_type,
        }

    def record(self, connection: Connection, command: ArchiveFile, result: Mapping[str, Any]) -> None:
        """Write the receipt, in the place of what was noted on the way."""
        forget_upload(connection, command.object_key)
        write_receipt(connection, command, result, self._clock.now())

    def _refuse_expired(self, command: ArchiveFile) -> None:
        known = self._receipts.find(command.object_key)
        if known is not None and known.expired_at is not None:
            raise PermanentError("the file was archived and has expired: it is not archived again")
        if command.expires_at <= self._clock.now():
            raise PermanentError("the file is past its retention: it is not archived any more")

    def _archive(self, command: ArchiveFile, target: Target) -> Receipt:
        """Try the event's link, or where that is stale REST's, then, when it is refused, the one that REST gives; no third try."""
        source = self._sources.from_event(command)
        if source is None and self._store.head(target.key) is not None:
            source = Source(
                url="", token=None, size_bytes=command.size_bytes
            )  # stored by an interrupted run: no link needed
        if source is None:
            source = self._sources.from_rest(command)
        with suppress(TokenRefused, LinkRefused, NotARecording):  # REST may have a link that works
            return self._fetch(source, target, command)
        return self._fetch(self._sources.from_rest(command), target, command)

    def _fetch(self, source: Source, target: Target, command: ArchiveFile) -> Receipt:
        """Archive from this source; a token that expires on the way is replaced by one from REST."""
        return archive_file(
            source,
            target,
            self._store,
            self._download,
            journal=self._journal,
            renew=lambda: self._sources.from_rest(command),
        )

    def _settle_tags(self, receipt: Receipt, target: Target) -> None:
        """Give an object that an earlier, interrupted run left the tags and the hold of today; one with a receipt has its own."""
        if self._receipts.find(receipt.key) is not None:
            return
        let_stand(self._store, receipt.key, receipt.version_id, target.tags)


def _target(command: ArchiveFile) -> Target:
    kind = cast(Kind, command.file_kind)
    return Target(
        key=command.object_key,
        kind=kind,
        content_type=content_type_of(command.file_type, command.extension),
        file_name=_file_name(command),
        tags=lifecycle_tags(
            kind=kind,
            session_id=command.session_id,
            call_id=command.call_id,
            order_id=command.order_id,
            call_ended_at=command.call_ended_at,
            hold=cast(Hold, command.hold),
        ),
    )


def _file_name(command: ArchiveFile) -> str:
    """A name for people that tells no topic and no person: `video 2026-01-01T12-00-00Z.mp4`."""
    start = (command.recording_start or "").replace(":", "-")
    return f"{' '.join(filter(None, (command.file_kind, start)))}.{extension_of(command.file_type, command.extension)}"
