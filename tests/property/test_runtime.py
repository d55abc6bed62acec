"""The runtime keeps its promises whatever is doubled, reordered or killed, on SQLite and on PostgreSQL."""

import threading
from collections.abc import Iterator, Sequence
from datetime import timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import Engine

from infra.database.engine import open_database
from tests.databases import database_of
from tests.property.runtime_world import Crash, Trial

NUMBERS = st.lists(st.tuples(st.sampled_from("ab"), st.integers(0, 4)), min_size=1, max_size=6)
ON_POSTGRES = pytest.mark.xdist_group("postgres")


@pytest.fixture(scope="module")
def postgres(postgres_url: str) -> Iterator[Engine]:
    """A database of this module's own; every trial empties it."""
    with database_of(postgres_url) as url:
        engine = open_database(url)
        yield engine
        engine.dispose()


def run(
    numbers: Sequence[tuple[str, int]],
    faults: Sequence[int],
    hiccups: Sequence[int] = (),
    engine: Engine | None = None,
) -> Trial:
    """Run to the end: whenever it is killed, time passes until its leases are lost, and a new process goes on."""
    trial = Trial(numbers, faults, engine)
    stop = threading.Event()
    for step in range(1000):
        trial.outside.fail_next = step in hiccups
        try:
            polled = trial.loop.run_once(stop)
            performed = trial.worker.run_due()
        except Crash:
            trial.clock.advance(61)
            trial.start()
            continue
        if polled == performed == 0 and trial.unfinished() == 0:
            return trial
        trial.clock.advance(2)
    raise AssertionError("it does not come to an end")


def compare_with_a_clean_run(data: st.DataObject, numbers: list[tuple[str, int]], engine: Engine | None) -> None:
    """Any interleaving of doubles, reorderings, crashes between any two steps and lost leases ends like one clean run."""
    disturbed = data.draw(st.permutations(numbers + data.draw(st.lists(st.sampled_from(numbers), max_size=3))))
    faults = data.draw(st.lists(st.integers(1, 12), max_size=8))
    hiccups = data.draw(st.lists(st.integers(0, 30), max_size=4))
    clean = run(sorted(set(numbers)), [], engine=engine)
    visible, state = clean.outside.visible(), clean.state()

    trial = run(disturbed, faults, hiccups, engine)

    assert trial.outside.visible() == visible
    assert trial.state() == state


@settings(max_examples=30, deadline=None)
@given(data=st.data(), numbers=NUMBERS)
def test_the_end_is_that_of_a_clean_run_whatever_is_doubled_reordered_or_killed(
    data: st.DataObject, numbers: list[tuple[str, int]]
) -> None:
    """On SQLite."""
    compare_with_a_clean_run(data, numbers, None)


@ON_POSTGRES
@settings(max_examples=6, deadline=None)
@given(data=st.data(), numbers=NUMBERS)
def test_the_end_is_that_of_a_clean_run_when_on_postgresql(
    postgres: Engine, data: st.DataObject, numbers: list[tuple[str, int]]
) -> None:
    """Whatever is doubled, reordered or killed there."""
    compare_with_a_clean_run(data, numbers, postgres)


@pytest.mark.parametrize("kind", ["sqlite", pytest.param("postgresql", marks=ON_POSTGRES)])
def test_a_timer_waits_while_its_input_is_behind(kind: str, request: pytest.FixtureRequest) -> None:
    """A timer fires only when its time has passed and every input has been read past it."""
    engine = request.getfixturevalue("postgres") if kind == "postgresql" else None
    trial = Trial([("a", 1), ("a", 2), ("a", 3)], [], engine)
    trial.clock.advance(timedelta(minutes=30).total_seconds())
    trial.loop.run_once(threading.Event())
    trial.clock.advance(2)

    while trial.worker.run_due():
        pass

    assert trial.state()["a"]["woken"] == []
    trial.loop.run_once(threading.Event())
    trial.clock.advance(2)
    trial.loop.run_once(threading.Event())
    while trial.worker.run_due():
        pass
    assert trial.state()["a"]["woken"] == [1, 2, 3]
