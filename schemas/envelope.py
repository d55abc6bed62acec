"""The CloudEvents 1.0 envelope around every record, in the Kafka protocol binding's binary mode."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime

from schemas.errors import InvalidEvent

Headers = tuple[tuple[str, bytes], ...]

SPEC_VERSION = "1.0"
JSON = "application/json"
_ATTRIBUTES = ("id", "source", "type", "time", "subject", "dataschema", "partitionkey")


@dataclass(frozen=True, slots=True)
class Envelope:
    """One event: CloudEvents attributes around its data, byte for byte.

    `id` names the occurrence, not the delivery: the same occurrence always has the same id.
    `extensions` are further CloudEvents attributes, without the `ce_` prefix.
    """

    id: str
    source: str
    type: str
    data: bytes
    time: datetime | None = None
    subject: str | None = None
    dataschema: str | None = None
    partitionkey: str | None = None
    traceparent: str | None = None
    extensions: Mapping[str, str] = field(default_factory=dict)

    @property
    def key(self) -> bytes | None:
        """The record key: the partition key's UTF-8 bytes."""
        return None if self.partitionkey is None else self.partitionkey.encode()

    def headers(self) -> Headers:
        """Return the record headers; attributes that are None are left out."""
        values: dict[str, str | None] = {
            "specversion": SPEC_VERSION,
            "id": self.id,
            "source": self.source,
            "type": self.type,
            "time": None if self.time is None else format_time(self.time),
            "subject": self.subject,
            "dataschema": self.dataschema,
            "partitionkey": self.partitionkey,
            **self.extensions,
        }
        headers = [(f"ce_{name}", value.encode()) for name, value in values.items() if value is not None]
        if self.traceparent is not None:
            headers.append(("traceparent", self.traceparent.encode()))
        headers.append(("content-type", JSON.encode()))
        return tuple(headers)

    @classmethod
    def from_record(cls, headers: Iterable[tuple[str, bytes]], value: bytes) -> "Envelope":
        """Read the envelope back from a record.

        Raises:
            InvalidEvent: a required attribute is missing, not UTF-8, or of another CloudEvents version.
        """
        try:
            found = {name: raw.decode() for name, raw in headers}
        except UnicodeDecodeError as error:
            raise InvalidEvent("a record header is not UTF-8") from error
        attributes = {name[3:]: text for name, text in found.items() if name.startswith("ce_")}
        if attributes.pop("specversion", None) != SPEC_VERSION:
            raise InvalidEvent("ce_specversion is missing or not 1.0")
        missing = [name for name in ("id", "source", "type") if not attributes.get(name)]
        if missing:
            raise InvalidEvent(f"missing record headers: {', '.join(f'ce_{name}' for name in missing)}")
        time = attributes.get("time")
        return cls(
            id=attributes["id"],
            source=attributes["source"],
            type=attributes["type"],
            data=value,
            time=None if time is None else parse_time(time),
            subject=attributes.get("subject"),
            dataschema=attributes.get("dataschema"),
            partitionkey=attributes.get("partitionkey"),
            traceparent=found.get("traceparent"),
            extensions={name: text for name, text in attributes.items() if name not in _ATTRIBUTES},
        )


def format_time(instant: datetime) -> str:
    """Return an aware instant as RFC 3339 in UTC with milliseconds, the precision of Zoom's `event_ts`."""
    return instant.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def parse_time(text: str) -> datetime:
    """Read RFC 3339 with an offset, as an aware UTC instant.

    Raises:
        InvalidEvent: not a date and time, or without an offset.
    """
    try:
        instant = datetime.fromisoformat(text)
    except ValueError as error:
        raise InvalidEvent("a time is not RFC 3339") from error
    if instant.tzinfo is None:
        raise InvalidEvent("a time has no offset")
    try:
        return instant.astimezone(UTC)
    except OverflowError as error:  # the first and the last day of the calendar, in some zones
        raise InvalidEvent("a time is not one of UTC's calendar") from error
