"""`python -m infra.local`: what `make run` and `make demo` call."""

import os
import sys
from pathlib import Path

import click
from rich.console import Console

from infra.clock import SystemClock
from infra.local.demo import demo as play_demo
from infra.local.run import PORTAL, RECEIVER, ZOOM
from infra.local.run import run as run_everything
from infra.local.watching import watching_link
from infra.logs import configure
from infra.settings import Address
from schemas.errors import PipelineError


class _AddressType(click.ParamType[Address]):
    name = "HOST:PORT"

    def convert(self, value: str | Address, param: click.Parameter | None, ctx: click.Context | None) -> Address:
        try:
            return value if isinstance(value, Address) else Address.of(value)
        except ValueError:
            self.fail(f"{value} is not HOST:PORT", param, ctx)


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
@click.option(
    "--receiver",
    type=_AddressType(),
    default=str(RECEIVER),
    envvar="RECEIVER_BIND",
    show_default=True,
    show_envvar=True,
)
@click.option(
    "--zoom",
    type=_AddressType(),
    default=str(ZOOM),
    show_default=True,
    help="Where the simulated Zoom and its chat answer.",
)
@click.option(
    "--portal",
    type=_AddressType(),
    default=str(PORTAL),
    envvar="PORTAL_BIND",
    show_default=True,
    show_envvar=True,
)
@click.option(
    "--chat",
    type=click.Choice(("reference", "matrix")),
    default="reference",
    show_default=True,
    help="matrix: on a real homeserver, to be read in any Matrix client.",
)
def run(folder: Path, receiver: Address, zoom: Address, portal: Address, chat: str) -> None:
    """Run everything until Ctrl-C. Without Zoom credentials a simulated Zoom plays calls."""
    addresses = {"receiver": receiver, "zoom": zoom, "portal": portal}
    run_everything(folder, SystemClock(), Console(), **addresses, matrix=chat == "matrix")


@cli.command()
@click.argument("call_id")
@click.argument("viewer")
def link(call_id: str, viewer: str) -> None:
    """Print a link to a call's page for one of its two people; it works once, within a minute.

    For a shell that has read the environment of make run.
    """
    click.echo(watching_link(os.environ, call_id, viewer, SystemClock()))


@cli.command()
@click.option(
    "--folder", type=click.Path(path_type=Path), default=Path("var/demo"), show_default=True, help="Emptied first."
)
@click.option("--kafka", is_flag=True, help="Through a real Kafka broker instead of the embedded log.")
@click.option("--postgres", is_flag=True, help="On a PostgreSQL server started for it instead of SQLite.")
@click.option(
    "--database-url",
    envvar="DATABASE_URL",
    show_envvar=True,
    help="On this PostgreSQL database, in a schema of its own that is emptied first.",
)
def demo(folder: Path, kafka: bool, postgres: bool, database_url: str | None) -> None:
    """Play calls through everything, check what came out, print it. Exit code 2 when anything is wrong."""
    url = database_url if database_url and database_url.startswith("postgresql") else None
    play_demo(folder, SystemClock(), Console(), kafka=kafka, postgres=postgres, database_url=url)


if __name__ == "__main__":
    configure("WARNING")  # what the simulator answers is not what a person came to see
    try:
        cli(prog_name="python -m infra.local")
    except PipelineError as problem:
        click.echo(f"error: {problem}", err=True)
        sys.exit(2)
