"""The built-in scenarios: their bodies and what they promise."""

import json
from collections import Counter
from dataclasses import replace
from typing import Any
from urllib.parse import urlsplit

import pytest

from infra.errors import ConfigurationError
from infra.zoom.simulator import SCENARIOS, Call, build_call
from processors.meeting_flagging.scanning import scan
from schemas.calls import envelope_of
from schemas.identity import read_occurrence
from schemas.zoom import load_event
from tests.fakes.clock import FakeClock
from tests.unit.processors.shipped_policy import POLICY

NOW = FakeClock().now()
SERVER = "http://127.0.0.1:8090"

each_scenario = pytest.mark.parametrize("name", list(SCENARIOS))


def call_of(name: str, seed: int = 1) -> Call:
    return build_call(name, seed, NOW, video_bytes=10_000)


def bodies_of(call: Call) -> list[dict[str, Any]]:
    return [json.loads(call.body(delivery, SERVER)) for delivery in call.deliveries]


@each_scenario
def test_call_is_the_same_when_built_again(name: str) -> None:
    """Seed and time decide everything; another seed is another meeting."""
    one, same, other = call_of(name), call_of(name), call_of(name, seed=2)

    assert one == same
    assert bodies_of(one) == bodies_of(same)
    assert one.session.meeting_id != other.session.meeting_id
    assert one.session.session_id != other.session.session_id


@each_scenario
def test_call_lies_in_the_past_when_it_is_built(name: str) -> None:
    """No event is stamped later than now, and the call was registered before it began."""
    call = call_of(name)

    assert max(event.occurred_at for event in call.events) <= NOW
    if call.registration:
        assert call.registration.registered_at < min(event.occurred_at for event in call.events)
        assert envelope_of(call.registration, "test").partitionkey == str(call.session.meeting_id)


@each_scenario
def test_bodies_are_what_our_schemas_take(name: str) -> None:
    """Every body loads, names the meeting, and each occurrence has one identity, copies included."""
    call = call_of(name)
    bodies = bodies_of(call)

    identities = {
        (delivery.event, read_occurrence(body).id) for delivery, body in zip(call.deliveries, bodies, strict=True)
    }

    assert len(identities) == len(call.events)
    assert {load_event(body).meeting_id for body in bodies} == {str(call.session.meeting_id)}
    assert {load_event(body).session_id for body in bodies} == {call.session.session_id}
    assert Counter(event.name for event in call.events) == call.expectation.occurrences


@each_scenario
def test_ids_are_text_in_meetings_and_numbers_in_recordings(name: str) -> None:
    """As Zoom writes them."""
    for body in bodies_of(call_of(name)):
        assert isinstance(body["payload"]["object"]["id"], str if body["event"].startswith("meeting.") else int)


def test_copies_differ_in_url_token_and_delivery_id_only() -> None:
    """Zoom's duplicates: nothing else tells them apart."""
    call = call_of("disorder")
    first = next(d for d in call.deliveries if call.events[d.event].files and d.copy == 0)
    second = replace(first, copy=1)

    one, two = (json.loads(call.body(delivery, SERVER)) for delivery in (first, second))
    assert one.pop("download_token") != two.pop("download_token")
    for a, b in zip(
        one["payload"]["object"]["recording_files"], two["payload"]["object"]["recording_files"], strict=True
    ):
        assert a.pop("download_url") != b.pop("download_url")
        a.pop("play_url", None), b.pop("play_url", None)

    assert one == two
    assert call.delivery_id(first) != call.delivery_id(second)


def test_uuids_hold_slashes_where_they_hurt() -> None:
    """One uuid begins with a slash, one holds two in a row."""
    assert call_of("two-segments").session.session_id.startswith("/")
    assert "//" in call_of("recording-stopped").session.session_id


def test_two_segments_has_two_recording_starts_and_files_without_id() -> None:
    """Files of both segments are expected, and some have neither id nor size in the body."""
    call = call_of("two-segments")
    files = [file for body in bodies_of(call) for file in body["payload"]["object"].get("recording_files", [])]

    assert call.expectation.segments == 2
    assert call.expectation.occurrences["recording.completed"] == 2
    assert any("id" not in file and "file_size" not in file for file in files)
    assert None in {file.file_id for file in call.expectation.files}


def test_disorder_delivers_every_event_and_some_twice() -> None:
    """Nothing is left out, and the order is not that of the events."""
    call = call_of("disorder")
    order = [delivery.event for delivery in call.deliveries]

    assert set(order) == set(range(len(call.events)))
    assert len(order) > len(set(order))
    assert order != sorted(order)


def test_flags_are_expected_where_something_is_wrong() -> None:
    """Only the three scenarios about trust and safety expect a flag."""
    flagged = {name: call_of(name).expectation.flagged_for for name in SCENARIOS}

    assert {name: set(why) for name, why in flagged.items() if why} == {
        "recording-stopped": {"metadata.recording_stopped", "off_platform.leave", "off_platform.payment"},
        "no-recording": {"metadata.recording_missing"},
        "four-rules": {
            "remote_access.control", "personal_data.one_time_code", "off_platform.contact_number", "suspicious_link.program",
        },
    }  # fmt: skip


def test_download_urls_are_those_of_the_recordings_server() -> None:
    """Downloads go to the address the player was given."""
    for body in bodies_of(call_of("clean")):
        for file in body["payload"]["object"].get("recording_files", []):
            assert urlsplit(file["download_url"]).netloc == "127.0.0.1:8090"


def test_unknown_scenario_is_answered_by_the_list() -> None:
    """A typing mistake gets one helpful sentence."""
    with pytest.raises(ConfigurationError, match="clean"):
        build_call("claen", 1, NOW)


@each_scenario
def test_talk_breaks_the_rules_it_is_said_to_break_and_no_other(name: str) -> None:
    """The shipped policy finds in transcripts and chats what the scenario expects: nothing in innocent talk."""
    call = call_of(name)
    files = [file for event in call.events for file in event.files if file.file_type in ("TRANSCRIPT", "CHAT", "CC")]
    kinds = {"TRANSCRIPT": "transcript", "CHAT": "chat", "CC": "captions"}

    found = {
        finding["rule_id"]
        for file in files
        for finding in scan(b"".join(file.content.read()), kinds[file.file_type], POLICY).findings
    }

    expected = {rule for rule in call.expectation.flagged_for if not rule.startswith("metadata.")}
    learned = {rule for rule in found if rule.startswith("model.")}  # what the talk is like, beside what it says
    assert found - learned == expected
    assert bool(learned) <= bool(expected)
