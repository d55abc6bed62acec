"""The local PostgreSQL server ends as in a crash, and is there again with what was committed."""

from pathlib import Path

from sqlalchemy import text

from infra.clock import SystemClock
from infra.database.engine import open_database, reading, writing
from infra.errors import ConfigurationError
from infra.local.postgres import PostgresServer
from tests.conftest import missing


def test_committed_rows_are_there_when_the_server_was_killed_and_started_again(tmp_path: Path) -> None:
    """On the same address: the programs that use it find it again."""
    server = PostgresServer(tmp_path, SystemClock())
    try:
        server.start()
    except ConfigurationError as error:
        missing(str(error))
    try:
        url = "".join(server.url)
        engine = open_database(url)
        with writing(engine) as connection:
            connection.execute(text("CREATE TABLE kept (number INTEGER)"))
            connection.execute(text("INSERT INTO kept VALUES (7)"))

        server.kill()
        server.start()

        assert "".join(server.url) == url
        with reading(engine) as connection:
            assert connection.execute(text("SELECT number FROM kept")).scalars().all() == [7]
        engine.dispose()
    finally:
        server.stop()
