"""A spool that cannot be opened at the start: the receiver goes on with the log alone, says so, and tries again."""

import os
from dataclasses import replace
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from infra.errors import ConfigurationError, TransientError
from infra.settings import ReceiverSettings, receiver_settings
from infra.transport.late_spool import LateSpool
from infra.transport.spool import lock_spool
from tests.fakes.clock import FakeClock
from tests.fakes.metrics import RecordingMetrics
from webhook_receiver.__main__ import claim_spool
from webhook_receiver.spool_watch import CHECK_SECONDS, SpoolWatch
from webhook_receiver.wsgi import open_spool


def unusable(folder: Path) -> Path:
    """A path whose folder cannot be made."""
    (folder / "file").touch()
    return folder / "file" / "receiver.db"


def at(path: Path) -> ReceiverSettings:
    """The settings of a receiver with its spool there."""
    settings = receiver_settings({"ZOOM_WEBHOOK_SECRETS": "s" * 22, "TRANSPORT_URL": f"sqlite:///{path.parent}/log.db"})
    return replace(settings, spool_path=path)


def test_what_stands_in_its_way_is_told_when_the_spool_cannot_be_made(tmp_path: Path) -> None:
    """It does not end the receiver."""
    assert "SPOOL_PATH" in claim_spool(unusable(tmp_path))


def test_the_spool_of_another_process_is_refused(tmp_path: Path) -> None:
    """Two receivers over one spool is for the operator to change."""
    held = lock_spool(tmp_path / "receiver.db")

    with pytest.raises(ConfigurationError, match="another process"):
        claim_spool(tmp_path / "receiver.db")
    os.close(held)


def test_a_file_that_is_no_spool_is_left_alone(tmp_path: Path) -> None:
    """Nothing is written to it, and its name is told."""
    path = tmp_path / "receiver.db"
    path.write_text("no database, but longer than the header of one: " + "x" * 200)
    before = path.read_bytes()

    spool = open_spool(at(path), "", FakeClock())

    with pytest.raises(TransientError, match="SPOOL_PATH"):
        spool.check()
    assert path.read_bytes() == before


def test_a_missing_spool_is_told_everywhere(tmp_path: Path) -> None:
    """In a log line, by `/readyz` and by the gauge that alarms look at."""
    metrics = RecordingMetrics()
    spool = open_spool(at(unusable(tmp_path)), "read-only", FakeClock())
    watch = SpoolWatch(spool, metrics, FakeClock())
    with capture_logs() as lines:
        watch.look()

    assert [line["event"] for line in lines] == ["spool.not_writable"]
    assert watch.remarks().startswith("the spool cannot be relied on: the spool ")
    assert metrics.gauge("webhook_spool_writable") == 0


def test_a_missing_spool_takes_nothing(tmp_path: Path) -> None:
    """An event that the log does not take either is answered 503."""
    spool = LateSpool(tmp_path / "receiver.db", FakeClock(), "read-only", is_locked=False)

    with pytest.raises(TransientError, match="read-only"):
        spool.put("topic", key=None, headers=(), value=b"x", timeout_seconds=1)
    with pytest.raises(TransientError, match="read-only"):
        spool.first(1)
    assert not spool.ready()
    spool.close()


def test_a_spool_that_can_be_opened_at_last_is_used(tmp_path: Path) -> None:
    """Once what stood in its way is gone, the next check claims and opens it, and says so; records are taken from then on."""
    path, clock, metrics = unusable(tmp_path), FakeClock(), RecordingMetrics()
    spool = open_spool(at(path), claim_spool(path), clock)
    watch = SpoolWatch(spool, metrics, clock)
    watch.look()
    path.parent.unlink()

    clock.advance(CHECK_SECONDS)
    with capture_logs() as lines:
        watch.look()
    spool.put("topic", key=b"k", headers=(), value=b"x", timeout_seconds=10)

    assert [line["event"] for line in lines] == ["spool.writable_again"]
    assert [record.value for record in spool.first(2)] == [b"x"]
    assert metrics.gauge("webhook_spool_writable") == 1
    with pytest.raises(ConfigurationError, match="another process"):
        claim_spool(path)
    spool.close()


def test_a_spool_that_another_process_took_meanwhile_is_left_to_it(tmp_path: Path) -> None:
    """Two receivers never work with one spool."""
    path = unusable(tmp_path)
    spool = open_spool(at(path), claim_spool(path), FakeClock())
    path.parent.unlink()
    held = lock_spool(path)

    with pytest.raises(TransientError, match="another process"):
        spool.check()
    os.close(held)


def test_a_file_that_becomes_a_spool_is_used_under_the_lock_that_is_held(tmp_path: Path) -> None:
    """The lock was claimed at the start; what was in the way was the file."""
    path = tmp_path / "receiver.db"
    path.write_text("no database, but longer than the header of one: " + "x" * 200)
    spool = open_spool(at(path), claim_spool(path), FakeClock())
    path.unlink()

    spool.check()

    assert spool.ready()
    spool.close()
