"""The S3 server beside us: its data outlives it, and it never outlives who started it."""

import os
import signal
import subprocess
import sys
import zlib
from pathlib import Path

import pytest

from infra.clock import SystemClock
from infra.errors import TransientError
from infra.local.s3_server import S3Server
from infra.storage.base import Description
from infra.storage.s3 import S3Store

pytestmark = pytest.mark.s3

CLOCK = SystemClock()
READABLE_SECONDS = 60.0  # a deadline: at once on an idle machine

PARENT = """
import sys
from pathlib import Path
from infra.local.s3_server import S3Server
server = S3Server(Path(sys.argv[1]))
server.start()
print(server.pid, flush=True)
sys.stdin.read()
"""


def test_a_second_start_finds_data_keys_and_address_again(
    s3_server: S3Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was stored before a stop is there after the next start, under the same address and keys."""
    first = S3Server(tmp_path / "s3")
    first.start()
    environment = first.environment()
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    store = S3Store("kept")
    store.ensure_bucket()
    store.put_small("calls/a", b"hello", Description("text/plain", "inline", {}), zlib.crc32(b"hello"))
    first.stop()

    second = S3Server(tmp_path / "s3")
    second.start()
    try:
        assert second.environment() == environment
        assert read_again(store, "calls/a") == b"hello"
    finally:
        store.close()
        second.stop()


def read_again(store: S3Store, key: str) -> bytes:
    """Read from a server that was just started: on a busy machine it answers 500 until its volumes have reported."""
    deadline = CLOCK.monotonic() + READABLE_SECONDS
    while True:
        try:
            return b"".join(store.read(key))
        except TransientError:
            if CLOCK.monotonic() > deadline:
                raise
            CLOCK.sleep(0.1)


def test_its_files_are_its_owners_alone(s3_server: S3Server) -> None:
    """The folder and the file with the keys are for nobody else."""
    folder = s3_server._folder

    assert (folder / "keys.json").stat().st_mode & 0o077 == 0
    assert (folder / "s3.json").stat().st_mode & 0o077 == 0


def test_it_ends_when_its_parent_is_killed(s3_server: S3Server, tmp_path: Path) -> None:
    """A parent that is killed leaves no server behind."""
    parent = subprocess.Popen(
        [sys.executable, "-c", PARENT, str(tmp_path / "s3")],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])},
    )
    with parent:
        assert parent.stdout is not None
        pid = int(parent.stdout.readline())
        parent.send_signal(signal.SIGKILL)

    deadline = CLOCK.monotonic() + 20
    while _runs(pid):
        assert CLOCK.monotonic() < deadline, f"the server (pid {pid}) still runs 20 s after its parent was killed"
        CLOCK.sleep(0.1)


def test_stopping_twice_is_harmless(tmp_path: Path) -> None:
    """A server that never ran can be stopped."""
    server = S3Server(tmp_path)

    server.stop()
    server.stop()

    assert server.pid is None


def _runs(pid: int) -> bool:
    """Whether the process lives; one that has ended and waits for its reaper does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except (FileNotFoundError, ProcessLookupError):
        return False
