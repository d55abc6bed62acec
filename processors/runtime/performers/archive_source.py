"""Where a recording file can be fetched now: URL and token, always both from one place, the event or REST."""

import json
from base64 import urlsafe_b64decode
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, Protocol

from infra.archive.model import Source
from infra.clock import Clock
from infra.errors import PermanentError, TransientError
from infra.secret import Secret
from infra.transport.base import Record, TopicPartition
from infra.zoom.client import MeetingRecordings
from processors.commands import ArchiveFile, Reference
from processors.runtime.codec import type_of
from schemas.reconciled import PREFIX as RECONCILED
from schemas.zoom import RecordingFile, load_event

TOKEN_MARGIN_SECONDS = 60  # a token about to expire would be refused on the way: clocks differ, connections take time


class RecordReader(Protocol):
    """The one call of a Transport that is needed here."""

    def read(self, place: TopicPartition, offset: int, max_records: int = 500) -> Sequence[Record]:
        """Return records from `offset` on; the oldest still kept when that one is gone."""
        ...


class RecordingsOnZoom(Protocol):
    """The one call of the Zoom client that is needed here."""

    def recordings(self, session_id: str) -> MeetingRecordings | None:
        """Return a session's recordings; None where Zoom has none."""
        ...


class FileSources:
    """Finds a file's source. Without Zoom credentials (`zoom` is None) the event's is the only one."""

    def __init__(self, log: RecordReader, zoom: RecordingsOnZoom | None, clock: Clock) -> None:
        self._log = log
        self._zoom = zoom
        self._clock = clock

    def from_event(self, command: ArchiveFile) -> Source | None:
        """Return what the event says; None when its record is gone, holds no link, or its token has expired.

        Raises:
            TransientError: the log does not answer.
        """
        record = self._record(command.source)
        if record is None or (type_of(record) or "").startswith(RECONCILED):
            return None
        body = json.loads(record.value)
        token = _token(body)
        if token is not None and is_expired(token, self._clock.now()):
            return None
        file = _find(load_event(body).files, command)
        return None if file is None else _source(file, token)

    def from_rest(self, command: ArchiveFile) -> Source:
        """Ask Zoom for a fresh URL and token.

        Raises:
            TransientError: Zoom does not answer, asks us to wait, or has no recording of the session (yet).
            PermanentError: there are no Zoom credentials, or the recording does not have the file.
        """
        if self._zoom is None:
            raise PermanentError(
                "the event's link does not work (any more), and without ZOOM_CLIENT_ID, ZOOM_CLIENT_SECRET and"
                " ZOOM_OAUTH_ACCOUNT_ID there is no other"
            )
        found = self._zoom.recordings(command.session_id)
        if found is None:
            raise TransientError("Zoom has no recording of the session now: it may still be in the making")
        file = _find(found.files, command)
        if file is None:
            raise PermanentError("Zoom does not have the file (any more)")
        return _source(file, found.download_access_token)

    def _record(self, reference: Reference) -> Record | None:
        place = TopicPartition(reference.topic, reference.partition)
        records = self._log.read(place, reference.offset, 1)
        return next((record for record in records if record.offset == reference.offset), None)


def _find(files: Iterable[RecordingFile], command: ArchiveFile) -> RecordingFile | None:
    """The command's file, by its id, or where it has none by its start and type; one without a link is none."""
    wanted = (command.recording_start, command.file_type.upper())
    for file in files:
        same = file.file_id == command.file_id
        if command.file_id is None:
            same = (file.recording_start, file.file_type.upper()) == wanted
        if same and file.download_url is not None:
            return file
    return None


def _source(file: RecordingFile, token: str | None) -> Source:
    return Source(url=file.download_url or "", token=token, size_bytes=file.size_bytes)


def _token(body: Mapping[str, Any]) -> Secret | None:
    """The body's download token: at the top, in some older bodies inside the payload."""
    token = body.get("download_token") or body["payload"].get("download_token")
    return Secret(token) if isinstance(token, str) and token else None


def is_expired(token: str, now: datetime) -> bool:
    """Whether a JWT says of itself that it has expired; what is no JWT, or says nothing, is worth a try. Total."""
    try:
        claims = token.split(".")[1]
        expires = json.loads(urlsafe_b64decode(claims + "=" * (-len(claims) % 4)))["exp"]
        return float(expires) <= now.timestamp() + TOKEN_MARGIN_SECONDS
    except (IndexError, ValueError, KeyError, TypeError, OverflowError, RecursionError):
        return False
