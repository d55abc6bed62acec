"""Service tokens: who comes in, and what for."""

from collections.abc import Sequence
from http import HTTPStatus

import pytest
from sqlalchemy import select

from infra.database.engine import reading
from infra.database.tables import service_tokens
from infra.errors import ConfigurationError
from portal.auth.service_tokens import PREFIX, requires_scope
from tests.unit.portal.harness import Portal


@pytest.fixture
def guarded(portal: Portal) -> Portal:
    """With one view that only the scope `calls` opens."""
    portal.app.add_url_rule("/guarded", "guarded", requires_scope(portal.tokens, "calls")(lambda: "in"))
    return portal


def test_a_token_opens_what_its_scopes_name(guarded: Portal) -> None:
    """With the scope it is answered; with another it is told which one is missing."""
    assert guarded.ask("GET", "/guarded", token=guarded.token_with(["calls"])).text == "in"

    refused = guarded.ask("GET", "/guarded", token=guarded.token_with(["reports"]))
    assert refused.status_code == HTTPStatus.FORBIDDEN
    assert "scope calls" in refused.get_json()["detail"]


@pytest.mark.parametrize("header", ["", "Bearer", "Bearer ", "Bearer zcp_guessed", "Basic zcp_guessed", "zcp_guessed"])
def test_without_a_good_token_nothing_opens(guarded: Portal, header: str) -> None:
    """Missing, malformed and unknown tokens get one and the same answer."""
    answer = guarded.client.get("/guarded", headers={"Authorization": header} if header else {})

    assert answer.status_code == HTTPStatus.UNAUTHORIZED
    assert answer.headers["WWW-Authenticate"] == "Bearer"
    assert answer.get_json()["type"].endswith(":unauthorized")


def test_a_revoked_token_opens_nothing(guarded: Portal) -> None:
    """From the moment of revoking on; its name stays taken, so that the list tells the truth."""
    token = guarded.tokens.create("short-lived", ["calls"])
    guarded.tokens.revoke("short-lived")

    assert guarded.ask("GET", "/guarded", token=token).status_code == HTTPStatus.UNAUTHORIZED
    with pytest.raises(ConfigurationError, match="take another name"):
        guarded.tokens.create("short-lived", ["calls"])
    with pytest.raises(ConfigurationError, match="no token named short-lived"):
        guarded.tokens.revoke("short-lived")


def test_the_token_itself_is_not_kept(portal: Portal) -> None:
    """The database holds a hash; whoever reads it cannot come in."""
    token = portal.tokens.create("secret", ["calls"])

    with reading(portal.engine) as connection:
        kept = str(connection.execute(select(service_tokens)).all())
    assert token.startswith(PREFIX)
    assert token.removeprefix(PREFIX) not in kept


@pytest.mark.parametrize("scopes", [[], ["everything"], ["calls", "unknown"]])
def test_an_unknown_scope_is_refused(portal: Portal, scopes: Sequence[str]) -> None:
    """With the scopes that there are."""
    with pytest.raises(ConfigurationError, match="there are calls, recordings"):
        portal.tokens.create("odd", scopes)
