"""Which event types travel on which topic, and in which record headers."""

from dataclasses import dataclass
from typing import Any

from schemas.events import CALL_EVENT_TYPES, FLAGGED, REVIEWED, SHADOWED, data_schema
from schemas.topics import CALL_EVENTS, DECISIONS, FLAGS, SHADOWS, Topic

CHANNELS: tuple[tuple[Topic, tuple[str, ...]], ...] = (
    (CALL_EVENTS, tuple(CALL_EVENT_TYPES)),
    (FLAGS, (FLAGGED,)),
    (SHADOWS, (SHADOWED,)),
    (DECISIONS, (REVIEWED,)),
)


@dataclass(frozen=True, slots=True)
class Header:
    """A record header of every public event: CloudEvents 1.0, Kafka protocol binding, binary content mode."""

    name: str
    schema: dict[str, Any]
    meaning: str
    required: bool = True


def headers_of(event_type: str) -> tuple[Header, ...]:
    """Return the headers that a record of this type has; their values are UTF-8."""
    return (
        Header("ce_specversion", {"const": "1.0"}, "The version of CloudEvents."),
        Header("ce_id", {"format": "uuid"}, "The identity of the fact: the same id is the same event. Drop doubles by it."),
        Header("ce_source", {"format": "uri-reference"}, "Who says so."),
        Header("ce_type", {"const": event_type}, "What kind of event it is. Ignore types that you do not know."),
        Header("ce_time", {"format": "date-time"}, "`occurred_at`, in UTC, to the millisecond."),
        Header("ce_subject", {}, "What it is about: the `call_id`, or the `session_id` of a meeting without a call."),
        Header("ce_dataschema", {"const": data_schema(event_type)}, "The `$id` of the value's JSON Schema: its version."),
        Header("ce_partitionkey", {}, "The record's key: the meeting id, else the session id."),
        Header("traceparent", {}, "W3C Trace Context, where there is one.", required=False),
        Header("content-type", {"const": "application/json"}, "The value is JSON in UTF-8."),
    )  # fmt: skip


def headers_schema(event_type: str) -> dict[str, Any]:
    """Return the JSON Schema of the headers as an object."""
    headers = headers_of(event_type)
    return {
        "type": "object",
        "properties": {one.name: {"type": "string", **one.schema, "description": one.meaning} for one in headers},
        "required": [one.name for one in headers if one.required],
        "additionalProperties": True,
    }
