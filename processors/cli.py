"""`python -m processors`: run the processors, and look after what they do."""

import os
import signal
import sys
import threading

import click

from infra.clock import SystemClock
from infra.database.engine import check_revision, open_database
from infra.errors import PermanentError
from infra.logs import configure
from infra.settings import processor_settings
from infra.storage.s3 import S3Store
from processors.calls_cli import calls
from processors.composition import composed, made
from processors.dead_letters_cli import dead_letters
from processors.holds_cli import holds
from processors.operators import Workplace, workplace
from processors.policy_cli import policy
from processors.reconcile_cli import reconcile
from processors.registry import PROCESSORS
from processors.replay_cli import replay
from processors.runtime.brake import Brake, Standing
from processors.runtime.expiry import expire as expire_recordings
from processors.runtime.receipts import Receipts
from processors.runtime.runner import run as run_processors
from processors.runtime.shutdown import STOP_SECONDS, end_within
from processors.runtime.skips import Skips, next_of_interest
from processors.uploads_cli import uploads
from schemas.errors import PipelineError

_NAMES = click.Choice(sorted(PROCESSORS))


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
def cli() -> None:
    """Run the processors, and look after what they do."""


@cli.command()
@click.argument("names", nargs=-1, type=_NAMES)
@click.option(
    "--all", "everything", is_flag=True, help="Every processor, in this one process; in production each has its own."
)
def run(names: tuple[str, ...], everything: bool) -> None:
    """Run processors until SIGTERM. Exit code 3 when one stopped by itself."""
    if everything == bool(names):
        raise click.UsageError("name the processors to run, or --all")
    settings = processor_settings(os.environ)
    configure(settings.log_level)
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    end_within(STOP_SECONDS, stop)
    with composed(settings, SystemClock()) as composition:
        chosen = [composition.processors[name] for name in (PROCESSORS if everything else names)]
        failures = run_processors(chosen, composition.world, stop)
    for reason in failures:
        click.echo(f"error: {reason}", err=True)
    if failures:
        sys.exit(3)


@cli.command()
@click.argument("name", type=_NAMES)
@click.option(
    "--skip", type=click.IntRange(min=1), help="First send so many records, from where it stopped, to the dead letters."
)
def resume(name: str, skip: int | None) -> None:
    """Let a processor start again that its brake had stopped, and then start it."""
    with workplace() as place:
        brake = Brake(place.engine, name, place.clock)
        standing = brake.standing()
        if standing is None:
            click.echo(f"{name} was not stopped")
            return
        if skip is not None:
            _skip(place, name, standing, skip)
        brake.release()
    click.echo(f"{name} may start again: restart the process that runs it")


def _skip(place: Workplace, name: str, standing: Standing, count: int) -> None:
    if standing.place is None or standing.next_offset is None:
        raise PermanentError("effects stopped it, not records: see python -m processors dead-letters list")
    types = made(name, processor_settings(os.environ)).types
    offsets, found = next_of_interest(place.transport, standing.place, standing.next_offset, types, count)
    Skips(place.engine, name).add(standing.place, offsets)
    where = f"{standing.place.topic} partition {standing.place.partition}"
    click.echo(f"{found} records of {where}, offsets {offsets.start} to {offsets.stop - 1}, go to the dead letters")


@cli.command()
@click.option("--dry-run", is_flag=True, help="Say what would be removed, remove nothing.")
def expire(dry_run: bool) -> None:
    """Remove recordings past their 180 days, unless held; run it daily. Exit code 1 when one could not be removed."""
    settings = processor_settings(os.environ)
    engine = open_database(settings.database_url)
    check_revision(engine)
    store = S3Store(settings.archive_bucket, settings.s3_endpoint_url)
    summary = expire_recordings(store, Receipts(engine), SystemClock(), dry_run)
    removed = "would be removed" if dry_run else "removed"
    click.echo(f"{len(summary.expired)} {removed}, {len(summary.held)} held, {len(summary.unsettled)} being tagged")
    for key, reason in summary.failed.items():
        click.echo(f"failed: {key}: {reason}", err=True)
    if summary.failed:
        sys.exit(1)


cli.add_command(calls)
cli.add_command(dead_letters)
cli.add_command(holds)
cli.add_command(reconcile)
cli.add_command(policy)
cli.add_command(replay)
cli.add_command(uploads)


def main() -> None:
    """Run a command; what goes wrong on purpose is one sentence and exit code 2."""
    try:
        cli(prog_name="python -m processors")
    except PipelineError as error:
        click.echo(f"error: {error}", err=True)
        sys.exit(2)
