"""Child processes: their output is kept, they are ended in order, and they never outlive us."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from infra.clock import SystemClock
from infra.local.process import Child

WAIT_SECONDS = 20.0  # a Python starts and ends within a second on an idle machine
SLEEP = "import time; print('ready', flush=True); time.sleep(600)"


@pytest.fixture
def log(tmp_path: Path) -> Path:
    return tmp_path / "child.log"


def child(log: Path, code: str) -> Child:
    return Child("child", [sys.executable, "-c", code], os.environ, log)


def wait_for(log: Path, text: str) -> None:
    clock = SystemClock()
    deadline = clock.monotonic() + WAIT_SECONDS
    while not log.exists() or text not in log.read_text():
        assert clock.monotonic() < deadline, f"waited in vain for {text!r} in {log}"
        clock.sleep(0.02)


@pytest.fixture
def sleeping(log: Path) -> Iterator[Child]:
    one = child(log, SLEEP)
    wait_for(log, "ready")
    yield one
    one.stop()


def test_a_child_is_stopped(sleeping: Child) -> None:
    """It runs until it is told to end; stopping it twice is harmless."""
    assert sleeping.exit_code is None
    sleeping.stop()

    assert sleeping.exit_code == -signal.SIGTERM
    sleeping.stop()
    sleeping.ask_to_stop()


def test_its_last_words_are_kept(log: Path) -> None:
    """What it wrote, standard error included, is in its log after its end."""
    one = child(log, "import sys; print('one'); print('two'); print('three'); sys.exit('four')")
    wait_for(log, "four")

    assert set(one.last_words(2).splitlines()) <= {"one", "two", "three", "four"}
    one.stop()
    assert one.exit_code in (1, -signal.SIGTERM)


def test_it_has_its_command_and_its_environment_alone(log: Path) -> None:
    """It is given its settings, not ours."""
    settings = {"PATH": os.environ["PATH"], "A_SETTING": "as told"}
    one = Child(
        "child", [sys.executable, "-c", "import os; print(os.environ['A_SETTING'], len(os.environ) < 6)"], settings, log
    )
    wait_for(log, "\n")

    assert "as told True" in log.read_text()
    one.stop()


@pytest.mark.skipif(sys.platform != "linux", reason="PR_SET_PDEATHSIG is Linux")
def test_it_ends_when_its_parent_is_killed(log: Path) -> None:
    """Even `kill -9` of the parent leaves no orphan behind."""
    code = (
        "import os, sys, time; from pathlib import Path; from infra.local.process import Child\n"
        f"Child('child', [sys.executable, '-c', {(SLEEP.replace('ready', 'ready {os.getpid()}').replace('print(', 'import os; print(f'))!r}],"
        f" os.environ, Path({str(log)!r}))\n"
        "time.sleep(600)\n"
    )
    parent = subprocess.Popen([sys.executable, "-c", code], cwd=Path(__file__).parents[4])
    wait_for(log, "ready ")
    pid = int(log.read_text().split()[1])

    parent.kill()
    parent.wait()

    clock = SystemClock()
    deadline = clock.monotonic() + WAIT_SECONDS
    while Path(f"/proc/{pid}").exists() and "Z" not in Path(f"/proc/{pid}/stat").read_text().split(")")[1][:3]:
        assert clock.monotonic() < deadline, "the child outlives its parent"
        clock.sleep(0.02)
