"""States and commands as JSON, and records as events."""

import json
from typing import Any, TypeVar

from cattrs.errors import BaseValidationError
from cattrs.preconf.json import make_converter

from infra.transport import Record
from processors.base import Event
from processors.commands import COMMANDS, Command, Reference
from schemas.envelope import Envelope
from schemas.errors import InvalidEvent

S = TypeVar("S")

_converter = make_converter()


def dump(value: object) -> str:
    """Return a dataclass of JSON-able fields, datetimes and dataclasses as JSON."""
    return json.dumps(_converter.unstructure(value), ensure_ascii=False, separators=(",", ":"))


def load(kind: type[S], text: str) -> S:
    """Read back what `dump` wrote; unknown fields are ignored, missing ones take their defaults.

    Raises:
        ValueError: the text is of another shape; a state that a newer version wrote, for example.
    """
    try:
        return _converter.structure(json.loads(text), kind)
    except BaseValidationError as error:
        raise ValueError(f"not a {kind.__name__}") from error


def load_command(kind: str, text: str) -> Command:
    """Read a stored command back."""
    return load(COMMANDS[kind], text)


def plain(value: object) -> dict[str, Any]:
    """Return a dataclass as a JSON-able dict."""
    document: dict[str, Any] = _converter.unstructure(value)
    return document


def type_of(record: Record) -> str | None:
    """The record's ce_type, without decoding anything else: records that nobody cares about must cost little."""
    for name, raw in record.headers:
        if name == "ce_type":
            return raw.decode(errors="replace")
    return None


def decode(record: Record) -> Event:
    """Read an event from a record.

    Raises:
        InvalidEvent: not a CloudEvent, or its data is not a JSON object.
    """
    envelope = Envelope.from_record(record.headers, record.value)
    try:
        data = json.loads(envelope.data)
    except (ValueError, RecursionError) as error:
        raise InvalidEvent("the data is not JSON") from error
    if not isinstance(data, dict):
        raise InvalidEvent("the data is not a JSON object")
    return Event(
        id=envelope.id,
        type=envelope.type,
        recorded_at=record.timestamp,
        data=data,
        occurred_at=envelope.time,
        reference=Reference(record.topic, record.partition, record.offset),
    )
