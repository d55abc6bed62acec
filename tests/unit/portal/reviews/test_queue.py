"""The queue: what waits, the gravest first and then the oldest, found by whatever is known of it."""

import re
from datetime import timedelta
from typing import Any

import pytest

from portal.reviews.queue import PAGE
from tests.unit.portal.reviews.review_world import MEETING, Browser, World, finding, report


def shown(browser: Browser, query: str = "") -> list[str]:
    """The flags on the page, in its order."""
    return re.findall(r'data-open href="/reviews/([^"]+)"', browser.get(query).text)


def test_the_gravest_comes_first_and_then_the_oldest(world: World) -> None:
    """By severity, and among equals by how long they have waited."""
    now = world.portal.clock.now()
    world.flag("grave", findings=[finding(severity=5)])
    world.flag("older", flagged_at=now - timedelta(hours=1))
    world.flag("minor", findings=[finding(severity=2)], flagged_at=now - timedelta(days=2))

    assert shown(world.analyst()) == ["grave", "older", "flag-1", "minor"]


@pytest.mark.parametrize(
    ("severity", "hours", "text"),
    [(5, 0.5, "30 min left"), (4, 1, "3 h 0 min left"), (3, 25, "1 h 0 min over"), (2, 24, "2 d 0 h left"), (1, 99, "no limit")],
)  # fmt: skip
def test_the_time_left_goes_by_severity(world: World, severity: int, hours: float, text: str) -> None:
    """One, four, 24 and 72 hours; the lowest has no limit."""
    world.flag(findings=[finding(severity=severity)], flagged_at=world.portal.clock.now() - timedelta(hours=hours))

    assert text in world.analyst().get().text


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("?category=sexual", ["other"]),
        ("?rule=offplatform.contact", ["flag-1"]),
        ("?source=report", ["other"]),
        ("?severity=4", ["other"]),
        ("?language=en", ["other", "flag-1"]),
        ("?language=es", []),
        ("?mine=1", ["flag-1"]),
        ("?category=sex", []),
        ("?category=%25", []),
    ],
)
def test_filters_show_what_fits(world: World, query: str, found: list[str]) -> None:
    """By category, rule, source, severity, language, and what one has claimed; by whole words alone."""
    world.flag("other", findings=[report() | {"category": "sexual"}])
    browser = world.analyst()
    browser.claim("flag-1")

    assert shown(browser, query) == found


@pytest.mark.parametrize("text", ["order-7", "freelancer-3", "client-9", MEETING, "call-1", "flag-1"])
def test_a_case_is_found_by_order_user_and_meeting(world: World, text: str) -> None:
    """Closed ones too: somebody asks about a call that was decided long ago."""
    world.flag("closed", standing="closed", call_id="call-1")
    world.call("call-2", order_id="order-8", freelancer_id="f", client_id="c", meeting_id="9")
    world.flag("another", call_id="call-2", meeting_id="9")

    found = shown(world.analyst(), f"?search={text}")

    assert "flag-1" in found
    assert "another" not in found or text == MEETING
    assert ("closed" in found) == (text != "flag-1")


def test_a_long_queue_comes_in_pages(world: World) -> None:
    """Every case once, whatever the page."""
    now = world.portal.clock.now()
    for number in range(PAGE + 3):
        world.flag(f"flag-{number:03}", flagged_at=now - timedelta(seconds=number % 7))
    browser, query, seen = world.analyst(), "", list[str]()
    for _ in range(2):
        page = browser.get(query).text
        seen += re.findall(r'data-open href="/reviews/([^"]+)"', page)
        following = re.search(r'rel="next" href="/reviews([^"]+)"', page)
        query = following.group(1).replace("&amp;", "&") if following else ""

    assert len(seen) == len(set(seen)) == PAGE + 4
    assert query == ""


def test_a_decided_case_is_gone_at_once(world: World) -> None:
    """Before the projection has heard of it."""
    browser = world.analyst()
    browser.claim()
    browser.decide("dismissed")

    assert shown(browser) == []
    assert "<strong>0</strong> open" in browser.get().text


def test_what_waits_is_counted(world: World) -> None:
    """Of everything, over time, by severity, and of each kind."""
    world.flag("old", flagged_at=world.portal.clock.now() - timedelta(days=2))
    world.flag("grave", findings=[finding(), report()])
    world.flag("closed", standing="closed")

    page = world.analyst().get().text

    assert "<strong>3</strong> open" in page
    assert '<strong class="over">1</strong> over time' in page
    assert "Off the platform (3)" in page
    assert "Violence or threat (1)" in page
    assert re.search(r'severity=4"[^>]*><span class="severity s4">.*?</span>4</span> 1</a>', page)


@pytest.mark.parametrize("query", ["?after=x", "?after=1~2~3", "?severity=9", "?search=%00"])
def test_odd_questions_are_answered(world: World, query: str) -> None:
    """With a page or a refusal, never with a failure."""
    assert world.analyst().get(query).status_code in (200, 400)


def test_nobody_sees_the_queue_without_signing_in(world: World) -> None:
    """Not with a service token either, which is for programs."""
    answers: list[Any] = [
        world.portal.app.test_client().get("/reviews", base_url="https://calls.example"),
        world.portal.ask("GET", "/reviews", base_url="https://calls.example"),
        world.portal.ask("POST", "/reviews/flag-1/claim", base_url="https://calls.example"),
    ]

    assert [one.status_code for one in answers] == [303, 303, 401]
