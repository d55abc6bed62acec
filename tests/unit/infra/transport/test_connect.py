"""Which transport a URL means."""

import os
import stat
from pathlib import Path

import pytest

from infra.errors import ConfigurationError
from infra.settings import TransportSettings
from infra.transport.connect import connect
from infra.transport.kafka import KafkaTransport
from infra.transport.sqlite import SqliteTransport
from tests.fakes.clock import FakeClock


def test_four_slashes_are_an_absolute_path(tmp_path: Path) -> None:
    """The folder is made for the owner alone, and so is the file."""
    path = tmp_path / "var" / "log.db"

    transport = connect(TransportSettings(f"sqlite:///{path}"), FakeClock())

    assert isinstance(transport, SqliteTransport)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700


def test_three_slashes_are_a_relative_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As SQLAlchemy reads it."""
    monkeypatch.chdir(tmp_path)

    connect(TransportSettings("sqlite:///var/log.db"), FakeClock())

    assert (tmp_path / "var" / "log.db").exists()


def test_kafka_is_not_contacted_before_it_is_used() -> None:
    """A program starts while its cluster is down."""
    transport = connect(TransportSettings("kafka://127.0.0.1:1,127.0.0.1:2"), FakeClock())

    assert isinstance(transport, KafkaTransport)
    transport.producer()


@pytest.mark.parametrize("url", ["", "sqlite:///", "kafka://", "kafka://,", "postgresql://x", "sqlite://x"])
def test_other_urls_are_refused(url: str) -> None:
    """With one sentence that says what is wanted."""
    with pytest.raises(ConfigurationError, match="TRANSPORT_URL is neither"):
        connect(TransportSettings(url), FakeClock())


def test_a_folder_that_cannot_be_made_is_one_sentence(tmp_path: Path) -> None:
    """It names the folder and the system's reason."""
    (tmp_path / "file").touch()

    with pytest.raises(ConfigurationError, match=f"{os.sep}file{os.sep}var cannot be made: Not a directory"):
        connect(TransportSettings(f"sqlite:///{tmp_path}/file/var/log.db"), FakeClock())
