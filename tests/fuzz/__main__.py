"""`python -m tests.fuzz`: try bytes on every reader until the time is up; a case that breaks one is made small and shown."""

import sys
import traceback
from itertools import cycle

import click
from hypothesis import HealthCheck, Phase, Verbosity, given, seed, settings
from hypothesis import strategies as st

from infra.clock import SystemClock
from tests.fuzz.strategies import bytes_for
from tests.fuzz.targets import TARGETS

ROUND_EXAMPLES = 200  # tried on one reader before it is another's turn


@click.command()
@click.option("--seconds", default=60.0, show_default=True, help="How long to try.")
@click.option("--target", "only", type=click.Choice(sorted(TARGETS)), help="Only this reader.")
@click.option(
    "--seed", "first_seed", default=None, type=int, help="Begin here, to do the same again; else by the clock."
)
def main(seconds: float, only: str | None, first_seed: int | None) -> None:
    """Fuzz everything that parses foreign bytes. Exit code 1 when something broke."""
    clock = SystemClock()
    deadline = clock.monotonic() + seconds
    number = int(clock.now().timestamp()) if first_seed is None else first_seed
    tried = dict.fromkeys([only] if only else TARGETS, 0)
    click.echo(f"seed {number}, {seconds:.0f} s, {len(tried)} readers")
    for name in cycle(list(tried)):
        if clock.monotonic() >= deadline:
            break
        number += 1
        broken = _try(name, number)
        if broken is not None:
            click.echo(broken)
            sys.exit(1)
        tried[name] += ROUND_EXAMPLES
    for name, count in tried.items():
        click.echo(f"  {name:16} {count:8} tried, none broke it")


def _try(name: str, number: int) -> str | None:
    """Try a round; return what broke it, ready to be kept in tests/fuzz/seeds.py."""
    last = b""

    @seed(number)
    @settings(
        max_examples=ROUND_EXAMPLES,
        deadline=None,
        database=None,
        phases=(Phase.generate, Phase.shrink),
        verbosity=Verbosity.quiet,
        suppress_health_check=list(HealthCheck),
    )
    @given(st.data())
    def run(data: st.DataObject) -> None:
        nonlocal last
        last = data.draw(bytes_for(name))
        TARGETS[name](last)

    try:
        run()
    except Exception:  # noqa: BLE001 # whatever a reader lets out is what we look for
        return f"{traceback.format_exc()}\n{name} breaks on the following (seed {number}); keep it in FOUND of tests/fuzz/seeds.py:\n{last!r}"
    return None


if __name__ == "__main__":
    main(prog_name="python -m tests.fuzz")
