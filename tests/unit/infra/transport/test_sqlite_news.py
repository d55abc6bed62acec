"""News of the embedded log: whoever waits hears of every write, and one alone looks."""

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import pytest

from infra.clock import SystemClock
from infra.transport.sqlite import SqliteTransport
from infra.transport.sqlite_log import SqliteLog
from infra.transport.sqlite_news import LOOK_SECONDS, News
from schemas.topics import WEBHOOKS
from tests.fakes.clock import FakeClock

LONG_SECONDS = 30.0  # a wait that is over before that was woken


@pytest.fixture
def path(tmp_path: Path) -> Path:
    SqliteTransport(tmp_path / "log.db", SystemClock()).create_topics([WEBHOOKS])
    return tmp_path / "log.db"


@pytest.fixture
def news(path: Path) -> Iterator[News]:
    news = News(SqliteLog(path, SystemClock()))
    news.join()
    yield news
    news.leave()


def write(path: Path) -> None:
    """Store a record, as another process would."""
    with closing(SqliteTransport(path, SystemClock()).producer()) as producer:
        producer.produce(WEBHOOKS.name, key=None, headers=(), value=b"{}", timeout_seconds=5)


def test_edition_changes_with_a_write_and_not_without(path: Path, news: News) -> None:
    """A write makes another edition; looking again does not."""
    before = news.edition()
    again = news.edition()
    write(path)

    assert again == before
    assert news.edition() != before


def test_everyone_who_waits_is_woken_by_a_write(path: Path, news: News) -> None:
    """It is no matter who of them looked."""
    edition, clock = news.edition(), SystemClock()
    waiting = threading.Barrier(6)

    def wait() -> float:
        waiting.wait()
        began_at = clock.monotonic()
        news.wait(edition, LONG_SECONDS)
        return clock.monotonic() - began_at

    with ThreadPoolExecutor(5) as pool:
        waits = [pool.submit(wait) for _ in range(5)]
        waiting.wait()
        write(path)

        assert all(one.result() < LONG_SECONDS for one in waits)


def test_another_one_looks_when_the_looker_leaves(path: Path, news: News) -> None:
    """Whose time is over hands the looking on to whoever still waits."""
    edition, clock = news.edition(), SystemClock()

    def outlast() -> float:
        began_at = clock.monotonic()
        news.wait(edition, LONG_SECONDS)
        return clock.monotonic() - began_at

    with ThreadPoolExecutor(4) as pool:
        for _ in range(3):
            pool.submit(news.wait, edition, 3 * LOOK_SECONDS)
        outlasting = pool.submit(outlast)
        news.wait(edition, 6 * LOOK_SECONDS)
        write(path)

        assert outlasting.result() < LONG_SECONDS


def test_wait_ends_with_its_time(path: Path) -> None:
    """Without news it takes the time that was given, to a look."""
    clock = FakeClock()
    news = News(SqliteLog(path, clock))
    news.join()
    began_at = clock.monotonic()
    news.wait(news.edition(), 0.25)
    news.leave()

    assert clock.monotonic() - began_at == pytest.approx(0.25)


def test_news_goes_on_after_everyone_left(path: Path, news: News) -> None:
    """A new connection never hides what was written in between."""
    before = news.edition()
    news.leave()
    write(path)
    news.join()

    assert news.edition() != before
