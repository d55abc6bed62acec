"""Nobody can ask without end: a stop for what went wrong, far above what people do."""

from http import HTTPStatus

from portal.participants.gate import BROWSER_REQUESTS_PER_MINUTE, PROGRAM_REQUESTS_PER_MINUTE
from tests.unit.portal.harness import Portal
from tests.unit.portal.played_call import CALL, CLIENT, FREELANCER, put_call


def test_a_browser_that_asks_without_end(portal: Portal) -> None:
    """It is told to wait, with a page; the other person's browser notices nothing; a minute later it goes on."""
    put_call(portal.engine)
    browser, other = portal.browser_of(CLIENT), portal.browser_of(FREELANCER)
    answers = [browser.get() for _ in range(BROWSER_REQUESTS_PER_MINUTE + 1)]

    assert {answer.status_code for answer in answers[:-1]} == {HTTPStatus.OK}
    assert answers[-1].status_code == HTTPStatus.TOO_MANY_REQUESTS
    assert int(answers[-1].headers["Retry-After"]) > 0
    assert "a little too fast" in answers[-1].text
    assert other.get().status_code == HTTPStatus.OK
    portal.clock.advance(60)
    assert browser.get().status_code == HTTPStatus.OK


def test_a_program_that_asks_without_end(portal: Portal) -> None:
    """By its token: another program's requests go on."""
    put_call(portal.engine)
    other = portal.token_with(["recordings"])
    statuses = [
        portal.ask("GET", f"/api/calls/{CALL}", query_string={"viewer": CLIENT}).status_code
        for _ in range(PROGRAM_REQUESTS_PER_MINUTE + 1)
    ]

    assert statuses.count(HTTPStatus.OK) == PROGRAM_REQUESTS_PER_MINUTE
    assert statuses[-1] == HTTPStatus.TOO_MANY_REQUESTS
    answer = portal.ask("GET", f"/api/calls/{CALL}", token=other, query_string={"viewer": CLIENT})
    assert answer.status_code == HTTPStatus.OK
