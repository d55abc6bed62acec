"""The examples are what they say they are, and none is missing."""

import json
from typing import Any

import pytest

from processors.call_events import CallEvents
from processors.chat_invitation import ChatInvitation
from processors.meeting_flagging import MeetingFlagging
from processors.recording_archive import RecordingArchive
from processors.registry import PROCESSORS
from processors.review_queue import ReviewQueue
from schemas.calls import HOLD_CHANGED, REGISTERED, REPORTED, envelope_of, load_hold, load_registration, load_report
from schemas.envelope import Envelope
from schemas.events import PUBLIC_EVENTS, decode, encode
from schemas.events.catalogue import VERSION
from schemas.identity import read_occurrence
from schemas.reconciled import MEETING_ENDED, RECORDING_COMPLETED, load_fact
from schemas.zoom import load_event
from tests.unit.schemas.examples import EXAMPLES, ROOT, ZOOM, Example

LOADERS = {REGISTERED: load_registration, REPORTED: load_report, HOLD_CHANGED: load_hold}
PUBLIC = tuple(one for one in EXAMPLES if one.type in PUBLIC_EVENTS)
RECORDS = tuple(one for one in EXAMPLES if one.type in LOADERS)
RECONCILED = tuple(one for one in EXAMPLES if one.type in (MEETING_ENDED, RECORDING_COMPLETED))


def test_every_file_is_used_when_examples_are_read() -> None:
    """No file lies in the folder that no test reads, and each is of one of the four kinds."""
    assert len([path for path in ROOT.rglob("*") if path.is_file()]) == len(EXAMPLES)
    assert len(EXAMPLES) == len(ZOOM) + len(PUBLIC) + len(RECORDS) + len(RECONCILED)
    assert {one.version for one in EXAMPLES} == {f"v{VERSION}"}


def test_every_type_has_an_example() -> None:
    """Every public type, every record of ours, and every Zoom event that a processor uses."""
    wanted = set(PUBLIC_EVENTS) | set(LOADERS) | _types_of_processors()

    assert wanted - {one.type for one in EXAMPLES} == set()


@pytest.mark.parametrize("example", ZOOM, ids=str)
def test_a_zoom_example_survives_the_log(example: Example) -> None:
    """It loads, has an identity, and comes back from a record as it went in."""
    occurrence = read_occurrence(example.document)
    envelope = Envelope(
        occurrence.id, "/zoom", example.type, example.text.encode(), partitionkey=occurrence.partition_key
    )

    assert f"us.zoom.{load_event(example.document).name}" == example.type
    assert Envelope.from_record(envelope.headers(), envelope.data) == envelope


@pytest.mark.parametrize("example", PUBLIC, ids=str)
def test_a_public_example_is_its_schemas_own(example: Example) -> None:
    """Decoded and encoded again, it is the same document."""
    again = decode(example.type, example.document)

    assert decode(example.type, _parsed(encode(example.type, again))) == again
    assert _parsed(encode(example.type, again)) == example.document


@pytest.mark.parametrize("example", RECORDS, ids=str)
def test_a_record_of_ours_is_its_schemas_own(example: Example) -> None:
    """Loaded and wrapped for its topic, it loads again as the same record."""
    record = LOADERS[example.type](example.document)

    envelope = envelope_of(record, source="/portal")

    assert LOADERS[example.type](_parsed(envelope.data.decode())) == record
    assert (envelope.type, envelope.subject, envelope.partitionkey) == (example.type, "call-2f81", "98123456789")


@pytest.mark.parametrize("example", RECONCILED, ids=str)
def test_a_reconciled_example_loads_as_what_it_stands_for(example: Example) -> None:
    """As the Zoom event that is missing, and never as one that Zoom sent."""
    fact = load_fact(example.type, example.document)

    assert fact.inferred
    assert f"zoom.reconciled.{fact.name.replace('.', '_')}" == example.type


def test_registrations_differ_when_the_call_does() -> None:
    """The id of a record names the call, not its wording: registering twice is harmless."""
    usual, least = (load_registration(one.document) for one in RECORDS if one.type == REGISTERED)

    assert envelope_of(usual, "/portal").id == envelope_of(least, "/cli").id


def _types_of_processors() -> set[str]:
    classes = {
        one.name: one.types for one in (CallEvents, ChatInvitation, MeetingFlagging, RecordingArchive, ReviewQueue)
    }
    assert classes.keys() == PROCESSORS.keys()  # a new processor brings its examples
    return {name for types in classes.values() for name in types if not name.startswith("outcome.")}


def _parsed(text: str) -> Any:
    return json.loads(text)
