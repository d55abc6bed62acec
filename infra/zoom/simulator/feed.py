"""Writing to the log without Zoom: public examples and the kit's feeds for a subscriber's tests, and registrations of played calls."""

import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from infra.clock import Clock
from infra.errors import ConfigurationError
from infra.transport import Producer
from infra.transport.patient import produce_patiently
from infra.zoom.simulator.scenario import Call
from schemas import topics
from schemas.calls import envelope_of
from schemas.envelope import Envelope
from schemas.errors import InvalidEvent
from schemas.events.calls import CALL_EVENT_TYPES
from schemas.events.catalogue import data_schema, decode
from schemas.identity import fact_id

SOURCE = "urn:zoom-call-pipeline:simulator"
EXAMPLES = Path(__file__).resolve().parents[3] / "schemas" / "examples"


def example_files(directory: Path = EXAMPLES) -> Sequence[Path]:
    """Return the example of every public call event, `<type>/v<N>/<case>.json`."""
    return sorted(path for path in directory.glob("call.*/v*/*.json") if path.parts[-3] in CALL_EVENT_TYPES)


def read_example(path: Path) -> Envelope:
    """Read an example as the event it stands for; the same file always has the same id.

    Raises:
        ConfigurationError: it is not `<type>/v<N>/<case>.json` of a public call event, or breaks its schema.
    """
    parts = path.resolve().parts
    event_type = parts[-3] if len(parts) > 3 else ""
    if event_type not in CALL_EVENT_TYPES:
        raise ConfigurationError(f"{path.name} does not lie in <event type>/v<N>/, such as call.started/v1/")
    try:
        data = json.loads(path.read_bytes())
        loaded = decode(event_type, data)
    except (OSError, ValueError, InvalidEvent) as error:
        raise ConfigurationError(f"{path.name} is no readable {event_type}: {_reason(error)}") from error
    return _envelope(event_type, data, loaded)


def read_feed(path: Path) -> Sequence[Envelope]:
    """Read one of the kit's feeds (schemas/kit/*.jsonl): its records as they are, awkward order and doubles included.

    Raises:
        ConfigurationError: a line is not a record with CloudEvents headers.
    """
    try:
        lines = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
        return [_record(line) for line in lines]
    except (OSError, ValueError, KeyError, TypeError, AttributeError, InvalidEvent) as error:
        raise ConfigurationError(f"{path.name} is no feed of the kit: {_reason(error)}") from error


def publish(producer: Producer, topic: str, envelopes: Iterable[Envelope], clock: Clock) -> int:
    """Write events to a topic; return how many, once all are durable. Raises as produce_patiently does."""
    number = 0
    for number, envelope in enumerate(envelopes, start=1):  # noqa: B007  # the count is the result
        produce_patiently(producer, topic, envelope, clock)
    return number


def register(producer: Producer, calls: Iterable[Call], clock: Clock) -> int:
    """Register the calls that the marketplace knows; return how many. Raises as produce_patiently does."""
    registrations = [call.registration for call in calls if call.registration is not None]
    return publish(producer, topics.REGISTRATIONS.name, (envelope_of(each, SOURCE) for each in registrations), clock)


def _envelope(event_type: str, data: dict[str, Any], loaded: dict[str, Any]) -> Envelope:
    return Envelope(
        id=fact_id("example", event_type, data),
        source=SOURCE,
        type=event_type,
        data=json.dumps(data, ensure_ascii=False, separators=(",", ":")).encode(),
        time=loaded["occurred_at"],
        subject=loaded["call_id"],
        dataschema=data_schema(event_type),
        partitionkey=loaded["meeting_id"],
    )


def _record(line: dict[str, Any]) -> Envelope:
    headers = [(name, text.encode()) for name, text in line["headers"].items()]
    return Envelope.from_record(headers, line["value"].encode())


def _reason(error: Exception) -> str:
    return str(error) if isinstance(error, InvalidEvent) else "not a readable JSON file"
