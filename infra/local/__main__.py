"""`python -m infra.local`: what `make run` and `make demo` call."""

import sys
from pathlib import Path

import click
from rich.console import Console

from infra.clock import SystemClock
from infra.local.demo import demo as play_demo
from infra.local.run import run as run_everything
from infra.logs import configure
from schemas.errors import PipelineError


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
def cli() -> None:
    """Run the whole product on this machine."""


@cli.command()
@click.option(
    "--folder",
    type=click.Path(path_type=Path),
    default=Path("var/run"),
    show_default=True,
    help="Keeps its data and logs; the next start finds them again.",
)
def run(folder: Path) -> None:
    """Run everything until Ctrl-C; without Zoom credentials a simulated Zoom plays calls."""
    run_everything(folder, SystemClock(), Console())


@cli.command()
@click.option(
    "--folder", type=click.Path(path_type=Path), default=Path("var/demo"), show_default=True, help="Emptied first."
)
@click.option("--kafka", is_flag=True, help="Through a real Kafka broker instead of the embedded log.")
def demo(folder: Path, kafka: bool) -> None:
    """Play calls through everything, check what came out, print it; exit code 2 when anything is wrong."""
    play_demo(folder, SystemClock(), Console(), kafka=kafka)


if __name__ == "__main__":
    configure("WARNING")  # what the simulator answers is not what a person came to see
    try:
        cli(prog_name="python -m infra.local")
    except PipelineError as problem:
        click.echo(f"error: {problem}", err=True)
        sys.exit(2)
