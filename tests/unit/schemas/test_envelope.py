"""The envelope: what we write is CloudEvents, and comes back as it was."""

from datetime import UTC, datetime, timedelta, timezone
from types import SimpleNamespace

import pytest
from cloudevents.core.bindings.kafka import KafkaMessage, from_binary_event
from cloudevents.core.v1.event import CloudEvent
from hypothesis import given
from hypothesis import strategies as st

from schemas.envelope import Envelope, format_time, parse_time
from schemas.errors import InvalidEvent

FULL = Envelope(
    id="7d9f5f8e-0000-5000-8000-000000000001",
    source="/zoom/accounts/Qk3v",
    type="us.zoom.meeting.started",
    data='{"topic":"Žan 🚀"}'.encode(),
    time=datetime(2026, 11, 22, 14, 0, 0, 123000, tzinfo=UTC),
    subject="hW/+3kQbR0aZ1xYw5vT8Gg==",
    dataschema="urn:zoom-call-pipeline:schema:call.started:v1",
    partitionkey="98123456789",
    traceparent="00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
    extensions={"zoomdeliveryid": "6009d653_d487"},
)
LEAST = Envelope(id="1", source="/portal", type="call.registered", data=b"{}")
texts = st.text(st.characters(exclude_categories=["Cs"]), min_size=1)


@pytest.mark.parametrize("envelope", [FULL, LEAST])
def test_a_record_gives_the_envelope_back(envelope: Envelope) -> None:
    """Every attribute and the data come back, byte for byte."""
    assert Envelope.from_record(envelope.headers(), envelope.data) == envelope


@given(
    id_=texts,
    kind=texts,
    data=st.binary(),
    subject=st.none() | texts,
    time=st.none() | st.datetimes(timezones=st.just(UTC)),
)
def test_any_envelope_comes_back(id_: str, kind: str, data: bytes, subject: str | None, time: datetime | None) -> None:
    """Encode then decode is the identity, to the millisecond."""
    time = time and time.replace(microsecond=time.microsecond // 1000 * 1000)
    envelope = Envelope(id_, "/source", kind, data, time=time, subject=subject)

    assert Envelope.from_record(envelope.headers(), envelope.data) == envelope


def test_the_headers_are_the_binary_mode_of_the_kafka_binding() -> None:
    """Names and values as the CloudEvents Kafka binding has them; absent attributes have no header."""
    assert LEAST.headers() == (
        ("ce_specversion", b"1.0"),
        ("ce_id", b"1"),
        ("ce_source", b"/portal"),
        ("ce_type", b"call.registered"),
        ("content-type", b"application/json"),
    )
    assert (LEAST.key, FULL.key) == (None, b"98123456789")


def test_a_foreign_sdk_reads_what_we_write() -> None:
    """The CloudEvents SDK finds every attribute and the data in our record."""
    message = KafkaMessage(headers=dict(FULL.headers()), key=FULL.key, value=FULL.data)

    event = from_binary_event(message)

    assert isinstance(event, CloudEvent)
    found = SimpleNamespace(**event.get_attributes())
    assert (found.id, found.source, found.type, found.specversion) == (FULL.id, FULL.source, FULL.type, "1.0")
    assert (found.time, found.subject, found.dataschema) == (FULL.time, FULL.subject, FULL.dataschema)
    assert (found.partitionkey, found.zoomdeliveryid) == (FULL.partitionkey, "6009d653_d487")
    assert (found.datacontenttype, event.get_data()) == ("application/json", {"topic": "Žan 🚀"})


@pytest.mark.parametrize(
    ("header", "value", "text"),
    [
        ("ce_specversion", None, "ce_specversion"),
        ("ce_specversion", b"0.3", "ce_specversion"),
        ("ce_id", None, "ce_id"),
        ("ce_source", b"", "ce_source"),
        ("ce_type", None, "ce_type"),
        ("ce_subject", b"\xff", "not UTF-8"),
        ("ce_time", b"yesterday", "not RFC 3339"),
        ("ce_time", b"2026-11-22T14:00:00", "no offset"),
    ],
)
def test_a_record_is_refused_when_it_is_not_our_envelope(header: str, value: bytes | None, text: str) -> None:
    """The error names the header and not its value."""
    headers = [(name, raw) for name, raw in FULL.headers() if name != header]

    with pytest.raises(InvalidEvent, match=text):
        Envelope.from_record(headers if value is None else [*headers, (header, value)], FULL.data)


def test_a_time_is_utc_when_it_is_written() -> None:
    """Milliseconds and Z, whatever the offset; and it is read back as the same instant."""
    at = datetime(2026, 11, 22, 16, 0, 0, 5000, tzinfo=timezone(timedelta(hours=2)))

    assert format_time(at) == "2026-11-22T14:00:00.005Z"
    assert parse_time(format_time(at)) == at
