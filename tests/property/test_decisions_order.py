"""Decisions do not depend on the order in which a call's facts arrive, nor on how often."""

from datetime import timedelta
from itertools import pairwise

from hypothesis import given, settings
from hypothesis import strategies as st

from processors.base import Event
from processors.call_events import CallEvents, CallEventsState
from processors.chat_invitation import ChatInvitation, ChatState
from processors.commands import AskRecordings, PutChatMessage, WakeAt
from tests.unit.processors import zoom_call as call
from tests.unit.processors.zoom_call import HOST, SESSION, Stage

GRACE = timedelta(minutes=30)
SECOND = "second=="
Facts = list[Event]

seconds = st.integers(0, 1800)
sessions = st.sampled_from([SESSION, SECOND])
people = st.sampled_from([("101", HOST), ("102", ""), ("103", "guest")])
file_ids = st.sampled_from(["f1", "f2", None])

lifecycle = st.builds(
    lambda make, at, session: make(at, session), st.sampled_from([call.started, call.ended]), seconds, sessions
)
presences = st.builds(
    lambda make, at, who, session: make(at, *who, session),
    st.sampled_from([call.joined, call.left]), seconds, people, sessions,
)  # fmt: skip
segments = st.builds(call.segment, st.sampled_from(["started", "paused", "resumed", "stopped"]), seconds, seconds)
recordings = st.builds(
    lambda at, names, session: call.completed(at, *(call.file(name, "MP4") for name in names), session=session),
    seconds, st.lists(file_ids, max_size=2, unique=True), sessions,
)  # fmt: skip
receipts = st.builds(call.archived, seconds, file_ids)


def shuffled(facts: st.SearchStrategy[Event]) -> st.SearchStrategy[tuple[Facts, Facts]]:
    """A call's facts in Zoom's own order, and the same with duplicates in any order; the registration may come last.

    One occurrence has one time: two bodies of one identity and different times are no facts of Zoom.
    """
    calls = st.lists(facts, min_size=1, max_size=8, unique_by=lambda fact: fact.id).map(
        lambda some: sorted([call.registered(), *some], key=_when)
    )
    return calls.flatmap(
        lambda ordered: st.tuples(
            st.just(ordered),
            st.lists(st.sampled_from(ordered), max_size=4).flatmap(lambda again: st.permutations([*ordered, *again])),
        )
    )


def _when(event: Event) -> float:
    return event.recorded_at.timestamp()


def run_call_events(facts: Facts) -> Stage[CallEventsState]:
    """Hear the facts; then, as the runtime promises, the timers fire; Zoom knows of no recording."""
    stage = Stage(CallEvents(GRACE))
    stage.hear(*facts)
    for wake in sorted(stage.of(WakeAt), key=lambda one: one.at):
        stage.hear(Event(f"effect:{wake.key}", f"timer.{wake.name}", wake.at, wake.data))
    for question in stage.of(AskRecordings):
        stage.hear(call.result(question, 9000, answer="none"))
    return stage


def run_chat(facts: Facts) -> Stage[ChatState]:
    stage = Stage(ChatInvitation("https://market.example/calls/{call_id}", "https://market.example/policies"))
    stage.hear(*facts)
    return stage


@given(shuffled(st.one_of(lifecycle, presences, segments, recordings)))
@settings(max_examples=100, deadline=None)
def test_public_facts_are_complete_in_any_order(orders: tuple[Facts, Facts]) -> None:
    """The meeting ends equal, every public event of the clean run is there, and each stream counts without gaps."""
    ordered, mixed = orders
    clean, wild = run_call_events(ordered), run_call_events(mixed)

    assert wild.state().meeting == clean.state().meeting
    assert {one.event_id for one in clean.published()} <= {one.event_id for one in wild.published()}
    for stage in (clean, wild):
        told = call.data_of(stage.published())
        streams = {(data["call_id"], data["call_id"] or data["session_id"]) for data in told}
        for stream in streams:
            counted = [
                one["sequence"] for one in told if (one["call_id"], one["call_id"] or one["session_id"]) == stream
            ]
            assert counted == list(range(1, len(counted) + 1))


@given(shuffled(st.one_of(lifecycle, presences, segments, recordings)))
@settings(max_examples=100, deadline=None)
def test_only_starts_and_ends_are_corrected_in_any_order(orders: tuple[Facts, Facts]) -> None:
    """Beside the documented corrections, a registered call's public facts are the same, sequence apart."""
    ordered, mixed = orders

    assert _facts(run_call_events(mixed)) == _facts(run_call_events(ordered))


@given(shuffled(st.one_of(lifecycle, recordings, receipts, st.builds(call.missing, seconds, sessions))))
@settings(max_examples=100, deadline=None)
def test_the_chat_shows_the_same_in_any_order(orders: tuple[Facts, Facts]) -> None:
    """The final text is the same; revisions rise by one; a revision is made only when the text changes."""
    ordered, mixed = orders
    clean, wild = run_chat(ordered), run_chat(mixed)

    assert _text(wild) == _text(clean)
    assert wild.state().files.keys() == clean.state().files.keys()
    puts = wild.of(PutChatMessage)
    assert [put.revision for put in puts] == list(range(1, len(puts) + 1))
    assert all(earlier.text != later.text for earlier, later in pairwise(puts))


def _text(stage: Stage[ChatState]) -> str | None:
    message = stage.state().messages.get("call-1")
    return message and message.text


def _facts(stage: Stage[CallEventsState]) -> dict[str, dict[str, object]]:
    corrected = ("call.started", "call.ended")
    return {
        one.event_id: {name: value for name, value in data.items() if name != "sequence"}
        for one, data in zip(stage.published(), call.data_of(stage.published()), strict=True)
        if one.type not in corrected and data["call_id"] is not None
    }
