"""The files of a call that its participants may watch, hear or read, by the archive's receipts.

Chats, summaries and whatever else Zoom stores are not among them: those are for trust and safety alone.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from typing import Literal

from sqlalchemy import Engine, select

from infra.database.engine import reading
from infra.database.tables import receipts
from portal.recordings.call import Call
from schemas.archive import PLAYABLE, content_type_of, extension_of

SHOWN = ("video", "audio", "captions", "transcript")
RecordingState = Literal["before_end", "being_prepared", "ready", "missing", "removed", "over"]


@dataclass(frozen=True, slots=True)
class File:
    """One archived file. `recording_id` names it outside; where it lies in the bucket is nobody's business there."""

    recording_id: str
    kind: str
    file_type: str
    object_key: str
    version_id: str | None
    session_id: str
    recording_start: str | None
    size_bytes: int
    access_until: datetime

    @property
    def is_playable(self) -> bool:
        return self.kind in PLAYABLE

    @property
    def content_type(self) -> str:
        return content_type_of(self.file_type, None)

    @property
    def extension(self) -> str:
        return extension_of(self.file_type, None)


@dataclass(frozen=True, slots=True)
class Recording:
    """What there is to watch of a call now. `is_complete`: everything that Zoom announced to watch or hear is there."""

    state: RecordingState
    is_complete: bool
    files: Sequence[File]

    def find(self, recording_id: str) -> File | None:
        """Return the file of this name; None when it is not among those shown."""
        return next((file for file in self.files if file.recording_id == recording_id), None)


def recording_of(engine: Engine, call: Call, now: datetime) -> Recording:
    """Return what the participants may watch now. Raises TransientError when the database fails."""
    if call.ended_at is None or call.access_until is None:
        return Recording("before_end", False, ())
    if now >= call.access_until:
        return Recording("over", False, ())
    files, were_there = _files(engine, call, now)
    playable = sum(file.is_playable for file in files)
    if playable:
        return Recording("ready", playable >= call.announced, files)
    if were_there:
        return Recording("removed", False, ())
    return Recording("missing" if call.is_recording_missing else "being_prepared", False, ())


def _files(engine: Engine, call: Call, now: datetime) -> tuple[list[File], bool]:
    """The files that are there, the first segment first, and whether there were any that are gone."""
    query = select(receipts).where(receipts.c.call_id == call.call_id, receipts.c.kind.in_(SHOWN))
    with reading(engine) as connection:
        rows = connection.execute(query).all()
    kept = [row for row in rows if row.expired_at is None and now < row.access_until]
    files = [
        File(
            recording_id=sha256(row.object_key.encode()).hexdigest()[:32],
            kind=row.kind,
            file_type=row.file_type,
            object_key=row.object_key,
            version_id=row.version_id,
            session_id=row.session_id,
            recording_start=row.recording_start,
            size_bytes=row.size_bytes,
            access_until=row.access_until,
        )
        for row in kept
    ]
    files.sort(key=lambda file: (file.recording_start or "", SHOWN.index(file.kind), -file.size_bytes, file.object_key))
    return files, any(row.expired_at is not None and row.kind in PLAYABLE for row in rows)
