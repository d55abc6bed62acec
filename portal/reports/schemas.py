"""What a report is made of, and what its reporter is told: the JSON of `/api/calls/{call_id}/reports`."""

from marshmallow import RAISE, Schema, fields, pre_load, validate

from portal.recordings.schemas import viewer_field
from portal.texts import check_characters, short_text
from schemas.calls import MAX_REPORT_CHARACTERS, REPORT_REASONS
from schemas.events.meaning import meaning

MAX_TICKET_CHARACTERS = 64
MAX_SECOND = 24 * 3600  # no recording is longer than a day: Zoom ends a meeting after 30 hours, and people before that


class ReportAsked(Schema):
    """What went wrong. The same report sent again is the same report."""

    class Meta:
        unknown = RAISE

    viewer = viewer_field(required=False)
    ticket = short_text(
        MAX_TICKET_CHARACTERS,
        metadata=meaning("Of support, which reports on behalf of the viewer: needs the scope reports:support."),
    )
    reason = fields.String(
        required=True, validate=validate.OneOf(REPORT_REASONS), metadata=meaning("The marketplace's policy item.")
    )
    text = fields.String(
        load_default="",
        validate=[validate.Length(max=MAX_REPORT_CHARACTERS), check_characters],
        metadata=meaning("What happened, in the reporter's words."),
    )
    second = fields.Integer(
        load_default=None,
        allow_none=True,
        strict=True,
        validate=validate.Range(min=0, max=MAX_SECOND),
        metadata=meaning("Where in the recording, in seconds from its start."),
    )

    @pre_load
    def even(self, data: object, **_: object) -> object:
        """Line ends as one character and no blanks around: a form and a program send the same text alike."""
        if not isinstance(data, dict) or not isinstance(data.get("text"), str):
            return data
        return {**data, "text": data["text"].replace("\r\n", "\n").replace("\r", "\n").strip()}


class ReportShown(Schema):
    """A report as its reporter sees it."""

    report_id = fields.String(required=True, metadata=meaning("The report."))
    state = fields.String(
        required=True,
        validate=validate.OneOf(("received", "closed")),
        metadata=meaning("received: somebody looks into it. closed: they have."),
    )
    reason = fields.String(required=True, validate=validate.OneOf(REPORT_REASONS), metadata=meaning("As reported."))
    reported_at = fields.AwareDateTime(required=True, format="iso", metadata=meaning("When it was received."))


class ReportsShown(Schema):
    """The viewer's own reports: nobody sees another's."""

    reports = fields.List(fields.Nested(ReportShown), required=True, metadata=meaning("The latest first."))
