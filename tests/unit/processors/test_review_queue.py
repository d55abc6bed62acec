"""The portal's rows: whole, the same in any order, and only of what is known well enough to show."""

import json
from itertools import permutations
from typing import Any

import pytest

from processors.base import Event
from processors.commands import ShowCall, ShowFlag
from processors.review_queue import KEPT, ReviewQueue, Shown
from schemas.archive import ACCESS_DAYS
from schemas.events import FLAGGED, REVIEWED
from schemas.identity import fact_id
from tests.unit.processors.zoom_call import MEETING, SESSION, Stage, archived, at, stamp


@pytest.fixture
def stage() -> Stage[Shown]:
    return Stage(ReviewQueue())


def event(kind: str, sequence: int, seconds: float, session: str | None = SESSION, **more: Any) -> Event:
    data = {
        "call_id": "call-1", "meeting_id": MEETING, "session_id": session, "occurred_at": stamp(seconds),
        "sequence": sequence, **more,
    }  # fmt: skip
    return Event(fact_id(kind, data["call_id"], sequence), kind, at(seconds), data)


def created() -> Event:
    people = {"freelancer_id": "freelancer-3", "client_id": "client-9"}
    return event("call.created", 1, -60, None, order_id="order-7", conversation_id="talk-7", language="en", **people)


def started(sequence: int, seconds: float, session: str = SESSION) -> Event:
    return event("call.started", sequence, seconds, session, reopened=False)


def ended(sequence: int, seconds: float, session: str = SESSION) -> Event:
    return event("call.ended", sequence, seconds, session, started_at=None, duration_seconds=None)


def flagged(revision: int, seconds: float, **changes: Any) -> Event:
    data = {
        "flag_id": "flag-1", "revision": revision, "status": "flagged", "call_id": "call-1", "meeting_id": MEETING,
        "session_id": None, "occurred_at": stamp(seconds), "score": 0.5, "severity": 3, "priority": 3.5,
        "policy_version": "p", "findings": [], "coverage": {"transcript_seconds": 1.0, "languages": ["en"], "transcripts": 1, "chats": 0},
        **changes,
    }  # fmt: skip
    return Event(fact_id(FLAGGED, "flag-1", revision), FLAGGED, at(seconds), data)


def reviewed(seconds: float, decision: str = "dismissed", revision: int = 1) -> Event:
    data = {
        "flag_id": "flag-1", "revision": revision, "call_id": "call-1", "meeting_id": MEETING, "session_id": None,
        "occurred_at": stamp(seconds), "decision": decision,
    }  # fmt: skip
    return Event(fact_id(REVIEWED, seconds), REVIEWED, at(seconds), data)


def test_a_call_is_shown_once_it_is_known_whose_it_is(stage: Stage[Shown]) -> None:
    """Events that come before the creation wait for it: a row without people could be shown to nobody."""
    stage.hear(started(2, 0))
    assert stage.of(ShowCall) == []

    stage.hear(created())

    (row,) = stage.of(ShowCall)
    assert (row.call_id, row.order_id, row.freelancer_id, row.client_id) == (
        "call-1",
        "order-7",
        "freelancer-3",
        "client-9",
    )
    assert [one["type"] for one in json.loads(row.document)["events"]] == ["call.created", "call.started"]


def test_an_unregistered_meeting_is_not_shown(stage: Stage[Shown]) -> None:
    """Events without a call are nobody's."""
    stage.hear(event("call.started", 1, 0, reopened=False, call_id=None))

    assert stage.of(ShowCall) == []


def test_the_last_row_is_the_same_in_any_order() -> None:
    """Whatever comes first, doubles included, the newest row says the same."""
    facts = [created(), started(2, 0), archived(700, "f1", sequence=4), ended(3, 600)]
    last = []
    for order in permutations(facts):
        stage: Stage[Shown] = Stage(ReviewQueue())
        stage.hear(*order, *order)
        row = stage.of(ShowCall)[-1]
        last.append((row.document, row.ended_at, row.access_until))

    assert len(set(last)) == 1
    assert last[0][1] == at(600)


@pytest.mark.parametrize(
    ("later", "end"),
    [
        ([], 600),
        ([started(4, 700, "second==")], None),
        ([started(4, 700, "second=="), ended(5, 900, "second==")], 900),
        ([event("call.started", 4, 700, reopened=True)], None),
    ],
    ids=["one session", "another began", "another ended", "somebody came back"],
)
def test_a_call_ends_with_its_last_session(stage: Stage[Shown], later: list[Event], end: float | None) -> None:
    """While any session goes on there is no end, and so no last day."""
    stage.hear(created(), started(2, 0), ended(3, 600), *later)

    row = stage.of(ShowCall)[-1]
    assert row.ended_at == (None if end is None else at(end))
    assert row.access_until == (None if end is None else at(end + ACCESS_DAYS * 86400))


def test_a_flag_is_shown_by_its_highest_revision() -> None:
    """The newest revision and all decisions, in any order; flagged since its first."""
    facts = [flagged(1, 0), flagged(2, 60, severity=4, priority=4.6), reviewed(90)]
    last = set()
    for order in permutations(facts):
        stage: Stage[Shown] = Stage(ReviewQueue())
        stage.hear(*order, *order)
        row = stage.of(ShowFlag)[-1]
        last.add((row.severity, row.priority, row.flagged_at, row.document))

    ((severity, priority, flagged_at, document),) = last
    assert (severity, priority, flagged_at) == (4, 4.6, at(0))
    assert json.loads(document)["decisions"][0]["decision"] == "dismissed"


def finding(category: str, source: str = "transcript", rule: str = "some.rule") -> dict[str, Any]:
    return {
        "rule_id": rule, "rule_version": "1", "category": category, "ground": None, "severity": 3, "confidence": 0.9,
        "source": source, "explanation": "", "session_id": None, "speaker": None, "speaker_certainty": "unknown",
        "recording_start": None, "start_seconds": None, "end_seconds": None, "quote": None, "quote_from": None,
        "quote_to": None, "said_before": None, "said_after": None, "score_part": 0.1,
    }  # fmt: skip


SEXUAL, PHONE, REPORT = finding("sexual"), finding("personal_data"), finding("sexual", source="report")


@pytest.mark.parametrize(
    ("later", "standing"),
    [
        ([], "open"),
        ([reviewed(90)], "closed"),
        ([reviewed(90, "confirmed")], "closed"),
        ([reviewed(90, "escalated")], "open"),
        ([reviewed(90, "more_needed")], "open"),
        ([reviewed(90), reviewed(95, "more_needed")], "open"),
        ([reviewed(90), flagged(2, 100, findings=[SEXUAL, SEXUAL])], "closed"),
        ([reviewed(90), flagged(2, 100, severity=2, findings=[SEXUAL])], "closed"),
        ([reviewed(90), flagged(2, 100, severity=4, findings=[SEXUAL])], "open"),
        ([reviewed(90), flagged(2, 100, findings=[SEXUAL, PHONE])], "open"),
        ([reviewed(90), flagged(2, 100, findings=[SEXUAL, REPORT])], "open"),
        ([reviewed(90), flagged(2, 100, severity=4), reviewed(110, revision=2)], "closed"),
        ([reviewed(90), flagged(2, 100, status="withdrawn", severity=None, findings=[])], "withdrawn"),
        ([flagged(2, 100, status="withdrawn", severity=None, findings=[]), flagged(3, 110)], "open"),
    ],
    ids=[
        "nobody decided", "dismissed", "confirmed", "escalated", "more needed", "taken up again", "more of the same",
        "less grave", "graver", "new category", "a report", "decided again", "withdrawn", "flagged again",
    ],
)  # fmt: skip
def test_a_closed_flag_opens_again_only_when_it_grows(later: list[Event], standing: str) -> None:
    """By a report, a higher severity or a new category, and by nothing else; in any order of arrival."""
    facts = [flagged(1, 0, findings=[SEXUAL]), *later]
    for order in permutations(facts):
        stage: Stage[Shown] = Stage(ReviewQueue())
        stage.hear(*order)
        assert stage.of(ShowFlag)[-1].standing == standing


def test_a_flag_can_be_looked_for_by_what_was_found(stage: Stage[Shown]) -> None:
    """Categories, rules and sources, each once, with a space on both sides."""
    stage.hear(flagged(1, 0, findings=[SEXUAL, PHONE, REPORT]))

    row = stage.of(ShowFlag)[-1]
    assert (row.categories, row.rules, row.sources) == (" personal_data sexual ", " some.rule ", " report transcript ")
    assert (row.urgency, row.flag_revision, row.languages) == (2, 1, " en ")


def test_what_nobody_can_see_any_more_is_forgotten(stage: Stage[Shown]) -> None:
    """The state of a meeting id that is used for years does not grow for ever."""
    stage.hear(created(), flagged(1, 0))

    stage.hear(event("call.created", 1, KEPT.total_seconds() + 1, None, call_id="call-2", order_id="o", conversation_id="c",
                     freelancer_id="f", client_id="c", language="en"))  # fmt: skip

    assert (set(stage.state().calls), set(stage.state().flags)) == ({"call-2"}, set())
