"""What reconciliation infers: the processors act on it as on Zoom's own word, and Zoom's own word then adds nothing."""

import json
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from processors.base import Event
from processors.call_events import CallEvents
from processors.chat_invitation import ChatInvitation
from processors.commands import ArchiveFile, PutChatMessage, Reference
from processors.meeting_flagging import MeetingFlagging
from processors.recording_archive import RecordingArchive
from schemas.errors import InvalidEvent
from schemas.reconciled import ReconciledMeeting, ReconciledRecording, load_fact, reconciled_envelope
from schemas.zoom import load_event
from tests.unit.processors import zoom_call as call
from tests.unit.processors.shipped_policy import POLICY
from tests.unit.processors.zoom_call import ACCOUNT, HOST, MEETING, SESSION, Stage, at, data_of

LATER = 3 * 3600  # reconciliation comes hours after the call
PLACE = Reference("zoom.webhooks", 0, 1)


def found_out(fact: ReconciledMeeting | ReconciledRecording) -> Event:
    """A fact as the runtime hands it on."""
    envelope = reconciled_envelope(fact)
    return Event(envelope.id, envelope.type, at(LATER), json.loads(envelope.data), envelope.time, PLACE)


def ended(seconds: float, started: float | None = 0) -> Event:
    start = None if started is None else at(started)
    return found_out(ReconciledMeeting(ACCOUNT, MEETING, SESSION, HOST, start, at(seconds)))


def completed(*files: dict[str, Any]) -> Event:
    body = {"event": "recording.completed", "payload": {"object": {"uuid": SESSION, "recording_files": list(files)}}}
    return found_out(ReconciledRecording(MEETING, SESSION, at(900), load_event(body).files))


def with_place(event: Event) -> Event:
    return replace(event, reference=PLACE)


def linked(file: dict[str, Any]) -> dict[str, Any]:
    return {**file, "download_url": "https://zoom.us/rec/1"}


@pytest.fixture
def public() -> Stage[Any]:
    return Stage(CallEvents(no_recording_grace=timedelta(minutes=30)))


@pytest.fixture
def chat() -> Stage[Any]:
    return Stage(ChatInvitation("https://market.example/calls/{call_id}", "https://market.example/policies"))


def test_a_call_ends_when_its_end_was_lost(public: Stage[Any]) -> None:
    """It is told as inferred; the real end, a second or less off by its stamp, then adds nothing."""
    public.hear(call.registered(), call.started(0), ended(600))
    before = len(public.commands)

    public.hear(call.ended(600.7))

    assert [data["inferred"] for data in data_of(public.published("call.ended"))] == [True]
    assert len(public.commands) == before
    assert not public.state().meeting.sessions[SESSION].is_open


def test_nothing_is_inferred_when_zoom_told_it_first(public: Stage[Any]) -> None:
    """Reconciliation that comes after the real end says nothing, and its event says no more of `inferred`."""
    public.hear(call.registered(), call.started(0.3), call.ended(600))
    before = len(public.commands)

    public.hear(ended(600))

    assert len(public.commands) == before
    assert "inferred" not in data_of(public.published("call.ended"))[0]


def test_a_start_is_told_when_it_was_lost(public: Stage[Any]) -> None:
    """With the end that REST tells; the real start and end then add nothing."""
    public.hear(call.registered(), ended(600, started=0))
    told = [one.type for one in public.published()]

    public.hear(call.ended(600.5), call.started(0.4))

    assert told == ["call.created", "call.started", "call.ended"]
    assert [one.type for one in public.published()] == told


def test_the_real_end_is_told_when_it_is_another_one(public: Stage[Any]) -> None:
    """Minutes later it is no doubt of a second: the call ended later, and subscribers hear so."""
    public.hear(call.registered(), call.started(0), ended(600), call.ended(900))

    assert [data["duration_seconds"] for data in data_of(public.published("call.ended"))] == [600, 900]
    assert public.state().meeting.ended_at("call-1") == at(900)


def test_a_session_goes_on_when_it_started_again_after_the_inferred_end(public: Stage[Any]) -> None:
    """Then its real end counts."""
    public.hear(call.registered(), call.started(0), ended(600), call.started(700))

    assert public.state().meeting.sessions[SESSION].is_open
    public.hear(call.ended(800))
    assert public.state().meeting.ended_at("call-1") == at(800)


@pytest.mark.parametrize("inferred_first", [True, False])
def test_the_meeting_is_the_same_when_zooms_own_word_came_too(public: Stage[Any], inferred_first: bool) -> None:
    """Before or after the inferred one: Zoom's stands, as in a run without reconciliation."""
    clean: Stage[Any] = Stage(CallEvents(no_recording_grace=timedelta(minutes=30)))
    clean.hear(call.started(0.4), call.ended(600))

    real = [call.started(0.4), call.ended(600)]
    public.hear(*([ended(600), *real] if inferred_first else [*real, ended(600)]))

    sessions = public.state().meeting.sessions[SESSION], clean.state().meeting.sessions[SESSION]
    assert replace(sessions[0], seen_at=None) == replace(sessions[1], seen_at=None)


def test_a_recording_is_told_once_when_its_event_comes_late(public: Stage[Any]) -> None:
    """The inferred one has the id of the fact; several real ones, a part of the files each, then add nothing."""
    video, chat = call.file("f1", "MP4"), call.file("f2", "CHAT")
    public.hear(call.registered(), call.started(0), call.ended(600), completed(video, chat))
    told = public.published("call.recording_completed")

    public.hear(call.completed(900, video), call.completed(950, chat), call.completed(900, video, chat))

    assert public.published("call.recording_completed") == told
    plain: Stage[Any] = Stage(CallEvents(no_recording_grace=timedelta(minutes=30)))
    plain.hear(call.registered(), call.completed(900, video, chat))
    assert [one.event_id for one in told] == [one.event_id for one in plain.published("call.recording_completed")]


def test_only_new_files_are_told_when_some_were(public: Stage[Any]) -> None:
    """What Zoom announced is not announced again by reconciliation."""
    video, chat = call.file("f1", "MP4"), call.file("f2", "CHAT")
    public.hear(call.completed(900, video), completed(video, chat), completed(video))

    told = [
        [file["file_id"] for file in data["files"]] for data in data_of(public.published("call.recording_completed"))
    ]
    assert told == [["f1"], ["f2"]]


def test_a_file_is_archived_once_when_its_event_comes_late() -> None:
    """It is asked for without a link, then not again."""
    archive: Stage[Any] = Stage(RecordingArchive())
    archive.hear(call.registered(), ended(600), completed(call.file("f1", "MP4")))

    archive.hear(with_place(call.completed(900, linked(call.file("f1", "MP4")))))

    (command,) = archive.of(ArchiveFile)
    assert (command.file_id, command.source, command.call_ended_at) == ("f1", PLACE, at(600))


def test_an_expired_recording_is_not_archived_when_reconciliation_finds_it() -> None:
    """180 days after the call it is past its retention."""
    archive: Stage[Any] = Stage(RecordingArchive())
    late = replace(completed(call.file("f1", "MP4")), recorded_at=at(181 * 86400))

    archive.hear(replace(ended(600), recorded_at=late.recorded_at), late)

    assert not archive.of(ArchiveFile)


def test_the_chat_follows_when_the_end_was_lost(chat: Stage[Any]) -> None:
    """The message is that of the ended call, and stays so when the real end comes."""
    chat.hear(call.registered(), call.started(0), ended(600))
    shown = chat.of(PutChatMessage)[-1]

    chat.hear(call.ended(600))

    assert chat.of(PutChatMessage)[-1] == shown
    assert shown.revision == 2


def test_trust_and_safety_sees_the_recording_when_its_event_was_lost() -> None:
    """Its files count as announced."""
    flags: Stage[Any] = Stage(MeetingFlagging(POLICY))

    flags.hear(call.registered(), ended(600), completed(call.file("f1", "MP4")))

    assert flags.state().sessions[SESSION].has_recording()


def test_a_fact_is_refused_when_its_data_is_not_its_own() -> None:
    """The text names the field, never its value."""
    with pytest.raises(InvalidEvent, match="ended_at"):
        load_fact("zoom.reconciled.meeting_ended", {"meeting_id": "1", "session_id": "x"})
    with pytest.raises(InvalidEvent):
        load_fact("zoom.reconciled.other", {})
