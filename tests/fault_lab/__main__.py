"""`python -m tests.fault_lab [SCENARIO…]`: break things, mend them, print what that did to anyone."""

import sys
import tempfile
from collections.abc import Sequence
from contextlib import closing
from itertools import groupby
from pathlib import Path

import click

from tests.fault_lab import document
from tests.fault_lab.lab import Result
from tests.fault_lab.scenarios import SCENARIOS, SOAK
from tests.fault_lab.side_by_side import Run, begin, side_by_side
from tests.fault_lab.table import plain, rows

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
    begin()
    chosen = names or [name for name in SCENARIOS if name != SOAK]
    results: list[Result] = []
    with tempfile.TemporaryDirectory(prefix="faults-") as temporary:
        runs = [
            Run(name, seed, seconds, keep or Path(temporary), embedded) for name in chosen for seed in seeds or SEEDS
        ]
        with closing(side_by_side(runs)) as done:
            for _, of_scenario in groupby(zip(runs, done, strict=True), key=lambda pair: pair[0].name):
                of_this = [result for _, result in of_scenario if result is not None]
                results += of_this
                if command is not None and of_this:
                    document.keep(of_this, command)
    click.echo("\n" + plain(rows(results)))
    sys.exit(int(len(results) < len(runs) or not all(result.passed for result in results)))


if __name__ == "__main__":
    main(prog_name="python -m tests.fault_lab")
