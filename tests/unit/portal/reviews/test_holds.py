"""Recordings of grave or reported cases outlast the case, and what is held by hand is looked at again."""

from datetime import timedelta

import pytest

from tests.unit.portal.reviews.review_world import World, finding, report

REASON = "the police asked for it"


@pytest.mark.parametrize(
    ("findings", "held"),
    [
        ([finding(severity=2)], False),
        ([finding(severity=3)], True),
        ([report() | {"severity": 1}], True),
    ],
    ids=["minor", "serious", "a report"],
)
def test_opening_a_case_holds_its_recordings(world: World, findings: list[dict[str, object]], held: bool) -> None:
    """From severity 3, and whenever somebody reported: once, however often it is opened."""
    world.flag(findings=findings)
    for name in ("analyst-ida", "analyst-olu", "analyst-ida"):
        world.analyst(name).get("/flag-1")

    told = [(one["active"], one["call_id"], one["kind"]) for one in world.published("recording-holds")]
    assert told == ([(True, "call-1", "trust-safety")] if held else [])
    assert (("analyst-ida", "hold.placed", "the case was opened") in world.deeds()) == held


def test_the_last_decision_releases_the_hold(world: World) -> None:
    """Escalating or asking for more keeps it; opening again holds again."""
    lead = world.analyst("lead-1", "lead")
    for decision in ("more_needed", "escalated"):
        lead.get("/flag-1")
        lead.claim()
        lead.decide(decision)
    assert [one["active"] for one in world.published("recording-holds")] == [True]

    lead.claim()
    lead.decide("dismissed")
    world.portal.clock.advance(1)
    world.flag(findings=[finding(), report()], revision=2)
    lead.get("/flag-1")

    assert [one["active"] for one in world.published("recording-holds")] == [True, False, True]


def test_its_effect_is_read_back_from_the_store(world: World) -> None:
    """Asked for is not held: the page says how many files carry the tag now."""
    browser = world.analyst()
    browser.get("/flag-1")
    part = {"HX-Request": "true"}
    assert "so far on 0 of 2 files" in browser.get("/flag-1/hold", headers=part).text

    world.hold_files()

    assert "read back from the store on 2 of 2 files" in browser.get("/flag-1/hold", headers=part).text


def test_a_hold_by_hand_needs_a_reason_and_a_day(world: World) -> None:
    """A day that lies ahead; an overdue one heads the leads' page."""
    browser, lead = world.analyst(), world.analyst("lead-1", "lead")
    day = f"{world.portal.clock.now() + timedelta(days=30):%Y-%m-%d}"
    for form in ({"reason": "why", "review_at": day}, {"reason": REASON, "review_at": ""},
                 {"reason": REASON, "review_at": "2025-01-01"}):  # fmt: skip
        assert browser.post("/flag-1/hold", **form).status_code == 422
    assert browser.post("/flag-1/hold", reason=REASON, review_at=day).status_code == 303

    told = world.published("recording-holds")[-1]
    assert (told["hold_id"], told["active"], REASON in str(told)) == ("manual:flag-1", True, False)
    assert "look at again now" not in lead.get("/leads").text
    world.portal.clock.advance(31 * 86400)
    lead = world.analyst("lead-1", "lead")
    assert lead.get("/leads").text.index("look at again now") < lead.get("/leads").text.index("Escalated")


def test_a_refused_hold_comes_back_with_what_was_typed(world: World) -> None:
    """And says what is wrong with it."""
    page = world.analyst().post("/flag-1/hold", reason='the "other" side asked', review_at="2025-01-01")

    assert page.status_code == 422
    assert "The review date must lie ahead, within a year." in page.text
    assert 'value="the &#34;other&#34; side asked"' in page.text
    assert 'value="2025-01-01"' in page.text


def test_releasing_says_when_the_recordings_go(world: World) -> None:
    """Their own day while it lies ahead; within a day when it is past."""
    browser = world.analyst()
    day = f"{world.portal.clock.now() + timedelta(days=300):%Y-%m-%d}"
    browser.post("/flag-1/hold", reason=REASON, review_at=day)
    part = {"HX-Request": "true"}
    assert "stay until 30 June 2026, and are deleted then" in browser.get("/flag-1/hold", headers=part).text

    world.portal.clock.advance(200 * 86400)
    browser = world.analyst()
    assert "deleted within a day" in browser.get("/flag-1/hold", headers=part).text
    assert browser.post("/flag-1/hold/release", reason=REASON).status_code == 303
    assert browser.post("/flag-1/hold/release", reason=REASON).status_code == 409
    assert world.published("recording-holds")[-1]["active"] is False


def test_what_nobody_registered_cannot_be_held(world: World) -> None:
    """There is no call to name; the page says so, and the case is worked on all the same."""
    world.flag("alone", call_id=None)
    browser = world.analyst()

    assert "no call whose recordings could be held" in browser.get("/alone").text
    day = f"{world.portal.clock.now() + timedelta(days=30):%Y-%m-%d}"
    assert browser.post("/alone/hold", reason=REASON, review_at=day).status_code == 409
    assert world.published("recording-holds") == []
