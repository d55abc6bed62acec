"""`python -m tests.fault_lab [SCENARIO…]`: break things, mend them, print what that did to anyone."""

import logging
import signal
import sys
import tempfile
import traceback
from collections.abc import Iterator, Sequence
from pathlib import Path

import click

from infra import logs
from infra.clock import SystemClock
from schemas.errors import PipelineError
from tests.fault_lab import document
from tests.fault_lab.in_order import InOrder
from tests.fault_lab.lab import Result
from tests.fault_lab.part import LabError
from tests.fault_lab.running import Place, run_once
from tests.fault_lab.scenarios import SCENARIOS, SOAK
from tests.fault_lab.table import plain, rows, told

CLOCK = SystemClock()
SEEDS = (1, 2, 3)
LIST = "\n".join(f"{one.number:4} {one.name:18} {one.title}" for one in SCENARIOS.values())


@click.command(epilog=f"\b\n{LIST}", context_settings={"help_option_names": ["-h", "--help"]})
@click.argument("names", nargs=-1, metavar="[SCENARIO]...", type=click.Choice(list(SCENARIOS)))
@click.option("--seed", "seeds", multiple=True, type=int, help=f"May be repeated; default: {SEEDS}.")
@click.option("--seconds", default=30.0, show_default=True, help="How long the load lasts.")
@click.option("--embedded", is_flag=True, help="On the embedded log and SQLite: quicker to start.")
@click.option("--keep", type=click.Path(file_okay=False, path_type=Path), help="Leave data and logs in this folder.")
@click.option("--document", "command", metavar="COMMAND", help="Keep the rows in docs/reliability.md, as made by this.")
def main(
    names: Sequence[str],
    seeds: Sequence[int],
    *,
    seconds: float,
    embedded: bool,
    keep: Path | None,
    command: str | None,
) -> None:
    """Run fault scenarios against the real product, and print a table of what came of them.

    Without SCENARIO all of them are run, but for the last. Exit code 1 when anything was lost, doubled, missing or
    different, or when a fault did not do what it is for.
    """
    logs.configure("ERROR")
    signal.signal(
        signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM)
    )  # so that every part is ended, as by Ctrl-C
    logging.getLogger("urllib3").setLevel(logging.ERROR)  # it tells of every connection beyond its pool's
    results: list[Result] = []
    with tempfile.TemporaryDirectory(prefix="faults-") as temporary:
        folder = keep or Path(temporary)
        place = Place(folder, InOrder(folder), _say, embedded)
        for name in names or [name for name in SCENARIOS if name != SOAK]:
            of_this = list(_run(name, seeds or SEEDS, seconds, place))
            results += of_this
            if command is not None and of_this:
                document.keep(of_this, command)
    click.echo("\n" + plain(rows(results)))
    complete = len(results) == len(seeds or SEEDS) * len(names or SCENARIOS.keys() - {SOAK})
    sys.exit(int(not complete or not all(result.passed for result in results)))


def _run(name: str, seeds: Sequence[int], seconds: float, place: Place) -> Iterator[Result]:
    """Run a scenario with each seed; one that the lab itself could not run costs its own row alone."""
    for seed in seeds:
        click.echo(f"{name}, seed {seed}")
        try:
            result = run_once(SCENARIOS[name], seed, seconds, place)
        except Exception as error:  # noqa: BLE001 # the other runs must still be made
            if not isinstance(error, LabError | PipelineError):
                traceback.print_exc()
            place.say(f"! NOT RUN: {error}")
            continue
        for line in [*result.remarks, *result.harm.details[:20]]:
            place.say(f"! {line}")
        place.say(f"{'as it must be' if result.passed else 'WRONG'}: {told(result)}")
        yield result


def _say(line: str) -> None:
    click.echo(f"  {CLOCK.now():%H:%M:%S}  {line}")


if __name__ == "__main__":
    main(prog_name="python -m tests.fault_lab")
