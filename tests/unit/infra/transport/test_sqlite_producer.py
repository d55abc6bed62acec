"""The embedded log's writer thread: whatever it meets, the next record is written."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from infra.errors import TransientError
from infra.transport import sqlite_producer
from infra.transport.sqlite import SqliteTransport
from infra.transport.sqlite_log import SqliteLog
from infra.transport.sqlite_producer import SqliteProducer
from schemas.topics import WEBHOOKS
from tests.fakes.clock import FakeClock

ENOUGH_SECONDS = 5.0  # for the writer, which needs milliseconds


@pytest.fixture
def producer(tmp_path: Path) -> Iterator[SqliteProducer]:
    clock, path = FakeClock(), tmp_path / "log.db"
    SqliteTransport(path, clock).create_topics([WEBHOOKS])
    opened = SqliteProducer(SqliteLog(path, clock))
    yield opened
    opened.close()


def put(producer: SqliteProducer, timeout_seconds: float = ENOUGH_SECONDS) -> None:
    producer.produce(WEBHOOKS.name, key=None, headers=(), value=b"value", timeout_seconds=timeout_seconds)


def no_memory(*_: object) -> None:
    raise MemoryError


def test_the_writer_goes_on_after_an_error_nobody_expected(
    producer: SqliteProducer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever waits is told at once, for a while the log is not ready, and then the next record is written."""
    with monkeypatch.context() as broken:
        broken.setattr(sqlite_producer, "append", no_memory)
        with pytest.raises(TransientError, match="MemoryError"):
            put(producer)
        ready = producer.ready()

    put(producer)

    assert (ready, producer.ready()) == (False, True)


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_a_writer_that_died_is_replaced(producer: SqliteProducer, monkeypatch: pytest.MonkeyPatch) -> None:
    """The record in its hand is lost to its caller in time, the next one finds a new thread."""
    with monkeypatch.context() as broken:
        broken.setattr(sqlite_producer._Writer, "_next_batch", no_memory)
        with pytest.raises(TransientError, match="in time"):
            put(producer, timeout_seconds=0.05)
        writer = producer._writer
        assert writer is not None
        writer.thread.join(ENOUGH_SECONDS)

    put(producer)

    assert producer._writer is not writer
