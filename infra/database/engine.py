"""Open the database, and check that its schema is the one this program was written for."""

import select
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path
from threading import Lock
from typing import Any
from weakref import WeakKeyDictionary

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from alembic.util import CommandError
from sqlalchemy import Connection, Engine, create_engine, event, text
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import (
    DataError,
    DBAPIError,
    IntegrityError,
    InterfaceError,
    InternalError,
    InvalidatePoolError,
    OperationalError,
    SQLAlchemyError,
)
from sqlalchemy.exc import TimeoutError as NoConnectionFree

from infra.errors import ConfigurationError, PermanentError, TransientError
from schemas.errors import InvalidEvent, PipelineError

BUSY_TIMEOUT_MS = 10_000  # a writer of another process is done in milliseconds; ten seconds mean something is wrong
# Of one program, made as they are needed: `run --all` has 5 processors of a consumer, a worker, a renewer and 8 effects
# each, and no thread ever holds two. PostgreSQL itself allows 100 by default.
CONNECTIONS = 56
_POOL: dict[str, Any] = {
    "pool_size": CONNECTIONS,
    "max_overflow": 0,
    "pool_use_lifo": True,  # the few that are needed stay warm
}
CONNECT_SECONDS = 5  # a server in the same network answers in milliseconds
# Transactions here take milliseconds. What takes longer is stuck, and must not hold locks or vacuum up for ever.
# A URL's own `options` come after these, so they win.
STATEMENT_SECONDS = 30
POSTGRESQL_OPTIONS = (
    f"-c statement_timeout={STATEMENT_SECONDS}s -c idle_in_transaction_session_timeout={STATEMENT_SECONDS}s"
    " -c default_transaction_isolation=read\\ committed"  # the version column finds who was overtaken
)
# What libpq says when it cannot connect, and what that means. Its whole text would name the user.
_REFUSALS = {
    "password authentication failed": "it refuses the user name or the password",
    "no pg_hba.conf entry": "it does not let this user in from here",
    "certificate verify failed": "its certificate is not one that sslrootcert vouches for",
    "does not match host name": "its certificate is for another host name",
    "root certificate file": "the file sslrootcert is not there",
    "server does not support SSL": "it offers no TLS",
    "too many clients": "it has no connection left",
    "does not exist": "there is no such database or user",
}
_TURNS: "WeakKeyDictionary[Engine, Lock]" = WeakKeyDictionary()
_TURNS_LOCK = Lock()
_AFTER_COMMIT = "after_commit"
_MIGRATION_LOCK = 0x5A6F6F6D  # "Zoom": the number of our PostgreSQL advisory lock


def open_database(url: str) -> Engine:
    """Return an engine for `sqlite:///PATH` or `postgresql://…`. Nothing is connected yet.

    Raises:
        ConfigurationError: the URL is of neither kind.
    """
    try:
        parsed = make_url(url)
    except SQLAlchemyError as error:
        raise ConfigurationError("DATABASE_URL is not a database URL") from error
    if parsed.get_backend_name() == "sqlite":
        return _sqlite(parsed)
    if parsed.get_backend_name() == "postgresql":
        return _postgresql(parsed)
    raise ConfigurationError("DATABASE_URL is neither sqlite:///PATH nor postgresql://…")


def migrate(engine: Engine) -> str:
    """Bring the schema to the newest revision, one program at a time; return that revision.

    Raises:
        ConfigurationError: the database is at a revision that only a newer program knows.
        TransientError: the database does not answer.
    """
    config = _alembic()
    with writing(engine) as connection:
        if connection.dialect.name == "postgresql":
            connection.execute(text("SET LOCAL statement_timeout = 0"))  # a migration may take long, and so another's
            connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": _MIGRATION_LOCK})
        config.attributes["connection"] = connection
        try:
            command.upgrade(config, "head")
        except CommandError as error:
            raise ConfigurationError(
                "the database is at a revision that this program does not know: install the newer version"
            ) from error
    return _newest()


def emptied_schema(url: str, name: str) -> str:
    """Make an empty schema of this name in a PostgreSQL database, in place of the one that was there; return its URL.

    Raises:
        ConfigurationError: the URL is of no database.
        TransientError: the database does not answer.
    """
    engine = open_database(url)
    with writing(engine) as connection:
        quoted = connection.dialect.identifier_preparer.quote_identifier(name)
        connection.execute(text(f"DROP SCHEMA IF EXISTS {quoted} CASCADE"))
        connection.execute(text(f"CREATE SCHEMA {quoted}"))
    engine.dispose()
    own = make_url(url)
    options = f"{own.query.get('options', '')} -c search_path={quoted}".strip()
    return own.update_query_dict({"options": options}).render_as_string(hide_password=False)


@contextmanager
def reading(engine: Engine) -> Iterator[Connection]:
    """Open a connection that only reads, so that on SQLite it waits for no writer.

    On PostgreSQL each statement is its own transaction: it saves the messages that begin and end one, and sees the same.

    Raises:
        TransientError: the database does not answer.
    """
    options = {"reading": True} if engine.dialect.name == "sqlite" else {"isolation_level": "AUTOCOMMIT"}
    with translated(), engine.connect().execution_options(**options) as connection:
        yield connection


@contextmanager
def writing(engine: Engine, *, durable: bool = False) -> Iterator[Connection]:
    """Open a transaction: committed at the end, rolled back when the block raises.

    On SQLite a commit survives a crash of the program at once, and a power cut from the next `durable` commit on,
    which flushes everything before it too: one flush for many commits. On PostgreSQL every commit is durable.

    Raises:
        TransientError: the database does not answer or is busy; nothing was written.
    """
    waiting: list[Callable[[], None]] = []
    with _turn(engine), translated(), engine.connect() as connection:
        if durable and connection.dialect.name == "sqlite":
            _set_synchronous(connection, "FULL")
        connection.info[_AFTER_COMMIT] = waiting
        try:
            with connection.begin():
                yield connection
        finally:
            connection.info.pop(_AFTER_COMMIT, None)  # a connection that was cut has forgotten it
            if durable and connection.dialect.name == "sqlite":
                _set_synchronous(connection, "NORMAL")
    for then in waiting:  # when others can write again, and so can they
        then()


def after_commit(connection: Connection, then: Callable[[], None]) -> None:
    """Have this called once the transaction of `writing` is committed, and not at all when it is rolled back.

    What it raises comes out of the `writing` block, though the transaction stands.
    """
    connection.info[_AFTER_COMMIT].append(then)


@contextmanager
def translated() -> Iterator[None]:
    """Let no driver's error out: see `translate`. Integrity errors pass, because callers decide by them."""
    try:
        yield
    except IntegrityError:
        raise
    except DBAPIError as error:
        raise translate(error) from error
    except NoConnectionFree as error:
        raise TransientError("the database's connections are all in use") from error


def check_revision(engine: Engine) -> None:
    """Make sure that the schema is the one this program knows.

    Raises:
        ConfigurationError: it is not; the text says how to change that.
        TransientError: the database does not answer.
    """
    with reading(engine) as connection:
        found = MigrationContext.configure(connection).get_current_revision()
    if found != _newest():
        raise ConfigurationError(
            f"the database is at revision {found or 'none'}, this program needs {_newest()}: run python -m infra migrate"
        )


def translate(error: DBAPIError) -> PipelineError:
    """Return our error for a database driver's.

    What is gone, busy, full, deadlocked or shutting down may come back. Internal errors are PostgreSQL's for a
    transaction that it ended, or that met a standby. A value that no database of this kind holds is the message's fault.
    """
    kind = type(error.orig).__name__
    if error.connection_invalidated or isinstance(error, OperationalError | InterfaceError | InternalError):
        said = str(error.orig)
        return TransientError(
            f"the database does not take it: {next((_REFUSALS[part] for part in _REFUSALS if part in said), kind)}"
        )
    if isinstance(error, DataError):
        return InvalidEvent(f"the database cannot hold it: {kind}")
    return PermanentError(f"the database refused it: {kind}")


def _postgresql(url: URL) -> Engine:
    own = url.query.get("options", "")
    options = " ".join((POSTGRESQL_OPTIONS, *((own,) if isinstance(own, str) else own))).strip()
    engine = create_engine(
        url.set(drivername="postgresql+psycopg"),
        connect_args={"options": options, "connect_timeout": CONNECT_SECONDS, "application_name": "zoom-call-pipeline"},
        hide_parameters=True,  # of errors: they are states and commands, with links and names in them
        **_POOL,
    )

    @event.listens_for(engine, "checkout")
    def look(connection: Any, _record: object, _proxy: object) -> None:
        """Replace all connections when this one has something to tell: idle ones are spoken to only to be ended.

        SQLAlchemy's own way is a question to the server before every transaction.
        """
        waiting = select.poll()
        waiting.register(connection.fileno(), select.POLLIN)
        if waiting.poll(0):
            raise InvalidatePoolError

    return engine


def _sqlite(url: URL) -> Engine:
    pool: dict[str, Any] = {}
    if url.database and url.database != ":memory:":
        Path(url.database).parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        pool = _POOL  # SQLAlchemy's own keeps five, and opens every further one for one transaction alone
    engine = create_engine(url, hide_parameters=True, connect_args={"timeout": BUSY_TIMEOUT_MS / 1000}, **pool)

    @event.listens_for(engine, "connect")
    def settle(connection: sqlite3.Connection, _: object) -> None:
        # The driver would start no transaction before a SELECT; ours begin by themselves, as writers (see below).
        connection.isolation_level = None
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("PRAGMA synchronous=NORMAL")  # writing(durable=True) makes commits safe from power loss
        connection.execute("PRAGMA foreign_keys=ON")

    @event.listens_for(engine, "begin")
    def begin(connection: Connection) -> None:
        # One writer at a time: taking the lock at the start is what keeps read-modify-write from failing at its end.
        reading = connection.get_execution_options().get("reading", False)
        connection.exec_driver_sql("BEGIN" if reading else "BEGIN IMMEDIATE")

    return engine


def _turn(engine: Engine) -> AbstractContextManager[object]:
    """On SQLite, let this process's writers queue here: SQLite itself has them sleep and try again, up to 100 ms a time."""
    if engine.dialect.name != "sqlite":
        return nullcontext()
    with _TURNS_LOCK:
        return _TURNS.setdefault(engine, Lock())


def _set_synchronous(connection: Connection, level: str) -> None:
    driver = connection.connection.driver_connection
    if isinstance(driver, sqlite3.Connection):
        if driver.in_transaction:  # its commit failed: what that raised is what the caller is to hear
            driver.rollback()
        driver.execute(f"PRAGMA synchronous={level}")  # outside a transaction, or SQLite ignores it


def _alembic() -> Config:
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
    return config


def _newest() -> str:
    return ScriptDirectory.from_config(_alembic()).get_current_head() or ""
