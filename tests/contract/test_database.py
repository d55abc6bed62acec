"""The database's promises, on SQLite and on PostgreSQL: its schema, its instants, its transactions and its errors."""

import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import Engine, func, insert, inspect, select, text

from infra.clock import SystemClock
from infra.database.engine import CONNECTIONS, check_revision, migrate, open_database, reading, writing
from infra.database.tables import brakes, metadata, receipts
from infra.errors import ConfigurationError, PermanentError, TransientError
from infra.local.postgres import PostgresServer
from infra.settings import database_url
from schemas.errors import InvalidEvent
from tests.certificates import Authority
from tests.conftest import missing
from tests.databases import KINDS, database_of, run_on

pytestmark = pytest.mark.xdist_group("postgres")
ROOT = Path(__file__).resolve().parents[2]
NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)


@pytest.fixture(params=KINDS)
def url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """An empty database of either kind."""
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path / 'processors.db'}"
        return
    with database_of(request.getfixturevalue("postgres_url")) as made:
        yield made


@pytest.fixture
def postgres(postgres_url: str) -> Iterator[str]:
    """An empty database on PostgreSQL."""
    with database_of(postgres_url) as made:
        yield made


def opened(url: str) -> Iterator[Engine]:
    made = open_database(url)
    yield made
    made.dispose()


@pytest.fixture
def empty(url: str) -> Iterator[Engine]:
    yield from opened(url)


@pytest.fixture
def engine(empty: Engine) -> Engine:
    migrate(empty)
    return empty


@pytest.fixture
def on_postgres(postgres: str) -> Iterator[Engine]:
    for made in opened(postgres):
        migrate(made)
        yield made


def brake_on(engine: Engine, processor: str, at: datetime = NOON) -> None:
    with writing(engine) as connection:
        connection.execute(insert(brakes).values(processor=processor, tripped_at=at, reason="a bug"))


def braked(engine: Engine) -> dict[str, datetime]:
    with reading(engine) as connection:
        return {row.processor: row.tripped_at for row in connection.execute(select(brakes))}


def test_migrations_make_every_table_from_nothing(empty: Engine) -> None:
    """Afterwards the program may start; a second time changes nothing."""
    first = migrate(empty)
    brake_on(empty, "kept")

    assert migrate(empty) == first
    assert set(inspect(empty).get_table_names()) == {*metadata.tables, "alembic_version"}
    assert list(braked(empty)) == ["kept"]
    check_revision(empty)


def test_migrations_make_what_the_tables_say(engine: Engine) -> None:
    """Alembic finds no difference, types included."""
    with reading(engine) as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True, "compare_server_default": True})

        assert compare_metadata(context, metadata) == []


def test_migrations_by_four_programs_at_once_work(url: str) -> None:
    """One makes the schema, the others wait for it; all of them say the same."""
    script = "import sys; from infra.database.engine import *; print(migrate(open_database(sys.argv[1])))"
    command = [sys.executable, "-c", script, url]
    programs = [
        subprocess.Popen(command, cwd=ROOT, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        for _ in range(4)
    ]

    said = [program.communicate(timeout=60)[0] for program in programs]

    assert [program.returncode for program in programs] == [0, 0, 0, 0], said
    assert len(set(said)) == 1


def test_a_program_refuses_a_database_without_schema(empty: Engine) -> None:
    """In one sentence that says what to do."""
    with pytest.raises(ConfigurationError, match=r"is at revision none, .*: run python -m infra migrate$"):
        check_revision(empty)


def test_a_program_refuses_a_database_of_a_newer_program(engine: Engine) -> None:
    """It neither runs on it nor migrates it."""
    with writing(engine) as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))

    with pytest.raises(ConfigurationError, match="is at revision 9999"):
        check_revision(engine)
    with pytest.raises(ConfigurationError, match=r"install the newer version$"):
        migrate(engine)


@pytest.mark.parametrize("hours", [-9, 0, 5.5])
def test_an_instant_is_the_same_when_read_back(engine: Engine, hours: float) -> None:
    """In UTC, to the microsecond, whatever zone it was written in."""
    at = NOON.replace(microsecond=123456).astimezone(timezone(timedelta(hours=hours)))

    brake_on(engine, "one", at)

    assert braked(engine) == {"one": at}
    assert braked(engine)["one"].utcoffset() == timedelta(0)


def test_instants_compare_in_time_order(engine: Engine) -> None:
    """In the database too, zones notwithstanding."""
    brake_on(engine, "later", (NOON + timedelta(seconds=1)).astimezone(timezone(timedelta(hours=-9))))
    brake_on(engine, "earlier", NOON.astimezone(timezone(timedelta(hours=9))))

    with reading(engine) as connection:
        ordered = connection.execute(select(brakes.c.processor).order_by(brakes.c.tripped_at)).scalars().all()
        until = select(brakes.c.processor).where(brakes.c.tripped_at <= NOON)

        assert ordered == ["earlier", "later"]
        assert connection.execute(until).scalars().all() == ["earlier"]


def test_an_instant_is_utc_when_the_session_is_elsewhere(postgres: str) -> None:
    """PostgreSQL answers in the session's time zone."""
    for engine in opened(f"{postgres}?options=-c%20timezone%3DAsia/Tokyo"):
        migrate(engine)
        brake_on(engine, "one")

        assert braked(engine)["one"].isoformat() == "2026-01-01T12:00:00+00:00"


@pytest.mark.parametrize("durable", [False, True])
def test_a_transaction_is_all_or_nothing(engine: Engine, durable: bool) -> None:
    """What raises inside it leaves nothing behind."""

    def write_and_fail() -> None:
        with writing(engine, durable=durable) as connection:
            connection.execute(insert(brakes).values(processor="half", tripped_at=NOON, reason=""))
            raise KeyError

    with pytest.raises(KeyError):
        write_and_fail()

    assert braked(engine) == {}


def test_every_thread_of_a_program_gets_a_connection(engine: Engine) -> None:
    """All four processors at once, each with all its threads: nobody waits in vain, nothing is lost."""
    together = threading.Barrier(CONNECTIONS)

    def work(number: int) -> None:
        together.wait(30)
        brake_on(engine, f"processor-{number}")
        braked(engine)

    with ThreadPoolExecutor(CONNECTIONS) as threads:
        list(threads.map(work, range(CONNECTIONS)))

    assert len(braked(engine)) == CONNECTIONS


def test_a_connection_that_is_cut_can_be_tried_again(on_postgres: Engine) -> None:
    """Inside a transaction it is a TransientError and nothing was written; the next transaction works."""

    def write_while_cut() -> None:
        with writing(on_postgres) as connection:
            connection.execute(insert(brakes).values(processor="cut", tripped_at=NOON, reason=""))
            cut_everybody(on_postgres)
            connection.execute(select(func.count()).select_from(brakes))

    with pytest.raises(TransientError):
        write_while_cut()

    assert braked(on_postgres) == {}
    brake_on(on_postgres, "next")
    assert list(braked(on_postgres)) == ["next"]


def test_connections_cut_between_transactions_go_unnoticed(on_postgres: Engine) -> None:
    """A restart of the server costs idle programs nothing."""
    braked(on_postgres)
    cut_everybody(on_postgres)

    brake_on(on_postgres, "next")

    assert list(braked(on_postgres)) == ["next"]


def cut_everybody(engine: Engine) -> None:
    url = engine.url.render_as_string(hide_password=False)
    others = "datname = current_database() AND pid <> pg_backend_pid()"
    run_on(url, f"SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity WHERE {others}")  # noqa: S608 # a constant


@pytest.mark.parametrize("options", ["statement_timeout%3D50", "idle_in_transaction_session_timeout%3D50"])
def test_a_stuck_transaction_ends(postgres: str, options: str) -> None:
    """By PostgreSQL's own limits, which a URL may set; it can be tried again."""

    def be_stuck(engine: Engine) -> None:
        with writing(engine) as connection:
            connection.execute(text("SELECT 1"))
            if "idle" in options:
                SystemClock().sleep(0.2)
            connection.execute(text("SELECT pg_sleep(0.2)"))

    for engine in opened(f"{postgres}?options=-c%20{options}"):
        with pytest.raises(TransientError):
            be_stuck(engine)


@pytest.mark.parametrize("processor", ["a\0b", "x" * 65])
def test_a_value_that_postgresql_cannot_hold_is_the_messages_fault(on_postgres: Engine, processor: str) -> None:
    """A dead letter, not a bug of ours and not an outage."""
    with pytest.raises(InvalidEvent, match="cannot hold it"):
        brake_on(on_postgres, processor)


def test_a_missing_table_cannot_be_tried_again(on_postgres: Engine) -> None:
    """Time does not mend what PostgreSQL calls a programming error."""
    with writing(on_postgres) as connection:
        connection.execute(text("DROP TABLE brakes"))

    with pytest.raises(PermanentError):
        braked(on_postgres)


def test_a_server_that_is_away_can_be_tried_again() -> None:
    """Nobody listens there."""
    engine = open_database("postgresql://user:secret@127.0.0.1:1/nothing")

    with pytest.raises(TransientError) as caught:
        check_revision(engine)

    assert "secret" not in str(caught.value)


def test_large_sizes_fit(engine: Engine) -> None:
    """A recording may be larger than 2 GiB."""
    row: dict[str, Any] = {column.name: "x" for column in receipts.c if not column.nullable}
    row |= dict.fromkeys(("call_ended_at", "access_until", "expires_at", "archived_at"), NOON)

    with writing(engine) as connection:
        connection.execute(insert(receipts).values({**row, "size_bytes": 10 * 1024**3}))

    with reading(engine) as connection:
        assert connection.execute(select(receipts.c.size_bytes)).scalar_one() == 10 * 1024**3


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("authority"))


@pytest.fixture(scope="module")
def tls_url(authority: Authority, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A server that takes TLS, by a certificate of our own authority."""
    certificate = authority.issue("127.0.0.1")
    server = PostgresServer(tmp_path_factory.mktemp("postgres-tls"), SystemClock(), certificate)
    try:
        server.start()
    except ConfigurationError as error:
        missing(str(error))
    yield "".join(server.url)
    server.stop()


def test_tls_works_when_the_authority_is_known(authority: Authority, tls_url: str) -> None:
    """By the URL alone, certificate and host name verified."""
    url = database_url({"DATABASE_URL": f"{tls_url}?sslmode=verify-full&sslrootcert={authority.certificate}"})

    for engine in opened(url):
        with reading(engine) as connection:
            encrypted = "SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()"

            assert connection.execute(text(encrypted)).scalar_one() is True


def test_tls_is_refused_when_another_authority_signed(tls_url: str, tmp_path: Path) -> None:
    """The sentence says that it is the certificate."""
    stranger = Authority(tmp_path)

    for engine in opened(f"{tls_url}?sslmode=verify-full&sslrootcert={stranger.certificate}"):
        with pytest.raises(TransientError, match=r"not one that sslrootcert vouches for$"):
            check_revision(engine)


def test_a_wrong_password_is_told(tls_url: str) -> None:
    """In our words: PostgreSQL's name the user."""
    address = tls_url.rpartition("@")[2]

    for engine in opened(f"postgresql://pipeline:wrong@{address}"):
        with pytest.raises(TransientError, match=r"refuses the user name or the password$"):
            check_revision(engine)
