"""Nobody can ask without end: a stop for what went wrong, far above what people do."""

from collections.abc import Iterator
from http import HTTPStatus
from pathlib import Path

import pytest

from portal.participants import gate
from tests.unit.portal.harness import Portal
from tests.unit.portal.played_call import CALL, CLIENT, FREELANCER, put_call

MOST = 5  # in a minute, here: the real limits would take a test as long


@pytest.fixture
def strict(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Portal]:
    """A portal whose limits are soon reached."""
    monkeypatch.setattr(gate, "PROGRAM_REQUESTS_PER_MINUTE", MOST)
    monkeypatch.setattr(gate, "BROWSER_REQUESTS_PER_MINUTE", MOST)
    portal = Portal(tmp_path)
    put_call(portal.engine)
    yield portal
    portal.close()


def test_a_browser_that_asks_without_end(strict: Portal) -> None:
    """It is told to wait, with a page; the other person's browser notices nothing; a minute later it goes on."""
    browser, other = strict.browser_of(CLIENT), strict.browser_of(FREELANCER)
    answers = [browser.get() for _ in range(MOST + 1)]

    assert {answer.status_code for answer in answers[:-1]} == {HTTPStatus.OK}
    assert answers[-1].status_code == HTTPStatus.TOO_MANY_REQUESTS
    assert int(answers[-1].headers["Retry-After"]) > 0
    assert "a little too fast" in answers[-1].text
    assert other.get().status_code == HTTPStatus.OK
    strict.clock.advance(60)
    assert browser.get().status_code == HTTPStatus.OK


def test_a_program_that_asks_without_end(strict: Portal) -> None:
    """By its token: another program's requests go on."""
    other = strict.token_with(["recordings"])
    viewer = {"viewer": CLIENT}
    statuses = [strict.ask("GET", f"/api/calls/{CALL}", query_string=viewer).status_code for _ in range(MOST + 1)]

    assert statuses == [*[HTTPStatus.OK] * MOST, HTTPStatus.TOO_MANY_REQUESTS]
    assert strict.ask("GET", f"/api/calls/{CALL}", token=other, query_string=viewer).status_code == HTTPStatus.OK
