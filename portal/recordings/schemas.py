"""What a program says and is told about a call's recording: the JSON of `/api/calls/{call_id}`, sessions and recordings."""

from marshmallow import RAISE, Schema, fields, validate

from portal.texts import short_text
from schemas.events.meaning import meaning

CALL_STATES = ("arranged", "live", "ended")
RECORDING_STATES = ("before_end", "being_prepared", "ready", "missing", "removed")
MAX_ID_CHARACTERS = 256  # as registrations have it


def viewer_field(*, required: bool) -> fields.String:
    """The person for whom a program asks."""
    return short_text(
        MAX_ID_CHARACTERS, required=required, metadata=meaning("The marketplace's user id of one of the two people.")
    )


class _Asked(Schema):
    class Meta:
        unknown = RAISE  # a misspelt field is an error, not something that is ignored


class ViewerQuery(_Asked):
    """For whom a program asks; a participant's own browser leaves it out."""

    viewer = viewer_field(required=False)


class SessionAsked(_Asked):
    """Who is to see the call's page."""

    viewer = viewer_field(required=True)


class SessionOffered(Schema):
    """Where to send the viewer's browser, at once: the code in it works one time."""

    code = fields.String(required=True, metadata=meaning("Opens the page once."))
    url = fields.Url(required=True, require_tld=False, metadata=meaning("The call's page, with the code."))
    expires_at = fields.AwareDateTime(
        required=True, format="iso", metadata=meaning("The code does nothing from then on.")
    )


class MomentShown(Schema):
    """One thing that happened in the call."""

    type = fields.String(
        required=True, metadata=meaning("As on topic call-events, such as call.started; more may come.")
    )
    occurred_at = fields.AwareDateTime(required=True, format="iso", metadata=meaning("When it happened."))
    is_host = fields.Boolean(
        required=True, allow_none=True, metadata=meaning("Who joined or left, where it is about that and known.")
    )


class CallShown(Schema):
    """A call as its two people may know it."""

    call_id = fields.String(required=True, metadata=meaning("The call."))
    order_id = fields.String(required=True, metadata=meaning("The order that it is about."))
    role = fields.String(
        required=True, validate=validate.OneOf(("freelancer", "client")), metadata=meaning("Who the viewer is in it.")
    )
    state = fields.String(
        required=True,
        validate=validate.OneOf(CALL_STATES),
        metadata=meaning("arranged: nobody came yet. live: it runs. ended: the last one has left."),
    )
    recording_state = fields.String(
        required=True,
        validate=validate.OneOf((*RECORDING_STATES, "over")),
        metadata=meaning("As for the recordings; over: it can no longer be watched."),
    )
    registered_at = fields.AwareDateTime(required=True, format="iso", metadata=meaning("When it was arranged."))
    ended_at = fields.AwareDateTime(
        required=True, allow_none=True, format="iso", metadata=meaning("When it ended; null before.")
    )
    access_until = fields.AwareDateTime(
        required=True, allow_none=True, format="iso", metadata=meaning("Until then its recording can be watched.")
    )
    reports_until = fields.AwareDateTime(
        required=True, allow_none=True, format="iso", metadata=meaning("Until then it can be reported.")
    )
    timeline = fields.List(
        fields.Nested(MomentShown), required=True, metadata=meaning("What happened, the earliest first.")
    )


class FileShown(Schema):
    """One file to watch, hear or read."""

    recording_id = fields.String(required=True, metadata=meaning("Names it in the other requests."))
    kind = fields.String(
        required=True,
        validate=validate.OneOf(("video", "audio", "captions", "transcript")),
        metadata=meaning("What it is."),
    )
    content_type = fields.String(required=True, metadata=meaning("Its media type."))
    size_bytes = fields.Integer(required=True, validate=validate.Range(min=0), metadata=meaning("Its size."))
    recording_start = fields.String(
        required=True,
        allow_none=True,
        metadata=meaning("The segment that it belongs to: a call that was paused has several."),
    )


class RecordingsShown(Schema):
    """What there is to watch now. Empty before the end, and while it is being prepared: the state says which."""

    state = fields.String(
        required=True,
        validate=validate.OneOf(RECORDING_STATES),
        metadata=meaning(
            "before_end: the call has not ended. being_prepared: look again in a minute. ready: at least one file is "
            "there. missing: nothing was recorded. removed: it was taken away before its time."
        ),
    )
    is_complete = fields.Boolean(
        required=True, metadata=meaning("Whether everything that was recorded to watch or hear is there.")
    )
    access_until = fields.AwareDateTime(
        required=True, allow_none=True, format="iso", metadata=meaning("Until then it can be watched.")
    )
    recordings = fields.List(fields.Nested(FileShown), required=True, metadata=meaning("The files, in order."))


class LinkGiven(Schema):
    """A link that anybody who has it can use until it ends: for the viewer's player alone."""

    url = fields.Url(required=True, require_tld=False, metadata=meaning("Where the player reads the file."))
    expires_at = fields.AwareDateTime(
        required=True, format="iso", metadata=meaning("The link opens nothing from then on; ask for another.")
    )
