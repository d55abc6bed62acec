"""An analyst reaches a recording by one way alone: an open case, claimed by them, with a reason. Every other is tried."""

from collections.abc import Callable
from datetime import timedelta
from functools import partial
from typing import Any

import pytest
from sqlalchemy import update

from infra.database.engine import writing
from infra.database.tables import portal_flags, receipts
from infra.errors import TransientError
from portal.reviews import desk
from portal.reviews.desk import LEASE
from portal.reviews.holds import files_of
from tests.unit.portal.harness import PUBLIC_URL
from tests.unit.portal.reviews.review_world import BEGAN, Browser, World

REASON = "was that a threat?"
LINK = "https://recordings.example/"


def open_recording(browser: Browser, **form: str) -> str:
    """The answer's text, when there is a link in it; else its status."""
    answer = browser.post(
        "/flag-1/recording", part=True, **{"finding": browser.finding_ids()[0], "reason": REASON, **form}
    )
    return answer.text if LINK in answer.text else str(answer.status_code)


def test_the_recording_opens_for_who_looks_into_the_case(world: World) -> None:
    """Paused, at the second of the finding, with its captions, once the reason is written down."""
    browser = world.analyst()
    browser.claim()

    player = open_recording(browser)

    assert 'data-second="312.4"' in player
    assert "#t=312.4" in player
    assert "autoplay" not in player
    assert 'src="/reviews/flag-1/captions/t1"' in player
    assert "and we skip the fee" in browser.get("/flag-1/captions/t1").text
    assert "kestrel@example.com" not in browser.get("/flag-1/captions/t1").text
    assert ("analyst-ida", "recording.opened", REASON) in world.deeds()


def unclaimed(world: World, browser: Browser) -> None:
    browser.post("/flag-1/release")


def lapsed(world: World, browser: Browser) -> None:
    world.portal.clock.advance(LEASE.total_seconds())


def claimed_by_another(world: World, browser: Browser) -> None:
    unclaimed(world, browser)
    world.analyst("analyst-olu").claim()


def decided(world: World, browser: Browser) -> None:
    browser.decide("dismissed")


def standing(to: str, world: World, browser: Browser) -> None:
    with writing(world.portal.engine) as connection:
        connection.execute(update(portal_flags).values(standing=to))


def signed_out(world: World, browser: Browser) -> None:
    browser.client.post("/sign-out", base_url=PUBLIC_URL, data={"csrf": browser.csrf})


@pytest.mark.parametrize(
    "closed",
    [unclaimed, lapsed, claimed_by_another, decided, partial(standing, "closed"), partial(standing, "withdrawn"), signed_out],
    ids=["not claimed", "claim over", "claimed by another", "decided", "closed elsewhere", "withdrawn", "signed out"],
)  # fmt: skip
def test_nothing_of_the_recording_opens_otherwise(world: World, closed: Callable[[World, Browser], None]) -> None:
    """Neither link nor transcript nor captions; whoever is signed in is refused in the audit too."""
    browser = world.analyst()
    browser.claim()
    finding = browser.finding_ids()[0]
    closed(world, browser)
    before = len(world.deeds())

    answers = [
        browser.post("/flag-1/recording", part=True, finding=finding, reason=REASON),
        browser.post("/flag-1/recording", finding=finding, reason=REASON),
        browser.post("/flag-1/transcript", part=True),
        browser.get("/flag-1/captions/t1"),
    ]

    assert not any(LINK in one.text or "skip the fee" in one.text for one in answers)
    assert all(one.status_code in (303, 401, 409) for one in answers)
    deeds = world.deeds()[before:]
    assert all(action == "refused" for _, action, _ in deeds)
    assert len(deeds) == (0 if closed is signed_out else 4)


def test_looking_keeps_the_claim(world: World) -> None:
    """For as long as it goes on."""
    browser = world.analyst()
    browser.claim()

    for _ in range(3):
        world.portal.clock.advance(LEASE.total_seconds() - 60)
        assert LINK in open_recording(browser)


def test_a_claim_that_ends_at_that_moment(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """A lead hands the case to another just when its claim was to begin anew: that one keeps it."""
    browser, lead = world.analyst(), world.analyst("lead-1", "lead")
    browser.claim()
    world.portal.clock.advance(120)

    def hand_over_and_read(*parts: Any) -> Any:
        lead.post("/flag-1/hand-over", to="lead-1")
        return files_of(*parts)

    monkeypatch.setattr(desk, "files_of", hand_over_and_read)

    assert open_recording(browser) == "409"
    assert world.deeds()[-1] == ("analyst-ida", "refused", "recording.opened: not claimed")


@pytest.mark.parametrize("reason", ["", "   ", "why", "\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00"])
def test_a_reason_must_say_something(world: World, reason: str) -> None:
    """Without one there is no link and no entry that says there was."""
    browser = world.analyst()
    browser.claim()

    assert open_recording(browser, reason=reason) == "422"
    assert "recording.opened" not in {action for _, action, _ in world.deeds()}


@pytest.mark.parametrize(
    ("ended_after", "seconds"),
    [(600, 595 + 900), (7205, 7200 + 900), (20_000, 4 * 3600)],
    ids=["short", "two hours", "long"],
)
def test_a_link_lives_as_long_as_the_recording_plays(world: World, ended_after: int, seconds: int) -> None:
    """And a quarter of an hour for pauses; four hours at most."""
    ended_at = BEGAN + timedelta(seconds=ended_after)
    with writing(world.portal.engine) as connection:
        connection.execute(update(receipts).values(call_ended_at=ended_at))
    browser = world.analyst()
    browser.claim()

    assert f"seconds={seconds}#" in open_recording(browser)


def test_no_link_without_its_entry(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """When the audit cannot be written nothing opens."""
    browser = world.analyst()
    browser.claim()
    name = browser.finding_ids()[0]

    def broken(*_: object) -> None:
        raise TransientError("the disk is full")

    monkeypatch.setattr(world.portal.audit, "append_in", broken)
    answer = browser.post("/flag-1/recording", part=True, finding=name, reason=REASON)

    assert (answer.status_code, LINK in answer.text) == (503, False)


def test_a_call_without_a_flag_has_no_page(world: World) -> None:
    """There is no way to ask for a recording by its call, order or key: only by a flag."""
    world.call("call-2", order_id="order-8")
    browser = world.analyst()

    for name in ("call-2", "order-8", "v1"):
        assert browser.get(f"/{name}").status_code == 404
        assert browser.post(f"/{name}/recording", finding="", reason=REASON).status_code == 404


def test_a_flag_opens_its_own_call_alone(world: World) -> None:
    """A file of another call is not played, whatever finding or key is asked for."""
    world.call("call-2", order_id="order-8")
    world.flag("flag-2", call_id="call-2")
    browser = world.analyst()
    browser.claim("flag-2")

    answer = browser.post("/flag-2/recording", part=True, finding=browser.finding_ids("flag-1")[0], reason=REASON)

    assert LINK not in answer.text
    assert "nothing to play" in answer.text
    assert browser.get("/flag-2/captions/t1").status_code == 404


def test_a_participants_program_has_no_way_to_a_case(world: World) -> None:
    """A service token of every scope opens none of the analysts' pages."""
    for method, path in (
        ("GET", "/reviews/flag-1"),
        ("POST", "/reviews/flag-1/recording"),
        ("GET", "/reviews/flag-1/captions/t1"),
    ):
        answer = world.portal.ask(method, path, base_url=PUBLIC_URL)
        assert answer.status_code in (303, 401)
        assert LINK not in answer.text
