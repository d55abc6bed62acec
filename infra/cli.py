"""`python -m infra`: what operators do to the outside world."""

import os
import sys

import click

from infra.contracts.cli import contracts
from infra.database.engine import migrate as migrate_database
from infra.database.engine import open_database
from infra.provisioning.cli import provision
from infra.quarantine.cli import quarantine
from infra.settings import database_url
from infra.status.cli import status
from infra.topics_cli import topics
from infra.zoom.cli import zoom
from schemas.errors import PipelineError


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
def cli() -> None:
    """Look after the log, the database, the bucket and the published contracts."""


@cli.command()
def migrate() -> None:
    """Bring the database (DATABASE_URL) to this version's schema. Safe to run twice, and by two at once."""
    engine = open_database(database_url(os.environ))
    click.echo(f"the database is at revision {migrate_database(engine)}")


cli.add_command(contracts)
cli.add_command(topics)
cli.add_command(provision)
cli.add_command(quarantine)
cli.add_command(status)
cli.add_command(zoom)


def main() -> None:
    """Run a command; what goes wrong on purpose is one sentence and exit code 2."""
    try:
        cli(prog_name="python -m infra")
    except PipelineError as error:
        click.echo(f"error: {error}", err=True)
        sys.exit(2)
