"""Starting a call, killed or cut off at every step, on both databases: nothing stays half made.

A step is a commit of the database, or a request to Zoom or to the log, before it and after it.
"""

from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import Connection, Engine, delete, event

from infra.database.engine import migrate, open_database, writing
from infra.database.tables import call_starts, host_leases
from infra.errors import TransientError
from tests.databases import KINDS, database_of
from tests.unit.portal.calls.calls_world import CallsWorld

STEPS = 15  # of a start that goes well; the last test holds the number against the code
CUT_OFF = ("create", "register", "produce", "start_link")
LATER = 600.0  # seconds: past the sweep's patience


class Killed(BaseException):
    """The process is gone: nothing of it runs any more."""


class Fault:
    """Counts steps, and at the `at`th kills the process or, for requests, loses the answer."""

    def __init__(self, engine: Engine) -> None:
        self.count = 0
        self.names: list[str] = []
        self._at = 0
        self._cuts = False
        self._dead = False
        event.listen(engine, "commit", self._commit)
        event.listen(engine, "engine_connect", self._connect)

    def kill_at(self, step: int) -> None:
        self.count, self._at, self._dead, self._cuts = 0, step, False, False

    def cut_at(self, step: int) -> None:
        self.kill_at(step)
        self._cuts = True

    def revive(self) -> None:
        self.kill_at(0)

    def step(self, name: str) -> None:
        if self._dead:
            raise Killed
        self.count += 1
        self.names.append(name)
        if self.count != self._at:
            return
        if not self._cuts:
            self._dead = True
            raise Killed
        if name != "commit":
            raise TransientError("no answer")

    def _commit(self, connection: Connection) -> None:
        try:
            self.step("commit")
        except Killed:
            connection.connection.rollback()  # as the database does when its client is gone
            raise

    def _connect(self, _: Connection) -> None:
        if self._dead:
            raise Killed


@pytest.fixture(params=KINDS)
def engine(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Engine]:
    if request.param == "sqlite":
        engine = open_database(f"sqlite:///{tmp_path / 'calls.db'}")
        migrate(engine)
        yield engine
        engine.dispose()
        return
    with database_of(request.getfixturevalue("postgres_url")) as url:
        engine = open_database(url)
        migrate(engine)
        yield engine
        engine.dispose()


@pytest.fixture
def fault(engine: Engine) -> Fault:
    return Fault(engine)


@pytest.fixture
def world(engine: Engine, fault: Fault, tmp_path: Path) -> CallsWorld:
    world = CallsWorld(tmp_path, engine)
    world.step = fault.step
    return world


def _afresh(world: CallsWorld, fault: Fault) -> None:
    fault.revive()
    with writing(world.engine) as connection:
        connection.execute(delete(call_starts))
        connection.execute(delete(host_leases))
    world.zoom.meetings.made.clear()
    world.zoom.meetings.links = 0
    world.transport.records.clear()
    fault.revive()
    fault.names.clear()
    world.restart()


def _killed_start(world: CallsWorld, fault: Fault, step: int) -> None:
    _afresh(world, fault)
    fault.kill_at(step)
    with pytest.raises(Killed):
        world.start()
    fault.revive()
    world.restart()


def test_the_sweep_leaves_nothing_half_made(world: CallsWorld, fault: Fault) -> None:
    """Whatever step was the last, the call is finished or everything of it is gone, and its host is free."""
    outcomes = set()
    for step in range(1, STEPS + 1):
        _killed_start(world, fault, step)
        world.clock.advance(LATER)

        world.desk.sweep.run()

        world.check()
        outcomes.add(tuple(row.state for row in world.rows()))
    assert outcomes == {(), ("abandoned",), ("registered",)}


def test_the_same_key_goes_on(world: CallsWorld, fault: Fault) -> None:
    """A minute later the caller's next try starts the one call; sweeping then finds nothing to do."""
    for step in range(1, STEPS + 1):
        _killed_start(world, fault, step)
        world.clock.advance(61)

        answer = world.start()

        assert answer.status_code in (200, 201), answer.text
        world.clock.advance(LATER)
        assert (world.desk.sweep.run().deleted, len(world.registered())) == (0, 1)
        world.check()
        assert len(world.made()) == 1


def test_the_same_key_begins_anew_after_the_sweep(world: CallsWorld, fault: Fault) -> None:
    """What was abandoned is started after all when it is asked for again; what was finished is answered."""
    for step in range(1, STEPS + 1):
        _killed_start(world, fault, step)
        world.clock.advance(LATER)
        world.desk.sweep.run()

        answer = world.start()

        assert answer.status_code in (200, 201), answer.text
        world.clock.advance(LATER)
        world.desk.sweep.run()
        world.check()
        assert len(world.made()) == 1


def test_a_sweep_may_be_killed_too(world: CallsWorld, fault: Fault) -> None:
    """The next one goes on from there."""
    for step in range(1, STEPS + 1):
        for sweep_step in range(1, 8):
            _killed_start(world, fault, step)
            world.clock.advance(LATER)
            fault.kill_at(sweep_step)
            try:
                world.desk.sweep.run()
            except Killed:
                fault.revive()
                world.restart()
            fault.revive()
            world.clock.advance(LATER)

            world.desk.sweep.run()

            world.check()


def test_an_answer_that_is_lost_leaves_nothing_half_made(world: CallsWorld, fault: Fault) -> None:
    """The caller is told to repeat it with the same key, and gets its one call; or the sweep clears up."""
    for again in (True, False):
        for step in range(1, STEPS + 1):
            _afresh(world, fault)
            fault.cut_at(step)
            first = world.start()
            fault.revive()

            if first.status_code == 503:
                assert "Retry-After" in first.headers
                assert "same Idempotency-Key" in first.get_json()["detail"]
                answer = world.start() if again else first
                assert not again or answer.status_code == 201, answer.text
            else:
                assert first.status_code == 201
            world.clock.advance(LATER)
            world.desk.sweep.run()
            world.check()
            assert not again or len(world.made()) == 1


def test_the_steps_are_all_there(world: CallsWorld, fault: Fault) -> None:
    """The tests above reach from the first commit to the last, and past each request."""
    _afresh(world, fault)

    assert world.start().status_code == 201

    assert fault.count == STEPS, fault.names
    assert set(CUT_OFF) <= set(fault.names)
