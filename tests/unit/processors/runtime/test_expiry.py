"""Expiry: what is past its retention goes, what is held stays, and nothing stops the others."""

import zlib
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import Engine, insert

from infra.database.engine import migrate, open_database, writing
from infra.database.tables import effects, receipts
from infra.errors import PermanentError
from infra.storage.base import Description
from infra.storage.tags import lifecycle_tags
from processors.runtime.expiry import expire
from processors.runtime.receipts import Receipts
from schemas.archive import access_until, expires_at
from tests.fakes.clock import FakeClock
from tests.fakes.object_store import FakeObjectStore

ENDED_AT = datetime(2026, 1, 1, 12, tzinfo=UTC)
DAY_180 = ENDED_AT + timedelta(days=180)


class Archive:
    """An archive with objects and their receipts."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self.store = FakeObjectStore()
        self.receipts = Receipts(engine)
        self.clock = FakeClock(DAY_180)

    def put(self, key: str, *, ended_at: datetime = ENDED_AT, hold: str = "none", tag: str | None = None) -> None:
        """Archive an object; `tag` is its hold tag where that differs from the receipt."""
        tags = lifecycle_tags(
            kind="video", session_id="u", call_id="c", order_id=None, call_ended_at=ended_at, hold=tag or hold  # type: ignore[arg-type]
        )  # fmt: skip
        self.store.put_small(key, b"x", Description("video/mp4", "inline", tags), zlib.crc32(b"x"))
        row = {
            "object_key": key, "session_id": "u", "kind": "video", "file_type": "MP4", "size_bytes": 1, "crc32": "0",
            "sha256": "0", "call_ended_at": ended_at, "access_until": access_until(ended_at),
            "expires_at": expires_at(ended_at), "hold": hold, "archived_at": ended_at,
        }  # fmt: skip
        with writing(self.engine) as connection:
            connection.execute(insert(receipts).values(**row))

    def ask_for_tags(self, key: str, status: str, number: int) -> None:
        """Have an effect that changes its tags in this status."""
        row = {
            "effect_id": f"{key}-{number}", "processor": "recording_archive", "state_key": "1", "kind": "tag_file",
            "target": f"tags:{key}", "command": "{}", "status": status, "due_at": ENDED_AT, "attempts": 0,
            "created_at": ENDED_AT,
        }  # fmt: skip
        with writing(self.engine) as connection:
            connection.execute(insert(effects).values(**row))

    def expired_at(self, key: str) -> datetime | None:
        found = self.receipts.find(key)
        assert found is not None
        return found.expired_at


@pytest.fixture
def archive(tmp_path: Path) -> Iterator[Archive]:
    engine = open_database(f"sqlite:///{tmp_path / 'processors.db'}")
    migrate(engine)
    yield Archive(engine)
    engine.dispose()


def test_exactly_what_is_due_is_removed(archive: Archive) -> None:
    """From the 180th day on, to the second; held or younger objects stay."""
    archive.put("due")
    archive.put("young", ended_at=ENDED_AT + timedelta(seconds=1))
    archive.put("held", hold="legal")

    summary = expire(archive.store, archive.receipts, archive.clock)

    assert (summary.expired, summary.held, summary.failed) == (["due"], [], {})
    assert set(archive.store.objects) == {"young", "held"}
    assert archive.expired_at("due") == DAY_180
    assert archive.expired_at("young") is None


def test_a_hold_in_the_tags_wins_over_the_receipt(archive: Archive) -> None:
    """Somebody may have tagged the object by hand: it stays, and the summary says so."""
    archive.put("tagged", tag="trust-safety")

    summary = expire(archive.store, archive.receipts, archive.clock)

    assert summary.held == ["tagged"]
    assert "tagged" in archive.store.objects


@pytest.mark.parametrize("status", ["pending", "leased", "dead"])
def test_an_object_whose_tags_are_about_to_change_is_left(archive: Archive, status: str) -> None:
    """The change may be a hold that could not be placed yet."""
    archive.put("changing")
    archive.ask_for_tags("changing", "done", 1)
    archive.ask_for_tags("changing", status, 2)

    summary = expire(archive.store, archive.receipts, archive.clock)

    assert summary.unsettled == ["changing"]
    assert "changing" in archive.store.objects


def test_an_object_whose_tags_were_changed_since_is_removed(archive: Archive) -> None:
    """An older change that died does not count once a newer one is done."""
    archive.put("settled")
    archive.ask_for_tags("settled", "dead", 1)
    archive.ask_for_tags("settled", "done", 2)

    assert expire(archive.store, archive.receipts, archive.clock).expired == ["settled"]


def test_a_dry_run_removes_nothing(archive: Archive) -> None:
    """It tells what would be removed."""
    archive.put("due")

    summary = expire(archive.store, archive.receipts, archive.clock, dry_run=True)

    assert (summary.dry_run, summary.expired) == (True, ["due"])
    assert "due" in archive.store.objects
    assert archive.expired_at("due") is None


def test_one_that_fails_stops_no_other(archive: Archive) -> None:
    """The failure is told and the object is due again next time."""
    archive.put("a")
    archive.put("b")
    refusals = iter([PermanentError("delete: the store answered 403 AccessDenied")])

    def refuse_once(operation: str) -> None:
        if operation == "delete_all_versions" and (error := next(refusals, None)):
            raise error

    archive.store.before = refuse_once

    first = expire(archive.store, archive.receipts, archive.clock)
    second = expire(archive.store, archive.receipts, archive.clock)

    assert (list(first.failed), first.expired) == (["a"], ["b"])
    assert "403" in first.failed["a"]
    assert (second.failed, second.expired) == ({}, ["a"])


def test_what_the_buckets_rule_removed_is_noted(archive: Archive) -> None:
    """Nothing is left to remove; the receipt says that it is gone. Afterwards nothing is due."""
    archive.put("gone")
    archive.store.objects.clear()

    assert expire(archive.store, archive.receipts, archive.clock).expired == ["gone"]
    assert archive.expired_at("gone") == DAY_180
    assert expire(archive.store, archive.receipts, archive.clock).expired == []
