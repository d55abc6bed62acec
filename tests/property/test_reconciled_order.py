"""Whenever reconciliation infers what Zoom tells as well, the end is that of a run in which Zoom told it alone."""

import json
from dataclasses import replace
from datetime import timedelta

from hypothesis import given, settings
from hypothesis import strategies as st

from processors.base import Event
from processors.call_events import CallEvents, CallEventsState
from processors.calls import INFERENCE_TOLERANCE, Session
from processors.chat_invitation import ChatInvitation, ChatState
from processors.commands import PutChatMessage
from schemas.reconciled import ReconciledMeeting, reconciled_envelope
from tests.unit.processors import zoom_call as call
from tests.unit.processors.zoom_call import ACCOUNT, HOST, MEETING, SESSION, Stage, at, data_of

TOLD = [call.registered(), call.started(0.3), call.joined(1, "101", HOST), call.joined(2, "102"), call.ended(600.8)]

offsets = st.integers(-1, int(INFERENCE_TOLERANCE.total_seconds()) - 2)  # of REST's instants, in seconds
orders = st.permutations(range(len(TOLD) + 1))


def inferred(start: float, end: float) -> Event:
    envelope = reconciled_envelope(ReconciledMeeting(ACCOUNT, MEETING, SESSION, HOST, at(start), at(end)))
    return Event(envelope.id, envelope.type, at(9000), json.loads(envelope.data), envelope.time)


def ordered(order: list[int], start_off: int, end_off: int) -> list[Event]:
    facts = [*TOLD, inferred(0 - start_off, 600 - end_off)]
    return [facts[number] for number in order]


def session_of(stage: Stage[CallEventsState]) -> Session:
    """The session as all processors keep it; when it was first heard of may differ."""
    return replace(stage.state().meeting.sessions[SESSION], seen_at=None)


@given(orders, offsets, offsets)
@settings(max_examples=100, deadline=None)
def test_the_session_is_what_zoom_told(order: list[int], start_off: int, end_off: int) -> None:
    """Its start, its end and who was there, in any order; nothing inferred is left in it."""
    clean = Stage(CallEvents(timedelta(minutes=30)))
    clean.hear(*TOLD)
    stage = Stage(CallEvents(timedelta(minutes=30)))

    stage.hear(*ordered(order, start_off, end_off))

    found, wanted = session_of(stage), session_of(clean)
    assert (found.started_at, found.ended_at, found.closed_at) == (wanted.started_at, wanted.ended_at, wanted.closed_at)
    assert found.presences == wanted.presences
    assert (found.is_open, found.start_inferred, found.end_inferred) == (False, False, False)


@given(orders, offsets, offsets)
@settings(max_examples=100, deadline=None)
def test_a_call_starts_and_ends_once(order: list[int], start_off: int, end_off: int) -> None:
    """One start, and one end; told again only with the start that was not known the first time."""
    stage = Stage(CallEvents(timedelta(minutes=30)))

    stage.hear(*ordered(order, start_off, end_off))

    named = [data for data in data_of(stage.published("call.started", "call.ended")) if data["call_id"]]
    assert len({data["occurred_at"] for data in named if "reopened" in data}) == 1
    assert len({data["occurred_at"] for data in named if "duration_seconds" in data}) == 1
    assert len([data for data in named if data.get("duration_seconds") is not None]) == 1


@given(orders)
@settings(max_examples=100, deadline=None)
def test_the_chat_says_what_it_would_have_said(order: list[int]) -> None:
    """The message in the end is that of a run without reconciliation."""
    url = "https://market.example/calls/{call_id}"
    clean = Stage(ChatInvitation(url, "https://market.example/policies"))
    clean.hear(*TOLD)
    stage: Stage[ChatState] = Stage(ChatInvitation(url, "https://market.example/policies"))

    stage.hear(*ordered(order, 0, 0))

    assert stage.of(PutChatMessage)[-1].text == clean.of(PutChatMessage)[-1].text
