"""The review queue on both databases: the statements that are not the same on each, and two people at once."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path

import pytest

from infra.database.engine import migrate, open_database
from portal.audit_check import verify
from portal.audit_head import Head
from tests.databases import KINDS, database_of
from tests.fakes.identity import FakeIdentityProvider
from tests.unit.portal.harness import AUDIT_KEY, Portal
from tests.unit.portal.reviews.review_world import World, finding, report
from tests.unit.portal.reviews.test_queue import shown


@pytest.fixture(params=KINDS)
def world(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[World]:
    """One flagged call, on this kind of database."""
    if request.param == "sqlite":
        yield from _world(tmp_path, None)
        return
    with database_of(request.getfixturevalue("postgres_url")) as url:
        yield from _world(tmp_path, url)


def _world(folder: Path, url: str | None) -> Iterator[World]:
    engine = None
    if url is not None:
        engine = open_database(url)
        migrate(engine)
    portal = Portal(folder, FakeIdentityProvider(), engine=engine)
    made = World(portal)
    made.call()
    made.files()
    made.flag()
    yield made
    portal.close()


def test_a_case_goes_its_whole_way(world: World, tmp_path: Path) -> None:
    """Opened, held, claimed, uncovered, watched, decided, released, opened again; and the audit is whole."""
    browser, lead = world.analyst(), world.analyst("lead-1", "lead")
    browser.claim()
    (name,) = browser.finding_ids()
    assert "skip the fee" in browser.post(f"/flag-1/quotes/{name}", part=True).text
    assert "skip the fee" in browser.post("/flag-1/transcript", part=True).text
    watched = browser.post("/flag-1/recording", part=True, finding=name, reason="was that a threat?")
    assert "https://recordings.example/" in watched.text
    assert browser.decide("confirmed", **{f"verdict-{name}": "right"}).status_code == 303
    world.portal.clock.advance(1)
    world.flag(findings=[finding(), report()], revision=2)
    assert "Open again." in browser.get("/flag-1").text
    day = f"{world.portal.clock.now() + timedelta(days=30):%Y-%m-%d}"
    assert lead.post("/flag-1/hold", reason="the police asked for it", review_at=day).status_code == 303

    assert [one["active"] for one in world.published("recording-holds")] == [True, False, True, True]
    assert "1 of 1" in lead.get("/rules").text
    assert "the police asked" in lead.get("/leads").text
    assert verify(world.portal.engine, AUDIT_KEY, Head(tmp_path / "audit-head.json")).problem is None


def test_the_queue_is_sorted_filtered_and_searched(world: World) -> None:
    """The same on both."""
    world.flag("grave", findings=[finding(severity=5, category="sexual")])
    world.flag("minor", findings=[report() | {"severity": 2}])
    browser = world.analyst()

    assert shown(browser) == ["grave", "flag-1", "minor"]
    assert shown(browser, "?category=sexual") == ["grave"]
    assert shown(browser, "?source=report") == ["minor"]
    assert shown(browser, "?search=order-7") == ["grave", "flag-1", "minor"]
    assert shown(browser, "?search=%00order-7") == ["grave", "flag-1", "minor"]


def test_of_two_at_once_one_gets_the_case(world: World) -> None:
    """However close: the second sees what the first did, and no entry is lost."""
    browsers = [world.analyst(f"analyst-{number}") for number in range(4)]
    with ThreadPoolExecutor(len(browsers)) as pool:
        answers = list(pool.map(lambda one: one.claim().status_code, browsers))

    assert sorted(answers) == [303, 409, 409, 409]
    assert sorted(action for _, action, _ in world.deeds()) == ["case.claimed", "refused", "refused", "refused"]
