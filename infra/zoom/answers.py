"""What Zoom's REST answers, as far as we use it. As strict as our use and no stricter; links, codes and persons hide in reprs."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from marshmallow import EXCLUDE, Schema, ValidationError, fields

from infra.errors import PermanentError
from infra.secret import Secret
from schemas.errors import InvalidEvent
from schemas.zoom import RecordingFile, load_event
from schemas.zoom.fields import Id, Instant, Text


@dataclass(frozen=True, slots=True)
class MeetingRecordings:
    """A session's recording files. Their URLs go with `download_access_token` and with no other token."""

    session_id: str
    meeting_id: str | None
    files: tuple[RecordingFile, ...]
    download_access_token: Secret | None


@dataclass(frozen=True, slots=True)
class Meeting:
    """A meeting as it was arranged. Its start URL, which carries the host's rights, is not read here at all.

    `takes_registrants` is what Zoom made of the wish: where the plan does not allow it, Zoom says yes and does no.
    """

    meeting_id: str
    session_id: str | None
    host_id: str | None
    topic: str | None = field(repr=False)
    start_at: datetime | None
    duration_minutes: int | None
    join_url: Secret | None
    passcode: Secret | None
    agenda: str | None = field(default=None, repr=False)
    is_going_on: bool = False
    takes_registrants: bool = False


@dataclass(frozen=True, slots=True)
class RecordingSettings:
    """How a recording is shared. `share` is none, internally or publicly."""

    share: str | None
    viewers_may_download: bool
    on_demand: bool
    is_deleted_on: str | None
    passcode: Secret | None


@dataclass(frozen=True, slots=True)
class PastMeeting:
    """A session that has ended."""

    session_id: str
    meeting_id: str
    host_id: str | None
    start_at: datetime | None
    end_at: datetime | None
    participants: int | None


@dataclass(frozen=True, slots=True)
class PastInstance:
    """One session of a meeting id."""

    session_id: str
    start_at: datetime | None


@dataclass(frozen=True, slots=True)
class PastParticipant:
    """One join of one person. Durations are 0 until Zoom has processed them, so they are not read."""

    user_id: str | None
    account_user_id: str | None
    display_name: str | None = field(repr=False)
    joined_at: datetime | None
    left_at: datetime | None
    is_waiting: bool


@dataclass(frozen=True, slots=True)
class WebhookDelivery:
    """A try to deliver an event. `status` is what the endpoint answered, -1 where nothing did; `body` is as Zoom sent it.

    `request_id` is the same for every retry. The time is as Zoom wrote it: its own example is no valid instant.
    """

    event: str
    status: int
    request_id: str | None
    retry_number: int
    tried_at: str | None
    body: str = field(repr=False)


REGISTRATION_ON = (0, 1)  # approval_type: at once, by hand; 2 is none


class _Lenient(Schema):
    class Meta:
        unknown = EXCLUDE


class _Meeting(_Lenient):
    meeting_id = Id(data_key="id", required=True)
    session_id = Text(data_key="uuid", load_default=None)
    host_id = Id(load_default=None)
    topic = Text(load_default=None)
    start_at = Instant(data_key="start_time", load_default=None)
    duration_minutes = fields.Integer(data_key="duration", load_default=None, allow_none=True)
    join_url = Text(load_default=None)
    passcode = Text(data_key="password", load_default=None)
    agenda = Text(load_default=None)
    status = Text(load_default=None)
    settings = fields.Dict(load_default=dict, allow_none=True)


class _RecordingSettings(_Lenient):
    share = Text(data_key="share_recording", load_default=None)
    viewers_may_download = fields.Boolean(data_key="viewer_download", load_default=False)
    on_demand = fields.Boolean(load_default=False)
    auto_delete = fields.Boolean(load_default=False)
    auto_delete_date = Text(load_default=None)
    passcode = Text(data_key="password", load_default=None)


class _PastMeeting(_Lenient):
    session_id = fields.String(data_key="uuid", required=True)
    meeting_id = Id(data_key="id", required=True)
    host_id = Id(load_default=None)
    start_at = Instant(data_key="start_time", load_default=None)
    end_at = Instant(data_key="end_time", load_default=None)
    participants = fields.Integer(data_key="participants_count", load_default=None, allow_none=True)


class _PastInstance(_Lenient):
    session_id = fields.String(data_key="uuid", required=True)
    start_at = Instant(data_key="start_time", load_default=None)


class _PastParticipant(_Lenient):
    user_id = Id(load_default=None)
    account_user_id = Id(data_key="id", load_default=None)
    display_name = Text(data_key="name", load_default=None)
    joined_at = Instant(data_key="join_time", load_default=None)
    left_at = Instant(data_key="leave_time", load_default=None)
    status = Text(load_default=None)


class _WebhookDelivery(_Lenient):
    event = fields.String(required=True)
    status = fields.Integer(required=True)
    request_id = Text(load_default=None)
    retry_number = fields.Integer(data_key="retry_num", load_default=0)
    tried_at = Text(data_key="date_time", load_default=None)
    body = fields.String(data_key="request_body", load_default="")


def read_recordings(body: Mapping[str, Any], session_id: str | None = None) -> MeetingRecordings:
    """Read a meeting's recordings; they have the shape of the webhook's payload.object.

    Raises:
        PermanentError: they are not of that shape.
    """
    try:
        event = load_event({"event": "recording.completed", "payload": {"object": body}})
    except InvalidEvent as error:
        raise PermanentError("Zoom's answer is not a recording we can read") from error
    found = session_id or event.session_id
    if found is None:
        raise PermanentError("Zoom's answer is not a recording we can read: it has no uuid")
    token = body.get("download_access_token")
    return MeetingRecordings(
        session_id=found,
        meeting_id=event.meeting_id,
        files=event.files,
        download_access_token=Secret(token) if isinstance(token, str) and token else None,
    )


def read_meeting(body: Mapping[str, Any]) -> Meeting:
    """Read the answer to making a meeting, or to asking for one. Raises PermanentError."""
    found = _loaded(_Meeting(), body, "meeting")
    join_url, passcode = _secret(found.pop("join_url")), _secret(found.pop("passcode"))
    approval, status = (found.pop("settings") or {}).get("approval_type"), found.pop("status")
    return Meeting(
        **found,
        join_url=join_url,
        passcode=passcode,
        is_going_on=status == "started",
        takes_registrants=approval in REGISTRATION_ON,
    )


def read_recording_settings(body: Mapping[str, Any]) -> RecordingSettings:
    """Read how a recording is shared. Raises PermanentError."""
    found = _loaded(_RecordingSettings(), body, "recording's settings")
    return RecordingSettings(
        share=found["share"],
        viewers_may_download=found["viewers_may_download"],
        on_demand=found["on_demand"],
        is_deleted_on=found["auto_delete_date"] if found["auto_delete"] else None,
        passcode=_secret(found["passcode"]),
    )


def read_past_meeting(body: Mapping[str, Any]) -> PastMeeting:
    """Read a session that has ended. Raises PermanentError."""
    return PastMeeting(**_loaded(_PastMeeting(), body, "past meeting"))


def read_past_instance(body: Mapping[str, Any]) -> PastInstance:
    """Read one of a meeting's sessions. Raises PermanentError."""
    return PastInstance(**_loaded(_PastInstance(), body, "past meeting"))


def read_past_participant(body: Mapping[str, Any]) -> PastParticipant:
    """Read one join. Raises PermanentError."""
    found = _loaded(_PastParticipant(), body, "participant")
    is_waiting = found.pop("status") == "in_waiting_room"
    return PastParticipant(**found, is_waiting=is_waiting)


def read_webhook_delivery(body: Mapping[str, Any]) -> WebhookDelivery:
    """Read one line of the webhook log. Raises PermanentError."""
    return WebhookDelivery(**_loaded(_WebhookDelivery(), body, "webhook log"))


def _loaded(schema: Schema, body: Mapping[str, Any], what: str) -> dict[str, Any]:
    try:
        found: dict[str, Any] = schema.load(body)
    except ValidationError as error:
        names = ", ".join(sorted(map(str, error.messages_dict)))
        raise PermanentError(f"Zoom's answer is not a {what} we can read: unusable fields: {names}") from error
    return found


def _secret(text: str | None) -> Secret | None:
    return None if text is None else Secret(text)
