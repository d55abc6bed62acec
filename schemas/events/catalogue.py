"""Every public event type with its schema; encode and decode by type."""

import json
from collections.abc import Mapping
from typing import Any

from marshmallow import Schema, ValidationError

from schemas.errors import InvalidEvent
from schemas.events.calls import CALL_EVENT_TYPES
from schemas.events.flags import FLAGGED, REVIEWED, SHADOWED, MeetingFlagged, MeetingReviewed, MeetingShadowed

PUBLIC_EVENTS: dict[str, Schema] = {
    **{name: schema() for name, schema in CALL_EVENT_TYPES.items()},
    FLAGGED: MeetingFlagged(),
    SHADOWED: MeetingShadowed(),
    REVIEWED: MeetingReviewed(),
}
VERSION = 1  # of every schema here; a breaking change makes a new version beside the old one


def data_schema(event_type: str) -> str:
    """Return the `ce_dataschema` of a public event type."""
    return f"urn:zoom-call-pipeline:schema:{event_type}:v{VERSION}"


def encode(event_type: str, data: Mapping[str, Any]) -> str:
    """Return the event's data as JSON; instants are given aware, numbers as numbers.

    Raises:
        InvalidEvent: a field is missing or wrong; the text names the fields, not their values.
    """
    schema = PUBLIC_EVENTS[event_type]
    document = schema.dump(data)
    missing = schema.validate(document)
    if missing:
        raise InvalidEvent(f"{event_type}: wrong or missing: {', '.join(sorted(map(str, missing)))}")
    return json.dumps(document, ensure_ascii=False, separators=(",", ":"))


def decode(event_type: str, data: object) -> dict[str, Any]:
    """Load a public event's data; instants become aware datetimes.

    Raises:
        InvalidEvent: not a type we publish, or a field is missing or wrong.
    """
    schema = PUBLIC_EVENTS.get(event_type)
    if schema is None or not isinstance(data, dict):
        raise InvalidEvent("not the data of a public event")
    try:
        loaded: dict[str, Any] = schema.load(data)
    except ValidationError as error:
        raise InvalidEvent(
            f"{event_type}: wrong or missing: {', '.join(sorted(map(str, error.messages_dict)))}"
        ) from error
    return loaded
