"""A spool that cannot be opened at the start: the receiver goes on with the log alone, and says so."""

import os
from dataclasses import replace
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from infra.errors import ConfigurationError, TransientError
from infra.settings import receiver_settings
from infra.transport.no_spool import NoSpool
from infra.transport.spool import lock_spool
from tests.fakes.clock import FakeClock
from tests.fakes.metrics import RecordingMetrics
from webhook_receiver.__main__ import claim_spool
from webhook_receiver.spool_watch import SpoolWatch
from webhook_receiver.wsgi import open_spool


def unusable(folder: Path) -> Path:
    """A path whose folder cannot be made."""
    (folder / "file").touch()
    return folder / "file" / "receiver.db"


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
    settings = receiver_settings({"ZOOM_WEBHOOK_SECRETS": "s" * 22, "TRANSPORT_URL": f"sqlite:///{tmp_path}/log.db"})
    before = path.read_bytes()

    spool = open_spool(replace(settings, spool_path=path), "", FakeClock())

    with pytest.raises(TransientError, match="SPOOL_PATH"):
        spool.check()
    assert path.read_bytes() == before


def test_a_missing_spool_is_told_everywhere(tmp_path: Path) -> None:
    """In a log line, by `/readyz` and by the gauge that alarms look at."""
    metrics = RecordingMetrics()
    watch = SpoolWatch(NoSpool("read-only"), metrics, FakeClock())
    with capture_logs() as lines:
        watch.look()

    assert [line["event"] for line in lines] == ["spool.not_writable"]
    assert watch.remarks() == "the spool cannot be relied on: read-only\n"
    assert metrics.gauge("webhook_spool_writable") == 0


def test_a_missing_spool_takes_nothing() -> None:
    """An event that the log does not take either is answered 503."""
    spool = NoSpool("read-only")

    with pytest.raises(TransientError, match="read-only"):
        spool.put("topic", key=None, headers=(), value=b"x", timeout_seconds=1)
    with pytest.raises(TransientError, match="read-only"):
        spool.first(1)
    assert not spool.ready()
    spool.close()
