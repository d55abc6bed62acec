"""The public stream: what every webhook says, in what sequence, and when a recording is missing."""

import json
from datetime import timedelta

import pytest

from processors.base import Event
from processors.call_events import CallEvents, CallEventsState
from processors.commands import AskRecordings, WakeAt
from schemas.errors import InvalidEvent
from schemas.events import data_schema
from schemas.identity import fact_id
from tests.unit.processors import zoom_call as call
from tests.unit.processors.zoom_call import HOST, MEETING, SESSION, Stage, at, data_of, stamp

GRACE = timedelta(minutes=30)


@pytest.fixture
def stage() -> Stage[CallEventsState]:
    return Stage(CallEvents(no_recording_grace=GRACE))


def timer(stage: Stage[CallEventsState]) -> Event:
    wake = stage.of(WakeAt)[-1]
    return Event(f"effect:{wake.key}", f"timer.{wake.name}", wake.at, wake.data)


def talk() -> list[Event]:
    """Two people together for ten minutes."""
    return [call.started(0), call.joined(1, "101", HOST), call.joined(2, "102"), call.left(600, "102"), call.ended(601)]


def outcome(seconds: float, file_id: str) -> Event:
    archived = call.archived(seconds, file_id)
    data = {name: value for name, value in archived.data.items() if name != "sequence"}
    return Event(archived.id, f"outcome.{archived.type}", archived.recorded_at, data)


def test_every_webhook_becomes_its_public_event_when_the_call_is_registered(stage: Stage[CallEventsState]) -> None:
    """A whole call gives the whole stream, in sequence, all of it naming the call."""
    stage.hear(
        call.registered(),
        call.started(0),
        call.joined(1, "101", HOST),
        *(call.segment(verb, 10 + n, 5) for n, verb in enumerate(("started", "paused", "resumed", "stopped"))),
        call.left(600, "101", HOST),
        call.ended(601),
        call.completed(900, call.file("f1", "MP4")),
        outcome(950, "f1"),
    )

    assert [one.type for one in stage.published()] == [
        "call.created",
        "call.started",
        "call.participant_joined",
        "call.recording_started",
        "call.recording_paused",
        "call.recording_resumed",
        "call.recording_stopped",
        "call.participant_left",
        "call.ended",
        "call.recording_completed",
        "call.recording_archived",
    ]
    assert [data["sequence"] for data in data_of(stage.published())] == list(range(1, 12))
    assert {data["call_id"] for data in data_of(stage.published())} == {"call-1"}
    assert {(one.topic, one.partition_key, one.subject) for one in stage.published()} == {
        ("call-events", MEETING, "call-1")
    }


def test_attributes_name_the_fact_when_an_event_is_published(stage: Stage[CallEventsState]) -> None:
    """Id, schema, source and time hang on the fact alone."""
    (started,) = stage.hear(call.started(0))

    assert started == stage.published("call.started")[0]
    fact = fact_id("call.started", SESSION, "2026-11-22T14:00:00.000Z", False)
    assert started.event_id == fact_id("call.started", None, fact)
    assert started.dataschema == data_schema("call.started")
    assert started.source == "/zoom-call-pipeline/call_events"
    assert (started.occurred_at, started.subject) == (at(0), SESSION)


def test_the_session_counts_when_the_meeting_is_not_registered(stage: Stage[CallEventsState]) -> None:
    """Without a registration every session has its own sequence and no call."""
    stage.hear(call.started(0), call.ended(60), call.started(90, session="other=="))

    told = [(data["call_id"], data["session_id"], data["sequence"]) for data in data_of(stage.published())]
    assert told == [(None, SESSION, 1), (None, SESSION, 2), (None, "other==", 1)]


def test_a_session_is_told_again_when_its_registration_comes_late(stage: Stage[CallEventsState]) -> None:
    """What was published without a call comes again, naming the call; doubles of it then add nothing."""
    stage.hear(call.started(0), call.registered(), call.ended(60), call.started(0))

    told = [(one.type, data["call_id"], data["sequence"]) for one, data in _told(stage)]
    assert told == [
        ("call.started", None, 1),
        ("call.created", "call-1", 1),
        ("call.started", "call-1", 2),
        ("call.ended", "call-1", 3),
    ]


def test_a_start_is_corrected_when_an_earlier_one_becomes_known(stage: Stage[CallEventsState]) -> None:
    """The earlier start wins and is published under its own id."""
    stage.hear(call.started(5), call.started(0))

    starts = data_of(stage.published("call.started"))
    assert [(data["occurred_at"], data["reopened"]) for data in starts] == [
        ("2026-11-22T14:00:05+00:00", False),
        ("2026-11-22T14:00:00+00:00", False),
    ]


def test_a_second_start_is_ignored_when_the_session_is_open(stage: Stage[CallEventsState]) -> None:
    """A host who enters an open session again starts nothing."""
    stage.hear(call.started(0), call.started(30))

    assert len(stage.published()) == 1


@pytest.mark.parametrize("order", [(0, 1, 2, 3), (3, 2, 1, 0), (2, 0, 3, 1)])
def test_a_session_reopens_when_it_starts_after_its_end(order: tuple[int, ...], stage: Stage[CallEventsState]) -> None:
    """Start, end, start again, end again: both starts and both ends are told, in any order of arrival."""
    facts = [call.started(0), call.ended(60), call.started(120), call.ended(240)]

    stage.hear(*(facts[n] for n in order))

    starts = {(data["occurred_at"], data["reopened"]) for data in data_of(stage.published("call.started"))}
    ends = {(data["occurred_at"], data["duration_seconds"]) for data in data_of(stage.published("call.ended"))}
    assert {("2026-11-22T14:00:00+00:00", False), ("2026-11-22T14:02:00+00:00", True)} <= starts
    assert {("2026-11-22T14:01:00+00:00", 60), ("2026-11-22T14:04:00+00:00", 240)} <= ends
    assert not stage.state().meeting.sessions[SESSION].is_open


def test_a_person_is_only_a_reference_when_somebody_joins(stage: Stage[CallEventsState]) -> None:
    """The host is told by id; a guest without an id may be anybody; a join keeps its reference when it ends."""
    stage.hear(call.joined(1, "101", HOST), call.joined(2, "102"), call.joined(3, "103", "guest"), call.left(4, "102"))

    told = data_of(stage.published())
    assert [data["is_host"] for data in told] == [True, None, False, None]
    assert told[1]["participant_ref"] == told[3]["participant_ref"]
    assert len({data["participant_ref"] for data in told}) == 3


@pytest.mark.parametrize("registered_first", [True, False])
def test_a_role_is_told_when_each_came_by_a_link_of_their_own(
    registered_first: bool, stage: Stage[CallEventsState]
) -> None:
    """Of the two and of the host, whenever the registration comes; not of a guest, and without the registrant's id."""
    registration = call.registered(freelancer_registrant_id="registrant-f", client_registrant_id="registrant-c")
    joins = [
        call.started(0),
        call.joined(5, "u1", HOST),
        call.joined(10, "u2", registrant="registrant-c"),
        call.joined(15, "u3", registrant="registrant-f"),
        call.joined(20, "u4", registrant="somebody-else"),
        call.joined(25, "u5"),
    ]

    stage.hear(*([registration, *joins] if registered_first else [*joins, registration]))

    told = [one for one in data_of(stage.published("call.participant_joined")) if one["call_id"]]
    assert [one.get("role") for one in told] == ["freelancer", "client", "freelancer", None, None]
    assert "registrant" not in json.dumps(data_of(stage.published()))


def test_no_role_is_told_when_everybody_came_by_the_plain_link(stage: Stage[CallEventsState]) -> None:
    """The host may be anybody then."""
    stage.hear(call.registered(), call.started(0), call.joined(5, "u1", HOST), call.joined(10, "u2"))

    assert all("role" not in one for one in data_of(stage.published("call.participant_joined")))


def test_files_are_told_by_kind_when_a_recording_is_completed(stage: Stage[CallEventsState]) -> None:
    """Files without id or size are told too; a second delivery with other URLs says nothing new."""
    video, timeline = call.file("f1", "MP4"), call.file(None, "TIMELINE")
    stage.hear(call.completed(900, video, timeline))
    stage.hear(call.completed(901, timeline, {**video, "download_url": "https://zoom.us/rec/other"}))

    (data,) = data_of(stage.published())
    assert sorted(data["files"], key=lambda one: one["kind"]) == [
        {"file_id": None, "kind": "timeline", "size_bytes": None, "recording_start": stamp(5)},
        {"file_id": "f1", "kind": "video", "size_bytes": 1000, "recording_start": stamp(5)},
    ]


def test_a_transcript_is_a_completed_recording_when_it_comes_later(stage: Stage[CallEventsState]) -> None:
    """recording.transcript_completed is told as further files of the same session."""
    stage.hear(call.webhook("recording.transcript_completed", 990, recording_files=[call.file("t1", "TRANSCRIPT")]))

    (data,) = data_of(stage.published("call.recording_completed"))
    assert [file["kind"] for file in data["files"]] == ["transcript"]


def test_an_outcome_gains_its_sequence_when_it_is_published(stage: Stage[CallEventsState]) -> None:
    """The public event's id hangs on the outcome's, and it counts in the call's stream."""
    told = outcome(950, "f1")

    stage.hear(call.registered(), told)

    published = stage.published("call.recording_archived")[0]
    assert published.event_id == fact_id("call.recording_archived", "call-1", told.id)
    assert data_of([published])[0] == {**data_of([published])[0], "sequence": 2, "file_id": "f1", "kind": "video"}


def test_an_outcome_is_refused_when_a_field_is_missing(stage: Stage[CallEventsState]) -> None:
    """An outcome that is not its public event's data goes to the dead letters."""
    with pytest.raises(InvalidEvent, match="object_key"):
        stage.hear(Event("x", "outcome.call.recording_archived", at(0), {"call_id": "call-1"}))


def test_a_body_without_a_meeting_id_is_kept_by_its_session(stage: Stage[CallEventsState]) -> None:
    """The state's key falls back to the session, and to nothing when none is named."""
    body = {"event": "meeting.started", "event_ts": 1795356000000, "payload": {"object": {"uuid": SESSION}}}
    nothing = {"event": "meeting.started", "payload": {"object": {}}}

    assert stage.processor.route(call.record(body)) == [f"session:{SESSION}"]
    assert stage.processor.route(call.record(nothing)) == []


def test_zoom_is_asked_when_no_recording_came_of_a_talk(stage: Stage[CallEventsState]) -> None:
    """After the grace, two people together and no recording: Zoom is asked, and its "none" is published."""
    stage.hear(call.registered(), *talk())
    assert [(wake.at, wake.about) for wake in stage.of(WakeAt)] == [(at(601) + GRACE, SESSION)]

    (question,) = stage.hear(timer(stage))
    assert question == AskRecordings(SESSION, 1)

    stage.hear(call.result(question, 2500, answer="none"))
    (data,) = data_of(stage.published("call.recording_missing"))
    assert (data["zoom_says"], data["call_id"], data["session_id"]) == ("none", "call-1", SESSION)


def test_an_answer_that_never_came_counts_as_unknown(stage: Stage[CallEventsState]) -> None:
    """When Zoom could not be asked, the recording is missing all the same."""
    stage.hear(*talk())
    (question,) = stage.hear(timer(stage))

    dead = call.result(question, 2500)
    stage.hear(Event(dead.id, "dead.ask_recordings", dead.recorded_at, {**dead.data, "error": "gave up"}))

    assert [data["zoom_says"] for data in data_of(stage.published("call.recording_missing"))] == ["unknown"]


def test_zoom_is_asked_three_times_at_most_when_it_says_found(stage: Stage[CallEventsState]) -> None:
    """A recording that Zoom has but never announces is asked for again after the grace, then left alone."""
    stage.hear(*talk())
    for seconds in (2500, 4500, 6500):
        (question,) = stage.hear(timer(stage))
        stage.hear(call.result(question, seconds, answer="found"))

    assert [one.attempt for one in stage.of(AskRecordings)] == [1, 2, 3]
    assert len(stage.of(WakeAt)) == 3
    assert stage.published("call.recording_missing") == []


@pytest.mark.parametrize(
    "facts",
    [
        [*talk(), call.completed(900, call.file("f1", "MP4"))],
        [call.started(0), call.joined(1, "101", HOST), call.ended(601)],
        [call.started(0), call.joined(1, "101", HOST), call.joined(2, "102"), call.ended(31)],
        [*talk(), call.started(700)],
    ],
    ids=["recorded", "alone", "half a minute", "open again"],
)
def test_nobody_is_asked_when_no_recording_is_due(facts: list[Event], stage: Stage[CallEventsState]) -> None:
    """A recording that came, a person alone, a short meeting or one that goes on again: nothing is missing."""
    stage.hear(*facts)

    assert [one for one in stage.hear(timer(stage)) if not isinstance(one, WakeAt)] == []


def test_zoom_is_asked_when_the_guest_becomes_known_after_the_timer(stage: Stage[CallEventsState]) -> None:
    """A late participant event completes the talk: the question follows then."""
    facts = talk()
    stage.hear(facts[0], facts[1], facts[-1])
    assert stage.hear(timer(stage)) == []

    stage.hear(facts[2])

    assert stage.of(AskRecordings) == [AskRecordings(SESSION, 1)]


def test_nothing_is_missing_when_the_recording_came_before_the_answer(stage: Stage[CallEventsState]) -> None:
    """A recording that is announced while Zoom is being asked is not missing."""
    stage.hear(*talk())
    (question,) = stage.hear(timer(stage))

    stage.hear(call.completed(2400, call.file("f1", "MP4")), call.result(question, 2500, answer="none"))

    assert stage.published("call.recording_missing") == []


def test_an_unregistered_session_is_forgotten_when_nothing_can_come_any_more(stage: Stage[CallEventsState]) -> None:
    """Forty days later the session, its timeline and its sequence are gone; a call's are kept."""
    stage.hear(call.started(0), call.ended(60))

    stage.hear(call.started(41 * 86400, session="later=="))

    state = stage.state()
    assert set(state.meeting.sessions) == set(state.timelines) == {"later=="}
    assert set(state.published) == {"session:later=="}


def _told(stage: Stage[CallEventsState]) -> list[tuple[object, dict[str, object]]]:
    return list(zip(stage.published(), data_of(stage.published()), strict=True))
