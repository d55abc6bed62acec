"""The recording of a case: opened for a reason, by who looks into it, while the case is open."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Engine, Row

from infra.clock import Clock
from infra.database.engine import reading
from infra.secret import Secret
from infra.storage.base import ObjectStore
from portal.auth.sessions import Analyst
from portal.recordings.links import link_life
from portal.reviews.cases import Case, Finding
from portal.reviews.desk import Desk, reason_of
from portal.reviews.holds import files_of
from portal.reviews.transcripts import Line, Transcripts
from schemas.archive import PLAYABLE

_BEST = ("video", "audio")
_CAPTIONS = ("captions", "transcript")


@dataclass(frozen=True, slots=True)
class Opened:
    """What a player is given: a link that ends by itself, where to start, and what is said."""

    file: Row[Any]
    url: Secret
    until: datetime
    second: float
    caption_key: str | None


class Recordings:
    """Safe to share between threads."""

    def __init__(self, engine: Engine, desk: Desk, store: ObjectStore, transcripts: Transcripts, clock: Clock) -> None:
        self._engine = engine
        self._desk = desk
        self._store = store
        self._transcripts = transcripts
        self._clock = clock

    def files(self, case: Case) -> list[Row[Any]]:
        """Return the receipts of what the archive has of it."""
        with reading(self._engine) as connection:
            return files_of(connection, case)

    def open(self, flag_id: str, analyst: Analyst, finding_id: str, reason: str) -> Opened | None:
        """Return a player's link, once it is written down why; None when there is nothing to play.

        Raises:
            Problem: the case is closed, or is not claimed by this analyst; the reason says nothing.
            TransientError: the audit cannot be written, or the store does not answer; then there is no link.
        """
        reason = reason_of(reason)
        case, files = self._desk.view_claimed(flag_id, analyst, "recording.opened", reason)
        finding = case.finding(finding_id)
        file = best(files, finding)
        if file is None or not self._store.has(file.object_key, file.version_id):
            return None
        life = link_life(file.recording_start, file.call_ended_at)
        until = self._clock.now() + life
        url = self._store.link(file.object_key, file.version_id, int(life.total_seconds()))
        captions = caption_file(files, file)
        return Opened(
            file=file,
            url=url,
            until=until,
            second=finding.data["start_seconds"] if finding is not None and finding.is_placed else 0.0,
            caption_key=None if captions is None else captions.file_id or captions.object_key.rpartition("/")[2],
        )

    def captions(self, flag_id: str, analyst: Analyst, key: str) -> Sequence[Line] | None:
        """Return the captions beside an opened recording; None when there are none of this name."""
        _, files = self._desk.view_claimed(flag_id, analyst, "captions.read")
        for file in files:
            if file.kind in _CAPTIONS and key in (file.file_id, file.object_key.rpartition("/")[2]):
                return self._transcripts.lines(file)
        return None


def best(files: Sequence[Row[Any]], finding: Finding | None) -> Row[Any] | None:
    """Return what to play: the video, else the sound, of the finding's segment, else of the first."""
    playable = [file for file in files if file.kind in PLAYABLE]
    if finding is not None and finding.is_placed:
        place = (finding.data["session_id"], finding.data["recording_start"])
        playable = [file for file in playable if (file.session_id, file.recording_start) == place] or playable
    return min(
        playable, key=lambda file: (_BEST.index(file.kind), file.recording_start or "", -file.size_bytes), default=None
    )


def caption_file(files: Sequence[Row[Any]], played: Row[Any]) -> Row[Any] | None:
    """Return the captions of what is played, else its transcript."""
    same = [
        file for file in files if (file.session_id, file.recording_start) == (played.session_id, played.recording_start)
    ]
    return next((file for kind in _CAPTIONS for file in same if file.kind == kind), None)
