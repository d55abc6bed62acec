"""The events of topics `flagged-meetings` and `flagged-meetings.decisions`, for trust and safety alone."""

from marshmallow import INCLUDE, Schema, fields, validate

FLAGGED = "meeting.flagged"
REVIEWED = "meeting.reviewed"

SEVERITY = validate.Range(min=1, max=5)  # 1 a note … 5 danger to life
CERTAINTIES = ("host", "presumed", "unknown")  # never from a display name alone


class _Growing(Schema):
    class Meta:
        unknown = INCLUDE  # event schemas only grow


class FindingSchema(_Growing):
    """One rule's hit. Times are seconds from the start of the recording segment; quotes have personal data masked."""

    rule_id = fields.String(required=True)
    rule_version = fields.String(required=True)
    category = fields.String(required=True)
    severity = fields.Integer(required=True, validate=SEVERITY)
    confidence = fields.Float(required=True, validate=validate.Range(min=0, max=1))
    source = fields.String(required=True)
    explanation = fields.String(required=True)
    session_id = fields.String(required=True, allow_none=True)
    speaker = fields.String(required=True, allow_none=True)
    speaker_certainty = fields.String(required=True, validate=validate.OneOf(CERTAINTIES))
    recording_start = fields.String(required=True, allow_none=True)
    start_seconds = fields.Float(required=True, allow_none=True)
    end_seconds = fields.Float(required=True, allow_none=True)
    quote = fields.String(required=True, allow_none=True)


class CoverageSchema(_Growing):
    """What was looked at: no flag does not mean safe."""

    transcript_seconds = fields.Float(required=True)
    transcripts = fields.Integer(required=True)
    chats = fields.Integer(required=True)


class MeetingFlagged(_Growing):
    """The whole state of a call's flag. A higher `revision` replaces all lower ones; `withdrawn` ends it."""

    flag_id = fields.String(required=True)
    revision = fields.Integer(required=True, validate=validate.Range(min=1))
    status = fields.String(required=True, validate=validate.OneOf(("flagged", "withdrawn")))
    call_id = fields.String(required=True, allow_none=True)
    meeting_id = fields.String(required=True, allow_none=True)
    session_id = fields.String(required=True, allow_none=True)
    occurred_at = fields.AwareDateTime(required=True, format="iso")
    score = fields.Float(required=True, validate=validate.Range(min=0, max=1))
    severity = fields.Integer(required=True, allow_none=True, validate=SEVERITY)
    policy_version = fields.String(required=True)
    findings = fields.List(fields.Nested(FindingSchema), required=True)
    coverage = fields.Nested(CoverageSchema, required=True)


class MeetingReviewed(_Growing):
    """An analyst decided. Who decided stays in the audit."""

    flag_id = fields.String(required=True)
    revision = fields.Integer(required=True)
    call_id = fields.String(required=True, allow_none=True)
    meeting_id = fields.String(required=True, allow_none=True)
    session_id = fields.String(required=True, allow_none=True)
    occurred_at = fields.AwareDateTime(required=True, format="iso")
    decision = fields.String(
        required=True, validate=validate.OneOf(("confirmed", "dismissed", "escalated", "more_needed"))
    )
