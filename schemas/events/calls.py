"""The events of topic `call-events`. They hold no names, e-mail addresses, links, tokens or passcodes, ever."""

from marshmallow import INCLUDE, Schema, fields, validate

from schemas.archive import KINDS


class CallEventSchema(Schema):
    """What every call event says. `sequence` rises per call in steps of one; `call_id` is null for an unregistered meeting."""

    class Meta:
        unknown = INCLUDE  # event schemas only grow: a subscriber must not choke on a new field

    call_id = fields.String(required=True, allow_none=True)
    meeting_id = fields.String(required=True, allow_none=True)
    session_id = fields.String(required=True, allow_none=True)
    occurred_at = fields.AwareDateTime(required=True, format="iso")
    sequence = fields.Integer(required=True, validate=validate.Range(min=1))


class CallCreated(CallEventSchema):
    """A call was arranged."""

    order_id = fields.String(required=True)
    conversation_id = fields.String(required=True)
    freelancer_id = fields.String(required=True)
    client_id = fields.String(required=True)
    language = fields.String(required=True)


class CallStarted(CallEventSchema):
    """A session began. Again for the same session: `reopened`, or an earlier start became known."""

    reopened = fields.Boolean(required=True)


class CallEnded(CallEventSchema):
    """A session ended. Again for the same session when a later end became known."""

    started_at = fields.AwareDateTime(required=True, allow_none=True, format="iso")
    duration_seconds = fields.Integer(required=True, allow_none=True, validate=validate.Range(min=0))


class CallParticipant(CallEventSchema):
    """Somebody joined or left. `participant_ref` is new for every join and says nothing about the person."""

    participant_ref = fields.String(required=True)
    is_host = fields.Boolean(required=True, allow_none=True)


class CallRecordingChanged(CallEventSchema):
    """Recording started, paused, resumed or stopped. `recording_start` names the segment."""

    recording_start = fields.AwareDateTime(required=True, allow_none=True, format="iso")


class RecordedFile(Schema):
    """One file that Zoom announced. `size_bytes` is null where Zoom does not say."""

    class Meta:
        unknown = INCLUDE

    file_id = fields.String(required=True, allow_none=True)
    kind = fields.String(required=True, validate=validate.OneOf(KINDS))
    size_bytes = fields.Integer(required=True, allow_none=True)
    recording_start = fields.String(required=True, allow_none=True)


class CallRecordingCompleted(CallEventSchema):
    """Zoom finished files of a recording. There may be several per session: unite the files, never replace them."""

    files = fields.List(fields.Nested(RecordedFile), required=True)


class CallInvitationPosted(CallEventSchema):
    """The invitation stands in the conversation."""

    conversation_id = fields.String(required=True)


class CallRecordingArchived(CallEventSchema):
    """One file is in the archive, complete and proven: the receipt."""

    file_id = fields.String(required=True, allow_none=True)
    kind = fields.String(required=True, validate=validate.OneOf(KINDS))
    object_key = fields.String(required=True)
    version_id = fields.String(required=True, allow_none=True)
    size_bytes = fields.Integer(required=True)
    crc32 = fields.String(required=True)
    sha256 = fields.String(required=True)
    recording_start = fields.String(required=True, allow_none=True)
    call_ended_at = fields.AwareDateTime(required=True, format="iso")
    access_until = fields.AwareDateTime(required=True, format="iso")
    expires_at = fields.AwareDateTime(required=True, format="iso")


class CallRecordingMissing(CallEventSchema):
    """No recording came of a session that should have one. `zoom_says` is what Zoom's REST answered."""

    zoom_says = fields.String(required=True, validate=validate.OneOf(("none", "unknown")))


CALL_EVENT_TYPES: dict[str, type[CallEventSchema]] = {
    "call.created": CallCreated,
    "call.started": CallStarted,
    "call.ended": CallEnded,
    "call.participant_joined": CallParticipant,
    "call.participant_left": CallParticipant,
    "call.recording_started": CallRecordingChanged,
    "call.recording_paused": CallRecordingChanged,
    "call.recording_resumed": CallRecordingChanged,
    "call.recording_stopped": CallRecordingChanged,
    "call.recording_completed": CallRecordingCompleted,
    "call.invitation_posted": CallInvitationPosted,
    "call.recording_archived": CallRecordingArchived,
    "call.recording_missing": CallRecordingMissing,
}
