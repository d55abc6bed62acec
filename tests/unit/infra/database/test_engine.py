"""Opening a database: which URLs are taken, what becomes of a driver's errors, and who may write."""

import sqlite3
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import Connection, Engine, event, insert, select
from sqlalchemy.exc import DatabaseError, DataError, DBAPIError, IntegrityError, InterfaceError, OperationalError

from infra.database.engine import open_database, reading, translate, writing
from infra.database.tables import brakes, metadata
from infra.errors import ConfigurationError, PermanentError, TransientError
from infra.secret import Secret
from schemas.errors import InvalidEvent
from tests.fakes.clock import FakeClock

NOW = FakeClock().now()
PASSWORD = "do-not-show-me"


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Engine]:
    engine = open_database(f"sqlite:///{tmp_path / 'deep' / 'processors.db'}")
    metadata.create_all(engine)
    yield engine
    engine.dispose()


def brake(name: str) -> dict[str, object]:
    return {"processor": name, "tripped_at": NOW, "reason": "r"}


def names(engine: Engine) -> set[str]:
    with reading(engine) as connection:
        return set(connection.execute(select(brakes.c.processor)).scalars())


@pytest.mark.parametrize("url", ["", "nonsense", "mysql://x/y", f"oracle://user:{PASSWORD}@host/x"])
def test_a_url_of_no_known_kind_is_refused(url: str) -> None:
    """One sentence that does not repeat it."""
    with pytest.raises(ConfigurationError) as caught:
        open_database(url)

    assert PASSWORD not in str(caught.value)


def test_a_secret_url_is_taken(tmp_path: Path) -> None:
    """Settings hand it on hidden; neither the engine's repr shows the password."""
    engine = open_database(Secret(f"postgresql://user:{PASSWORD}@localhost/calls"))

    assert engine.url.password == PASSWORD
    assert PASSWORD not in repr(engine)
    engine.dispose()


def test_the_folder_of_a_new_database_is_its_owners(engine: Engine) -> None:
    """It holds join links and names."""
    assert engine.url.database is not None
    assert Path(engine.url.database).parent.stat().st_mode & 0o777 == 0o700


def test_nothing_is_written_when_the_block_raises(engine: Engine) -> None:
    """All of a transaction or none of it."""

    def write_and_fail() -> None:
        with writing(engine) as connection:
            connection.execute(insert(brakes).values(**brake("a")))
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        write_and_fail()

    assert names(engine) == set()


def test_a_reader_waits_for_no_writer(engine: Engine) -> None:
    """It sees what was committed before, while a transaction is open."""
    with writing(engine) as connection:
        connection.execute(insert(brakes).values(**brake("a")))
        assert names(engine) == set()

    assert names(engine) == {"a"}


def test_writers_take_turns(engine: Engine) -> None:
    """Threads that read and then write never fail for each other's sake."""

    def write(number: int) -> None:
        with writing(engine) as connection:
            connection.execute(select(brakes)).all()
            connection.execute(insert(brakes).values(**brake(f"{number}")))

    threads = [threading.Thread(target=write, args=(number,)) for number in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert len(names(engine)) == 16


def test_a_double_is_told_as_itself(engine: Engine) -> None:
    """Callers decide by it."""
    with writing(engine) as connection:
        connection.execute(insert(brakes).values(**brake("a")))

    with pytest.raises(IntegrityError), writing(engine) as connection:
        connection.execute(insert(brakes).values(**brake("a")))


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (OperationalError, TransientError),
        (InterfaceError, TransientError),
        (DataError, InvalidEvent),
        (DatabaseError, PermanentError),
    ],
)
def test_a_drivers_error_is_told_as_ours(error: type[DBAPIError], kind: type[Exception]) -> None:
    """What may pass can be tried again; neither values nor statements are quoted."""
    told = translate(error(f"INSERT {PASSWORD}", {"value": PASSWORD}, sqlite3.Error(PASSWORD)))

    assert type(told) is kind
    assert PASSWORD not in str(told)


def test_a_database_that_is_none_is_told(tmp_path: Path) -> None:
    """A file of another kind is refused with an error of ours."""
    path = tmp_path / "file.db"
    path.write_text("this is no database, and longer than a header of one hundred bytes: " * 4)
    engine = open_database(f"sqlite:///{path}")

    with pytest.raises((PermanentError, TransientError)), reading(engine) as connection:
        connection.execute(select(brakes))

    engine.dispose()


def test_a_durable_commit_that_fails_is_for_later(engine: Engine) -> None:
    """Its own error comes out, nothing is written, and the connection is good for the next."""

    def fail(_: Connection) -> None:
        raise OperationalError("COMMIT", {}, sqlite3.OperationalError("disk I/O error"))

    event.listen(engine, "commit", fail)
    with pytest.raises(TransientError), writing(engine, durable=True) as connection:
        connection.execute(insert(brakes).values(brake("lost")))
    event.remove(engine, "commit", fail)

    with writing(engine, durable=True) as connection:
        connection.execute(insert(brakes).values(brake("kept")))
    assert names(engine) == {"kept"}
