"""`status`: one screen for the night."""

import os
import sys
from collections.abc import Iterator
from pathlib import Path

import click

from infra.clock import Clock, SystemClock
from infra.database.engine import check_revision, open_database
from infra.database.status_queries import StatusQueries
from infra.errors import ConfigurationError, TransientError
from infra.settings import database_url, transport_settings
from infra.status.receiver_side import receiver_metrics, spooled
from infra.status.screen import Line, lines, receiver_lines, spool_line
from infra.transport.connect import connect

_MARKS = {0: "  ", 1: "? ", 2: "! "}


@click.command()
@click.option(
    "--receiver", metavar="HOST:PORT", envvar="RECEIVER_ADMIN_BIND", help="Its admin address [RECEIVER_ADMIN_BIND]."
)
@click.option(
    "--spool", type=click.Path(path_type=Path), envvar="SPOOL_PATH", help="Its spool, if on this machine [SPOOL_PATH]."
)
def status(receiver: str | None, spool: Path | None) -> None:
    """Say how the pipeline is. Exit code 0: well; 1: something wants a look (?); 2: look now (!)."""
    clock = SystemClock()
    engine = open_database(database_url(os.environ))
    check_revision(engine)
    transport = connect(transport_settings(os.environ), clock)
    try:
        shown = [*_receiver(receiver, clock), *_spool(spool, clock), *lines(StatusQueries(engine), transport, clock)]
    finally:
        transport.close()
        engine.dispose()
    for line in shown:
        text = "".join(character if character.isprintable() else "�" for character in line.text)
        click.echo(f"{_MARKS[line.level]}{line.subject:18} {text}")
    sys.exit(max(line.level for line in shown))


def _receiver(address: str | None, clock: Clock) -> Iterator[Line]:
    host, _, port = (address or "").rpartition(":")
    if address and not (host and port.isdigit()):
        raise ConfigurationError("--receiver (RECEIVER_ADMIN_BIND) is not HOST:PORT")
    if not port or port == "0":
        yield Line(0, "receiver", "not asked: name its admin address with --receiver HOST:PORT")
        return
    try:
        yield from receiver_lines(receiver_metrics(host.strip("[]"), int(port)), clock)
    except TransientError as error:
        yield Line(2, "receiver", str(error))


def _spool(path: Path | None, clock: Clock) -> Iterator[Line]:
    try:
        found = None if path is None else spooled(path, clock)
    except (TransientError, ConfigurationError) as error:
        yield Line(2, "spool", str(error))
        return
    if found is not None:
        yield spool_line(*found)
