"""The archive's journal on SQLite and on PostgreSQL, and the clearing away of uploads that nobody goes on with."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import Engine, insert

from infra.archive.journal import Beginning
from infra.database.engine import migrate, open_database, writing
from infra.database.tables import effects
from infra.storage.base import Description, Part
from processors.runtime.uploads import LEFT_AFTER, UploadJournal, clear_upload, left_uploads
from tests.databases import KINDS, database_of
from tests.fakes.clock import FakeClock
from tests.unit.infra.storage.memory_store import MODIFIED_AT, MemoryStore

pytestmark = pytest.mark.xdist_group("postgres")
KEY, OTHER = "calls/1/a", "calls/1/b"
BEGINNING = Beginning(KEY, "upload-1", '"v1"', 10 * 1024**3, 8 * 1024**2)
FIRST, SECOND = Part(1, '"a"', 0xFFFFFFFF), Part(2, '"b"', 0)
LATER = MODIFIED_AT + LEFT_AFTER


@pytest.fixture(params=KINDS)
def engine(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Engine]:
    """A migrated database of either kind."""
    if request.param == "sqlite":
        yield from migrated(f"sqlite:///{tmp_path / 'processors.db'}")
        return
    with database_of(request.getfixturevalue("postgres_url")) as made:
        yield from migrated(made)


def migrated(url: str) -> Iterator[Engine]:
    made = open_database(url)
    migrate(made)
    yield made
    made.dispose()


@pytest.fixture
def journal(engine: Engine) -> UploadJournal:
    return UploadJournal(engine, FakeClock(datetime(2026, 1, 1, tzinfo=UTC)))


def test_a_note_comes_back_as_it_was_made(journal: UploadJournal) -> None:
    """With its parts by number, each once however often it is noted; other keys have none of it."""
    journal.begin(BEGINNING)
    for part in (SECOND, FIRST, FIRST):
        journal.add(KEY, "upload-1", part)

    assert journal.find(KEY) == (BEGINNING, [FIRST, SECOND])
    assert journal.find(OTHER) is None


def test_a_new_upload_takes_the_place_of_the_old(journal: UploadJournal) -> None:
    """Of the one before nothing is left, and whoever still sends its parts notes nothing."""
    journal.begin(BEGINNING)
    journal.add(KEY, "upload-1", FIRST)
    newer = Beginning(KEY, "upload-2", '"v2"', 5, 5)

    journal.begin(newer)
    journal.add(KEY, "upload-1", SECOND)
    journal.forget(KEY, "upload-1")

    assert journal.find(KEY) == (newer, [])


def test_workers_that_begin_the_same_key_at_once(engine: Engine) -> None:
    """One of them is noted, and none of them fails for it."""
    journals = [UploadJournal(engine, FakeClock(MODIFIED_AT)) for _ in range(4)]
    begun = [Beginning(KEY, f"upload-{number}", '"v1"', 5, 5) for number in range(4)]

    with ThreadPoolExecutor(4) as workers:
        list(workers.map(lambda both: [both[0].begin(both[1]) for _ in range(5)], zip(journals, begun, strict=True)))

    found = journals[0].find(KEY)
    assert found is not None
    assert found[0] in begun


def test_what_is_forgotten_is_gone(journal: UploadJournal) -> None:
    """The upload and its parts, of this key alone."""
    journal.begin(BEGINNING)
    journal.add(KEY, "upload-1", FIRST)
    journal.begin(Beginning(OTHER, "upload-3", '"v1"', 5, 5))

    journal.forget(KEY, "upload-1")

    assert journal.find(KEY) is None
    assert journal.find(OTHER) is not None


@pytest.mark.parametrize(
    ("status", "in_progress"),
    [("pending", True), ("leased", True), ("done", False), ("dead", False), ("dropped", False), (None, False)],
)
def test_an_upload_is_in_progress_while_its_effect_is_to_happen(
    engine: Engine, status: str | None, in_progress: bool
) -> None:
    """Only those that nobody will go on with are abandoned."""
    store = MemoryStore()
    upload_id = store.create_multipart(KEY, Description("video/mp4", "inline", {}))
    if status is not None:
        with writing(engine) as connection:
            connection.execute(insert(effects).values(**effect(status)))

    (found,) = left_uploads(store, engine, LATER)

    assert (found.upload.upload_id, found.in_progress) == (upload_id, in_progress)
    assert left_uploads(store, engine, LATER - timedelta(seconds=1)) == []


def test_what_is_cleared_leaves_no_part_and_no_note(engine: Engine, journal: UploadJournal) -> None:
    """And nothing else of the bucket is touched."""
    store = MemoryStore()
    upload_id = store.create_multipart(KEY, Description("video/mp4", "inline", {}))
    store.create_multipart("elsewhere/x", Description("video/mp4", "inline", {}))
    journal.begin(Beginning(KEY, upload_id, '"v1"', 5, 5))

    (found,) = left_uploads(store, engine, LATER)
    clear_upload(store, engine, found)

    assert [key for key, _, _ in store.uploads.values()] == ["elsewhere/x"]
    assert journal.find(KEY) is None


def effect(status: str) -> dict[str, object]:
    return {
        "effect_id": "1", "processor": "recording_archive", "state_key": "1", "kind": "archive_file",
        "target": f"object:{KEY}", "command": "{}", "status": status, "due_at": MODIFIED_AT, "attempts": 0,
        "created_at": MODIFIED_AT,
    }  # fmt: skip
