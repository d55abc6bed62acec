"""`make run`: it starts, says what runs, stops when asked, finds its data again, and refuses in one sentence."""

import importlib.util
import json
import os
import re
import signal
import socket
import subprocess
import sys
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from infra.clock import SystemClock
from infra.local.ports import free_ports
from tests.conftest import missing
from tests.contract.s3_fixtures import require_seaweedfs

ROOT = Path(__file__).parents[2]
START_SECONDS = 90.0  # ten on an idle machine
STOP_SECONDS = 20.0
READY = "Ctrl-C stops it"


class Run:
    """One `make run` over a folder."""

    def __init__(self, folder: Path, receiver: int, zoom: int, portal: int, *options: str) -> None:
        self.folder = folder
        self._said = folder.with_suffix(".said")
        with self._said.open("wb") as output:
            self._process = subprocess.Popen(
                [
                    sys.executable,
                    *("-m", "infra.local", "run", "--folder", folder, "--zoom", f"127.0.0.1:{zoom}", *options),
                ],
                cwd=ROOT,
                env={
                    "PATH": os.environ["PATH"],
                    "RECEIVER_BIND": f"127.0.0.1:{receiver}",
                    "PORTAL_BIND": f"127.0.0.1:{portal}",
                },
                stdout=output,
                stderr=subprocess.STDOUT,
            )

    @property
    def said(self) -> str:
        return self._said.read_text()

    def wait_until_ready(self) -> None:
        wait_for("everything to run", lambda: READY in self.said or self._process.poll() is not None, START_SECONDS)
        assert READY in self.said, self.said

    def command(self, *arguments: str) -> str:
        """Run a command of the product as a person would: with the environment that the run wrote down."""
        return self.shell(f"{sys.executable} -m {' '.join(arguments)}")

    def shell(self, typed: str, here: Mapping[str, str] | None = None) -> str:
        """Run what a person types, with the environment that the run wrote down, and other paths where that is needed."""
        for path, own in (here or {}).items():
            typed = typed.replace(path, own)
        line = f". {self.folder}/environment\n{typed}"
        done = subprocess.run(["sh", "-c", line], cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def calls(self) -> set[str]:
        """The ids of the calls it knows."""
        return {line.split()[0] for line in self.command("processors", "calls", "list").splitlines()}

    def stop(self) -> int:
        """Ask it to stop; return its exit code."""
        self._process.send_signal(signal.SIGTERM)
        return self._process.wait(STOP_SECONDS)

    def end(self) -> None:
        if self._process.poll() is None:
            self._process.kill()
            self._process.wait()


def wait_for(what: str, seen: Callable[[], object], seconds: float) -> None:
    clock = SystemClock()
    deadline = clock.monotonic() + seconds
    while not seen():
        assert clock.monotonic() < deadline, f"waited {seconds:.0f} s in vain for {what}"
        clock.sleep(0.2)


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Callable[..., Run]]:
    """Start it over one folder, on ports that stay the same."""
    require_seaweedfs()
    ports = free_ports(3)
    started: list[Run] = []

    def begin(*options: str) -> Run:
        started.append(Run(tmp_path / "run", *ports, *options))
        return started[-1]

    yield begin
    for one in started:
        one.end()


@pytest.mark.s3
@pytest.mark.timeout(300)
def test_it_stops_when_asked_and_finds_its_data_again(start: Callable[[], Run]) -> None:
    """Calls that were played before the stop are known after the next start; every file is the owner's alone."""
    first = start()
    first.wait_until_ready()
    wait_for("the calls to be known", lambda: len(first.calls()) == 4, 30)
    known = first.calls()

    assert first.stop() == 0
    assert first.folder.stat().st_mode & 0o777 == 0o700
    assert (first.folder / "environment").stat().st_mode & 0o777 == 0o600
    second = start()
    second.wait_until_ready()
    assert known <= second.calls()
    assert "call.started" in second.command("infra", "topics", "read", "call-events", "--from-beginning")
    assert "marketplace  good" in second.command("portal", "tokens", "list")
    assert second.stop() == 0


@pytest.mark.s3
@pytest.mark.timeout(300)
def test_the_readmes_own_call_is_played(start: Callable[[], Run], tmp_path: Path) -> None:
    """What the README has people type, from the registration to a flag; and the simulated Zoom is set up as it should be."""
    readme = (ROOT / "README.md").read_text()
    (typed,) = re.findall(r"```sh\n(\.venv/bin/python -m processors calls register.+?)```", readme, flags=re.DOTALL)
    begin, looked = typed.split("sleep 1; curl -s ")
    chat, report = looked.split("\n", 1)
    run = start()
    run.wait_until_ready()
    here = {
        ".venv/bin/python": sys.executable,
        "var/started.json": str(tmp_path / "started.json"),
        "simulator send": f"simulator send --url {said(run, 'receiver +(http.+?) ')}",
    }

    said_first = run.shell(begin, here)
    messages = chat.replace("127.0.0.1:8090", said(run, r"Zoom, chat +(\S+),"))
    wait_for("the invitation", lambda: "zoom.us/j/81234567890" in str(asked(messages, None)), 30)
    said_then = run.shell(report.partition(".venv/bin/python -m infra topics")[0], here)

    assert "started.json: 200" in said_first
    assert said_first.split("registered call ")[1].split()[0] in said_then
    wait_for("the flag", lambda: "81234567890" in run.command("infra", "topics", "read", "flagged-meetings"), 30)
    assert "it is ours" in run.command("infra", "zoom", "check")


@pytest.mark.s3
@pytest.mark.matrix
@pytest.mark.timeout(300)
def test_its_chat_can_be_read_on_matrix(start: Callable[..., Run]) -> None:
    """With what it prints, a client logs in and reads one message per call of the room."""
    if importlib.util.find_spec("synapse") is None:
        missing("Synapse is not installed: make .venv/installed-matrix")
    run = start("--chat", "matrix")
    run.wait_until_ready()
    homeserver = said(run, r"homeserver +(http\S+)")
    login = {"type": "m.login.password", "identifier": {"type": "m.id.user", "user": said(run, r"user +(@\S+)")}}
    session = asked(f"{homeserver}/_matrix/client/v3/login", login | {"password": said(run, r"password  (\S+)")})
    alias = quote(said(run, r"room +(#\S+)"))
    room = asked(f"{homeserver}/_matrix/client/v3/join/{alias}", {}, session["access_token"])
    path = f"{homeserver}/_matrix/client/v3/rooms/{quote(room['room_id'])}/messages?dir=b&limit=100"

    def texts() -> list[str]:
        events = asked(path, None, session["access_token"])["chunk"]
        messages = [one["content"] for one in events if one["type"] == "m.room.message"]
        return [one["body"] for one in messages if "m.relates_to" not in one]

    wait_for("a message for each of the four calls", lambda: len(texts()) == 4, 60)
    assert run.stop() == 0


def said(run: Run, pattern: str) -> str:
    """What the run printed for a person to use."""
    found = re.search(pattern, run.said)
    assert found is not None, run.said
    return found.group(1)


def asked(url: str, body: dict[str, Any] | None, token: str = "") -> dict[str, Any]:
    """Ask as a client would: POST where there is a body."""
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(url, data, {"Authorization": f"Bearer {token}"})  # noqa: S310 # the stack's own
    with urllib.request.urlopen(request, timeout=30) as answer:  # noqa: S310 # the stack's own
        return dict(json.load(answer))


def test_a_taken_port_is_one_sentence(tmp_path: Path) -> None:
    """It names the port and ends with exit code 2 before anything is started."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        done = subprocess.run(
            [sys.executable, "-m", "infra.local", "run", "--folder", tmp_path, "--receiver", f"127.0.0.1:{port}"],
            cwd=ROOT,
            env={"PATH": os.environ["PATH"]},
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )

    assert done.returncode == 2
    (line,) = done.stderr.splitlines()
    assert line.startswith("error: the receiver cannot listen on 127.0.0.1:")
    assert str(port) in line
