"""The events of topics `flagged-meetings` and `flagged-meetings.decisions`, for trust and safety alone."""

from marshmallow import INCLUDE, Schema, fields, validate

from schemas.events.meaning import meaning

FLAGGED = "meeting.flagged"
REVIEWED = "meeting.reviewed"
SHADOWED = "meeting.shadowed"

SEVERITY = validate.Range(min=1, max=5)  # 1 a note … 5 danger to life
CERTAINTIES = ("host", "presumed", "unknown")  # never from a display name alone


class _Growing(Schema):
    class Meta:
        unknown = INCLUDE  # event schemas only grow


class FindingSchema(_Growing):
    """One rule's hit. Times are seconds from the start of the recording segment; quotes have personal data masked."""

    rule_id = fields.String(required=True, metadata=meaning("The policy's rule."))
    rule_version = fields.String(required=True, metadata=meaning("Its version."))
    category = fields.String(required=True, metadata=meaning("The marketplace's own policy item."))
    ground = fields.String(
        required=True,
        allow_none=True,
        metadata=meaning(
            "What somebody is attacked for, such as religion or accent; null where a rule is not about it."
        ),
    )
    severity = fields.Integer(required=True, validate=SEVERITY, metadata=meaning("1 a note … 5 danger to life."))
    confidence = fields.Float(
        required=True, validate=validate.Range(min=0, max=1), metadata=meaning("How sure the detector is.")
    )
    source = fields.String(
        required=True, metadata=meaning("Where it was found, such as transcript, chat, metadata or report.")
    )
    explanation = fields.String(required=True, metadata=meaning("What the analyst is told."))
    session_id = fields.String(
        required=True,
        allow_none=True,
        metadata=meaning("Zoom's uuid of the session; null for what is about the call as a whole."),
    )
    speaker = fields.String(required=True, allow_none=True, metadata=meaning("Who said it, as far as it is known."))
    speaker_certainty = fields.String(
        required=True,
        validate=validate.OneOf(CERTAINTIES),
        metadata=meaning("How certain the role is; never from a display name alone."),
    )
    recording_start = fields.String(required=True, allow_none=True, metadata=meaning("The segment, as Zoom writes it."))
    start_seconds = fields.Float(
        required=True, allow_none=True, metadata=meaning("Where it begins, from the start of the segment.")
    )
    end_seconds = fields.Float(
        required=True, allow_none=True, metadata=meaning("Where it ends, from the start of the segment.")
    )
    quote = fields.String(required=True, allow_none=True, metadata=meaning("What was said, personal data masked."))
    quote_from = fields.Integer(
        required=True, allow_none=True, metadata=meaning("Where in the quote the hit begins, in characters.")
    )
    quote_to = fields.Integer(
        required=True, allow_none=True, metadata=meaning("Where in the quote the hit ends, in characters.")
    )
    said_before = fields.String(
        required=True, allow_none=True, metadata=meaning("The cue or message before it, by anybody, masked.")
    )
    said_after = fields.String(
        required=True, allow_none=True, metadata=meaning("The cue or message after it, by anybody, masked.")
    )
    nearest = fields.List(
        fields.String(),
        metadata=meaning("Ids of the labelled lines that a learned finding is most like; none for other findings."),
    )
    telling = fields.List(
        fields.String(),
        metadata=meaning("Words of the quote that told most, for a learned finding; none for other findings."),
    )
    score_part = fields.Float(
        required=True,
        validate=validate.Range(min=0, max=1),
        metadata=meaning("How much it counts: the score is 1 minus the product of (1 - part)."),
    )


class CoverageSchema(_Growing):
    """What was looked at: no flag does not mean safe."""

    transcript_seconds = fields.Float(required=True, metadata=meaning("How much talk was read."))
    languages = fields.List(
        fields.String(),
        required=True,
        metadata=meaning("In which languages it was, such as en; the first is most of it."),
    )
    transcripts = fields.Integer(required=True, metadata=meaning("How many transcripts were read."))
    chats = fields.Integer(required=True, metadata=meaning("How many chat files were read."))


class MeetingFlagged(_Growing):
    """The whole state of a call's flag. A higher `revision` replaces all lower ones; `withdrawn` ends it."""

    flag_id = fields.String(
        required=True, metadata=meaning("The flag: one per call, or per session of a meeting that nobody registered.")
    )
    revision = fields.Integer(
        required=True, validate=validate.Range(min=1), metadata=meaning("1, 2, 3, …: the highest stands.")
    )
    status = fields.String(
        required=True,
        validate=validate.OneOf(("flagged", "withdrawn")),
        metadata=meaning("flagged, or withdrawn: nothing is left of it."),
    )
    call_id = fields.String(
        required=True,
        allow_none=True,
        metadata=meaning("The arranged call; null for a meeting that nobody registered."),
    )
    meeting_id = fields.String(
        required=True, allow_none=True, metadata=meaning("Zoom's meeting number, digits as a string.")
    )
    session_id = fields.String(
        required=True,
        allow_none=True,
        metadata=meaning("Zoom's uuid of the session, where the flag is about one without a call."),
    )
    occurred_at = fields.AwareDateTime(
        required=True, format="iso", metadata=meaning("When the newest of its findings happened.")
    )
    score = fields.Float(
        required=True,
        validate=validate.Range(min=0, max=1),
        metadata=meaning("How much there is to look into."),
    )
    severity = fields.Integer(
        required=True,
        allow_none=True,
        validate=SEVERITY,
        metadata=meaning("The gravest finding: 1 a note … 5 danger to life; null when withdrawn."),
    )
    priority = fields.Float(
        required=True,
        validate=validate.Range(min=0, max=6),
        metadata=meaning("What to look into first, the highest: severity, then score; 0 when withdrawn."),
    )
    policy_version = fields.String(required=True, metadata=meaning("The policy that judged."))
    findings = fields.List(
        fields.Nested(FindingSchema), required=True, metadata=meaning("Every finding that stands, the gravest first.")
    )
    coverage = fields.Nested(CoverageSchema, required=True, metadata=meaning("What was looked at."))


class ShadowFindingSchema(_Growing):
    """A hit that counts for nothing: where and by which rule, without a word of what was said or who said it."""

    rule_id = fields.String(required=True, metadata=meaning("The policy's rule."))
    rule_version = fields.String(required=True, metadata=meaning("Its version."))
    held_by = fields.String(
        required=True,
        validate=validate.OneOf(("mode", "daily_cap", "outage")),
        metadata=meaning(
            "Why it counts for nothing: the rule is in shadow, has flagged as many calls as it may a day, or many recordings"
            " are missing at once."
        ),
    )
    category = fields.String(required=True, metadata=meaning("The marketplace's own policy item."))
    ground = fields.String(
        required=True, allow_none=True, metadata=meaning("What somebody is attacked for, if at all.")
    )
    severity = fields.Integer(required=True, validate=SEVERITY, metadata=meaning("1 a note … 5 danger to life."))
    confidence = fields.Float(
        required=True, validate=validate.Range(min=0, max=1), metadata=meaning("How sure the detector is.")
    )
    source = fields.String(required=True, metadata=meaning("Where it was found, such as transcript, chat or metadata."))
    session_id = fields.String(required=True, allow_none=True, metadata=meaning("Zoom's uuid of the session."))
    recording_start = fields.String(required=True, allow_none=True, metadata=meaning("The segment, as Zoom writes it."))
    start_seconds = fields.Float(
        required=True, allow_none=True, metadata=meaning("Where it begins, from the start of the segment.")
    )
    end_seconds = fields.Float(
        required=True, allow_none=True, metadata=meaning("Where it ends, from the start of the segment.")
    )


class MeetingShadowed(_Growing):
    """What rules in shadow, and rules held back, found in a call: to judge rules by, never to judge people by.

    The whole state: a higher `revision` replaces all lower ones, also where no finding is left.
    """

    flag_id = fields.String(required=True, metadata=meaning("The flag that these would belong to."))
    revision = fields.Integer(
        required=True, validate=validate.Range(min=1), metadata=meaning("1, 2, 3, …: the highest stands.")
    )
    call_id = fields.String(
        required=True,
        allow_none=True,
        metadata=meaning("The arranged call; null for a meeting that nobody registered."),
    )
    meeting_id = fields.String(
        required=True, allow_none=True, metadata=meaning("Zoom's meeting number, digits as a string.")
    )
    session_id = fields.String(
        required=True,
        allow_none=True,
        metadata=meaning("Zoom's uuid of the session, where it is about one without a call."),
    )
    occurred_at = fields.AwareDateTime(
        required=True, format="iso", metadata=meaning("When the newest of its findings happened.")
    )
    would_flag = fields.Boolean(
        required=True, metadata=meaning("Whether, together with the live ones, they would make a flag.")
    )
    score = fields.Float(
        required=True,
        validate=validate.Range(min=0, max=1),
        metadata=meaning("The score that the call would have with them."),
    )
    severity = fields.Integer(
        required=True,
        allow_none=True,
        validate=SEVERITY,
        metadata=meaning("The gravest finding with them; null of none."),
    )
    policy_version = fields.String(required=True, metadata=meaning("The policy that judged."))
    findings = fields.List(
        fields.Nested(ShadowFindingSchema),
        required=True,
        metadata=meaning("Every finding in shadow, the gravest first."),
    )


class MeetingReviewed(_Growing):
    """An analyst decided. Who decided stays in the audit."""

    flag_id = fields.String(required=True, metadata=meaning("The flag that was decided about."))
    revision = fields.Integer(required=True, metadata=meaning("The revision that the analyst saw."))
    call_id = fields.String(
        required=True,
        allow_none=True,
        metadata=meaning("The arranged call; null for a meeting that nobody registered."),
    )
    meeting_id = fields.String(
        required=True, allow_none=True, metadata=meaning("Zoom's meeting number, digits as a string.")
    )
    session_id = fields.String(
        required=True,
        allow_none=True,
        metadata=meaning("Zoom's uuid of the session, where the flag is about one without a call."),
    )
    occurred_at = fields.AwareDateTime(required=True, format="iso", metadata=meaning("When it was decided."))
    decision = fields.String(
        required=True,
        validate=validate.OneOf(("confirmed", "dismissed", "escalated", "more_needed")),
        metadata=meaning("What the analyst decided."),
    )
