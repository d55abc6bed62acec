"""A case: claimed by one at a time, what was said hidden until asked for, decided with a reason."""

import re
from datetime import timedelta

import pytest

from infra.errors import TransientError
from portal.reviews.desk import LEASE
from tests.unit.portal.reviews.review_world import SAID, World, finding, report

NOTE = "asked to be paid outside, twice"


def test_a_case_is_one_persons_at_a_time(world: World) -> None:
    """Who comes second is told who was first; after twenty minutes it is free again."""
    first, second = world.analyst("analyst-ida"), world.analyst("analyst-olu")
    assert first.claim().status_code == 303

    taken = second.claim()
    assert (taken.status_code, "analyst-ida is looking" in taken.text) == (409, True)
    assert world.deeds()[-1] == ("analyst-olu", "refused", "claim: taken")

    world.portal.clock.advance(LEASE.total_seconds())
    assert second.claim().status_code == 303
    assert "Yours" not in first.get("/flag-1").text


def test_work_on_a_case_keeps_it(world: World) -> None:
    """Whatever its owner opens begins the lease anew."""
    browser = world.analyst()
    browser.claim()
    world.portal.clock.advance(LEASE.total_seconds() - 1)
    browser.post("/flag-1/transcript", part=True)
    world.portal.clock.advance(LEASE.total_seconds() - 1)

    assert "Yours" in browser.get("/flag-1").text


def test_a_claim_that_goes_on_keeps_when_it_began(world: World) -> None:
    """The leads' page says how long somebody has looked into a case; over its time or handed over it begins anew."""
    ida, lead, clock = world.analyst("analyst-ida"), world.analyst("lead-1", "lead"), world.portal.clock
    looked = []
    ida.claim()
    for minutes, path, more in (
        (5, "/flag-1/transcript", {}),
        (5, "/flag-1/hand-over", {"to": "lead-1"}),
        (LEASE.total_seconds() / 60, "/flag-1/claim", {}),
    ):
        clock.advance(minutes * 60)
        (lead if path.endswith("claim") else ida).post(path, **more)
        clock.advance(60)
        looked += re.findall(r">(\d+ min)</td>", lead.get("/leads").text)

    assert looked == ["6 min", "1 min", "1 min"]


def test_each_cell_of_the_leads_lists_says_what_it_is(world: World) -> None:
    """On a phone there is no head above the columns."""
    world.analyst().claim()

    page = world.analyst("lead-1", "lead").get("/leads").text

    assert re.findall(r'<td data-label="([^"]+)"', page) == ["Case", "By", "For"]
    assert "<td>" not in page


def test_a_case_is_released_and_handed_over(world: World) -> None:
    """By its owner or a lead; to somebody who is there."""
    ida, olu, lead = world.analyst("analyst-ida"), world.analyst("analyst-olu"), world.analyst("lead-1", "lead")
    ida.claim()

    assert olu.post("/flag-1/release").status_code == 409
    assert olu.post("/flag-1/hand-over", to="analyst-olu").status_code == 409
    assert ida.post("/flag-1/hand-over", to="nobody").status_code == 409
    assert ida.post("/flag-1/hand-over", to="analyst-olu").status_code == 303
    assert "Yours" in olu.get("/flag-1").text
    assert lead.post("/flag-1/release").status_code == 303
    assert ida.claim().status_code == 303


def test_quotes_are_hidden_until_asked_for(world: World) -> None:
    """The page holds nothing of what was said; showing it is written down first."""
    browser = world.analyst()
    page = browser.get("/flag-1").text
    assert "skip the fee" not in page
    assert "I would rather" not in page

    (name,) = browser.finding_ids()
    quote = browser.post(f"/flag-1/quotes/{name}", part=True).text

    assert "<mark>write to me at [e-mail]</mark> and we skip the fee" in quote
    assert "I would rather stay here" in quote
    assert world.deeds()[-1] == ("analyst-ida", "quote.uncovered", name)
    assert "skip the fee" in browser.post(f"/flag-1/quotes/{name}").text  # without a script: the whole page


def test_the_transcript_is_masked_and_marked(world: World) -> None:
    """For who has claimed the case; personal data are masked, findings lead back to where they are explained."""
    browser = world.analyst()
    assert browser.post("/flag-1/transcript", part=True).status_code == 409
    browser.claim()

    text = browser.post("/flag-1/transcript", part=True).text

    assert "<mark>so just write to me at [e-mail] and we skip the fee</mark>" in text
    assert f'href="#{browser.finding_ids()[0]}"' in text
    assert "Hello, nice to meet you." in text
    assert SAID not in text
    assert ("analyst-ida", "transcript.uncovered", "") in world.deeds()
    page = browser.post("/flag-1/transcript").text  # without a script: the whole page
    assert "Hello, nice to meet you." in page
    assert all(part in page for part in ("<html", ">Yours<", *browser.finding_ids()))


def test_the_course_of_the_call_is_drawn(world: World) -> None:
    """Who was there, what was recorded, and in words the minute that was not."""
    page = world.analyst().get("/flag-1").text

    assert page.count('class="there"') == 2
    assert page.count('class="recorded"') == 2
    assert "Not recorded while two people or more were there: 1 min 0 s from 09:06:00" in page
    assert 'class="mark s3"' in page


def test_coverage_is_said_plainly(world: World) -> None:
    """What was read, and that nothing found does not mean nothing there."""
    world.flag(coverage={"transcript_seconds": 0.0, "languages": [], "transcripts": 0, "chats": 0})

    page = world.analyst().get("/flag-1").text

    assert "no transcript: nothing that was said has been read" in page
    assert "does not mean that it was not there" in page


@pytest.mark.parametrize(
    ("form", "severity", "status"),
    [
        ({"decision": "confirmed"}, 3, 303),
        ({"decision": "confirmed", "action": ""}, 3, 422),
        ({"decision": "confirmed", "action": "flogging"}, 3, 422),
        ({"decision": "dismissed", "action": ""}, 3, 303),
        ({"decision": "dismissed"}, 4, 422),
        ({"decision": "dismissed", "note": NOTE}, 4, 303),
        ({"decision": "escalated", "note": NOTE}, 5, 303),
        ({"decision": "more_needed"}, 2, 303),
        ({"decision": "approved"}, 3, 422),
        ({"decision": "dismissed", "revision": "7"}, 3, 409),
        ({"decision": "dismissed", "note": "x" * 4001}, 3, 422),
    ],
)
def test_a_decision_says_what_it_needs(world: World, form: dict[str, str], severity: int, status: int) -> None:
    """Confirming needs an action, grave cases a note, and the revision must be the one that was looked at."""
    world.flag(findings=[finding(severity=severity)])
    browser = world.analyst()
    browser.claim()

    answer = browser.decide(**{"flag_id": "flag-1", **form})

    assert answer.status_code == status
    assert bool(world.published("flagged-meetings.decisions")) == (status == 303)


def test_a_decision_is_published_without_who_decided(world: World) -> None:
    """What, about which revision, and when; the audit alone knows the analyst."""
    browser = world.analyst()
    browser.claim()
    (name,) = browser.finding_ids()
    browser.decide("confirmed", note=NOTE, **{f"verdict-{name}": "right"})

    (told,) = world.published("flagged-meetings.decisions")
    assert (told["flag_id"], told["revision"], told["decision"]) == ("flag-1", 1, "confirmed")
    assert "analyst-ida" not in str(told)
    assert NOTE not in str(told)
    assert ("analyst-ida", "case.confirmed", NOTE) in world.deeds()
    rules = world.analyst().get("/rules").text
    assert "1 of 1" in rules
    assert "100 % <small>21 to 100 %</small>" in rules
    assert "1 · 0 · 0" in rules


def test_only_who_claimed_it_decides(world: World) -> None:
    """And only once."""
    browser = world.analyst()
    assert browser.decide("dismissed").status_code == 409
    browser.claim()
    assert browser.decide("dismissed").status_code == 303
    assert browser.decide("dismissed").status_code == 409
    assert browser.claim().status_code == 409


def test_an_escalated_case_is_for_leads(world: World) -> None:
    """Another analyst cannot take it; the leads' page names it."""
    ida, lead = world.analyst("analyst-ida"), world.analyst("lead-1", "lead")
    ida.claim()
    ida.decide("escalated")

    assert ida.claim().status_code == 409
    assert 'href="/reviews/flag-1"' in lead.get("/leads").text
    assert lead.claim().status_code == 303


def test_the_leads_page_is_for_leads(world: World) -> None:
    """An analyst's try is refused and written down."""
    assert world.analyst().get("/leads").status_code == 403
    assert world.deeds()[-1] == ("analyst-ida", "refused", "not a lead")


def test_a_case_that_opens_again_shows_what_is_new(world: World) -> None:
    """The finding that was decided about is not marked, the one that came since is; one that is gone is counted."""
    world.flag(findings=[finding(), finding(rule_id="gone.since", start_seconds=1.0)])
    browser = world.analyst()
    browser.claim()
    browser.decide("dismissed")
    world.flag(findings=[finding(), report()], revision=2)

    page = browser.get("/flag-1").text

    old, new = (page.split('<article class="finding"')[number] for number in (1, 2))
    assert "Open again." in page
    assert "1 finding is gone" in page
    assert ("new</span>" in old, "new</span>" in new) == (False, True)


def test_notes_are_kept_and_escaped(world: World) -> None:
    """What colleagues write is text, whatever it looks like."""
    browser = world.analyst()
    browser.post("/flag-1/notes", text="<script>alert(1)</script> look at minute 5")

    page = browser.get("/flag-1").text

    assert "&lt;script&gt;alert(1)&lt;/script&gt; look at minute 5" in page
    assert "<script>alert" not in page
    assert browser.post("/flag-1/notes", text="  ").status_code == 422


def test_a_decision_outlives_an_outage_of_the_log(world: World) -> None:
    """It stands at once, and is published when the log is back; the leads see that something waits."""
    world.portal.producer.fail(TransientError("the log is away"))
    browser, lead = world.analyst(), world.analyst("lead-1", "lead")
    browser.claim()
    assert browser.decide("dismissed").status_code == 303
    assert "not published yet" in lead.get("/leads").text

    world.portal.producer.fail(None)
    world.portal.ports.reviews.outbox.flush()

    assert [one["decision"] for one in world.published("flagged-meetings.decisions")] == ["dismissed"]
    assert "not published yet" not in lead.get("/leads").text


def test_an_unknown_case_is_not_found(world: World) -> None:
    """Whatever is asked of it."""
    browser = world.analyst()

    assert [browser.get("/nothing").status_code, browser.claim("nothing").status_code] == [404, 404]


def test_every_form_needs_its_token(world: World) -> None:
    """A page of another site that has the browser send a form changes nothing."""
    browser = world.analyst()
    browser.csrf = "0" * 64

    for path in (
        "claim",
        "release",
        "hand-over",
        "decision",
        "notes",
        "recording",
        "transcript",
        "hold",
        "hold/release",
    ):
        assert browser.post(f"/flag-1/{path}").status_code == 403
    assert world.deeds() == []


def test_a_slow_case_is_shown_as_over_time(world: World) -> None:
    """On its page as in the queue."""
    world.flag(flagged_at=world.portal.clock.now() - timedelta(hours=30))

    assert "6 h 0 min over" in world.analyst().get("/flag-1").text
