"""From a genuine Zoom body to the envelope it travels in on `zoom.webhooks`, or to the reason why it cannot."""

import json
import re
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal, NoReturn

from marshmallow import ValidationError

from schemas.envelope import Envelope
from schemas.errors import InvalidEvent
from schemas.identity import Occurrence, read_occurrence
from schemas.zoom.fields import Instant

TYPE_PREFIX = "us.zoom."
SOURCE = "/zoom"
MAX_ID_LENGTH = 255  # Zoom's ids have at most 40 characters; keys and headers repeat them, so they are bounded

_URI_SAFE = re.compile(
    r"[!$&-;=?-Z_a-z~]{1,255}"
)  # printable ASCII that a URI reference takes, without the percent sign
_DELIVERY_ID = re.compile(r"[\x21-\x7e]{1,128}")  # Zoom's have 36 characters
_TRACEPARENT = re.compile(
    r"00-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}"
)  # W3C Trace Context, version 00
_INSTANT = Instant()

QuarantineReason = Literal["not_json", "not_our_shape", "foreign_account", "outside_window", "refused_by_log"]


@dataclass(frozen=True, slots=True)
class Delivery:
    """One genuine delivery: its raw body, which secret signed it (if known), and its optional HTTP headers.

    `origin` says how it came where Zoom did not deliver it to us, such as `reconcile`.
    """

    body: bytes
    secret_id: str | None
    request_id: str | None
    traceparent: str | None
    origin: str | None = None

    def extensions(self) -> dict[str, str]:
        """The CloudEvents extension attributes that tell one delivery from another; a header that is not sane is left out."""
        found = {
            "zoomdeliveryid": _matching(_DELIVERY_ID, self.request_id),
            "zoomsecret": self.secret_id,
            "zoomorigin": self.origin,
        }
        return {name: text for name, text in found.items() if text is not None}


class UnusableBody(InvalidEvent):
    """A genuine body that cannot be published; `reason` says why, its text says no more."""

    def __init__(self, reason: QuarantineReason) -> None:
        super().__init__(reason)
        self.reason = reason


def _refuse_constant(_: str) -> NoReturn:
    raise ValueError("NaN and Infinity are not JSON")


_DECODER = json.JSONDecoder(parse_constant=_refuse_constant)


def parse_body(body: bytes) -> Any:
    """Return what the JSON says. Total: deep nesting, endless numbers and broken UTF-8 are not JSON either.

    Raises:
        UnusableBody: not JSON.
    """
    try:
        return _DECODER.decode(body.decode())
    except (ValueError, RecursionError) as error:  # JSONDecodeError and UnicodeDecodeError are ValueErrors
        raise UnusableBody("not_json") from error


def webhook_envelope(parsed: object, delivery: Delivery, account_ids: frozenset[str]) -> Envelope:
    """Return the envelope of a parsed body, the raw body byte for byte as its data.

    With no `account_ids` every account is ours; so is a body that names none.

    Raises:
        UnusableBody: not of the shape of a Zoom event, or of an account that is not ours.
    """
    try:
        occurrence = read_occurrence(parsed)
        identity, key = occurrence.id, _checked_key(occurrence)
    except (InvalidEvent, RecursionError) as error:
        raise UnusableBody("not_our_shape") from error
    if account_ids and occurrence.account_id is not None and occurrence.account_id not in account_ids:
        raise UnusableBody("foreign_account")
    return Envelope(
        id=identity,
        source=_source(occurrence.account_id),
        type=TYPE_PREFIX + occurrence.event,
        data=delivery.body,
        time=_time(occurrence.event_ts),
        subject=_matching(_URI_SAFE, occurrence.session_id),
        partitionkey=key,
        traceparent=_matching(_TRACEPARENT, delivery.traceparent),
        extensions=delivery.extensions(),
    )


def _checked_key(occurrence: Occurrence) -> str | None:
    key = occurrence.partition_key
    if key is not None and not (len(key) <= MAX_ID_LENGTH and key.isprintable()):  # lone surrogates are not printable
        raise InvalidEvent("an id is not one that Zoom would write")
    return key


def _source(account_id: str | None) -> str:
    account = _matching(_URI_SAFE, account_id)
    return SOURCE if account is None else f"{SOURCE}/accounts/{account}"


def _time(event_ts: str | None) -> datetime | None:
    try:
        return _INSTANT.deserialize(event_ts)
    except ValidationError:
        return None


def _matching(pattern: re.Pattern[str], text: str | None) -> str | None:
    return text if text is not None and pattern.fullmatch(text) else None
