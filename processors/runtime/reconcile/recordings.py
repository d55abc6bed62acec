"""The recordings of our hosts: files that Zoom has, that no event named and that the archive was never asked for."""

from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta

from infra.zoom.answers import MeetingRecordings
from infra.zoom.errors import UserNotFound
from processors.runtime.reconcile.desk import Desk, Period
from processors.runtime.reconcile.findings import ON_ITS_WAY, Findings
from schemas.archive import RETENTION_DAYS, object_key
from schemas.envelope import parse_time
from schemas.errors import InvalidEvent
from schemas.reconciled import ReconciledRecording, reconciled_envelope
from schemas.zoom import RecordingFile

BEGAN_BEFORE = timedelta(days=1)  # Zoom lists by the day a meeting began: one of the evening before ends in the period
GIVEN_UP = "given up: python -m processors dead-letters list --processor recording_archive"
NOT_TAKEN = "told of before, and not taken: see the log of recording_archive"

Files = Mapping[str, RecordingFile]


def reconcile_recordings(desk: Desk, user: str, period: Period) -> Findings:
    """Announce what a user recorded and nobody told of; say what of it is not in the archive.

    Raises:
        TransientError: Zoom, the log or the database does not answer.
        PermanentError: Zoom refuses to list.
    """
    findings = Findings()
    if desk.zoom is None:
        return findings
    first, last = (period.since - BEGAN_BEFORE).date(), period.until.date()
    try:
        for recording in desk.zoom.user_recordings(user, first, last):
            _look_at(desk, recording, findings)
    except UserNotFound:
        findings.left_out[f"recordings of {user}"] = "Zoom does not know this user (any more)"
    return findings


def _look_at(desk: Desk, recording: MeetingRecordings, findings: Findings) -> None:
    files = {_key(recording, file): file for file in recording.files if _is_ready(file)}
    archived = desk.database.receipt_keys(files)
    state_key = recording.meeting_id or f"session:{recording.session_id}"
    known = desk.database.files([state_key])
    for key in files.keys() & known.keys() - archived:
        findings.unarchived[key] = GIVEN_UP if known[key].failed else ON_ITS_WAY
    brought = files.keys() & desk.brought_files
    findings.unarchived |= dict.fromkeys(brought - archived, ON_ITS_WAY)
    new = {key: file for key, file in files.items() if key not in archived | known.keys() | brought}
    if new and _ended_at(new, desk.clock.now()) + timedelta(days=RETENTION_DAYS) > desk.clock.now():
        is_news = desk.bring(reconciled_envelope(_fact(recording, new, desk.clock.now())))
        findings.announced += [*new] if is_news else []
        findings.unarchived |= dict.fromkeys(new, ON_ITS_WAY if is_news else NOT_TAKEN)


def _fact(recording: MeetingRecordings, files: Files, now: datetime) -> ReconciledRecording:
    return ReconciledRecording(
        meeting_id=recording.meeting_id,
        session_id=recording.session_id,
        completed_at=_ended_at(files, now),
        files=tuple(files.values()),
    )


def _is_ready(file: RecordingFile) -> bool:
    """Whether Zoom has finished it and keeps it; one without a link lies with the customer."""
    return (file.status or "completed").lower() == "completed" and file.download_url is not None


def _key(recording: MeetingRecordings, file: RecordingFile) -> str:
    return object_key(recording.session_id, file.file_id, file.recording_start, file.file_type)


def _ended_at(files: Files, now: datetime) -> datetime:
    """When the last of them was recorded; now where Zoom does not say."""
    return max(_instants(files), default=now)


def _instants(files: Files) -> Iterator[datetime]:
    for file in files.values():
        for text in (file.recording_end, file.recording_start):
            try:
                yield parse_time(text or "")
            except InvalidEvent:
                continue
