"""Runs side by side, each in a process of its own: every one waits for most of its time."""

import logging
import multiprocessing
import signal
import sys
import traceback
from collections.abc import Generator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import click

from infra import logs
from infra.clock import SystemClock
from schemas.errors import PipelineError
from tests.fault_lab.in_order import InOrder
from tests.fault_lab.lab import Result
from tests.fault_lab.part import LabError
from tests.fault_lab.running import Place, run_once
from tests.fault_lab.scenarios import SCENARIOS
from tests.fault_lab.table import told

CLOCK = SystemClock()
SIDE_BY_SIDE = 2  # a run waits on the load, Zoom's schedule and programs that start
LEAVE_SECONDS = 10  # ending all parts takes 3


@dataclass(frozen=True, slots=True)
class Run:
    """What one run is of, and where it leaves its data."""

    name: str
    seed: int
    seconds: float
    folder: Path
    embedded: bool


def side_by_side(runs: Sequence[Run]) -> Generator[Result | None]:
    """Yield what came of each run, in order; None when the lab itself could not make it. Closing it ends all of them."""
    # New processes, as what a run starts ends with the thread that started it. Leaving early ends them by SIGTERM.
    with multiprocessing.get_context("spawn").Pool(min(SIDE_BY_SIDE, len(runs)), begin) as pool:
        yield from pool.imap(_run, runs)
        pool.close()
        pool.join()  # with nothing left to end, they leave by themselves


def begin() -> None:
    """Prepare a process of the lab: SIGTERM ends every part, as Ctrl-C does."""
    logs.configure("ERROR")
    signal.signal(signal.SIGTERM, _end)
    signal.signal(signal.SIGALRM, _end)
    logging.getLogger("urllib3").setLevel(logging.ERROR)  # it tells of every connection beyond its pool's


def _end(*_: object) -> None:
    """Leave, and once more in a while: an exception that is raised in one of the interpreter's callbacks goes nowhere."""
    signal.alarm(LEAVE_SECONDS)
    sys.exit(128 + signal.SIGTERM)


def _run(run: Run) -> Result | None:
    """Return what came of a run; None when the lab itself could not make it, which costs the others nothing."""
    say = partial(_say, f"{run.name} {run.seed}")
    began_at = CLOCK.monotonic()
    try:
        place = Place(run.folder, InOrder(run.folder), say, run.embedded)
        result = run_once(SCENARIOS[run.name], run.seed, run.seconds, place)
    except Exception as error:  # noqa: BLE001 # the other runs must still be made
        if not isinstance(error, LabError | PipelineError):
            traceback.print_exc()
        say(f"! NOT RUN: {error}")
        return None
    for line in [*result.remarks, *result.harm.details[:20]]:
        say(f"! {line}")
    took = f"the run took {CLOCK.monotonic() - began_at:.0f} s"
    say(f"{'as it must be' if result.passed else 'WRONG'}: {told(result)}; {took}")
    return result


def _say(run: str, line: str) -> None:
    click.echo(f"{CLOCK.now():%H:%M:%S}  {run:18}  {line}")
