"""What the embedded log promises beyond the port: its file, its leases, its retention."""

import resource
import sqlite3
import stat
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import timedelta
from pathlib import Path

import pytest

from infra.errors import ConfigurationError, TransientError
from infra.transport import Producer, TopicPartition
from infra.transport.sqlite import SqliteTransport
from infra.transport.sqlite_leases import LEASE_SECONDS
from schemas.topics import CALL_EVENTS, WEBHOOKS
from tests.fakes.clock import FakeClock

TOPIC = WEBHOOKS.name
PLACE = TopicPartition(TOPIC, 0)


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def log(tmp_path: Path, clock: FakeClock) -> SqliteTransport:
    transport = SqliteTransport(tmp_path / "log.db", clock)
    transport.create_topics([WEBHOOKS, CALL_EVENTS])
    return transport


@pytest.fixture
def producer(log: SqliteTransport) -> Iterator[Producer]:
    opened = log.producer()
    yield opened
    opened.close()


def put(producer: Producer, *contents: bytes, topic: str = TOPIC) -> None:
    for content in contents:
        producer.produce(topic, key=None, headers=(), value=content, timeout_seconds=5)


def test_a_member_that_lost_its_lease_cannot_commit(log: SqliteTransport, producer: Producer, clock: FakeClock) -> None:
    """It is silently left behind, and learns of it with its next poll; the new owner's commits count."""
    put(producer, b"a", b"b")
    slow, quick = log.consumer("group", [TOPIC]), log.consumer("group", [TOPIC])
    assert len(slow.poll(0)) == 2
    assert quick.poll(0) == []
    clock.advance(LEASE_SECONDS + 1)

    assert [record.value for record in quick.poll(0)] == [b"a", b"b"]
    quick.commit({PLACE: 1})
    slow.commit({PLACE: 2})
    assert slow.poll(0) == []
    assert slow.assignment() == {}
    quick.close()

    assert [record.value for record in slow.poll(1)] == [b"b"]
    slow.close()


def test_a_commit_prolongs_the_lease(log: SqliteTransport, producer: Producer, clock: FakeClock) -> None:
    """A member at work keeps what it has."""
    put(producer, b"a")
    worker, waiting = log.consumer("group", [TOPIC]), log.consumer("group", [TOPIC])
    worker.poll(0)
    clock.advance(LEASE_SECONDS - 1)
    worker.commit({PLACE: 1})
    clock.advance(LEASE_SECONDS - 1)

    assert waiting.poll(0) == []
    assert waiting.assignment() == {}
    worker.close()
    waiting.close()


def test_a_member_of_several_topics_reads_them_in_turn(log: SqliteTransport, producer: Producer) -> None:
    """A full topic does not starve the other."""
    put(producer, *[b"busy"] * 50)
    put(producer, b"quiet", topic=CALL_EVENTS.name)
    consumer = log.consumer("group", [TOPIC, CALL_EVENTS.name])

    first, second = consumer.poll(0, 10), consumer.poll(0, 10)
    consumer.close()

    assert {record.topic for record in (*first, *second)} == {TOPIC, CALL_EVENTS.name}


def test_records_go_when_their_retention_is_over(log: SqliteTransport, producer: Producer, clock: FakeClock) -> None:
    """They are dropped when the topics are made again; offsets go on, and a group starts at the oldest that is left."""
    put(producer, b"old", b"old too")
    clock.advance(WEBHOOKS.retention.total_seconds() + 60)
    put(producer, b"new")

    log.create_topics([WEBHOOKS])
    consumer = log.consumer("group", [TOPIC])
    polled = consumer.poll(0)
    consumer.close()

    assert [(record.offset, record.value) for record in log.read(PLACE, 0)] == [(2, b"new")]
    assert [record.offset for record in polled] == [2]
    assert log.end_offsets(TOPIC) == {PLACE: 3}


def test_a_group_is_at_its_end_when_everything_it_missed_was_dropped(
    log: SqliteTransport, producer: Producer, clock: FakeClock
) -> None:
    """There is nothing left to poll."""
    put(producer, b"old")
    clock.advance(timedelta(days=400).total_seconds())
    log.create_topics([WEBHOOKS])
    consumer = log.consumer("group", [TOPIC])
    consumer.poll(0)

    assert consumer.assignment() == {PLACE: True}
    consumer.close()


def test_the_file_is_for_its_owner_alone(tmp_path: Path, log: SqliteTransport, producer: Producer) -> None:
    """The files beside it too."""
    put(producer, b"a")

    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in tmp_path.iterdir()}

    assert modes == {"log.db": 0o600, "log.db-wal": 0o600, "log.db-shm": 0o600}


def test_a_file_that_is_no_log_is_one_sentence(tmp_path: Path, clock: FakeClock) -> None:
    """Text, another program's database, or a folder that is not there."""
    (tmp_path / "text").write_text("hello, this is not a database\n" * 100)
    with sqlite3.connect(tmp_path / "other.db") as other:
        other.execute("CREATE TABLE a (b)")
    other.close()

    with pytest.raises(ConfigurationError, match=r"is not an SQLite database$"):
        SqliteTransport(tmp_path / "text", clock)
    with pytest.raises(ConfigurationError, match=r"is the database of another program$"):
        SqliteTransport(tmp_path / "other.db", clock)
    with pytest.raises(ConfigurationError, match=r"cannot be opened: No such file or directory$"):
        SqliteTransport(tmp_path / "missing" / "log.db", clock)


@contextmanager
def files_no_larger_than(size_bytes: int) -> Iterator[None]:
    """Let every write beyond this size fail, as on a full disk."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size_bytes, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_a_full_disk_passes(log: SqliteTransport, producer: Producer, clock: FakeClock) -> None:
    """Produce says so in a TransientError, ready is shy for a second, and what was stored before stays."""
    put(producer, b"before")

    with files_no_larger_than(1024 * 1024), pytest.raises(TransientError, match="writing to the SQLite log failed"):
        put(producer, bytes(2_000_000))
    assert producer.ready() is False
    clock.advance(1.1)
    assert producer.ready() is True
    put(producer, b"after")

    assert [record.value for record in log.read(PLACE, 0)] == [b"before", b"after"]


def test_it_is_not_ready_while_another_program_holds_it(
    tmp_path: Path, log: SqliteTransport, producer: Producer, clock: FakeClock
) -> None:
    """However long ago the last record was given up: `/readyz` must not promise what nobody can keep."""
    put(producer, b"before")
    with closing(sqlite3.connect(tmp_path / "log.db", isolation_level=None)) as other:
        other.execute("BEGIN EXCLUSIVE")
        with pytest.raises(TransientError, match="in time"):
            producer.produce(TOPIC, key=None, headers=(), value=b"late", timeout_seconds=0.05)
        clock.advance(60)

        assert producer.ready() is False
        other.execute("ROLLBACK")
    put(producer, b"after")

    assert producer.ready() is True


def test_a_forked_process_writes_for_itself(tmp_path: Path, log: SqliteTransport) -> None:
    """A server that forks its workers may have made, and used, the producer before."""
    code = """
import os, sys
from pathlib import Path
from infra.clock import SystemClock
from infra.transport.sqlite import SqliteTransport
producer = SqliteTransport(Path(sys.argv[1]), SystemClock()).producer()
def put(value):
    producer.produce("zoom.webhooks", key=None, headers=(), value=value, timeout_seconds=5)
put(b"parent")
child = os.fork()
put(b"child" if child == 0 else b"parent again")
if child:
    sys.exit(os.waitpid(child, 0)[1])
os._exit(0)
"""
    root = Path(__file__).resolve().parents[4]

    done = subprocess.run(
        [sys.executable, "-W", "ignore::DeprecationWarning", "-c", code, tmp_path / "log.db"],
        cwd=root, timeout=30, check=False,
    )  # fmt: skip

    assert done.returncode == 0
    assert sorted(record.value for record in log.read(PLACE, 0)) == [b"child", b"parent", b"parent again"]
