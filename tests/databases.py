"""Databases for the tests that run on both kinds: SQLite files, and databases of one PostgreSQL server a session."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from uuid import uuid4

from sqlalchemy import create_engine, text
from sqlalchemy.engine import make_url

from infra.clock import SystemClock
from infra.errors import ConfigurationError
from infra.local.postgres import PostgresServer
from tests.conftest import missing

KINDS = ("sqlite", "postgresql")


@contextmanager
def running_postgres(folder: Path) -> Iterator[str]:
    """The URL of the server that POSTGRES_URL names (its user may make databases), else of one of our own."""
    given = os.environ.get("POSTGRES_URL")
    if given:
        yield given
        return
    server = PostgresServer(folder, SystemClock())
    try:
        server.start()
    except ConfigurationError as error:
        missing(str(error))
    try:
        yield "".join(server.url)
    finally:
        server.stop()


@contextmanager
def database_of(server_url: str) -> Iterator[str]:
    """A database of its own on the server, gone afterwards."""
    name = f"test_{uuid4().hex}"
    run_on(server_url, f"CREATE DATABASE {name}")
    try:
        yield make_url(server_url).set(database=name).render_as_string(hide_password=False)
    finally:
        run_on(server_url, f"DROP DATABASE {name} WITH (FORCE)")


def run_on(url: str, statement: str) -> None:
    """Run one statement on PostgreSQL outside any transaction, as an administrator would."""
    engine = create_engine(make_url(url).set(drivername="postgresql+psycopg"), isolation_level="AUTOCOMMIT")
    try:
        with engine.connect() as connection:
            connection.execute(text(statement))
    finally:
        engine.dispose()
