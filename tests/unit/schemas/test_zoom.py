"""Zoom's bodies, as strict as our use of them and no stricter."""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from schemas.envelope import Envelope
from schemas.errors import InvalidEvent
from schemas.identity import read_occurrence
from schemas.zoom import ZoomEvent, load_event
from tests.unit.schemas.examples import zoom

START = datetime(2026, 11, 22, 14, 0, tzinfo=UTC)


def loaded(event: str, case: str = "usual") -> ZoomEvent:
    return load_event(zoom(event, case))


def with_object(event: str, **subject: Any) -> dict[str, Any]:
    return {
        "event": event,
        "event_ts": 1795356000000,
        "payload": {"account_id": "a", "object": {"uuid": "s", **subject}},
    }


def test_ids_are_text_when_zoom_writes_numbers() -> None:
    """The same meeting under both spellings."""
    text, number = loaded("meeting.started", "id_as_text"), loaded("meeting.started", "id_as_number")

    assert text == number
    assert (text.meeting_id, text.occurred_at, text.start_at) == ("98123456789", START, START)


def test_absent_null_and_empty_mean_the_same() -> None:
    """Three spellings of nothing are one."""
    nothing = [load_event(with_object("meeting.ended", **some)) for some in ({}, {"end_time": None}, {"end_time": ""})]

    assert nothing[0] == nothing[1] == nothing[2]
    assert nothing[0].end_at is None


@pytest.mark.parametrize(
    "written",
    [1795356000000, "1795356000000", 1795356000, "1795356000", "2026-11-22T14:00:00Z", "2026-11-22T16:00:00+02:00",
     "2026-11-22T14:00:00.0000000+00:00", "2026-11-22 14:00:00"],
)  # fmt: skip
def test_an_instant_is_utc_however_zoom_writes_it(written: object) -> None:
    """Milliseconds or seconds, number or text, with an offset, seven digits or none."""
    assert load_event({**with_object("meeting.started"), "event_ts": written}).occurred_at == START


def test_a_person_is_loaded_without_what_we_do_not_use() -> None:
    """A host and a guest; e-mail addresses are not even read."""
    host, guest = loaded("meeting.participant_joined", "host"), loaded("meeting.participant_joined", "guest_with_nulls")

    assert host.participant is not None
    assert guest.participant is not None
    assert (host.participant.account_user_id, host.participant.user_id) == (host.host_id, "16778240")
    assert (guest.participant.account_user_id, guest.participant.user_id) == (None, "16779264")
    assert not hasattr(host.participant, "email")


def test_files_are_united_when_participants_have_their_own() -> None:
    """Recording files and participants' audio files, with or without ids, also of types nobody has seen."""
    new = loaded("recording.completed", "with_participant_audio_and_new_types")
    old = loaded("recording.completed", "old_without_ids_and_event_ts")

    assert [file.file_type for file in new.files] == ["MP4", "HOLOGRAM", "TB", "M4A"]
    assert [(file.file_type, file.file_id, file.size_bytes) for file in old.files[1:]] == [
        ("TIMELINE", None, None),
        ("CC", None, None),
    ]
    assert old.occurred_at is None


@pytest.mark.parametrize("case", ["several", "single_as_text"])
def test_every_session_is_named_when_recordings_go_in_a_batch(case: str) -> None:
    """A list, or a single text standing for it."""
    assert loaded("recording.batch_trashed", case).named_sessions[0] == "hW/+3kQbR0aZ1xYw5vT8Gg=="
    assert len(loaded("recording.batch_deleted", "several").named_sessions) == 2


def test_a_running_recording_has_no_end() -> None:
    """Null and "" both mean that it is still running."""
    assert loaded("recording.started").recording_end is None
    assert loaded("recording.resumed").recording_end is None
    assert loaded("recording.stopped").recording_end == datetime(2026, 11, 22, 14, 31, 4, tzinfo=UTC)


@pytest.mark.parametrize(
    ("subject", "named"),
    [
        ({"end_time": "Sunday"}, "end_time"),
        ({"host_id": {"a": "secret"}}, "host_id"),
        ({"recording_files": "secret"}, "recording_files"),
        ({"participant": ["secret"]}, "participant"),
        ({"meeting_uuids": 5}, "meeting_uuids"),
    ],
)
def test_a_body_is_refused_when_a_field_we_use_is_unusable(subject: dict[str, Any], named: str) -> None:
    """The error names the field and never its value."""
    with pytest.raises(InvalidEvent, match=named) as refused:
        load_event(with_object("meeting.ended", **subject))

    assert "secret" not in str(refused.value)


@pytest.mark.shared
def test_every_recorded_body_passes_without_loss(shared: Path) -> None:
    """Load, identity, envelope and back, for each body that Zoom really sent."""
    paths = sorted((shared / "zoom" / "events").glob("*.json"))
    assert len(paths) > 50

    for path in paths:
        _assert_passes(path.read_bytes(), path.name)


def _assert_passes(raw: bytes, name: str) -> None:
    occurrence, zoom_event = read_occurrence(json.loads(raw)), load_event(json.loads(raw))
    envelope = Envelope(
        occurrence.id,
        "/zoom",
        f"us.zoom.{occurrence.event}",
        raw,
        time=zoom_event.occurred_at,
        subject=occurrence.session_id,
        partitionkey=occurrence.partition_key,
    )
    back = Envelope.from_record(envelope.headers(), envelope.data)

    assert back == envelope, name
    assert read_occurrence(json.loads(back.data)).id == back.id, name
    assert (zoom_event.meeting_id, zoom_event.session_id) == (occurrence.meeting_id, occurrence.session_id), name
