"""Open the database, and check that its schema is the one this program was written for."""

import sqlite3
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path
from threading import Lock
from weakref import WeakKeyDictionary

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, Engine, create_engine, event, text
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import DBAPIError, IntegrityError, SQLAlchemyError

from infra.errors import ConfigurationError, PermanentError, TransientError
from schemas.errors import PipelineError

BUSY_TIMEOUT_MS = 10_000  # a writer of another process is done in milliseconds; ten seconds mean something is wrong
_TURNS: "WeakKeyDictionary[Engine, Lock]" = WeakKeyDictionary()
_TURNS_LOCK = Lock()
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
        return create_engine(parsed.set(drivername="postgresql+psycopg"), pool_pre_ping=True, pool_size=10)
    raise ConfigurationError("DATABASE_URL is neither sqlite:///PATH nor postgresql://…")


def migrate(engine: Engine) -> str:
    """Bring the schema to the newest revision, one program at a time; return that revision.

    Raises:
        TransientError: the database does not answer.
    """
    config = _alembic()
    with writing(engine) as connection:
        if connection.dialect.name == "postgresql":
            connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": _MIGRATION_LOCK})
        config.attributes["connection"] = connection
        command.upgrade(config, "head")
    return _newest()


@contextmanager
def reading(engine: Engine) -> Iterator[Connection]:
    """Open a connection that only reads, so that on SQLite it waits for no writer.

    Raises:
        TransientError: the database does not answer.
    """
    with translated(), engine.connect().execution_options(reading=True) as connection:
        yield connection


@contextmanager
def writing(engine: Engine, *, durable: bool = False) -> Iterator[Connection]:
    """Open a transaction: committed at the end, rolled back when the block raises.

    On SQLite a commit survives a crash of the program at once, and a power cut from the next `durable` commit on,
    which flushes everything before it too: one flush for many commits. On PostgreSQL every commit is durable.

    Raises:
        TransientError: the database does not answer or is busy; nothing was written.
    """
    with _turn(engine), translated(), engine.connect() as connection:
        if durable and connection.dialect.name == "sqlite":
            _set_synchronous(connection, "FULL")
        try:
            with connection.begin():
                yield connection
        finally:
            if durable and connection.dialect.name == "sqlite":
                _set_synchronous(connection, "NORMAL")


@contextmanager
def translated() -> Iterator[None]:
    """Let no driver's error out: see `translate`. Integrity errors pass, because callers decide by them."""
    try:
        yield
    except IntegrityError:
        raise
    except DBAPIError as error:
        raise translate(error) from error


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
    """Return our error for a database driver's: what is gone or busy may come back, a full disk may be freed."""
    kind = type(error.orig).__name__
    if error.connection_invalidated or isinstance(error.orig, sqlite3.OperationalError) or kind == "OperationalError":
        return TransientError(f"the database does not take it: {kind}")
    return PermanentError(f"the database refused it: {kind}")


def _sqlite(url: URL) -> Engine:
    if url.database and url.database != ":memory:":
        Path(url.database).parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    engine = create_engine(url, connect_args={"timeout": BUSY_TIMEOUT_MS / 1000})

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
        driver.execute(f"PRAGMA synchronous={level}")  # outside a transaction, or SQLite ignores it


def _alembic() -> Config:
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
    return config


def _newest() -> str:
    return ScriptDirectory.from_config(_alembic()).get_current_head() or ""
