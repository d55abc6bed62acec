"""How a participant's browser comes in: one code, one minute, one browser, one call."""

from datetime import timedelta
from http import HTTPStatus

import pytest
from sqlalchemy import select

from infra.database.engine import reading
from infra.database.tables import viewer_codes, viewer_sessions
from tests.unit.portal.harness import PUBLIC_URL, Browser, Portal
from tests.unit.portal.played_call import CALL, CLIENT, ENDED_AT, FREELANCER, OTHER_CALL, STRANGER, put_call

SESSIONS = f"/api/calls/{CALL}/sessions"


@pytest.fixture(autouse=True)
def call(portal: Portal) -> None:
    put_call(portal.engine)


def offered(portal: Portal, viewer_id: str = FREELANCER) -> str:
    return str(portal.ask("POST", SESSIONS, json={"viewer": viewer_id}).get_json()["code"])


def newcomer(portal: Portal) -> Browser:
    return Browser(portal.app.test_client(), CALL)


@pytest.mark.parametrize("viewer_id", [FREELANCER, CLIENT])
def test_a_code_opens_the_page_once(portal: Portal, viewer_id: str) -> None:
    """It leads on to the page without the code in the address; the second browser that brings it stays outside."""
    answer = portal.ask("POST", SESSIONS, json={"viewer": viewer_id})
    told = answer.get_json()
    first, second = newcomer(portal), newcomer(portal)

    entered = first.get(f"?code={told['code']}")

    assert answer.status_code == HTTPStatus.CREATED
    assert told["url"] == f"{PUBLIC_URL}/calls/{CALL}?code={told['code']}"
    assert (entered.status_code, entered.headers["Location"]) == (HTTPStatus.SEE_OTHER, f"/calls/{CALL}")
    assert first.get().status_code == HTTPStatus.OK
    assert second.get(f"?code={told['code']}").status_code == HTTPStatus.UNAUTHORIZED
    assert second.get().status_code == HTTPStatus.UNAUTHORIZED


def test_the_cookie_is_out_of_reach(portal: Portal) -> None:
    """Of scripts, of plain http, of other hosts, and of other sites' forms; it ends with the session."""
    entered = newcomer(portal).get(f"?code={offered(portal)}")

    cookie = entered.headers["Set-Cookie"]
    assert cookie.startswith("__Host-call-")
    for part in ("Secure", "HttpOnly", "Path=/", "SameSite=Lax", "Expires=Thu, 01 Jan 2026 16:00:00 GMT"):
        assert f"; {part}" in cookie
    assert "Domain" not in cookie


def test_a_code_is_good_for_a_minute(portal: Portal) -> None:
    """At the last second it is, then it is not."""
    early, late = offered(portal), offered(portal)
    portal.clock.advance(59)
    in_time = newcomer(portal).get(f"?code={early}")
    portal.clock.advance(1)

    assert in_time.status_code == HTTPStatus.SEE_OTHER
    assert newcomer(portal).get(f"?code={late}").status_code == HTTPStatus.UNAUTHORIZED


def test_a_code_is_of_one_call(portal: Portal) -> None:
    """Brought to another call of the same people it opens nothing, and is still good for its own."""
    put_call(portal.engine, OTHER_CALL)
    code = offered(portal)

    assert Browser(portal.app.test_client(), OTHER_CALL).get(f"?code={code}").status_code == HTTPStatus.UNAUTHORIZED
    assert newcomer(portal).get(f"?code={code}").status_code == HTTPStatus.SEE_OTHER


def test_a_look_ahead_does_not_use_the_code_up(portal: Portal) -> None:
    """HEAD, which link previews and scanners send, leaves it alone."""
    code = offered(portal)

    newcomer(portal).client.head(f"/calls/{CALL}?code={code}", base_url=PUBLIC_URL)

    assert newcomer(portal).get(f"?code={code}").status_code == HTTPStatus.SEE_OTHER


def test_going_back_to_the_address_with_the_code(portal: Portal) -> None:
    """Whoever came in by it is led on to the page again."""
    code, browser = offered(portal), newcomer(portal)
    browser.get(f"?code={code}")

    assert browser.get(f"?code={code}").status_code == HTTPStatus.SEE_OTHER


def test_two_calls_side_by_side(portal: Portal) -> None:
    """One browser can have both open."""
    put_call(portal.engine, OTHER_CALL)
    browser = portal.browser_of(FREELANCER)
    other = Browser(browser.client, OTHER_CALL)
    code = portal.ask("POST", f"/api/calls/{OTHER_CALL}/sessions", json={"viewer": FREELANCER}).get_json()["code"]
    other.get(f"?code={code}")

    assert (browser.get().status_code, other.get().status_code) == (HTTPStatus.OK, HTTPStatus.OK)


def test_a_session_ends(portal: Portal) -> None:
    """After four hours, whatever was done meanwhile."""
    browser = portal.browser_of(CLIENT)
    portal.clock.advance(4 * 3600 - 1)
    last = browser.get().status_code
    portal.clock.advance(1)

    assert last == HTTPStatus.OK
    page = browser.get()
    assert page.status_code == HTTPStatus.UNAUTHORIZED
    assert "Please open this page from the marketplace again" in page.text


def test_a_session_ends_with_the_access(portal: Portal) -> None:
    """An hour before the ninetieth day is over, it lasts an hour."""
    portal.clock.advance((ENDED_AT + timedelta(days=90) - portal.clock.now()).total_seconds() - 3600)
    browser = portal.browser_of(CLIENT)
    portal.clock.advance(3600)

    assert browser.get().status_code == HTTPStatus.UNAUTHORIZED


@pytest.mark.parametrize("call_id", [CALL, "no-such-call"])
def test_a_stranger_and_a_call_that_is_not_there_look_alike(portal: Portal, call_id: str) -> None:
    """Somebody who joined by a shared link is not a participant: 404, word for word as for no call at all."""
    answer = portal.ask("POST", f"/api/calls/{call_id}/sessions", json={"viewer": STRANGER})

    assert answer.status_code == HTTPStatus.NOT_FOUND
    assert answer.get_json()["detail"] == "There is no such call for this person."


def test_who_came_in_and_who_did_not_is_on_record(portal: Portal) -> None:
    """What programs asked for, what browsers opened, and what was refused."""
    portal.browser_of(CLIENT)
    portal.ask("POST", SESSIONS, json={"viewer": STRANGER})

    assert portal.audited() == [
        ("service:everything", "session.offered", CALL, f"to {CLIENT}"),
        (CLIENT, "session.opened", CALL, ""),
        ("service:everything", "participant.refused", CALL, f"session for {STRANGER}"),
    ]


def test_neither_code_nor_cookie_is_kept(portal: Portal) -> None:
    """The tables hold digests; what is over is dropped when the next code is made."""
    code = offered(portal)
    browser = newcomer(portal)
    cookie = browser.get(f"?code={code}").headers["Set-Cookie"].partition("=")[2].partition(";")[0]
    with reading(portal.engine) as connection:
        kept = str(connection.execute(select(viewer_sessions)).all())
    portal.clock.advance(4 * 3600)
    offered(portal)

    assert cookie not in kept
    with reading(portal.engine) as connection:
        assert connection.execute(select(viewer_sessions)).all() == []
        assert code not in str(connection.execute(select(viewer_codes)).all())


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({}, HTTPStatus.UNPROCESSABLE_ENTITY),
        ({"viewer": ""}, HTTPStatus.UNPROCESSABLE_ENTITY),
        ({"viewer": "a\x00b"}, HTTPStatus.UNPROCESSABLE_ENTITY),
        ({"viewer": CLIENT, "veiwer": 1}, HTTPStatus.UNPROCESSABLE_ENTITY),
        ([], HTTPStatus.UNPROCESSABLE_ENTITY),
    ],
)
def test_a_wrong_question(portal: Portal, body: object, status: HTTPStatus) -> None:
    """Names what is wrong with it."""
    answer = portal.ask("POST", SESSIONS, json=body)

    assert (answer.status_code, bool(answer.get_json()["errors"])) == (status, True)


def test_the_scope_is_asked_for_first(portal: Portal) -> None:
    """Who may not offer sessions learns nothing, not even what is missing."""
    token = portal.token_with(["calls", "reports"])

    assert portal.ask("POST", SESSIONS, token=token, json={}).status_code == HTTPStatus.FORBIDDEN
    assert portal.client.post(SESSIONS, json={}).status_code == HTTPStatus.UNAUTHORIZED
