"""The kit's feeds are what their names say, and its timelines are what a careful subscriber makes of them."""

import json
from collections import Counter
from pathlib import Path

import pytest

from infra.contracts.kit import UNKNOWN_TYPE, Feed, feed_text, feeds, timelines
from infra.contracts.published import KIT
from infra.errors import ConfigurationError
from infra.zoom.simulator.feed import read_feed
from schemas.envelope import Envelope
from schemas.events import decode

ROOT = Path(__file__).resolve().parents[4]
FEEDS = feeds()


def sequences(feed: Feed, subject: str) -> list[int]:
    return [json.loads(one.data)["sequence"] for one in feed if one.subject == subject]


def subjects(feed: Feed) -> set[str]:
    return {one.subject or "" for one in feed}


@pytest.mark.parametrize("name", FEEDS)
def test_every_event_is_valid_when_its_type_is_known(name: str) -> None:
    """The kit says nothing that the pipeline could not say."""
    for one in FEEDS[name]:
        if one.type != UNKNOWN_TYPE:
            data = decode(one.type, json.loads(one.data))
            assert (data["occurred_at"], data["meeting_id"]) == (one.time, one.partitionkey)
            assert one.subject == data["call_id"] or one.subject == data["session_id"]


@pytest.mark.parametrize("name", FEEDS)
def test_sequences_have_no_gap_when_everything_has_arrived(name: str) -> None:
    """Each stream counts 1, 2, 3, …; one id is one place in its stream."""
    for subject in subjects(FEEDS[name]):
        numbers = set(sequences(FEEDS[name], subject))
        ids = {one.id for one in FEEDS[name] if one.subject == subject}
        assert numbers == set(range(1, len(numbers) + 1))
        assert len(ids) == len(numbers)


@pytest.mark.parametrize("name", FEEDS)
def test_timeline_is_that_of_a_careful_subscriber(name: str) -> None:
    """Doubles dropped by ce_id, the rest by `sequence`."""
    found: dict[str, list[str]] = {}
    seen: set[str] = set()
    for one in sorted(FEEDS[name], key=lambda one: int(json.loads(one.data)["sequence"])):
        if one.id not in seen:
            data = json.loads(one.data)
            found.setdefault(one.subject or "", []).append(f"{data['sequence']} {data['occurred_at']} {one.type}")
        seen.add(one.id)

    assert timelines()[name] == found


def test_feeds_are_as_awkward_as_their_names_say() -> None:
    """Doubled, reordered, late, corrected, from a later version: each has it, and the usual one has nothing of it."""
    counts = {name: Counter(one.id for one in feed) for name, feed in FEEDS.items()}
    types = [one.type for one in FEEDS["corrected"]]
    late = [one.time for one in FEEDS["late"] if one.subject == "call-late"]
    later = [json.loads(one.data) for one in FEEDS["later_version"]]

    assert {name for name, ids in counts.items() if max(ids.values()) > 1} == {"doubled"}
    assert sequences(FEEDS["reordered"], "call-reordered-b") == list(range(15, 0, -1))
    assert sequences(FEEDS["usual"], "call-usual") == list(range(1, 16))
    assert late != sorted(late, key=str)
    assert (types.count("call.ended"), types.count("call.started")) == (4, 3)
    assert types.index("call.recording_missing") < types.index("call.recording_completed")
    assert UNKNOWN_TYPE in [one.type for one in FEEDS["later_version"]]
    assert any("field_of_a_later_version" in data for data in later)


def test_feeds_share_no_stream_so_that_one_topic_takes_them_all() -> None:
    """No call and no meeting is in two feeds."""
    streams = [subject for feed in FEEDS.values() for subject in subjects(feed)]
    meetings = [key for feed in FEEDS.values() for key in {one.partitionkey for one in feed}]

    assert len(set(streams)) == len(streams)
    assert len(set(meetings)) == len(meetings)


@pytest.mark.parametrize("name", FEEDS)
def test_simulator_sends_what_the_file_holds(name: str) -> None:
    """A committed feed is read as the records it was made of, in their order."""
    assert list(read_feed(ROOT / KIT / f"{name}.jsonl")) == FEEDS[name]


def test_feed_is_the_same_when_made_again() -> None:
    """Golden means golden."""
    assert {name: feed_text(feed) for name, feed in feeds().items()} == {name: feed_text(FEEDS[name]) for name in FEEDS}


@pytest.mark.parametrize(
    "text", ["{", "[1]", '{"key": null}', '{"headers": {"ce_id": "1"}, "value": "{}"}', '{"headers": {}, "value": 1}']
)
def test_feed_is_refused_when_a_line_is_no_record(text: str, tmp_path: Path) -> None:
    """One sentence with the file's name, and nothing is sent."""
    path = tmp_path / "feed.jsonl"
    path.write_text(text)

    with pytest.raises(ConfigurationError, match=r"feed\.jsonl"):
        read_feed(path)


def test_envelope_round_trips_through_the_file() -> None:
    """Nothing of an envelope is lost in a line."""
    one = FEEDS["usual"][0]
    line = json.loads(feed_text([one]))

    assert (
        Envelope.from_record([(name, text.encode()) for name, text in line["headers"].items()], line["value"].encode())
        == one
    )
