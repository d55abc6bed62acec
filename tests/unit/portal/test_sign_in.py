"""Analysts come in by the identity provider, or by a one-time link on this machine, and in no other way."""

from collections.abc import Iterator, Mapping
from http import HTTPStatus
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from flask.testing import FlaskClient
from sqlalchemy import select
from werkzeug.test import TestResponse

from infra.database.engine import reading
from infra.database.tables import portal_audit
from portal.auth.guard import place_for
from portal.auth.sessions import ABSOLUTE, IDLE, LINK_LIFE, csrf_token
from portal.auth.sign_in import TRIES_PER_MINUTE, Roles
from tests.fakes.identity import GOOD, FakeIdentityProvider
from tests.unit.portal.harness import PUBLIC_URL, Portal

COOKIE = "__Host-analyst"


@pytest.fixture
def provider() -> FakeIdentityProvider:
    return FakeIdentityProvider()


@pytest.fixture
def portal(tmp_path: Path, provider: FakeIdentityProvider) -> Iterator[Portal]:
    """One with an identity provider."""
    made = Portal(tmp_path, provider)
    yield made
    made.close()


@pytest.fixture
def local(tmp_path: Path) -> Iterator[Portal]:
    """One without: links on this machine alone."""
    made = Portal(tmp_path)
    yield made
    made.close()


def get(client: FlaskClient, path: str, **more: Any) -> TestResponse:
    return client.get(path, base_url=PUBLIC_URL, **more)


def come_back(portal: Portal, code: str = GOOD, state: str | None = None, target: str = "") -> TestResponse:
    """Begin a sign-in, and come back from the provider."""
    begun = get(portal.client, f"/sign-in/start?next={target}")
    told = parse_qs(urlsplit(begun.headers["Location"]).query)["state"][0]
    return get(portal.client, f"/sign-in/back?code={code}&state={state or told}")


def deeds(portal: Portal) -> list[tuple[str, str]]:
    with reading(portal.engine) as connection:
        return [(row.action, row.reason) for row in connection.execute(select(portal_audit))]


def test_the_provider_signs_in(portal: Portal) -> None:
    """Who comes back with a good code is in, by a pseudonym; the cookie is for this host, HTTPS and HTTP alone."""
    answer = come_back(portal, target="/reviews?mine=1")

    (cookie,) = [one for one in answer.headers.getlist("Set-Cookie") if one.startswith(f"{COOKIE}=")]
    assert (answer.status_code, answer.headers["Location"]) == (HTTPStatus.SEE_OTHER, "/reviews?mine=1")
    assert {"Secure", "HttpOnly", "Path=/", "SameSite=Lax"} <= set(cookie.split("; "))
    page = get(portal.client, "/reviews")
    assert page.status_code == HTTPStatus.OK
    assert "analyst-" in page.text
    assert "7f3a" not in page.text
    assert deeds(portal) == [("signed_in", "as analyst")]


@pytest.mark.parametrize(
    ("code", "state"), [("another", None), (GOOD, "state-77"), ("", None)], ids=["bad code", "other state", "no code"]
)
def test_what_is_not_vouched_for_signs_nobody_in(portal: Portal, code: str, state: str | None) -> None:
    """A refused code, and the answer to a sign-in that another browser began."""
    assert come_back(portal, code, state).status_code == HTTPStatus.BAD_REQUEST
    assert get(portal.client, "/reviews").status_code == HTTPStatus.SEE_OTHER


def test_a_browser_that_began_nothing_is_not_signed_in(portal: Portal) -> None:
    """An answer that somebody else was sent is of no use in a victim's browser, nor the other way round."""
    get(portal.client, "/sign-in/start")

    other = portal.app.test_client()

    assert get(other, f"/sign-in/back?code={GOOD}&state=state-1").status_code == HTTPStatus.BAD_REQUEST


@pytest.mark.parametrize(
    ("claims", "role"),
    [
        ({"roles": ["analyst"]}, "analyst"),
        ({"roles": ["lead", "analyst"]}, "lead"),
        ({"roles": "lead"}, "lead"),
        ({"roles": ["admin"]}, None),
        ({"roles": {"lead": True}}, None),
        ({}, None),
    ],
)
def test_roles_come_from_the_claim(
    portal: Portal, provider: FakeIdentityProvider, claims: Mapping[str, Any], role: str | None
) -> None:
    """The higher of two; who has none is refused, and that is written down."""
    provider.claims = claims

    answer = come_back(portal)

    if role is None:
        assert answer.status_code == HTTPStatus.FORBIDDEN
        assert deeds(portal) == [("refused", "no role")]
    else:
        assert deeds(portal) == [("signed_in", f"as {role}")]


def test_a_claim_may_lie_within_others() -> None:
    """As Keycloak writes them; names of roles are settings too."""
    roles = Roles(claim="realm_access.roles", analyst="ts", lead="ts-lead")

    assert roles.of({"realm_access": {"roles": ["ts"]}}) == "analyst"
    assert roles.of({"realm_access": {"roles": ["ts-lead"]}}) == "lead"
    assert roles.of({"realm_access": ["ts"]}) is None


@pytest.mark.parametrize("target", ["//evil.example", "https://evil.example", "/\\evil.example", "reviews", "/a%0Ab"])
def test_nobody_is_sent_to_another_site(portal: Portal, target: str) -> None:
    """What stands in `next` leads to a path of ours or to the queue."""
    assert come_back(portal, target=target).headers["Location"] == "/reviews"


def test_a_session_ends_by_itself(portal: Portal) -> None:
    """After half an hour of silence, and after a day's work however busy."""
    come_back(portal)
    for _ in range(int(ABSOLUTE / IDLE * 2) - 1):
        portal.clock.advance(IDLE.total_seconds() / 2)
        assert get(portal.client, "/reviews").status_code == HTTPStatus.OK
    portal.clock.advance(IDLE.total_seconds() / 2)
    assert get(portal.client, "/reviews").status_code == HTTPStatus.SEE_OTHER

    come_back(portal)
    portal.clock.advance(IDLE.total_seconds())
    assert get(portal.client, "/reviews").headers["Location"] == "/sign-in?next=/reviews"


def test_signing_out_ends_the_session_everywhere(portal: Portal) -> None:
    """The cookie that was good before opens nothing, in any browser."""
    come_back(portal)
    cookie = portal.client.get_cookie(COOKIE, domain="calls.example")
    assert cookie is not None

    answer = portal.client.post("/sign-out", base_url=PUBLIC_URL, data={"csrf": csrf_token(cookie.value)})

    assert answer.headers["Location"] == "/sign-in"
    thief = portal.app.test_client()
    thief.set_cookie(COOKIE, cookie.value, domain="calls.example")
    assert get(thief, "/reviews").status_code == HTTPStatus.SEE_OTHER
    assert deeds(portal)[-1][0] == "signed_out"


@pytest.mark.parametrize(
    ("form", "headers"),
    [
        ({}, {}),
        ({"csrf": "0" * 64}, {}),
        ({"csrf": None}, {"Origin": "https://evil.example"}),
        ({"csrf": None}, {"Origin": "null"}),
        ({"csrf": None}, {"Origin": "null", "Sec-Fetch-Site": "cross-site"}),
        ({"csrf": None}, {"Origin": "null", "Sec-Fetch-Site": "same-site"}),
    ],
    ids=["no token", "another token", "another site", "hidden site", "cross-site", "same-site"],
)
def test_a_form_of_another_site_does_nothing(
    portal: Portal, form: dict[str, str | None], headers: dict[str, str]
) -> None:
    """Every form carries a token that hangs on the session; a page of another site is refused even with it."""
    come_back(portal)
    cookie = portal.client.get_cookie(COOKIE, domain="calls.example")
    assert cookie is not None
    data = {name: csrf_token(cookie.value) if value is None else value for name, value in form.items()}

    answer = portal.client.post("/sign-out", base_url=PUBLIC_URL, data=data, headers=headers)

    assert answer.status_code == HTTPStatus.FORBIDDEN
    assert get(portal.client, "/reviews").status_code == HTTPStatus.OK


def test_a_browser_that_hides_where_our_form_stood_is_let_in(portal: Portal) -> None:
    """Our pages tell no referrer, so browsers write the origin as null, and beside it that the page was ours."""
    come_back(portal)
    cookie = portal.client.get_cookie(COOKIE, domain="calls.example")
    assert cookie is not None
    headers = {"Origin": "null", "Sec-Fetch-Site": "same-origin"}

    answer = portal.client.post(
        "/sign-out", base_url=PUBLIC_URL, data={"csrf": csrf_token(cookie.value)}, headers=headers
    )

    assert answer.status_code == HTTPStatus.SEE_OTHER


def test_signing_in_is_limited(portal: Portal) -> None:
    """So many tries a minute, then 429 with the time to wait; afterwards again."""
    for _ in range(TRIES_PER_MINUTE):
        assert get(portal.client, "/sign-in/start").status_code == HTTPStatus.SEE_OTHER

    refused = get(portal.client, "/sign-in/start")
    assert (refused.status_code, refused.headers["Retry-After"]) == (HTTPStatus.TOO_MANY_REQUESTS, "60")
    portal.clock.advance(60)
    assert get(portal.client, "/sign-in/start").status_code == HTTPStatus.SEE_OTHER


def test_a_provider_that_does_not_answer_is_said(portal: Portal, provider: FakeIdentityProvider) -> None:
    """503, and not a traceback."""
    provider.is_up = False

    assert get(portal.client, "/sign-in/start").status_code == HTTPStatus.SERVICE_UNAVAILABLE


def test_a_link_signs_in_once(local: Portal) -> None:
    """Looking at it uses nothing up; the button does; a second time, or too late, it opens nothing."""
    token = "".join(local.sessions.make_link("local-lead", "lead"))

    assert "Sign in" in get(local.client, f"/sign-in/once/{token}").text
    used = local.client.post(f"/sign-in/once/{token}", base_url=PUBLIC_URL)
    again = local.app.test_client().post(f"/sign-in/once/{token}", base_url=PUBLIC_URL)

    assert used.headers["Location"] == "/reviews"
    assert "local-lead" in get(local.client, "/reviews").text
    assert again.status_code == HTTPStatus.GONE
    late = "".join(local.sessions.make_link("local-lead", "lead"))
    local.clock.advance(LINK_LIFE.total_seconds())
    assert local.client.post(f"/sign-in/once/{late}", base_url=PUBLIC_URL).status_code == HTTPStatus.GONE


@pytest.mark.parametrize(
    ("headers", "environ", "base"),
    [
        ({"X-Forwarded-For": "203.0.113.5"}, {}, PUBLIC_URL),
        ({"Forwarded": "for=203.0.113.5"}, {}, PUBLIC_URL),
        ({"X-Real-IP": "203.0.113.5"}, {}, PUBLIC_URL),
        ({}, {"REMOTE_ADDR": "203.0.113.5"}, PUBLIC_URL),
        ({}, {"REMOTE_ADDR": ""}, PUBLIC_URL),
        ({}, {}, "http://rebound.example"),
    ],
    ids=["X-Forwarded-For", "Forwarded", "X-Real-IP", "another machine", "nobody knows", "another name"],
)
@pytest.mark.parametrize("path", ["/sign-in/once/", "/reviews"])
def test_a_link_is_for_this_machine_alone(
    local: Portal, path: str, headers: dict[str, str], environ: dict[str, str], base: str
) -> None:
    """Behind a proxy, from elsewhere, or under another name neither the link nor a session that it made opens anything."""
    token = "".join(local.sessions.make_link("local-lead", "lead"))
    local.client.post(f"/sign-in/once/{token}", base_url=PUBLIC_URL)
    other = "".join(local.sessions.make_link("local-lead", "lead"))
    method = local.client.post if "once" in path else local.client.get

    answer = method(path + (other if "once" in path else ""), base_url=base, headers=headers, environ_overrides=environ)

    assert answer.status_code == HTTPStatus.FORBIDDEN


def test_a_link_opens_nothing_beside_a_provider(portal: Portal) -> None:
    """Where people have accounts nobody comes in without one."""
    token = "".join(portal.sessions.make_link("local-lead", "lead"))

    assert portal.client.post(f"/sign-in/once/{token}", base_url=PUBLIC_URL).status_code == HTTPStatus.GONE


def test_where_analysts_may_come_from() -> None:
    """Without a provider: from this machine if the portal listens there alone, else from nowhere."""
    assert place_for(has_provider=True, bind_host="0.0.0.0") == "anywhere"  # noqa: S104 - what is asked about
    assert place_for(has_provider=False, bind_host="::1") == "here"
    assert place_for(has_provider=False, bind_host="0.0.0.0") == "nowhere"  # noqa: S104


def test_a_part_of_a_page_sends_the_whole_to_sign_in(portal: Portal) -> None:
    """What htmx asks for when the session has ended must not end up within the page."""
    answer = get(portal.client, "/reviews", headers={"HX-Request": "true"})

    assert (answer.status_code, answer.headers["HX-Redirect"]) == (HTTPStatus.UNAUTHORIZED, "/sign-in")
