"""Neither the other side nor a public subscriber can tell a call that was reported or flagged from one that was not."""

import json
from dataclasses import asdict, replace
from datetime import timedelta

import pytest

from processors.base import Event
from processors.call_events import CallEvents
from processors.chat_invitation import ChatInvitation
from processors.commands import ArchiveFile, AskRecordings, PublishEvent, PutChatMessage, TagFile
from processors.meeting_flagging import MeetingFlagging
from processors.recording_archive import RecordingArchive
from schemas.topics import TOPICS
from tests.unit.processors import zoom_call as call
from tests.unit.processors.meeting_flagging.world import World, archived, key_of, removed, report, together
from tests.unit.processors.shipped_policy import RULES_ALONE
from tests.unit.processors.zoom_call import Stage, at

VIDEO, TRANSCRIPT = call.file("f1", "MP4"), call.file("t1", "TRANSCRIPT")
TEXT = (
    b"WEBVTT\n\n00:00:10.000 --> 00:00:12.000\nIda: just pay me over venmo and read me the code that they texted you\n"
)
CALL = [
    call.registered(),
    *together(),
    call.segment("started", 5, 5),
    call.completed(700, VIDEO, TRANSCRIPT),
    archived(750, "f1"),
    archived(780, "t1", "transcript"),
]
REPORTS = [report(), report("report-2", reporter="support", reason="sexual", reported_at=at(5000))]
PUBLIC = {topic.name for topic in TOPICS if not topic.restricted}


def seen(events: list[Event], *, text: bytes) -> tuple[str, int]:
    """Everything that leaves for the chat, the archive and the public topics, byte for byte; and how many flags."""
    stages: list[Stage[object]] = [
        Stage(CallEvents(timedelta(hours=1))),
        Stage(ChatInvitation("https://marketplace.example/calls/{call_id}", "https://marketplace.example/policies")),
        Stage(RecordingArchive()),
    ]
    flagging = World(MeetingFlagging(RULES_ALONE), documents={key_of("t1"): text}).play(*events)
    for event in events:
        for stage in stages:
            stage.hear(event) if event.type in stage.processor.types else []
    outward = [one for stage in [*stages, flagging] for one in stage.of(PublishEvent) if one.topic in PUBLIC]
    kinds = (PutChatMessage, ArchiveFile, TagFile, AskRecordings)
    others = [one for stage in [*stages, flagging] for kind in kinds for one in stage.of(kind)]
    told = json.dumps([asdict(one) for one in [*outward, *others]], default=str, sort_keys=True)
    return told, len(flagging.live())


@pytest.mark.parametrize("place", [1, 5, len(CALL)])
def test_a_reported_and_flagged_call_looks_like_any_other(place: int) -> None:
    """Reports early, in the middle or at the end, and a transcript full of findings, change not a byte of it."""
    reports = [replace(one, recorded_at=CALL[place - 1].recorded_at) for one in REPORTS]
    plain, flags = seen(CALL, text=b"WEBVTT\n")
    told, more = seen([*CALL[:place], *reports, *CALL[place:]], text=TEXT)

    assert (flags, more) == (0, 1)
    assert told == plain
    assert len(plain) > 2000


def test_a_flag_by_metadata_is_not_seen_either() -> None:
    """A recording that a person removed early flags the call, and nobody outside can tell that it does."""
    gone = removed("trashed", 720, VIDEO)
    plain, _ = seen(CALL, text=b"WEBVTT\n")
    told, flags = seen([*CALL, gone], text=b"WEBVTT\n")

    assert flags == 1
    assert told == plain
