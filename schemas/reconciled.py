"""What reconciliation found out from Zoom's REST alone, on `zoom.webhooks` beside what Zoom sent itself.

Such an event is inferred: nobody delivered it. It holds no link and no token, so a file is fetched with what REST gives
at that moment. Its id is its own; processors let what follows from it carry the ids of the fact, so that the genuine
event, coming late, adds nothing.
"""

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from marshmallow import EXCLUDE, Schema, ValidationError, fields, validate

from schemas.envelope import Envelope
from schemas.errors import InvalidEvent
from schemas.identity import fact_id
from schemas.zoom import RecordingFile, ZoomEvent, load_event
from schemas.zoom.fields import Text

PREFIX = "zoom.reconciled."
MEETING_ENDED = PREFIX + "meeting_ended"
RECORDING_COMPLETED = PREFIX + "recording_completed"
SOURCE = "urn:zoom-call-pipeline:reconcile"
ORIGIN = "reconcile"  # the `zoomorigin` of everything that reconciliation writes

_STANDS_FOR = {MEETING_ENDED: "meeting.ended", RECORDING_COMPLETED: "recording.completed"}


@dataclass(frozen=True, slots=True)
class ReconciledMeeting:
    """A session that has ended, as REST tells of it. `started_at` is None where REST does not say."""

    account_id: str | None
    meeting_id: str
    session_id: str
    host_id: str | None
    started_at: datetime | None
    ended_at: datetime


@dataclass(frozen=True, slots=True)
class ReconciledRecording:
    """Files of a session that Zoom has and that no event named; their links are left out."""

    meeting_id: str | None
    session_id: str
    completed_at: datetime
    files: tuple[RecordingFile, ...]


class _Lenient(Schema):
    class Meta:
        unknown = EXCLUDE


def _instant(**more: Any) -> fields.AwareDateTime:
    return fields.AwareDateTime(format="iso", **more)


class MeetingEndedSchema(_Lenient):
    account_id = Text(load_default=None)
    meeting_id = fields.String(required=True, validate=validate.Length(min=1, max=64))
    session_id = fields.String(required=True, validate=validate.Length(min=1, max=255))
    host_id = Text(load_default=None)
    started_at = _instant(load_default=None, allow_none=True)
    ended_at = _instant(required=True)


class _FileSchema(_Lenient):
    file_id = Text(load_default=None)
    file_type = fields.String(required=True)
    extension = Text(load_default=None)
    size_bytes = fields.Integer(load_default=None, allow_none=True)
    recording_type = Text(load_default=None)
    recording_start = Text(load_default=None)
    recording_end = Text(load_default=None)


class RecordingCompletedSchema(_Lenient):
    meeting_id = Text(load_default=None)
    session_id = fields.String(required=True, validate=validate.Length(min=1, max=255))
    completed_at = _instant(required=True)
    files = fields.List(fields.Nested(_FileSchema), required=True, validate=validate.Length(min=1))


_SCHEMAS: dict[str, Schema] = {MEETING_ENDED: MeetingEndedSchema(), RECORDING_COMPLETED: RecordingCompletedSchema()}


def reconciled_envelope(fact: ReconciledMeeting | ReconciledRecording) -> Envelope:
    """Wrap a fact for `zoom.webhooks`; the same fact always has the same id.

    Raises:
        InvalidEvent: it breaks its own schema; the text names the fields.
    """
    if isinstance(fact, ReconciledMeeting):
        kind, at, parts = MEETING_ENDED, fact.ended_at, [fact.ended_at.isoformat(), str(fact.started_at)]
    else:
        kind, at, parts = RECORDING_COMPLETED, fact.completed_at, sorted(map(_file_identity, fact.files))
    document = _SCHEMAS[kind].dump(asdict(fact))
    _load(kind, document)
    return Envelope(
        id=fact_id(kind, fact.session_id, *parts),
        source=SOURCE,
        type=kind,
        data=_SCHEMAS[kind].dumps(asdict(fact)).encode(),
        time=at,
        partitionkey=fact.meeting_id or fact.session_id,
        extensions={"zoomorigin": ORIGIN},
    )


def load_fact(event_type: str, data: object) -> ZoomEvent:
    """Load a record of `zoom.webhooks`: what Zoom sent, or what reconciliation inferred in its place (`inferred`).

    Raises:
        InvalidEvent: it is not what its type promises; the text names the fields, not their values.
    """
    if not event_type.startswith(PREFIX):
        return load_event(data)
    found = _load(event_type, data)
    return ZoomEvent(
        name=_STANDS_FOR[event_type],
        occurred_at=found.get("ended_at") or found["completed_at"],
        account_id=found.get("account_id"),
        meeting_id=found["meeting_id"],
        session_id=found["session_id"],
        host_id=found.get("host_id"),
        start_at=found.get("started_at"),
        end_at=found.get("ended_at"),
        participant=None,
        recording_start=None,
        recording_end=None,
        files=tuple(_files(found.get("files", ()))),
        named_sessions=(),
        inferred=True,
    )


def _files(found: Iterable[dict[str, Any]]) -> Iterable[RecordingFile]:
    return (RecordingFile(**file, status="completed", download_url=None) for file in found)


def _file_identity(file: RecordingFile) -> str:
    return file.file_id or f"{file.recording_start} {file.file_type}"


def _load(kind: str, data: object) -> dict[str, Any]:
    schema = _SCHEMAS.get(kind)
    if schema is None or not isinstance(data, dict):
        raise InvalidEvent("not a reconciled event that we know")
    try:
        loaded: dict[str, Any] = schema.load(data)
    except ValidationError as error:
        raise InvalidEvent(f"{kind}: wrong or missing: {', '.join(sorted(map(str, error.messages_dict)))}") from error
    return loaded
