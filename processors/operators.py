"""What the commands of operators share: the log and the database that the environment names, and who is asking."""

import getpass
import os
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any

import click

from infra.clock import Clock, SystemClock
from infra.database.engine import check_revision, open_database
from infra.settings import database_url, processor_settings, transport_settings
from infra.storage.base import ObjectStore
from infra.storage.s3 import S3Store
from infra.transport import Transport
from infra.transport.connect import connect


@dataclass(frozen=True, slots=True)
class Workplace:
    """What a command works on. `engine` is the database's."""

    engine: Any
    transport: Transport
    clock: Clock


@contextmanager
def workplace() -> Iterator[Workplace]:
    """Open the log and the database; close them at the end.

    Raises:
        ConfigurationError: a setting is missing or wrong, or the database is not at our revision.
    """
    clock = SystemClock()
    with ExitStack() as open_parts:
        engine = open_database(database_url(os.environ))
        open_parts.callback(engine.dispose)
        check_revision(engine)
        transport = connect(transport_settings(os.environ), clock)
        open_parts.callback(transport.close)
        yield Workplace(engine, transport, clock)


@contextmanager
def archive() -> Iterator[ObjectStore]:
    """Open the archive; close it at the end. Raises ConfigurationError when a setting is missing or wrong."""
    settings = processor_settings(os.environ)
    store = S3Store(settings.archive_bucket, settings.s3_endpoint_url)
    try:
        yield store
    finally:
        store.close()


def actor() -> str:
    """Return who is asking, for the audit: the account on this machine."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a container's user often has no name
        return f"uid {os.getuid()}"


def printable(text: str) -> str:
    """Return a text that cannot steer the terminal."""
    return "".join(character if character.isprintable() else "�" for character in text)


def confirmed(question: str, *, yes: bool) -> bool:
    """Ask, unless told that the answer is yes. Off a terminal nobody can be asked: the command ends with exit code 1."""
    if yes:
        return True
    if not sys.stdin.isatty():
        raise click.ClickException("nothing was done: say --yes where nobody can be asked")
    return click.confirm(question)
