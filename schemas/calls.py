"""Records about calls that come from the marketplace rather than from Zoom: registrations, reports, holds."""

from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any
from urllib.parse import urlsplit

from marshmallow import EXCLUDE, Schema, ValidationError, fields, post_load, validate

from schemas.envelope import Envelope, format_time
from schemas.errors import InvalidEvent
from schemas.identity import fact_id

REGISTERED = "call.registered"
REPORTED = "call.reported"
HOLD_CHANGED = "recording.hold_changed"

REPORT_REASONS = (
    "inappropriate_language", "offensive_comment", "hate_harassment", "sexual", "violence_threat", "prohibited_service",
    "off_platform", "personal_data", "payment_details", "suspicious_link", "remote_access", "uncomfortable", "other",
)  # fmt: skip  # the marketplace's own policy, one id per item
HOLD_KINDS = ("trust-safety", "legal")
MAX_REPORT_CHARACTERS = 4000  # a page and a half: room to tell what happened


@dataclass(frozen=True, slots=True)
class Registration:
    """A call: one arranged Zoom meeting between a freelancer and a client. Ids are the marketplace's own, opaque.

    `order_id` is empty for a call from the inbox about no order. The registrant ids are those under which Zoom lets the
    two in, where each has a link of their own.
    """

    call_id: str
    meeting_id: str
    account_id: str | None
    join_url: str
    order_id: str
    conversation_id: str
    freelancer_id: str
    freelancer_name: str | None
    client_id: str
    language: str
    registered_at: datetime
    freelancer_registrant_id: str | None = None
    client_registrant_id: str | None = None


@dataclass(frozen=True, slots=True)
class Report:
    """A participant reported a call. `second` is where in the recording, when they said so."""

    report_id: str
    call_id: str
    meeting_id: str
    reporter: str
    reason: str
    text: str
    second: int | None
    reported_at: datetime


@dataclass(frozen=True, slots=True)
class Hold:
    """Someone wants a call's recordings kept, or no longer: the newest `changed_at` of a hold id stands.

    Holds of one call are apart: each is released by its own id, call and kind, and the recordings go when none is left.
    `held_by` is the person who says so, now.
    """

    hold_id: str
    call_id: str
    meeting_id: str
    kind: str
    reason: str
    held_by: str
    active: bool
    changed_at: datetime


class _Record(Schema):
    class Meta:
        unknown = EXCLUDE


def _name(**more: Any) -> fields.String:
    return fields.String(required=True, validate=validate.Length(min=1, max=256), **more)


def _is_no_start_link(url: str) -> None:
    """Refuse a start link: its `zak` gives whoever has it the host's rights, and the chat would show it."""
    if "zak=" in url or "/s/" in urlsplit(url).path:
        raise ValidationError("A start link must not be given away.")


class RegistrationSchema(_Record):
    call_id = _name()
    meeting_id = fields.String(required=True, validate=validate.Regexp(r"\d{3,20}\Z"))
    account_id = fields.String(load_default=None, allow_none=True)
    join_url = fields.Url(required=True, schemes={"https", "http"}, require_tld=False, validate=_is_no_start_link)
    order_id = fields.String(required=True, validate=validate.Length(max=256))
    conversation_id = _name()
    freelancer_id = _name()
    freelancer_name = fields.String(load_default=None, allow_none=True, validate=validate.Length(max=100))
    client_id = _name()
    language = fields.String(load_default="en", validate=validate.Regexp(r"[a-z]{2}(-[A-Z]{2})?\Z"))
    registered_at = fields.AwareDateTime(required=True, format="iso")
    freelancer_registrant_id = fields.String(load_default=None, allow_none=True, validate=validate.Length(max=256))
    client_registrant_id = fields.String(load_default=None, allow_none=True, validate=validate.Length(max=256))

    @post_load
    def build(self, data: dict[str, Any], **_: Any) -> Registration:
        return Registration(**data)


class ReportSchema(_Record):
    report_id = _name()
    call_id = _name()
    meeting_id = _name()
    reporter = fields.String(required=True, validate=validate.OneOf(("freelancer", "client", "support")))
    reason = fields.String(required=True, validate=validate.OneOf(REPORT_REASONS))
    text = fields.String(load_default="", validate=validate.Length(max=MAX_REPORT_CHARACTERS))
    second = fields.Integer(load_default=None, allow_none=True, validate=validate.Range(min=0))
    reported_at = fields.AwareDateTime(required=True, format="iso")

    @post_load
    def build(self, data: dict[str, Any], **_: Any) -> Report:
        return Report(**data)


class HoldSchema(_Record):
    hold_id = _name()
    call_id = _name()
    meeting_id = _name()
    kind = fields.String(required=True, validate=validate.OneOf(HOLD_KINDS))
    reason = _name()
    held_by = _name()
    active = fields.Boolean(required=True)
    changed_at = fields.AwareDateTime(required=True, format="iso")

    @post_load
    def build(self, data: dict[str, Any], **_: Any) -> Hold:
        return Hold(**data)


_REGISTRATION, _REPORT, _HOLD = RegistrationSchema(), ReportSchema(), HoldSchema()


def load_registration(data: object) -> Registration:
    """Load the data of a `call.registered` record.

    Raises:
        InvalidEvent: naming the fields that are missing or wrong.
    """
    registration: Registration = _load(_REGISTRATION, data)
    return registration


def load_report(data: object) -> Report:
    """Load the data of a `call.reported` record; raises InvalidEvent naming the fields that are missing or wrong."""
    report: Report = _load(_REPORT, data)
    return report


def load_hold(data: object) -> Hold:
    """Load the data of a `recording.hold_changed` record; raises InvalidEvent naming what is missing or wrong."""
    hold: Hold = _load(_HOLD, data)
    return hold


def envelope_of(record: Registration | Report | Hold, source: str) -> Envelope:
    """Wrap a record for its topic: its id names the fact, so that publishing it twice is harmless.

    Raises:
        InvalidEvent: the record breaks its own schema; the text names the fields.
    """
    schema: Schema
    parts: list[object]
    match record:
        case Registration():
            schema, kind, at, parts = _REGISTRATION, REGISTERED, record.registered_at, [record.call_id]
        case Report():
            schema, kind, at, parts = _REPORT, REPORTED, record.reported_at, [record.report_id]
        case Hold():
            parts = [record.hold_id, record.active, format_time(record.changed_at)]
            schema, kind, at = _HOLD, HOLD_CHANGED, record.changed_at
    _load(schema, schema.dump(asdict(record)))
    return Envelope(
        id=fact_id(kind, *parts),
        source=source,
        type=kind,
        data=schema.dumps(asdict(record)).encode(),
        time=at,
        subject=record.call_id,
        partitionkey=record.meeting_id,
    )


def _load(schema: Schema, data: object) -> Any:
    if not isinstance(data, dict):
        raise InvalidEvent("the data is not a JSON object")
    try:
        return schema.load(data)
    except ValidationError as error:
        raise InvalidEvent(f"wrong or missing: {', '.join(sorted(map(str, error.messages_dict)))}") from error
