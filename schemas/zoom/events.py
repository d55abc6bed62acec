"""Load a webhook body into what the processors decide by."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from marshmallow import EXCLUDE, Schema, ValidationError, fields, post_load

from schemas.errors import InvalidEvent
from schemas.identity import Occurrence, read_occurrence
from schemas.zoom.fields import Id, Instant, Text, Texts


@dataclass(frozen=True, slots=True)
class Participant:
    """One join of one person. `user_id` is unique per join: a rejoin has a new one. `registrant_id` is theirs who came by a
    link of their own."""

    user_id: str | None
    account_user_id: str | None
    display_name: str | None
    joined_at: datetime | None
    left_at: datetime | None
    registrant_id: str | None = None


@dataclass(frozen=True, slots=True)
class RecordingFile:
    """One file of a recording. Files of type CC or TIMELINE may have neither id nor size."""

    file_id: str | None
    file_type: str
    extension: str | None
    size_bytes: int | None
    status: str | None
    recording_type: str | None
    recording_start: str | None
    recording_end: str | None
    download_url: str | None


@dataclass(frozen=True, slots=True)
class ZoomEvent:
    """A webhook body, normalised. `occurred_at` is Zoom's own time; None where the body has no `event_ts`.

    `recording_start` and `recording_end` are those of recording.started / paused / resumed / stopped.
    `named_sessions` are the sessions a `recording.batch_*` event is about. `inferred`: Zoom did not send it, reconciliation
    put it in the place of one that is missing (schemas.reconciled).
    """

    name: str
    occurred_at: datetime | None
    account_id: str | None
    meeting_id: str | None
    session_id: str | None
    host_id: str | None
    start_at: datetime | None
    end_at: datetime | None
    participant: Participant | None
    recording_start: datetime | None
    recording_end: datetime | None
    files: tuple[RecordingFile, ...]
    named_sessions: tuple[str, ...]
    inferred: bool = False


class _Lenient(Schema):
    class Meta:
        unknown = EXCLUDE


class _ParticipantSchema(_Lenient):
    user_id = Id(load_default=None)
    account_user_id = Id(data_key="id", load_default=None)
    display_name = Text(data_key="user_name", load_default=None)
    joined_at = Instant(data_key="join_time", load_default=None)
    left_at = Instant(data_key="leave_time", load_default=None)
    registrant_id = Id(load_default=None)

    @post_load
    def build(self, data: dict[str, Any], **_: Any) -> Participant:
        return Participant(**data)


class _SegmentSchema(_Lenient):
    recording_start = Instant(load_default=None)
    recording_end = Instant(load_default=None)


class _FileSchema(_Lenient):
    file_id = Id(data_key="id", load_default=None)
    file_type = fields.String(load_default="UNKNOWN")
    extension = Text(data_key="file_extension", load_default=None)
    size_bytes = fields.Integer(data_key="file_size", load_default=None, allow_none=True)
    status = Text(load_default=None)
    recording_type = Text(load_default=None)
    recording_start = Text(load_default=None)
    recording_end = Text(load_default=None)
    download_url = Text(load_default=None)

    @post_load
    def build(self, data: dict[str, Any], **_: Any) -> RecordingFile:
        return RecordingFile(**data)


class _BatchedMeetingSchema(_Lenient):
    meeting_uuid = Text(load_default=None)


class _ObjectSchema(_Lenient):
    host_id = Id(load_default=None)
    start_at = Instant(data_key="start_time", load_default=None)
    end_at = Instant(data_key="end_time", load_default=None)
    participant = fields.Nested(_ParticipantSchema, load_default=None, allow_none=True)
    recording_file = fields.Nested(_SegmentSchema, load_default=None, allow_none=True)
    recording_files = fields.List(fields.Nested(_FileSchema), load_default=list, allow_none=True)
    participant_audio_files = fields.List(fields.Nested(_FileSchema), load_default=list, allow_none=True)
    meeting_uuids = Texts(load_default=())
    meetings = fields.List(fields.Nested(_BatchedMeetingSchema), load_default=list, allow_none=True)


class _BodySchema(_Lenient):
    event_ts = Instant(load_default=None)


_OBJECT, _BODY = _ObjectSchema(), _BodySchema()


def load_event(body: object) -> ZoomEvent:
    """Load a parsed webhook body.

    Raises:
        InvalidEvent: a field that we use is of a shape that Zoom never sends; the text names the fields, not their values.
    """
    occurrence = read_occurrence(body)
    try:
        instants = _BODY.load(body)  # type: ignore[arg-type]  # read_occurrence has checked that it is a mapping
        found = _OBJECT.load(dict(occurrence.object))
    except ValidationError as error:
        names = ", ".join(sorted(map(str, error.messages_dict)))
        raise InvalidEvent(f"{occurrence.event}: unusable fields: {names}") from error
    return _event(occurrence, instants["event_ts"], found)


def _event(occurrence: Occurrence, occurred_at: datetime | None, found: dict[str, Any]) -> ZoomEvent:
    segment = found["recording_file"] or {}
    batched = [meeting["meeting_uuid"] for meeting in found["meetings"] or []]
    return ZoomEvent(
        name=occurrence.event,
        occurred_at=occurred_at,
        account_id=occurrence.account_id,
        meeting_id=occurrence.meeting_id,
        session_id=occurrence.session_id,
        host_id=found["host_id"],
        start_at=found["start_at"],
        end_at=found["end_at"],
        participant=found["participant"],
        recording_start=segment.get("recording_start"),
        recording_end=segment.get("recording_end"),
        files=(*(found["recording_files"] or ()), *(found["participant_audio_files"] or ())),
        named_sessions=tuple(uuid for uuid in (*found["meeting_uuids"], *batched) if uuid),
    )
