"""The spool's gauges, and the warning before it is needed."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from infra.transport.spool import Spool
from tests.fakes.clock import FakeClock
from tests.fakes.metrics import RecordingMetrics
from webhook_receiver.spool_watch import CHECK_SECONDS, SpoolWatch


class World:
    def __init__(self, path: Path) -> None:
        self.free_bytes = 10**12
        self.clock, self.metrics = FakeClock(), RecordingMetrics()
        self.spool = Spool(path, self.clock, lambda _: self.free_bytes)
        self.watch = SpoolWatch(self.spool, self.metrics, self.clock)


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    made = World(tmp_path / "receiver.db")
    yield made
    made.spool.close()


def test_gauges_tell_how_full_the_spool_is(world: World) -> None:
    """Count, bytes, age of the oldest and room that is left."""
    world.spool.put("topic", key=None, headers=(), value=b"x", timeout_seconds=5)
    world.clock.advance(90)
    world.watch.look()

    gauge = world.metrics.gauge
    assert gauge("webhook_spool_records") == 1
    assert gauge("webhook_spool_oldest_age_seconds") == pytest.approx(90)
    assert gauge("webhook_spool_aside_records") == 0
    assert (gauge("webhook_spool_bytes") or 0) > 0
    assert gauge("webhook_spool_free_bytes") == 10**12
    assert gauge("webhook_spool_writable") == 1
    assert world.watch.remarks() == ""


def test_problem_is_told_before_the_spool_is_needed(world: World) -> None:
    """A disk that is nearly full shows in gauge, remark and one log line, and so does its end."""
    world.free_bytes = 1000
    with capture_logs() as lines:
        world.watch.look()
        gauge, remark = world.metrics.gauge("webhook_spool_writable"), world.watch.remarks()
        world.clock.advance(CHECK_SECONDS)
        world.watch.look()
        world.free_bytes = 10**12
        world.clock.advance(CHECK_SECONDS)
        world.watch.look()

    assert gauge == 0
    assert remark == "the spool cannot be relied on: less than 64 MiB are free on the disk of the spool\n"
    assert [line["event"] for line in lines] == ["spool.not_writable", "spool.writable_again"]
    assert world.metrics.gauge("webhook_spool_writable") == 1


def test_problem_is_told_when_the_file_is_gone(world: World, tmp_path: Path) -> None:
    """Somebody cleaned the folder up: what is written now would be lost."""
    (tmp_path / "receiver.db").unlink()
    world.watch.look()

    assert "gone" in world.watch.remarks()
