"""The one list of topics keeps its promises."""

from datetime import timedelta

from processors.registry import PROCESSORS
from schemas.topics import MAX_RECORD_BYTES, TOPICS, WEBHOOKS, all_topics, dead_letter

DAYS = {topic.name: topic.retention / timedelta(days=1) for topic in TOPICS}


def test_partitions_are_equal_everywhere() -> None:
    """One meeting's records meet in one partition number of every topic."""
    assert len({topic.partitions for topic in all_topics()}) == 1


def test_names_are_unique() -> None:
    """No topic is listed twice, dead letters included."""
    names = [topic.name for topic in all_topics()]

    assert len(names) == len(set(names))


def test_records_are_kept_as_long_as_designed() -> None:
    """Restricted topics 14 days, the public one 30, flags as long as the recordings they point to."""
    flags = {"flagged-meetings", "flagged-meetings.decisions"}

    assert DAYS["call-events"] == 30
    assert {DAYS[name] for name in flags} == {180}
    assert {days for name, days in DAYS.items() if name not in flags | {"call-events"}} == {14}


def test_only_call_events_are_open_to_any_service() -> None:
    """Every other topic is restricted."""
    assert [topic.name for topic in TOPICS if not topic.restricted] == ["call-events"]


def test_a_dead_letter_fits_when_the_body_is_the_largest() -> None:
    """2 MiB: the receiver's 1 MiB limit and its headers."""
    assert {topic.max_record_bytes for topic in all_topics()} == {MAX_RECORD_BYTES} == {2 * 1024 * 1024}


def test_every_reader_among_the_processors_has_its_dead_letters() -> None:
    """One restricted dead-letter topic for each topic a processor reads, kept as restricted ones are."""
    wanted = {
        f"{topic.name}.{reader}.dead-letter" for topic in TOPICS for reader in topic.readers if reader in PROCESSORS
    }
    found = {topic.name: topic for topic in all_topics() if topic not in TOPICS}

    assert found.keys() == wanted
    assert all(topic.restricted and topic.retention == timedelta(days=14) for topic in found.values())
    assert dead_letter(WEBHOOKS.name, "call_events").name == "zoom.webhooks.call_events.dead-letter"
