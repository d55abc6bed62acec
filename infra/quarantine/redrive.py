"""Bring quarantined deliveries to `zoom.webhooks`, those that are usable by today's settings. Doing it twice does it once."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime

from infra.clock import Clock
from infra.transport import Producer, Record, Transport
from infra.transport.patient import produce_patiently
from schemas.envelope import Envelope
from schemas.errors import InvalidEvent
from schemas.topics import QUARANTINE, WEBHOOKS
from schemas.webhooks import Delivery, UnusableBody, parse_body, webhook_envelope

ORIGIN = "quarantine"  # ce_zoomorigin of what came back
UNREADABLE = "unreadable"  # a record that no receiver wrote


@dataclass(frozen=True, slots=True)
class Quarantined:
    """One record of the quarantine, and why the receiver put it there."""

    record: Record
    reason: str


@dataclass(slots=True)
class Report:
    """What came of it. `usable` were brought, or would be; `known` are there already; `unusable` counts by reason."""

    usable: int = 0
    known: int = 0
    unusable: Counter[str] = field(default_factory=Counter)


def quarantined(transport: Transport, since: datetime | None, reason: str | None) -> Iterator[Quarantined]:
    """Yield what lies in the quarantine, by partition. Raises TransientError."""
    for record in _records(transport, QUARANTINE.name, since):
        headers = dict(record.headers)
        found = headers.get("ce_quarantinereason", UNREADABLE.encode()).decode(errors="replace")
        if reason in (None, found):
            yield Quarantined(record, found)


def redrive(
    transport: Transport,
    producer: Producer,
    clock: Clock,
    found: list[Quarantined],
    account_ids: frozenset[str],
    *,
    dry_run: bool,
) -> Report:
    """Bring each usable delivery to `zoom.webhooks`, byte for byte, under the id that it would have had.

    Raises:
        TransientError: the log does not take it; running it again does the rest.
    """
    report = Report()
    known = _known_ids(transport, found)
    for one in found:
        try:
            envelope = _envelope(one.record, account_ids)
        except UnusableBody as error:
            report.unusable[error.reason] += 1
            continue
        except InvalidEvent:
            report.unusable[UNREADABLE] += 1
            continue
        if envelope.id in known:
            report.known += 1
            continue
        if not dry_run:
            produce_patiently(producer, WEBHOOKS.name, envelope, clock)
        known.add(envelope.id)
        report.usable += 1
    return report


def _envelope(record: Record, account_ids: frozenset[str]) -> Envelope:
    kept = Envelope.from_record(record.headers, record.value).extensions.get
    delivery = Delivery(record.value, kept("zoomsecret"), kept("zoomdeliveryid"), None, ORIGIN)
    return webhook_envelope(parse_body(record.value), delivery, account_ids)


def _known_ids(transport: Transport, found: list[Quarantined]) -> set[str]:
    """The ids on `zoom.webhooks` since the first of them was set aside: of this one's runs, and of Zoom's own tries."""
    if not found:
        return set()
    since = min(one.record.timestamp for one in found)
    ids = (dict(record.headers).get("ce_id", b"") for record in _records(transport, WEBHOOKS.name, since))
    return {one.decode(errors="replace") for one in ids}


def _records(transport: Transport, topic: str, since: datetime | None) -> Iterator[Record]:
    for place, end in sorted(transport.end_offsets(topic).items()):
        offset = 0 if since is None else transport.offset_at(place, since)
        while offset < end and (records := transport.read(place, offset)):
            yield from (record for record in records if record.offset < end)
            offset = records[-1].offset + 1
