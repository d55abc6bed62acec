"""The stack refuses to start in one clear sentence, and notices when a part has ended."""

import os
import shutil
import socket
import sys
from collections import namedtuple
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import pytest

from infra.errors import ConfigurationError
from infra.local.ports import free_ports
from infra.local.process import Child
from infra.local.s3_server import S3Server
from infra.local.stack import Stack
from infra.settings import Address
from infra.zoom.simulator import SimulatorServer
from infra.zoom.simulator.rest import Credentials
from tests.fakes.clock import FakeClock

URLS = ("url", "api_url", "oauth_url", "chat_url")
Usage = namedtuple("Usage", "total used free")  # as shutil.disk_usage returns it


@pytest.fixture
def listener() -> Iterator[socket.socket]:
    """Somebody else's server."""
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        one.listen()
        yield one


def stack(folder: Path, receiver: int | None = None, zoom: int | None = None, portal: int | None = None) -> Stack:
    wanted = (receiver, zoom, portal)
    free = [Address("127.0.0.1", given or other) for given, other in zip(wanted, free_ports(3), strict=True)]
    return Stack(folder, FakeClock(), lambda _: None, receiver=free[0], zoom=free[1], portal=free[2], kafka=False)


@pytest.mark.parametrize("part", ["receiver", "zoom", "portal"])
def test_a_taken_port_is_one_sentence(tmp_path: Path, listener: socket.socket, part: str) -> None:
    """It names the port, how to find what uses it, and how to choose another; nothing has been started."""
    port = listener.getsockname()[1]

    with pytest.raises(ConfigurationError) as caught:
        stack(tmp_path / "run", **{part: port}).start()

    text = str(caught.value)
    assert f"127.0.0.1:{port}" in text
    assert f"sport = :{port}" in text
    assert f"--{part} HOST:PORT" in text
    assert "\n" not in text
    assert not (tmp_path / "run" / "s3" / "server.log").exists()


def test_a_disk_nearly_full_is_one_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It says where and how much is needed, before anything is written there."""
    monkeypatch.setattr(shutil, "disk_usage", lambda _: Usage(10**9, 10**9, 499 * 1024 * 1024))

    with pytest.raises(ConfigurationError, match=r"^the disk under .* is full: 500 MB must be free$"):
        stack(tmp_path).start()


def test_a_folder_that_cannot_be_made_is_one_sentence(tmp_path: Path) -> None:
    """It says which, and why."""
    (tmp_path / "file").write_text("in the way")

    with pytest.raises(ConfigurationError, match="cannot be made"):
        stack(tmp_path / "file" / "run").start()


def test_the_folder_is_its_owners_alone(tmp_path: Path, listener: socket.socket) -> None:
    """Recordings and secrets lie there; a folder of an earlier day is closed too."""
    folder = tmp_path / "run"
    folder.mkdir(mode=0o755)

    with pytest.raises(ConfigurationError):
        stack(folder, receiver=listener.getsockname()[1]).start()

    assert folder.stat().st_mode & 0o777 == 0o700


def test_the_simulated_account_is_ours_alone_when_there_is_no_real_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Events of another account go to the quarantine, as in production; those of a real one never for the simulated one."""
    simulated = cast(SimulatorServer, SimpleNamespace(credentials=Credentials(), **dict.fromkeys(URLS, "http://sim")))
    monkeypatch.setattr(S3Server, "environment", lambda _: {})  # it is started first, otherwise
    monkeypatch.delenv("ZOOM_CLIENT_ID", raising=False)
    alone = stack(tmp_path)._settings(simulated)
    monkeypatch.setenv("ZOOM_CLIENT_ID", "a-real-app")

    assert alone["ZOOM_ACCOUNT_IDS"] == alone["ZOOM_OAUTH_ACCOUNT_ID"] == Credentials().account_id
    assert "ZOOM_ACCOUNT_IDS" not in stack(tmp_path)._settings(simulated)


def test_a_part_that_ended_is_noticed(tmp_path: Path) -> None:
    """Its name, where its output is, and the last it said."""
    one = stack(tmp_path)
    child = Child(
        "receiver",
        [sys.executable, "-c", "import sys; sys.exit('error: no bread')"],
        os.environ,
        tmp_path / "receiver.log",
    )
    one._children.append(child)
    child._process.wait()

    with pytest.raises(ConfigurationError, match=r"the receiver ended.*receiver\.log:\nerror: no bread"):
        one.check()


def test_all_is_well_while_every_part_runs(tmp_path: Path) -> None:
    """Looking is harmless."""
    stack(tmp_path).check()


def test_stopping_what_never_started_is_harmless(tmp_path: Path) -> None:
    """A start that was refused is stopped like any other."""
    stack(tmp_path).stop()
