"""The archive's decisions: which files, with which tags, and that no order of events changes the end."""

import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from processors.base import Event
from processors.commands import ArchiveFile, Command, PublishEvent, Reference, TagFile
from processors.recording_archive import OUTCOME_ARCHIVED, ArchiveState, RecordingArchive
from processors.runtime.codec import dump, load, plain
from schemas.archive import object_key
from schemas.calls import HOLD_CHANGED, REGISTERED, Hold, HoldSchema, Registration, RegistrationSchema
from schemas.envelope import format_time
from schemas.events import decode
from schemas.identity import read_occurrence
from schemas.topics import all_topics

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
MEETING, SESSION, ACCOUNT = "85392858403", "LjtP8z2jS0qmRJIIb1WuBg==", "acc"


def at(minutes: float) -> datetime:
    return NOON + timedelta(minutes=minutes)


def webhook(
    name: str, minutes: float, session: str = SESSION, recorded_at: datetime | None = None, **more: Any
) -> Event:
    """A webhook as the runtime hands it over, `minutes` after noon by Zoom's time."""
    subject = {"id": int(MEETING), "uuid": session, **more}
    body = {
        "event": name,
        "event_ts": int(at(minutes).timestamp() * 1000),
        "download_token": "secret",
        "payload": {"account_id": ACCOUNT, "object": subject},
    }
    return Event(
        id=read_occurrence(body).id,
        type=f"us.zoom.{name}",
        recorded_at=recorded_at or at(minutes),
        data=body,
        reference=Reference("zoom.webhooks", 0, 7),
    )


def started(minutes: float, session: str = SESSION) -> Event:
    return webhook("meeting.started", minutes, session, start_time=format_time(at(minutes)))


def ended(minutes: float, session: str = SESSION) -> Event:
    return webhook("meeting.ended", minutes, session, end_time=format_time(at(minutes)))


def file(name: str | None, file_type: str = "MP4", **more: Any) -> dict[str, Any]:
    return {
        "id": name,
        "file_type": file_type,
        "file_extension": file_type,
        "file_size": 1000,
        "status": "completed",
        "recording_start": format_time(NOON),
        "recording_end": format_time(at(28)),
        "download_url": f"https://zoom.us/rec/{name}",
        **more,
    }


def completed(minutes: float, *files: dict[str, Any], session: str = SESSION, **more: Any) -> Event:
    return webhook("recording.completed", minutes, session, recording_files=list(files), **more)


def registered(call_id: str = "call-1") -> Event:
    registration = Registration(
        call_id=call_id,
        meeting_id=MEETING,
        account_id=ACCOUNT,
        join_url="https://zoom.us/j/1",
        order_id="order-1",
        conversation_id="conversation-1",
        freelancer_id="f",
        freelancer_name=None,
        client_id="c",
        language="en",
        registered_at=at(-10),
    )
    return Event(f"registered-{call_id}", REGISTERED, at(-10), RegistrationSchema().dump(asdict(registration)))


def hold(minutes: float, *, active: bool = True, kind: str = "trust-safety", hold_id: str = "hold-1") -> Event:
    change = Hold(hold_id, "call-1", MEETING, kind, "report", "analyst", active, at(minutes))
    return Event(f"{hold_id}-{minutes}-{active}", HOLD_CHANGED, at(minutes), HoldSchema().dump(asdict(change)))


def receipt_of(command: ArchiveFile, minutes: float = 60) -> Event:
    proof = {"object_key": command.object_key, "version_id": "v1", "size_bytes": 1000, "crc32": "0" * 8}
    data = {"command": plain(command), "result": {**proof, "sha256": "0" * 64, "content_type": "video/mp4"}}
    return Event(f"done-{command.key}", "done.archive_file", at(minutes), data)


def failure_of(command: ArchiveFile, minutes: float = 60) -> Event:
    data = {"command": plain(command), "error": "no"}
    return Event(f"dead-{command.key}-{minutes}", "dead.archive_file", at(minutes), data)


class Run:
    """One meeting's state over a series of events, kept as JSON in between as the runtime does."""

    def __init__(self) -> None:
        self.stored: str | None = None
        self.commands: list[Command] = []
        self.reasons: list[str] = []

    def feed(self, *events: Event) -> "Run":
        for event in events:
            state = None if self.stored is None else load(ArchiveState, self.stored)
            decision = RecordingArchive().decide(event, state)
            self.stored = dump(decision.state)
            self.commands += decision.commands
            self.reasons += decision.reasons
        return self

    def archives(self) -> list[ArchiveFile]:
        return [command for command in self.commands if isinstance(command, ArchiveFile)]

    def tags(self) -> list[TagFile]:
        return [command for command in self.commands if isinstance(command, TagFile)]

    def outcomes(self) -> list[PublishEvent]:
        return [command for command in self.commands if isinstance(command, PublishEvent)]

    def archive_all(self) -> "Run":
        return self.feed(*(receipt_of(command) for command in self.archives()))


def visible(run: Run) -> dict[str, tuple[Any, ...]]:
    """What every object's tags say in the end."""
    standing: dict[str, tuple[Any, ...]] = {}
    for command in run.commands:
        if isinstance(command, ArchiveFile | TagFile):
            standing[command.object_key] = (
                command.call_id, command.order_id, command.call_ended_at,
                command.access_until, command.expires_at, command.hold,
            )  # fmt: skip
    return standing


def test_every_file_is_archived_once_when_several_events_tell_of_it() -> None:
    """Files of several events are united, and one that is told again is not asked for again."""
    run = Run().feed(
        completed(40, file("a"), file("b", "M4A")),
        completed(50, file("b", "M4A"), file("c", recording_start=format_time(at(15)))),
        webhook("recording.transcript_completed", 70, recording_files=[file("d", "TRANSCRIPT")]),
    )

    assert [(one.file_id, one.file_kind) for one in run.archives()] == [
        ("a", "video"), ("b", "audio"), ("c", "video"), ("d", "transcript"),
    ]  # fmt: skip
    assert len({one.key for one in run.archives()}) == 4


def test_participants_audio_and_unseen_types_are_archived() -> None:
    """What Zoom may add tomorrow is kept as opaque; files without an id are named by start and type."""
    timeline = file(None, "TIMELINE", status=None, file_size=None)
    event = webhook(
        "recording.completed",
        40,
        recording_files=[timeline, file("x", "HOLOGRAM")],
        participant_audio_files=[file("p", "M4A")],
    )

    run = Run().feed(event)

    assert [one.file_kind for one in run.archives()] == ["timeline", "other", "audio"]
    assert run.archives()[0].object_key == object_key(SESSION, None, format_time(NOON), "TIMELINE")


@pytest.mark.parametrize("change", [{"status": "processing"}, {"download_url": ""}, {"download_url": None}])
def test_a_file_is_left_when_it_is_unfinished_or_not_in_the_cloud(change: dict[str, Any]) -> None:
    """Nothing is asked for, with a reason; the other files are."""
    run = Run().feed(completed(40, file("a", **change), file("b", status="")))

    assert [one.file_id for one in run.archives()] == ["b"]
    assert len(run.reasons) == 1


def test_an_unfinished_file_is_archived_when_it_is_told_of_again_finished() -> None:
    """Being left once does not count against it."""
    run = Run().feed(completed(40, file("a", status="processing")), completed(50, file("a")))

    assert [one.file_id for one in run.archives()] == ["a"]


def test_days_count_from_the_end_of_the_call() -> None:
    """90 and 180 days count from the call's last session, not from the file's own."""
    run = Run().feed(
        registered(), started(0), ended(30), completed(40, file("a")),
        started(35, "second=="), ended(55, "second=="),
    )  # fmt: skip
    run.archive_all()

    assert run.archives()[0].call_ended_at == at(30)
    assert visible(run)[run.archives()[0].object_key] == (
        "call-1", "order-1", at(55), at(55) + timedelta(days=90), at(55) + timedelta(days=180), "none",
    )  # fmt: skip


def test_the_end_of_the_file_counts_while_the_call_never_ended() -> None:
    """Zoom loses some meeting.ended; the recording's own end is the nearest thing known."""
    run = Run().feed(started(0), completed(40, file("a"), file("b", recording_end=None)))

    assert [one.call_ended_at for one in run.archives()] == [at(28), at(40)]


def test_a_file_of_an_unregistered_meeting_is_archived_without_a_call() -> None:
    """The session stands by itself."""
    run = Run().feed(started(0), ended(30), completed(40, file("a")))

    assert run.archives()[0].call_id is None
    assert run.archives()[0].call_ended_at == at(30)


def test_a_file_is_never_archived_when_its_call_is_past_its_retention() -> None:
    """An event that comes after 180 days brings nothing back."""
    late = at(30) + timedelta(days=180)
    event = completed(40, file("a"))
    replayed = Event(event.id, event.type, late, event.data, reference=event.reference)

    run = Run().feed(ended(30), replayed)

    assert run.commands == []
    assert run.reasons == ["a file is past its retention: never archived"]


def test_an_archived_file_is_told_to_the_world_once() -> None:
    """The outcome holds the public event's data but the sequence, and its id hangs on the object alone."""
    run = Run().feed(registered(), started(0), ended(30), completed(40, file("a"))).archive_all()

    (outcome,) = run.outcomes()
    data = decode("call.recording_archived", {**json.loads(outcome.data), "sequence": 1})
    assert (outcome.topic, outcome.type, outcome.partition_key) == ("call-outcomes", OUTCOME_ARCHIVED, MEETING)
    assert (data["call_id"], data["call_ended_at"], data["kind"]) == ("call-1", at(30), "video")
    assert "secret" not in outcome.data
    assert run.tags() == []
    assert run.feed(receipt_of(run.archives()[0], 90)).outcomes()[1].event_id == outcome.event_id


def test_tags_follow_when_the_hold_came_while_the_file_was_under_way() -> None:
    """The file was created without the hold; its tags are changed as soon as it stands."""
    run = Run().feed(registered(), started(0), ended(30), completed(40, file("a")), hold(45))
    assert run.tags() == []

    run.archive_all()

    assert [(one.hold, one.revision) for one in run.tags()] == [("trust-safety", 1)]


def test_a_late_file_of_a_held_call_is_held_from_its_first_moment() -> None:
    """The hold is part of the command that creates the object."""
    run = Run().feed(
        registered(), hold(10, kind="legal"), hold(11, hold_id="hold-2"), started(0), completed(40, file("a"))
    )

    assert run.archives()[0].hold == "legal"


def test_the_hold_falls_back_when_the_stronger_one_is_released() -> None:
    """A call stays held while any of its holds is active; every change is a new revision."""
    run = Run().feed(registered(), started(0), ended(30), completed(40, file("a"))).archive_all()
    run.feed(
        hold(100, kind="legal"),
        hold(101, hold_id="hold-2"),
        hold(102, kind="legal", active=False),
        hold(103, hold_id="hold-2", active=False),
        hold(99, kind="legal"),
    )

    assert [(one.hold, one.revision) for one in run.tags()] == [("legal", 1), ("trust-safety", 2), ("none", 3)]


def test_a_hold_is_released_by_its_owner_alone() -> None:
    """The same id of another kind is another hold; the archive notes why each was placed, and by whom."""
    run = Run().feed(registered(), started(0), ended(30), completed(40, file("a"))).archive_all()
    run.feed(hold(100, kind="legal"), hold(101, kind="trust-safety", active=False))
    assert [one.hold for one in run.tags()] == ["legal"]

    run.feed(hold(102, kind="legal", active=False))

    assert [one.hold for one in run.tags()] == ["legal", "none"]
    rows = load(ArchiveState, run.stored or "").holds.values()
    assert {(row.kind, row.reason, row.by, row.active) for row in rows} == {
        ("legal", "report", "analyst", False),
        ("trust-safety", "report", "analyst", False),
    }


def test_a_file_that_failed_is_asked_for_again_when_zoom_tells_of_it_again() -> None:
    """A later event has a fresh link."""
    run = Run().feed(completed(40, file("a")))
    run.feed(failure_of(run.archives()[0]), completed(80, file("a"), file("b")))

    assert [one.file_id for one in run.archives()] == ["a", "a", "b"]
    assert run.archives()[0].key == run.archives()[1].key


def test_files_are_forgotten_when_nothing_can_come_for_them_any_more() -> None:
    """Past its retention a file leaves the state, unless it is held; its receipt stays in the database."""
    run = Run().feed(registered(), started(0), ended(30), completed(40, file("a")), hold(45)).archive_all()
    later = timedelta(days=181)
    assert load(ArchiveState, run.stored or "").files

    run.feed(hold(60 * 24 * 181))
    assert load(ArchiveState, run.stored or "").files

    run.feed(hold(later.total_seconds() / 60 + 10, active=False))
    assert not load(ArchiveState, run.stored or "").files
    assert run.tags()[-1].hold == "none"


@pytest.mark.shared
def test_every_file_of_every_real_body_is_archived(shared: Path) -> None:
    """Bodies of all ages, with and without ids, sizes, states and extensions."""
    bodies = [json.loads(path.read_text()) for path in sorted(shared.glob("zoom/events/recording.*completed__*.json"))]
    bodies = [body for body in bodies if f"us.zoom.{body['event']}" in RecordingArchive.types]

    for body in bodies:
        event = Event(
            "1", f"us.zoom.{body['event']}", NOON - timedelta(days=365 * 10), body, reference=Reference("t", 0, 0)
        )
        told = body["payload"]["object"].get("recording_files", []) + body["payload"]["object"].get(
            "participant_audio_files", []
        )

        run = Run().feed(event)

        assert len(RecordingArchive().route(event)) == 1
        assert len(run.archives()) == len([one for one in told if one.get("download_url")])
    assert len(bodies) >= 5


def test_records_go_to_the_state_of_their_meeting() -> None:
    """Meeting id, else the session; what names neither concerns nobody."""
    without_id = completed(40, file("a"))
    without_id.data["payload"]["object"]["id"] = None
    without_both = webhook("recording.completed", 40, session="", recording_files=[])
    without_both.data["payload"]["object"]["id"] = ""

    route = RecordingArchive().route

    assert [route(one) for one in (started(0), registered(), hold(1))] == [[MEETING]] * 3
    assert route(without_id) == [f"session:{SESSION}"]
    assert route(without_both) == []


def test_it_reads_the_topics_that_name_it_as_reader() -> None:
    """The list of topics and the processor agree."""
    named = {topic.name for topic in all_topics() if "recording_archive" in topic.readers}

    assert set(RecordingArchive.topics) == named


FACTS: Sequence[Event] = (
    registered(),
    started(0),
    ended(30),
    started(35, "second=="),
    ended(55, "second=="),
    completed(60, file("a"), file("b", "M4A", recording_end=None)),
    completed(65, file("b", "M4A"), file("c", recording_end=format_time(at(54))), session="second=="),
    webhook(
        "recording.transcript_completed", 70, recording_files=[file("d", "TRANSCRIPT"), file("a", recording_end=None)]
    ),
    hold(80),
    hold(85, kind="legal", hold_id="hold-2"),
    hold(90, active=False),
)


def play(order: Iterable[Event], pauses: Sequence[int]) -> Run:
    """Feed the facts; after the events whose number is in `pauses` everything under way gets done."""
    run, done = Run(), 0
    for number, event in enumerate(order):
        run.feed(event)
        if number in pauses:
            waiting = run.archives()[done:]
            done += len(waiting)
            run.feed(*(receipt_of(command) for command in waiting))
    return run.feed(*(receipt_of(command) for command in run.archives()[done:]))


@settings(max_examples=60, deadline=None)
@given(st.permutations(FACTS), st.sets(st.integers(0, len(FACTS))))
@example(list(reversed(FACTS)), set(range(len(FACTS))))
def test_no_order_of_events_changes_the_end(order: list[Event], pauses: set[int]) -> None:
    """Whatever comes first, the same files are archived and carry the same tags in the end."""
    expected = play(FACTS, ())

    run = play(order, sorted(pauses))

    assert visible(run) == visible(expected)
    assert sorted(one.event_id for one in run.outcomes()) == sorted(one.event_id for one in expected.outcomes())
    assert {standing[-1] for standing in visible(run).values()} == {"legal"}
    assert {standing[2] for standing in visible(run).values()} == {at(55)}
