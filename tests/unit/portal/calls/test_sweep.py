"""The sweep: what a crash left is finished or cleared away, hosts come back, recordings are closed at Zoom."""

import json
from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import insert, update

from infra.database.engine import writing
from infra.database.tables import portal_calls
from infra.errors import TransientError
from infra.zoom.meetings import MeetingPlan
from portal.calls.sweeper import Sweeper
from tests.fakes.metrics import RecordingMetrics
from tests.unit.portal.calls.calls_world import HOSTS, CallsWorld

HOUR = 3600.0


def _start(world: CallsWorld, key: str = "key-1") -> str:
    call_id: str = world.start(key).get_json()["call_id"]
    return call_id


def _show(world: CallsWorld, call_id: str, *, ended_at: datetime | None, recorded: tuple[str, ...] = ()) -> None:
    """What review_queue writes once the call's events are out."""
    events = [{"type": "call.recording_completed", "session_id": one} for one in recorded]
    values: dict[str, Any] = {
        "call_id": call_id,
        "meeting_id": "85000000001",
        "order_id": "order-17",
        "conversation_id": "conversation-5",
        "freelancer_id": "freelancer-9",
        "client_id": "client-4",
        "registered_at": world.clock.now(),
        "ended_at": ended_at,
        "revision": len(recorded) + 2,
        "document": json.dumps({"events": events}),
    }
    with writing(world.engine) as connection:
        if not connection.execute(
            update(portal_calls).where(portal_calls.c.call_id == call_id).values(values)
        ).rowcount:
            connection.execute(insert(portal_calls).values(values))


class TestHosts:
    """A lease ends with its call, by reconciliation, or after a day."""

    def test_a_host_is_free_once_its_call_has_ended(self, world: CallsWorld) -> None:
        """By the call's own events."""
        call_id = _start(world)
        world.clock.advance(600)
        assert world.desk.sweep.run().released == 0
        _show(world, call_id, ended_at=world.clock.now())

        assert world.desk.sweep.run().released == 1
        assert world.leased() == {}

    def test_a_call_that_goes_on_again_keeps_its_host(self, world: CallsWorld) -> None:
        """An end of before the host was leased again is not the end."""
        call_id = _start(world)
        _show(world, call_id, ended_at=world.clock.now() + timedelta(seconds=300))
        world.clock.advance(600)
        assert world.desk.sweep.run().released == 1
        world.join(call_id, "freelancer-9")

        world.desk.sweep.run()

        assert list(world.leased().values()) == [call_id]

    @pytest.mark.parametrize("what", ["held", "gone"])
    def test_zoom_is_asked_about_a_call_whose_end_was_not_heard(self, world: CallsWorld, what: str) -> None:
        """After two hours: a session that was held, or a meeting that is no more, is an end."""
        _start(world)
        (number,) = world.made()
        if what == "held":
            world.zoom.held[number] = [world.clock.now()]
        else:
            world.zoom.meetings.made.clear()
        world.clock.advance(1.9 * HOUR)
        assert world.desk.sweep.run().released == 0
        world.clock.advance(0.2 * HOUR)

        assert world.desk.sweep.run().released == 1

    @pytest.mark.parametrize("what", ["going on", "not begun"])
    def test_a_call_that_zoom_knows_no_end_of_keeps_its_host_for_a_day(self, world: CallsWorld, what: str) -> None:
        """Then the host is anybody's, whatever was missed."""
        call_id = _start(world)
        (number,) = world.made()
        if what == "going on":
            world.zoom.going_on.add(number)
            world.zoom.held[number] = [world.clock.now()]
        world.clock.advance(23 * HOUR)
        world.desk.sweep.run()
        assert list(world.leased().values()) == [call_id]

        world.clock.advance(HOUR)

        assert world.leased() == {}


class TestMeetings:
    """Zoom holds no meeting of ours that no call stands for."""

    def test_a_meeting_of_a_call_that_has_another_is_deleted(self, world: CallsWorld) -> None:
        """Two answers were lost, say."""
        call_id = _start(world)
        (kept,) = world.made()
        _arrange(world, f"zoom-call-pipeline call {call_id}")

        assert world.desk.sweep.run().deleted == 1
        assert list(world.made()) == [kept]

    def test_a_meeting_of_a_call_that_was_given_up_is_deleted(self, world: CallsWorld) -> None:
        """Zoom made it after all, when nobody was waiting any more."""
        call_id = _abandoned(world)
        _arrange(world, f"zoom-call-pipeline call {call_id}")

        assert world.desk.sweep.run().deleted == 1
        assert world.made() == {}
        world.check()

    @pytest.mark.parametrize("agenda", ["", "weekly review", "zoom-call-pipeline call of another installation"])
    def test_what_is_not_ours_is_left_alone(self, world: CallsWorld, agenda: str) -> None:
        """People's meetings, and those of another installation on the same account."""
        _arrange(world, agenda)

        assert world.desk.sweep.run().deleted == 0
        assert len(world.made()) == 1

    def test_a_call_in_the_making_is_left_alone(self, world: CallsWorld) -> None:
        """Its caller has five minutes to try again."""
        _fail_after(world, "create done")
        world.start()
        world.clock.advance(299)

        swept = world.desk.sweep.run()

        assert (swept.abandoned, swept.deleted, len(world.made())) == (0, 0, 1)
        world.clock.advance(2)
        assert world.desk.sweep.run().abandoned == 1
        world.check()


class TestRecordings:
    """What Zoom has recorded is shown by Zoom to nobody."""

    def test_a_recording_is_closed_when_it_is_announced(self, world: CallsWorld) -> None:
        """Each session once, a later one when it comes."""
        call_id = _start(world)
        world.zoom.recorded = {"s1", "s2"}
        _show(world, call_id, ended_at=None, recorded=("s1",))
        world.desk.sweep.run()
        world.desk.sweep.run()
        _show(world, call_id, ended_at=None, recorded=("s1", "s2"))

        world.desk.sweep.run()

        assert world.zoom.closed == ["s1", "s1", "s2"]

    def test_an_outage_is_made_up_for(self, world: CallsWorld) -> None:
        """What could not be closed is, by the next sweep."""
        call_id = _start(world)
        world.zoom.recorded = {"s1"}
        _show(world, call_id, ended_at=None, recorded=("s1",))
        world.zoom.outage = TransientError("Zoom does not answer")
        assert world.desk.sweep.run().failed == 1
        world.zoom.outage = None

        assert world.desk.sweep.run().closed == 1


def test_one_thing_that_fails_does_not_stop_the_others(world: CallsWorld) -> None:
    """A host that cannot be asked about is one failure; the lease of the other call ends all the same."""
    call_id = _start(world)
    _show(world, call_id, ended_at=world.clock.now())
    world.step = _outage

    swept = world.desk.sweep.run()

    assert (swept.failed, swept.released) == (len(HOSTS), 1)


def test_a_sweep_of_nothing_does_nothing(world: CallsWorld) -> None:
    """It may run at any time."""
    assert world.desk.sweep.run() == type(world.desk.sweep.run())()


def _outage(name: str) -> None:
    raise TransientError("Zoom does not answer")


def _arrange(world: CallsWorld, agenda: str) -> None:
    world.zoom.meetings.create(HOSTS[0], MeetingPlan("Call", agenda, world.clock.now(), 60, with_registrants=False))


def _fail_after(world: CallsWorld, step: str) -> None:
    def fail(name: str) -> None:
        if name == step:
            world.step = lambda name: None
            raise TransientError("no answer")

    world.step = fail


def _abandoned(world: CallsWorld) -> str:
    _fail_after(world, "create")
    world.start()
    world.clock.advance(600)
    assert world.desk.sweep.run().abandoned == 1
    (row,) = world.rows()
    assert row.state == "abandoned"
    call_id: str = row.call_id
    return call_id


def test_what_is_over_is_forgotten(world: CallsWorld) -> None:
    """Sixty days on, no name and no link is left."""
    _start(world)
    world.clock.advance(59 * 24 * HOUR)
    assert world.desk.sweep.run().forgotten == 0
    world.clock.advance(2 * 24 * HOUR)

    assert world.desk.sweep.run().forgotten == 1
    assert world.rows() == []


def test_a_sweep_by_itself_measures_what_operators_look_at(world: CallsWorld) -> None:
    """How many hosts are free, and what is left over; a failure ends no sweeper."""
    metrics = RecordingMetrics()
    sweeper = Sweeper(world.desk.sweep, world.desk.pool, metrics)
    _start(world)
    sweeper.once()
    world.step = _outage
    sweeper.once()
    assert (metrics.gauge("portal_hosts_free"), metrics.gauge("portal_sweep_failed")) == (1, len(HOSTS))

    world.zoom.meetings.step = _bug
    sweeper.once()
    sweeper.start()
    sweeper.stop()


def _bug(name: str) -> None:
    raise ZeroDivisionError
