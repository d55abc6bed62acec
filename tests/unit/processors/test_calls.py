"""Meetings, sessions and presences: what Zoom's own times say, whatever came first."""

from itertools import permutations

import pytest

from processors.calls import Meeting, Presence, Session, instant_of, state_key
from schemas.calls import load_registration
from schemas.zoom import load_event
from tests.unit.processors import zoom_call as call
from tests.unit.processors.zoom_call import HOST, SESSION, at


def meeting_of(*events: call.Event) -> Meeting:
    meeting = Meeting()
    for event in events:
        if event.type == "call.registered":
            meeting.register(load_registration(event.data))
        else:
            meeting.note(load_event(event.data), event)
    return meeting


def test_a_meeting_is_the_same_when_its_facts_come_in_any_order() -> None:
    """All orders of six facts give one meeting."""
    facts = [call.started(0), call.started(30), call.ended(60), call.joined(2, "1", HOST), call.left(58, "1"),
             call.registered()]  # fmt: skip

    meetings = [meeting_of(*order) for order in permutations(facts)]

    assert all(meeting == meetings[0] for meeting in meetings)


def test_a_session_is_open_when_it_started_after_its_last_end() -> None:
    """The latest start against the latest end decides; an end at the same instant closes."""
    assert meeting_of(call.started(0)).sessions[SESSION].is_open
    assert meeting_of(call.ended(60), call.started(90)).sessions[SESSION].is_open
    assert not meeting_of(call.started(60), call.ended(60)).sessions[SESSION].is_open
    assert not meeting_of(call.completed(60)).sessions[SESSION].is_open


def test_the_end_stands_when_an_earlier_one_comes_late() -> None:
    """The latest end is the session's, whatever arrived last."""
    session = meeting_of(call.ended(90), call.ended(60)).sessions[SESSION]

    assert session.ended_at == at(90)


@pytest.mark.parametrize(
    ("seconds", "call_id"), [(-3500, "call-1"), (-3700, None), (2591999, "call-1"), (2592000, None)]
)
def test_a_session_belongs_to_a_call_when_it_starts_in_the_window(seconds: float, call_id: str | None) -> None:
    """From an hour before the registration until thirty days after it."""
    meeting = meeting_of(call.registered(0), call.started(seconds))

    found = meeting.call_of(meeting.sessions[SESSION])
    assert (found and found.call_id) == call_id


def test_a_session_belongs_to_no_call_when_the_account_differs() -> None:
    """Another account's meeting of the same number is not ours."""
    meeting = meeting_of(call.registered(account_id="another"), call.started(0))

    assert meeting.call_of(meeting.sessions[SESSION]) is None


def test_the_newest_registration_counts_when_several_fit() -> None:
    """A meeting number that is used again belongs to the call registered last."""
    meeting = meeting_of(call.registered(-60), call.registered(-30, call_id="call-2"), call.started(0))

    assert [one.session_id for one in meeting.sessions_of("call-2")] == [SESSION]
    assert meeting.sessions_of("call-1") == []


def test_a_running_session_stays_with_its_call_when_another_is_registered() -> None:
    """A registration made after the start takes a session only where no earlier one fits."""
    meeting = meeting_of(call.registered(-60), call.registered(30, call_id="call-2"), call.started(0))

    assert [one.session_id for one in meeting.sessions_of("call-1")] == [SESSION]


def test_a_call_ends_with_its_last_session() -> None:
    """While one session is open the call has no end."""
    facts = [call.registered(), call.started(0), call.ended(60), call.started(90, "second==")]

    assert meeting_of(*facts).ended_at("call-1") is None
    assert meeting_of(*facts, call.ended(120, "second==")).ended_at("call-1") == at(120)


def test_seconds_together_count_people_not_joins() -> None:
    """One person's two devices are alone; a guest who comes back counts once; what lies outside is cut off."""
    host = {"1": Presence(HOST, at(0), at(600)), "2": Presence(HOST, at(10), None)}
    guest = {"3": Presence("3", at(100), at(160)), "4": Presence("4", at(200), None)}

    assert Session(SESSION, presences=host).seconds_together(at(0), at(600)) == 0
    assert Session(SESSION, presences={**host, **guest}).seconds_together(at(0), at(600)) == 460
    assert Session(SESSION, presences={**host, **guest}).seconds_together(at(150), at(250)) == 60


def test_a_presence_reaches_to_the_edges_when_zoom_did_not_say() -> None:
    """Without a join the person was there from the start, without a leave until the end."""
    presences = {"1": Presence("a", None, at(70)), "2": Presence("b", at(10), None)}

    assert Session(SESSION, presences=presences).seconds_together(at(0), at(100)) == 60


@pytest.mark.parametrize(
    ("name", "subject", "seconds"),
    [
        ("meeting.started", {"start_time": call.stamp(5)}, 5),
        ("meeting.ended", {"start_time": call.stamp(5), "end_time": call.stamp(60)}, 60),
        ("meeting.participant_joined", {"participant": {"user_id": "1", "join_time": call.stamp(7)}}, 7),
        ("meeting.participant_left", {"participant": {"user_id": "1", "leave_time": call.stamp(9)}}, 9),
        ("recording.started", {"recording_file": {"recording_start": call.stamp(8), "recording_end": ""}}, 8),
        ("recording.stopped", {"recording_file": {"recording_start": "", "recording_end": call.stamp(50)}}, 50),
        ("recording.paused", {"recording_file": {"recording_start": call.stamp(8)}}, 99),
    ],
)
def test_the_instant_is_the_bodys_own_when_event_ts_is_missing(
    name: str, subject: dict[str, object], seconds: int
) -> None:
    """Bodies of 2019 say when by their own fields; the log's time comes last."""
    event = call.webhook(name, 99, **subject)
    body = {key: value for key, value in event.data.items() if key != "event_ts"}
    bare = call.record(body, recorded_at=at(99))

    assert instant_of(load_event(body), bare) == at(seconds)


def test_the_state_key_is_the_meeting_when_there_is_one() -> None:
    """Else the session; else the record concerns no state."""
    assert [state_key("1", "s"), state_key(None, "s"), state_key(None, None)] == [["1"], ["session:s"], []]


def test_a_webhook_names_no_session_when_it_has_no_uuid() -> None:
    """A body without a uuid leaves the meeting as it is."""
    event = call.record({"event": "meeting.started", "payload": {"object": {"id": "1"}}})
    meeting = Meeting()

    assert meeting.note(load_event(event.data), event) is None
    assert meeting.sessions == {}
