"""The events of topic `call-events`. They hold no names, e-mail addresses, links, tokens or passcodes, ever."""

from marshmallow import INCLUDE, Schema, fields, validate

from schemas.archive import ACCESS_DAYS, KINDS, RETENTION_DAYS
from schemas.events.meaning import meaning


class CallEventSchema(Schema):
    """What every call event says. `sequence` rises per call in steps of one; `call_id` is null for an unregistered meeting."""

    class Meta:
        unknown = INCLUDE  # event schemas only grow: a subscriber must not choke on a new field

    call_id = fields.String(
        required=True,
        allow_none=True,
        metadata=meaning("The arranged call; null for a meeting that nobody registered, or not yet."),
    )
    meeting_id = fields.String(
        required=True, allow_none=True, metadata=meaning("Zoom's meeting number, digits as a string.")
    )
    session_id = fields.String(
        required=True,
        allow_none=True,
        metadata=meaning("Zoom's uuid of one session of the meeting; null for what is about the call as a whole."),
    )
    occurred_at = fields.AwareDateTime(required=True, format="iso", metadata=meaning("When it happened."))
    sequence = fields.Integer(
        required=True,
        validate=validate.Range(min=1),
        metadata=meaning(
            "The event's place in its stream (ce_subject): 1, 2, 3, … in the order in which we learned it."
        ),
    )


class CallCreated(CallEventSchema):
    """A call was arranged."""

    order_id = fields.String(
        required=True, metadata=meaning("The marketplace's order; empty for a call from the inbox about no order.")
    )
    conversation_id = fields.String(required=True, metadata=meaning("The marketplace's conversation."))
    freelancer_id = fields.String(required=True, metadata=meaning("The freelancer's marketplace user id."))
    client_id = fields.String(required=True, metadata=meaning("The client's marketplace user id."))
    language = fields.String(required=True, metadata=meaning("The language of the invitation, such as en or pt-BR."))


class CallStarted(CallEventSchema):
    """A session began. Again for the same session: `reopened`, or an earlier start became known."""

    reopened = fields.Boolean(
        required=True, metadata=meaning("Whether the session had ended before and somebody came back.")
    )


class CallEnded(CallEventSchema):
    """A session ended. Again for the same session when a later end became known."""

    started_at = fields.AwareDateTime(
        required=True,
        allow_none=True,
        format="iso",
        metadata=meaning("The first start that was known; null while none is."),
    )
    duration_seconds = fields.Integer(
        required=True, allow_none=True, validate=validate.Range(min=0), metadata=meaning("From that start to this end.")
    )
    inferred = fields.Boolean(
        metadata=meaning("True when Zoom never told of the end and it was found by asking; absent otherwise.")
    )


class CallParticipant(CallEventSchema):
    """Somebody joined or left. `participant_ref` is new for every join and says nothing about the person."""

    participant_ref = fields.String(
        required=True, metadata=meaning("One join of one person; the leaving has the same.")
    )
    is_host = fields.Boolean(
        required=True, allow_none=True, metadata=meaning("Whether it was the host; null where Zoom does not say.")
    )
    role = fields.String(
        validate=validate.OneOf(("freelancer", "client")),
        metadata=meaning(
            "Which of the call's two it was, where each came by a link of their own; absent where nobody can tell."
        ),
    )


class CallRecordingChanged(CallEventSchema):
    """Recording started, paused, resumed or stopped. `recording_start` names the segment."""

    recording_start = fields.AwareDateTime(
        required=True,
        allow_none=True,
        format="iso",
        metadata=meaning("When the segment began: its name. Null where Zoom does not say."),
    )


class RecordedFile(Schema):
    """One file that Zoom announced. `size_bytes` is null where Zoom does not say."""

    class Meta:
        unknown = INCLUDE

    file_id = fields.String(
        required=True, allow_none=True, metadata=meaning("Zoom's id of the file; null for a few kinds.")
    )
    kind = fields.String(required=True, validate=validate.OneOf(KINDS), metadata=meaning("What the file is."))
    size_bytes = fields.Integer(required=True, allow_none=True, metadata=meaning("Zoom's word for the size."))
    recording_start = fields.String(
        required=True, allow_none=True, metadata=meaning("The segment that the file belongs to, as Zoom writes it.")
    )


class CallRecordingCompleted(CallEventSchema):
    """Zoom finished files of a recording. There may be several per session: unite the files, never replace them."""

    files = fields.List(
        fields.Nested(RecordedFile), required=True, metadata=meaning("The files that this announcement names.")
    )


class CallInvitationPosted(CallEventSchema):
    """The invitation stands in the conversation."""

    conversation_id = fields.String(required=True, metadata=meaning("The marketplace's conversation."))


class CallRecordingArchived(CallEventSchema):
    """One file is in the archive, complete and proven: the receipt."""

    file_id = fields.String(
        required=True, allow_none=True, metadata=meaning("Zoom's id of the file; null for a few kinds.")
    )
    kind = fields.String(required=True, validate=validate.OneOf(KINDS), metadata=meaning("What the file is."))
    object_key = fields.String(
        required=True,
        metadata=meaning("Where it lies in the archive bucket. Reading it takes rights that this event does not give."),
    )
    version_id = fields.String(
        required=True, allow_none=True, metadata=meaning("Its version, where the bucket keeps versions.")
    )
    size_bytes = fields.Integer(required=True, metadata=meaning("Its size as stored."))
    crc32 = fields.String(required=True, metadata=meaning("CRC-32 of its bytes, 8 hex digits."))
    sha256 = fields.String(required=True, metadata=meaning("SHA-256 of its bytes, 64 hex digits."))
    recording_start = fields.String(
        required=True, allow_none=True, metadata=meaning("The segment that the file belongs to, as Zoom writes it.")
    )
    call_ended_at = fields.AwareDateTime(
        required=True,
        format="iso",
        metadata=meaning("The end from which access and expiry are counted, as known when the file was archived."),
    )
    access_until = fields.AwareDateTime(
        required=True,
        format="iso",
        metadata=meaning(f"Until then both participants may watch it: {ACCESS_DAYS} days after the call."),
    )
    expires_at = fields.AwareDateTime(
        required=True,
        format="iso",
        metadata=meaning(f"From then on nobody can read it, unless it is held: {RETENTION_DAYS} days after the call."),
    )


class CallRecordingMissing(CallEventSchema):
    """No recording came of a session that should have one. `zoom_says` is what Zoom's REST answered."""

    zoom_says = fields.String(
        required=True,
        validate=validate.OneOf(("none", "unknown")),
        metadata=meaning("none: Zoom has no recording either. unknown: Zoom could not be asked."),
    )


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
