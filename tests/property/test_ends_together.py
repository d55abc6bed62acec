"""Effects that end side by side, zombies among them, end like a clean run."""

import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from tempfile import TemporaryDirectory

from hypothesis import given, settings
from hypothesis import strategies as st

from infra.database.engine import open_database
from processors.runtime.outbox import LEASE, Leased, Outbox
from tests.property.runtime_world import Collector, Trial
from tests.property.test_runtime import run

NUMBERS = st.lists(st.tuples(st.sampled_from("ab"), st.integers(0, 4)), min_size=2, max_size=6, unique=True)
THREADS = 6


def work_side_by_side(trial: Trial, zombies: list[bool]) -> None:
    """Perform what is due in many threads at once; where a zombie is drawn, its lease runs out and is taken by another."""
    outbox = Outbox(trial.engine, Collector.name, trial.clock)
    stop = threading.Event()
    for step in range(200):
        polled = trial.loop.run_once(stop)
        leased: list[Leased] = [*outbox.lease(24, outbox.read_until(1))]
        if leased and step < len(zombies) and zombies[step]:
            trial.clock.advance(LEASE.total_seconds() + 1)
            leased += outbox.lease(24, outbox.read_until(1))
        with ThreadPoolExecutor(THREADS) as pool:
            list(pool.map(trial.worker.perform, leased))
        if polled == 0 and not leased and trial.unfinished() == 0:
            return
        trial.clock.advance(2)
    raise AssertionError("it does not come to an end")


@settings(max_examples=10, deadline=None)
@given(numbers=NUMBERS, zombies=st.lists(st.booleans(), max_size=6))
def test_the_end_is_that_of_a_clean_run_when_effects_end_side_by_side(
    numbers: list[tuple[str, int]], zombies: list[bool]
) -> None:
    """Ends that are written together, some with a lost lease, leave the same state and the same visible effects."""
    clean = run(sorted(numbers), [])
    with TemporaryDirectory() as folder:
        engine = open_database(f"sqlite:///{Path(folder) / 'db'}")
        trial = Trial(numbers, [], engine)

        work_side_by_side(trial, zombies)

        assert trial.outside.visible() == clean.outside.visible()
        assert trial.state() == clean.state()
        engine.dispose()
