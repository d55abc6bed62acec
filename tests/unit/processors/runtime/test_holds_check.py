"""The daily look at every hold: what somebody undid comes back, and what cannot is said."""

import zlib
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from sqlalchemy import Engine, insert, update

from infra.database.engine import migrate, open_database, writing
from infra.database.tables import effects, receipts
from infra.storage.base import Description
from infra.storage.tags import lifecycle_tags
from processors.cli import cli
from processors.runtime.expiry import expire
from processors.runtime.holds import check_holds
from processors.runtime.receipts import Receipts
from schemas.archive import access_until, expires_at
from tests.fakes.clock import FakeClock
from tests.fakes.object_store import FakeObjectStore

ENDED_AT = datetime(2026, 1, 1, 12, tzinfo=UTC)
LATER = datetime(2027, 1, 1, 12, tzinfo=UTC)


class Archive:
    """An archive of held objects in a bucket with Object Lock."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self.store = FakeObjectStore(locks=True)
        self.receipts = Receipts(engine)
        self.clock = FakeClock(LATER)

    def put(self, key: str, hold: str = "legal", tag: str | None = None, *, legal_hold: bool = True) -> None:
        """Archive an object whose receipt has this hold; `tag` and `legal_hold` are what it carries now."""
        description = Description("video/mp4", "inline", tags(tag or hold), legal_hold=legal_hold)
        self.store.put_small(key, b"x", description, zlib.crc32(b"x"))
        row = {
            "object_key": key, "session_id": "u", "call_id": "c", "kind": "video", "file_type": "MP4", "size_bytes": 1,
            "crc32": "0", "sha256": "0", "call_ended_at": ENDED_AT, "access_until": access_until(ENDED_AT),
            "expires_at": expires_at(ENDED_AT), "hold": hold, "archived_at": ENDED_AT,
        }  # fmt: skip
        with writing(self.engine) as connection:
            connection.execute(insert(receipts).values(**row))

    def ask_for_tags(self, key: str, status: str) -> None:
        row = {
            "effect_id": key, "processor": "recording_archive", "state_key": "1", "kind": "tag_file",
            "target": f"tags:{key}", "command": "{}", "status": status, "due_at": ENDED_AT, "attempts": 0,
            "created_at": ENDED_AT,
        }  # fmt: skip
        with writing(self.engine) as connection:
            connection.execute(insert(effects).values(**row))

    def carries(self, key: str) -> tuple[str, bool | None]:
        return self.store.get_tags(key)["hold"], self.store.legal_hold(key)


def tags(hold: str) -> dict[str, str]:
    return lifecycle_tags(
        kind="video", session_id="u", call_id="c", order_id=None, call_ended_at=ENDED_AT, hold=hold  # type: ignore[arg-type]
    )  # fmt: skip


@pytest.fixture
def archive(tmp_path: Path) -> Iterator[Archive]:
    engine = open_database(f"sqlite:///{tmp_path / 'processors.db'}")
    migrate(engine)
    yield Archive(engine)
    engine.dispose()


def test_what_somebody_undid_is_put_right(archive: Archive) -> None:
    """Tag or legal hold, or both; what stands is only looked at."""
    archive.put("stands")
    archive.put("untagged", tag="none")
    archive.put("unlocked", legal_hold=False)
    archive.put("neither", tag="none", legal_hold=False)
    archive.put("not held", hold="none", legal_hold=False)

    summary = check_holds(archive.store, archive.receipts, archive.clock)

    assert (summary.standing, sorted(summary.repaired), summary.failed) == (1, ["neither", "unlocked", "untagged"], {})
    assert all(archive.carries(key) == ("legal", True) for key in ("stands", "untagged", "unlocked", "neither"))
    assert archive.carries("not held") == ("none", False)


def test_a_held_object_that_is_gone_is_said(archive: Archive) -> None:
    """Nothing brings it back, so a person has to know; the others are looked at all the same."""
    archive.put("gone")
    archive.put("stands")
    del archive.store.objects["gone"]

    summary = check_holds(archive.store, archive.receipts, archive.clock)

    assert summary.failed == {"gone": "it is held, and gone"}
    assert summary.standing == 1


@pytest.mark.parametrize("status", ["pending", "leased", "dead"])
def test_a_change_that_waits_is_not_forestalled(archive: Archive, status: str) -> None:
    """The worker alone knows what comes next: the object is left as it is, and that is said."""
    archive.put("changing", tag="none", legal_hold=False)
    archive.ask_for_tags("changing", status)

    summary = check_holds(archive.store, archive.receipts, archive.clock)

    assert "waits" in summary.failed["changing"]
    assert archive.carries("changing") == ("none", False)


def test_a_release_that_comes_meanwhile_wins(archive: Archive) -> None:
    """The worker released while we put the hold back: the object is looked at again, and ends without a hold."""
    archive.put("released", tag="none", legal_hold=False)

    def release(operation: str) -> None:
        if operation == "set_legal_hold":
            archive.store.before = lambda _: None
            with writing(archive.engine) as connection:
                connection.execute(update(receipts).values(hold="none"))

    archive.store.before = release

    check_holds(archive.store, archive.receipts, archive.clock)

    assert archive.carries("released") == ("none", False)


def test_a_bucket_without_object_lock_is_counted(archive: Archive) -> None:
    """There the tag is all that holds."""
    archive.store.locks = False
    archive.put("tagged")

    assert check_holds(archive.store, archive.receipts, archive.clock).without_object_lock == 1


def test_expiry_leaves_what_is_under_legal_hold(archive: Archive) -> None:
    """Also where nothing but the legal hold tells of it, for it is not ours."""
    archive.put("held", hold="none", legal_hold=True)
    archive.put("due", hold="none", legal_hold=False)

    summary = expire(archive.store, archive.receipts, archive.clock)

    assert (summary.held, summary.expired) == (["held"], ["due"])


@pytest.fixture
def command(archive: Archive, monkeypatch: pytest.MonkeyPatch) -> Callable[[], Result]:
    settings = {
        "TRANSPORT_URL": "sqlite:///unused.db", "CALL_PAGE_URL": "https://market.example/calls/{call_id}",
        "ARCHIVE_BUCKET": "a-bucket", "DATABASE_URL": str(archive.engine.url),
    }  # fmt: skip
    for name, value in settings.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr("processors.holds_cli.S3Store", lambda bucket, endpoint_url: archive.store)
    return lambda: CliRunner().invoke(cli, ["holds", "check"])


def test_the_command_names_what_it_put_right_once(archive: Archive, command: Callable[[], Result]) -> None:
    """Exit code 1 for a person to look who touched it; the next run finds nothing."""
    archive.put("untagged", tag="none")

    first, second = command(), command()

    assert (first.exit_code, second.exit_code) == (1, 0)
    assert first.output.splitlines() == ["put right: untagged", "1 held, 1 put right, 0 failed"]
    assert second.output.splitlines() == ["1 held, 0 put right, 0 failed"]
