"""`python -m processors uploads`: what was begun and never finished, and what nobody will go on with."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from sqlalchemy import Engine, insert

from infra.database.engine import migrate, open_database, writing
from infra.database.tables import effects
from infra.errors import TransientError
from infra.storage.base import Description
from processors.cli import cli
from tests.unit.infra.storage.memory_store import MemoryStore, failing_on

WANTED, ABANDONED = "calls/1/wanted", "calls/1/abandoned"
LONG_AGO = datetime(2026, 1, 1, tzinfo=UTC)
SETTINGS = {
    "TRANSPORT_URL": "sqlite:///unused.db", "CALL_PAGE_URL": "https://market.example/calls/{call_id}",
    "CALL_POLICIES_URL": "https://market.example/policies", "ARCHIVE_BUCKET": "a-bucket", "CHAT_URL": "console:",
    "ZOOM_ACCOUNT_IDS": "account-1",
}  # fmt: skip


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Engine]:
    made = open_database(f"sqlite:///{tmp_path / 'processors.db'}")
    migrate(made)
    yield made
    made.dispose()


@pytest.fixture
def store(monkeypatch: pytest.MonkeyPatch, engine: Engine) -> MemoryStore:
    """The archive with two unfinished uploads; one belongs to an effect that is still to happen."""
    store = MemoryStore()
    for key in (WANTED, ABANDONED):
        store.create_multipart(key, Description("video/mp4", "inline", {}))
    row = {
        "effect_id": "1", "processor": "recording_archive", "state_key": "1", "kind": "archive_file",
        "target": f"object:{WANTED}", "command": "{}", "status": "pending", "due_at": LONG_AGO, "attempts": 0,
        "created_at": LONG_AGO,
    }  # fmt: skip
    with writing(engine) as connection:
        connection.execute(insert(effects).values(**row))
    for name, value in {**SETTINGS, "DATABASE_URL": str(engine.url)}.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr("processors.uploads_cli.S3Store", lambda bucket, endpoint_url: store)
    return store


@pytest.fixture
def uploads(store: MemoryStore) -> Callable[..., Result]:
    return lambda *arguments: CliRunner().invoke(cli, ["uploads", *arguments])


def left(store: MemoryStore) -> list[str]:
    return [key for key, _, _ in store.uploads.values()]


def test_uploads_tells_who_will_go_on_with_what(uploads: Callable[..., Result], store: MemoryStore) -> None:
    """And touches nothing."""
    told = uploads()

    assert told.exit_code == 0, told.exception
    assert f"in progress  {WANTED}\n" in told.output
    assert f"abandoned    {ABANDONED}\n" in told.output
    assert told.output.endswith("2 unfinished, 1 of them abandoned\n")
    assert left(store) == [WANTED, ABANDONED]


def test_abort_throws_away_what_is_abandoned(uploads: Callable[..., Result], store: MemoryStore) -> None:
    """What an effect will go on with stays; a second time there is nothing to do."""
    told, again = uploads("--abort"), uploads("--abort")

    assert left(store) == [WANTED]
    assert told.output.endswith("1 thrown away\n")
    assert again.output.endswith("1 unfinished, 0 of them abandoned\n0 thrown away\n")


def test_abort_says_what_could_not_be_thrown_away(uploads: Callable[..., Result], store: MemoryStore) -> None:
    """With exit code 1."""
    store.before = failing_on("abort", TransientError("the store does not answer"))

    told = uploads("--abort")

    assert told.exit_code == 1
    assert f"failed: {ABANDONED}: the store does not answer" in told.output
    assert left(store) == [WANTED, ABANDONED]
