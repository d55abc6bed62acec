"""Arranging meetings: what is sent, and answers that nobody can use."""

import json
from collections.abc import Callable
from datetime import datetime, timedelta, timezone

import pytest

from infra.errors import PermanentError
from infra.hosts import AllowList
from infra.secret import Secret
from infra.zoom.client import ZoomClient
from infra.zoom.meetings import MeetingPlan
from tests.fakes.clock import FakeClock
from tests.fakes.http_pool import FakePool

PLAN = MeetingPlan(
    "t" * 300, "call 5c2e", datetime(2026, 1, 1, 14, tzinfo=timezone(timedelta(hours=2))), 60, with_registrants=False
)
MEETING = {"id": 85392858403, "uuid": "abc==", "join_url": "https://zoom.us/j/85392858403?pwd=x"}


@pytest.fixture
def pool() -> FakePool:
    pool = FakePool()
    pool.answer(200, {"access_token": "access-1", "expires_in": 3600, "scope": "one two"})
    return pool


@pytest.fixture
def client(pool: FakePool) -> ZoomClient:
    return ZoomClient(
        client_id="the-client",
        client_secret=Secret("the-client-secret"),
        account_id="the account",
        api_url="https://api.zoom.us/v2",
        oauth_url="https://zoom.us/oauth/token",
        hosts=AllowList(["zoom.us"]),
        clock=FakeClock(),
        pool=pool,
    )


def test_a_meeting_is_asked_for_as_zoom_wants_it(client: ZoomClient, pool: FakePool) -> None:
    """JSON, times in UTC, the topic within Zoom's limit, the host's name encoded."""
    pool.answer(201, MEETING)

    client.meetings.create("ana/host@calls.example", PLAN)

    sent = pool.sent[-1]
    body = json.loads(sent.body or "")
    assert (sent.method, sent.url) == ("POST", "https://api.zoom.us/v2/users/ana%2Fhost%40calls.example/meetings")
    assert sent.headers["Content-Type"] == "application/json"
    assert (body["start_time"], body["timezone"], len(body["topic"])) == ("2026-01-01T12:00:00Z", "UTC", 200)
    assert body["settings"]["approval_type"] == 2


def test_a_refused_token_costs_one_more_request(client: ZoomClient, pool: FakePool) -> None:
    """What is refused so was not done: it may be asked again."""
    pool.answer(401, {"code": 124})
    pool.answer(200, {"access_token": "access-2", "expires_in": 3600})
    pool.answer(201, MEETING)

    client.meetings.create("host", PLAN)

    assert [sent.method for sent in pool.sent] == ["POST"] * 4
    assert pool.sent[-1].headers["Authorization"] == "Bearer access-2"


@pytest.mark.parametrize(
    ("answer", "ask"),
    [
        ({}, lambda client: client.meetings.create("host", PLAN)),
        (MEETING, lambda client: client.meetings.start_link("85392858403")),
        ({"registrant_id": "r"}, lambda client: client.meetings.register("85392858403", "Dana", "d@calls.example")),
        ({"join_url": "https://zoom.us/w/1"}, lambda client: client.meetings.register("1", "Dana", "d@calls.example")),
        ({}, lambda client: client.account.owner()),
    ],
)
def test_an_answer_of_another_shape_is_said_to_be_one(
    client: ZoomClient, pool: FakePool, answer: object, ask: Callable[[ZoomClient], object]
) -> None:
    """It is for a person, and the text holds none of its links."""
    pool.answer(200, answer)

    with pytest.raises(PermanentError, match="we can read") as caught:
        ask(client)

    assert "https" not in str(caught.value)


def test_scopes_are_those_of_the_token(client: ZoomClient) -> None:
    """They come with it, and cost no question."""
    assert client.account.scopes() == {"one", "two"}
    assert client.account.scopes() == {"one", "two"}
