"""What holds findings back: rules in shadow, daily caps, outages; and that nothing of it is dropped in silence."""

from dataclasses import replace
from typing import Any

import pytest

from processors.base import Event
from processors.commands import Tell, WakeAt
from processors.meeting_flagging import MeetingFlagging, Policy
from processors.meeting_flagging.daily_caps import FORGET as FORGET_DAY
from processors.meeting_flagging.daily_caps import OVER_CAP
from processors.meeting_flagging.facts import FlagState
from processors.meeting_flagging.outages import HELD_BACK, OUTAGE_MEETINGS, note_meeting
from tests.unit.processors import zoom_call as call
from tests.unit.processors.meeting_flagging.world import (
    World,
    archived,
    flag_id,
    key_of,
    report,
    together,
    world,
)
from tests.unit.processors.shipped_policy import RULES_ALONE
from tests.unit.processors.zoom_call import SESSION

OTHERS = [f"session-{number}==" for number in range(6)]
PAYS = b"WEBVTT\n\n00:00:10.000 --> 00:00:12.000\nIda: just pay me over venmo, it is cheaper\n"


def policy_with(rule_id: str, **changes: Any) -> Policy:
    """The shipped policy with one rule changed."""
    rules = tuple(replace(rule, **changes) if rule.id == rule_id else rule for rule in RULES_ALONE.rules)
    text = {
        channel: replace(one, rules=tuple(next(new for new in rules if new.id == rule.id) for rule in one.rules))
        for channel, one in RULES_ALONE.text.items()
    }
    return replace(RULES_ALONE, rules=rules, text=text)


def stage(policy: Policy, *files: str) -> World:
    return World(MeetingFlagging(policy), documents={key_of(name): PAYS for name in files}, policy=policy)


def test_what_a_rule_in_shadow_finds_is_said_without_words_and_makes_no_flag() -> None:
    """It goes to a topic of its own: rule, place and weight, neither quote nor speaker."""
    found = stage(policy_with("off_platform.payment", mode="shadow"), "t1")
    found.play(call.registered(), *together(), archived(800, "t1", "transcript"))

    (shadow,) = found.shadows()
    (finding,) = shadow["findings"]
    assert found.revisions() == []
    assert (finding["rule_id"], finding["held_by"], finding["start_seconds"]) == ("off_platform.payment", "mode", 10.0)
    assert (shadow["flag_id"], shadow["would_flag"], shadow["severity"]) == (flag_id("call-1"), True, 3)
    (command,) = found.published("meeting.shadowed")
    assert command.topic == "flagged-meetings.shadow"
    assert [word for word in ("venmo", "Ida", "cheaper") if word in command.data] == []


def test_what_leaves_the_shadow_is_said_too() -> None:
    """A late registration moves what was in shadow to the call; of the session nothing is left."""
    found = stage(policy_with("off_platform.payment", mode="shadow"), "t1")
    found.play(*together(), archived(800, "t1", "transcript"), call.registered())

    assert [(one["flag_id"], one["revision"], len(one["findings"])) for one in found.shadows()] == [
        (flag_id(SESSION), 1, 1),
        (flag_id("call-1"), 1, 1),
    ]


def test_above_its_cap_a_rule_finds_in_shadow_and_alarms() -> None:
    """The first calls of a day are flagged; further ones go into shadow, with the reason that the alarm counts."""
    found = stage(policy_with("off_platform.payment", max_per_day=1), "t1", "t2")
    found.play(*together(), archived(800, "t1", "transcript"))
    before = found.live()
    found.play(*together(session="second=="), archived(900, "t2", "transcript", session_id="second=="))

    assert list(before) == [flag_id(SESSION)]
    assert found.live() == before
    (shadow,) = found.shadows()
    assert (shadow["flag_id"], shadow["findings"][0]["held_by"]) == (flag_id("second=="), "daily_cap")
    assert found.reasons.count(OVER_CAP) == 1


def test_a_place_is_kept_when_the_same_call_is_heard_of_again() -> None:
    """A capped rule that may flag a call may do so for good."""
    found = stage(policy_with("off_platform.payment", max_per_day=1), "t1", "t2")
    found.play(*together(), archived(800, "t1", "transcript"), archived(900, "t2", "transcript"))

    (flag,) = found.live().values()
    assert [one["rule_id"] for one in flag["findings"]] == ["off_platform.payment"] * 2
    assert (found.shadows(), OVER_CAP in found.reasons) == ([], False)


def test_a_cap_lasts_a_day() -> None:
    """Each day has places of its own, in a state that forgets them some days later."""
    found = stage(policy_with("off_platform.payment", max_per_day=1), "t1").play(
        *together(), archived(800, "t1", "transcript")
    )

    (asked,) = [command for command in found.of(Tell) if command.state_key.startswith("day:")]
    (timer,) = [command for command in found.of(WakeAt) if command.name == FORGET_DAY]
    found.hear_at(asked.state_key, Event("timer", f"timer.{FORGET_DAY}", timer.at, {}))
    assert (asked.state_key, timer.at.date().isoformat()) == ("day:2026-11-22", "2026-11-25")
    assert found.state(asked.state_key).day is None


@pytest.mark.parametrize(
    ("missing", "met", "outage"),
    [(OUTAGE_MEETINGS, 59, True), (OUTAGE_MEETINGS, 60, False), (OUTAGE_MEETINGS - 1, 2, False), (6, 119, True)],
)
def test_an_outage_is_more_than_five_percent_of_an_hours_meetings(missing: int, met: int, outage: bool) -> None:
    """Of sixty meetings three are 5 %, not more; one or two are single cases however few there are."""
    state = FlagState()
    begun = [
        note_meeting(
            state,
            {"hour": "2026-11-22T14", "state_key": "1", "session_id": str(one), "telling": 1, "gone": False, "missing": one < missing},
        )[1]
        for one in range(met)
    ]  # fmt: skip

    assert state.hour is not None
    assert state.hour.outage is outage
    assert any(begun) is (outage or met > missing)


def test_missing_recordings_of_an_outage_are_no_evidence() -> None:
    """When the third recording of an hour is missing, what the first two flagged is withdrawn, and it alarms."""
    sessions = OTHERS[:OUTAGE_MEETINGS]
    found = world()
    for session in sessions:
        found.play(*together(session=session))
    flagged = []
    for session in sessions:
        found.play(call.missing(7200, session))
        flagged.append(len(found.live()))

    assert flagged == [1, 2, 0]
    last = {one["flag_id"]: one for one in found.shadows()}
    assert [one["held_by"] for shadow in last.values() for one in shadow["findings"]] == ["outage"] * OUTAGE_MEETINGS
    assert found.reasons.count(HELD_BACK) == 1


def test_the_rule_holds_no_longer_when_the_recordings_come_after_all() -> None:
    """What is left missing when the outage turns out to be smaller is evidence again."""
    sessions = OTHERS[:OUTAGE_MEETINGS]
    found = world()
    for session in sessions:
        found.play(*together(session=session), call.missing(7200, session))
    found.play(call.completed(9000, call.file("f1", "MP4"), session=sessions[0]))

    assert sorted(found.live()) == sorted(flag_id(session) for session in sessions[1:])


def test_a_report_flags_in_an_outage_too() -> None:
    """Only the rule on missing recordings holds back."""
    found = world().play(call.registered(), *together(), call.missing(7200))
    for session in OTHERS:
        found.play(*together(session=session), call.missing(7200, session))
    found.play(report())

    assert found.rules() == ["report.participant"]


def test_one_side_counts_once_however_often_it_reports() -> None:
    """A second report of the same side changes the reason, not the number; the same again changes nothing."""
    found = world().play(call.registered(), report())
    once = found.live()
    found.play(report("report-2", reported_at=call.at(5000)))
    again = found.live()
    found.play(report("report-3", reason="sexual", reported_at=call.at(6000)), report("report-4", reporter="support"))

    assert again == once
    (flag,) = found.live().values()
    assert [one["category"] for one in flag["findings"]] == ["off_platform", "sexual"]
