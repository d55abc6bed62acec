"""`GET /api/calls/{id}/join`: each of the two their own link, nobody else any."""

import pytest

from infra.errors import TransientError
from tests.unit.portal.calls.calls_world import CLIENT, FREELANCER, CallsWorld

SLUG = "urn:zoom-call-pipeline:problem:"


@pytest.fixture
def call_id(world: CallsWorld) -> str:
    started: str = world.start().get_json()["call_id"]
    return started


def test_each_has_a_link_of_their_own(world: CallsWorld, call_id: str) -> None:
    """The freelancer gets the host's link too, the client never."""
    freelancer, client = (world.join(call_id, viewer).get_json() for viewer in (FREELANCER, CLIENT))

    assert (freelancer["role"], client["role"]) == ("freelancer", "client")
    assert freelancer["join_url"] != client["join_url"]
    assert "zak=" in freelancer["host_url"]
    assert client["host_url"] is None
    assert freelancer["personal"] is client["personal"] is True


def test_a_host_link_is_fetched_anew_and_on_record(world: CallsWorld, call_id: str) -> None:
    """Each time another one, each time a row in the audit before it is given."""
    links = {world.join(call_id, FREELANCER).get_json()["host_url"] for _ in range(2)}

    assert len(links) == 2
    assert [row[1] for row in world.audited()] == ["host_link_given"] * 3  # starting gave one too


def test_the_plain_link_is_everybodys_where_there_are_no_others(world: CallsWorld) -> None:
    """It says that it is not theirs alone."""
    world.zoom.meetings.registers = False
    call_id = world.start().get_json()["call_id"]

    answers = [world.join(call_id, viewer).get_json() for viewer in (FREELANCER, CLIENT)]

    assert answers[0]["join_url"] == answers[1]["join_url"]
    assert [one["personal"] for one in answers] == [False, False]


@pytest.mark.parametrize("viewer", ["somebody", CLIENT.upper(), "order-17"])
def test_nobody_else_gets_a_link(world: CallsWorld, call_id: str, viewer: str) -> None:
    """404, as for a call that is not there."""
    stranger, nothing = world.join(call_id, viewer), world.join("no-such-call", CLIENT)

    assert (stranger.status_code, nothing.status_code) == (404, 404)
    assert stranger.get_json() == nothing.get_json()
    assert stranger.get_json()["type"] == f"{SLUG}call-unknown"


def test_a_viewer_must_be_named(world: CallsWorld, call_id: str) -> None:
    """422 names the field."""
    answer = world.client.get(f"/api/calls/{call_id}/join", headers={"Authorization": "Bearer " + world.token})

    assert (answer.status_code, list(answer.get_json()["errors"])) == (422, ["viewer"])


def test_a_token_is_needed(world: CallsWorld, call_id: str) -> None:
    """401 without one."""
    assert world.client.get(f"/api/calls/{call_id}/join?viewer={CLIENT}").status_code == 401


def test_a_call_that_is_not_registered_cannot_be_joined(world: CallsWorld) -> None:
    """Nobody has been told of it."""
    world.desk.starts.begin("marketplace", "key-9", "digest", {"freelancer_id": FREELANCER, "client_id": CLIENT})
    (row,) = world.rows()

    assert world.join(row.call_id, CLIENT).status_code == 404


def test_a_call_is_over_after_thirty_days(world: CallsWorld, call_id: str) -> None:
    """410: its number may be another meeting's by then."""
    world.clock.advance(30 * 86_400)

    assert world.join(call_id, CLIENT).status_code == 410


def test_a_host_comes_back_to_its_call_when_it_is_free(world: CallsWorld, call_id: str) -> None:
    """A lease that has ended is taken up again."""
    world.desk.pool.release(call_id)

    assert world.join(call_id, FREELANCER).status_code == 200
    assert list(world.leased().values()) == [call_id]


def test_a_host_that_is_in_another_call_gives_no_link(world: CallsWorld, call_id: str) -> None:
    """409 for the freelancer; the client joins as before."""
    world.desk.pool.release(call_id)
    for number in (2, 3):
        assert world.start(f"key-{number}").status_code == 201

    refused, client = world.join(call_id, FREELANCER), world.join(call_id, CLIENT)

    assert (refused.status_code, refused.get_json()["type"]) == (409, f"{SLUG}host-busy")
    assert refused.headers["Retry-After"] == "60"
    assert client.status_code == 200


def test_zooms_outage_is_said(world: CallsWorld, call_id: str) -> None:
    """503 for the freelancer; the client needs no question to Zoom."""

    def outage(name: str) -> None:
        raise TransientError("Zoom does not answer")

    world.step = outage

    assert world.join(call_id, FREELANCER).status_code == 503
    assert world.join(call_id, CLIENT).status_code == 200
