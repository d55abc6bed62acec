"""The spool: what is put is there after a crash, in order; what cannot be put is said."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from infra.clock import SystemClock
from infra.errors import ConfigurationError, PermanentError, TransientError
from infra.transport.spool import MINIMUM_FREE_BYTES, Spool, lock_spool
from infra.transport.sqlite import SqliteTransport
from schemas.topics import MAX_RECORD_BYTES
from tests.fakes.clock import FakeClock

CLOCK = SystemClock()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "receiver.db"


@pytest.fixture
def small_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let no file have more than 100 pages."""
    connect = sqlite3.connect

    def limited(*arguments: object, **options: object) -> sqlite3.Connection:
        connection: sqlite3.Connection = connect(*arguments, **options)  # type: ignore[call-overload]
        connection.execute("PRAGMA max_page_count = 100")
        return connection

    monkeypatch.setattr(sqlite3, "connect", limited)


@pytest.fixture
def spool(path: Path) -> Iterator[Spool]:
    opened = Spool(path, CLOCK)
    yield opened
    opened.close()


def put(spool: Spool, value: bytes = b"value", topic: str = "topic") -> None:
    spool.put(topic, key=b"key", headers=(("ce_id", b"1"),), value=value, timeout_seconds=5)


def fill(spool: Spool) -> int:
    """Put until nothing more fits; return how many did."""
    for stored in range(1000):
        try:
            put(spool, b"x" * 10_000)
        except TransientError:
            return stored
    raise AssertionError("the disk was never full")


def values(spool: Spool) -> list[bytes]:
    return [record.value for record in spool.first(100)]


def test_record_comes_out_as_it_was_put(spool: Spool) -> None:
    """Topic, key, headers and value are kept; two topics share one queue."""
    put(spool, b"1")
    spool.put("other", key=None, headers=(), value=b"2", timeout_seconds=5)

    first, second = spool.first(10)
    assert (first.topic, first.key, first.headers, first.value) == ("topic", b"key", (("ce_id", b"1"),), b"1")
    assert (second.topic, second.key, second.headers, second.value) == ("other", None, (), b"2")
    assert len(spool.first(1)) == 1


def test_records_are_there_in_order_when_the_process_died(path: Path, spool: Spool) -> None:
    """What was put needs no close: another process finds it, first in first out."""
    for number in range(5):
        put(spool, b"%d" % number)

    with closing(Spool(path, CLOCK)) as after:
        assert values(after) == [b"0", b"1", b"2", b"3", b"4"]


def test_records_are_gone_when_removed(spool: Spool) -> None:
    """What was removed comes back never, and the rest keeps its order and its places."""
    for number in range(4):
        put(spool, b"%d" % number)

    spool.remove([record.offset for record in spool.first(2)])
    put(spool, b"4")

    assert values(spool) == [b"2", b"3", b"4"]


def test_record_is_out_of_the_queue_when_put_aside(spool: Spool) -> None:
    """It stops no other, and comes back at the end when it is asked for."""
    put(spool, b"refused")
    put(spool, b"next")

    spool.put_aside(spool.first(1)[0].offset)
    aside, waiting = spool.state().aside, values(spool)
    taken_back = spool.take_back()

    assert (aside, waiting) == (1, [b"next"])
    assert (taken_back, values(spool)) == (1, [b"next", b"refused"])
    assert spool.state().aside == 0


def test_state_tells_how_full_it_is(spool: Spool) -> None:
    """Count, bytes and the time of the oldest; nothing of them when it is empty."""
    empty = spool.state()
    began_at = CLOCK.now()
    put(spool, b"x" * 10_000)
    put(spool)

    state = spool.state()
    assert (empty.records, empty.oldest_at) == (0, None)
    assert state.records == 2
    assert state.size_bytes >= empty.size_bytes + 8_000  # in whole pages
    assert state.oldest_at is not None
    assert abs((state.oldest_at - began_at).total_seconds()) < 5


def test_largest_record_of_any_topic_fits(spool: Spool) -> None:
    """What the log would take, the spool takes."""
    put(spool, b"x" * (MAX_RECORD_BYTES - 100))

    assert spool.state().records == 1
    with pytest.raises(PermanentError):
        put(spool, b"x" * (MAX_RECORD_BYTES + 2000))


@pytest.mark.usefixtures("small_disk")
def test_put_fails_and_the_rest_is_sound_when_the_disk_is_full(path: Path, spool: Spool) -> None:
    """A full disk is said for each record, spoils none of those before, and passes."""
    stored = fill(spool)
    with pytest.raises(TransientError, match="SQLITE_FULL"):
        put(spool, b"x" * 10_000)
    was_ready = spool.ready()
    spool.remove([record.offset for record in spool.first(2)])
    put(spool, b"fits again")

    assert 0 < stored < 100
    assert not was_ready
    assert len(values(spool)) == stored - 2 + 1
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)


@pytest.mark.usefixtures("small_disk")
def test_it_is_not_ready_until_a_write_goes_well(path: Path) -> None:
    """A disk that was full a minute ago is full still, unless a check has found room."""
    clock = FakeClock()
    with closing(Spool(path, clock)) as spool:
        fill(spool)
        clock.advance(60)
        was_ready = spool.ready()
        spool.remove([record.offset for record in spool.first(2)])
        spool.check()

        assert not was_ready
        assert spool.ready()


def test_check_leaves_nothing_when_all_is_well(spool: Spool) -> None:
    """A check is no record."""
    spool.check()

    assert spool.state().records == 0
    assert spool.ready()


def test_check_warns_when_the_disk_is_nearly_full(path: Path) -> None:
    """Before it is full there is time to do something."""
    with (
        closing(Spool(path, CLOCK, lambda _: MINIMUM_FREE_BYTES - 1)) as spool,
        pytest.raises(TransientError, match="64 MiB"),
    ):
        spool.check()


def test_nothing_is_acknowledged_when_the_file_is_gone(path: Path, spool: Spool) -> None:
    """Writes to a file that was deleted would succeed, and be lost with the process."""
    put(spool)
    path.unlink()

    assert not spool.ready()
    with pytest.raises(TransientError, match="gone"):
        spool.check()
    with pytest.raises(TransientError, match="gone"):
        put(spool)


def test_put_is_refused_when_closed(spool: Spool) -> None:
    """Use after close is a bug, and said."""
    spool.close()

    with pytest.raises(PermanentError):
        put(spool)


@pytest.mark.parametrize("content", [b"not a database at all, but long enough to be read as one" * 10, None])
def test_spool_is_refused_when_the_file_is_something_else(path: Path, content: bytes | None) -> None:
    """Neither another file nor the embedded log itself becomes a spool; the setting is named."""
    if content is None:
        SqliteTransport(path, CLOCK).create_topics()
    else:
        path.write_bytes(content)

    with pytest.raises(ConfigurationError, match="SPOOL_PATH"):
        Spool(path, CLOCK)


def test_lock_is_refused_when_another_has_it(tmp_path: Path) -> None:
    """One spool, one process; the refusal names the setting. The folder is made, for its owner alone."""
    path = tmp_path / "spool" / "receiver.db"
    lock_spool(path)

    with pytest.raises(ConfigurationError, match="SPOOL_PATH"):
        lock_spool(path)
    assert path.parent.stat().st_mode & 0o777 == 0o700


def test_lock_is_refused_when_the_folder_cannot_be_made(tmp_path: Path) -> None:
    """The refusal says what is wrong and which setting it is."""
    (tmp_path / "file").write_text("")

    with pytest.raises(ConfigurationError, match="SPOOL_PATH"):
        lock_spool(tmp_path / "file" / "receiver.db")
