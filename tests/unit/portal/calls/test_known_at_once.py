"""A call that was started here has its page at once: nobody waits until a processor has read of it."""

from datetime import timedelta
from http import HTTPStatus

import pytest
from sqlalchemy import update

from infra.database.engine import writing
from infra.database.tables import call_starts
from portal.calls.store import State
from tests.unit.portal.calls.calls_world import CLIENT, FREELANCER, CallsWorld
from tests.unit.portal.played_call import FREELANCER as SHOWN_FREELANCER
from tests.unit.portal.played_call import put_call


@pytest.fixture
def call_id(world: CallsWorld) -> str:
    started: str = world.start(language="de").get_json()["call_id"]
    return started


def session_of(world: CallsWorld, call_id: str, viewer: str) -> int:
    return world.portal.ask("POST", f"/api/calls/{call_id}/sessions", json={"viewer": viewer}).status_code


@pytest.mark.parametrize(("viewer", "role"), [(FREELANCER, "freelancer"), (CLIENT, "client")])
def test_the_page_is_there_when_the_call_was_just_started(
    world: CallsWorld, call_id: str, viewer: str, role: str
) -> None:
    """For each of the two, in a browser and for programs."""
    page = world.portal.browser_of(viewer, call_id).get()
    told = world.portal.ask("GET", f"/api/calls/{call_id}", query_string={"viewer": viewer}).get_json()

    assert page.status_code == HTTPStatus.OK
    assert (told["role"], told["state"], told["recording_state"]) == (role, "arranged", "before_end")
    assert (told["order_id"], told["registered_at"]) == ("order-17", world.clock.now().isoformat())
    assert told["timeline"] == [{"type": "call.created", "occurred_at": told["registered_at"], "is_host": None}]


def test_nobody_else_is_let_in_when_the_call_was_just_started(world: CallsWorld, call_id: str) -> None:
    """404 for a stranger, on record."""
    assert session_of(world, call_id, "somebody") == HTTPStatus.NOT_FOUND
    assert world.audited()[-1] == ("service:everything", "participant.refused", call_id, "session for somebody")


def test_a_report_reaches_the_log_when_the_call_was_just_started(world: CallsWorld, call_id: str) -> None:
    """Under the meeting's number, which the start knows."""
    answer = world.portal.ask(
        "POST",
        f"/api/calls/{call_id}/reports",
        json={"viewer": CLIENT, "reason": "off_platform", "text": "Not this person."},
    )

    assert answer.status_code == HTTPStatus.CREATED, answer.text
    assert world.transport.records["call-reports"][-1].key == world.rows()[0].meeting_id.encode()


@pytest.mark.parametrize("state", [state for state in State if state is not State.REGISTERED])
def test_there_is_no_page_when_the_call_is_not_registered(world: CallsWorld, call_id: str, state: State) -> None:
    """What is half made may yet be cleared away."""
    with writing(world.engine) as connection:
        connection.execute(update(call_starts).values(state=state))

    assert session_of(world, call_id, FREELANCER) == HTTPStatus.NOT_FOUND


def test_what_was_read_of_it_stands_when_there_is_both(world: CallsWorld, call_id: str) -> None:
    """The events know more than the start."""
    put_call(world.engine, call_id, ended_at=world.clock.now() - timedelta(hours=1))

    assert session_of(world, call_id, SHOWN_FREELANCER) == HTTPStatus.CREATED
    assert session_of(world, call_id, FREELANCER) == HTTPStatus.NOT_FOUND
