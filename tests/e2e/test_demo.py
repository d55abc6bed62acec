"""The demo: every call comes out whole, and it would say so if one did not."""

import os
import re
import subprocess
import sys
from dataclasses import replace
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from infra.clock import SystemClock
from infra.errors import ConfigurationError
from infra.local import demo as demo_module
from infra.local import kafka_jars
from infra.local.demo import PLAYED, DemoFailed, demo
from infra.zoom.simulator import Call, build_call
from tests.conftest import missing
from tests.contract.s3_fixtures import require_seaweedfs

ROOT = Path(__file__).parents[2]
RUN_SECONDS = 170.0  # under 60 s on two idle cores; a loaded machine and a broker's start are slower


@pytest.fixture(autouse=True)
def _real_store() -> None:
    require_seaweedfs()


def play(folder: Path, *options: str) -> subprocess.CompletedProcess[str]:
    """Run the demo as `make demo` does, with nothing of this machine's settings."""
    return subprocess.run(
        [sys.executable, "-m", "infra.local", "demo", "--folder", folder, *options],
        cwd=ROOT,
        env={name: os.environ[name] for name in ("PATH", "HOME", "JAVA_HOME") if name in os.environ},
        capture_output=True,
        text=True,
        timeout=RUN_SECONDS,
        check=False,
    )


def verdicts(report: str) -> dict[str, str]:
    """Each call of the report with what the demo thinks of it."""
    return dict(re.findall(r"^\d+\. ([a-z-]+): .*\[(\w+)\]$", report, flags=re.MULTILINE))


@pytest.mark.s3
@pytest.mark.timeout(300)
def test_every_call_comes_out(tmp_path: Path) -> None:
    """Through the embedded log: exit code 0 and every call is ok, in plain lines off a terminal."""
    played = play(tmp_path / "demo")

    assert played.returncode == 0, played.stdout + played.stderr
    assert verdicts(played.stdout) == dict.fromkeys(PLAYED, "ok")
    assert "report   received, by the client" in played.stdout
    assert "held: read back from the store" in played.stdout
    assert "decision confirmed, published on flagged-meetings.decisions" in played.stdout
    assert "\x1b" not in played.stdout
    assert played.stderr == ""


@pytest.mark.s3
@pytest.mark.kafka
@pytest.mark.timeout(300)
def test_every_call_comes_out_of_kafka(tmp_path: Path) -> None:
    """Through a real broker it is the same report."""
    try:
        kafka_jars.java()
    except ConfigurationError as error:
        missing(str(error))

    played = play(tmp_path / "demo", "--kafka")

    assert played.returncode == 0, played.stdout + played.stderr
    assert verdicts(played.stdout) == dict.fromkeys(PLAYED, "ok")


@pytest.mark.s3
def test_it_fails_when_something_else_comes_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Expecting another byte in one file, and one event more, ends it with an error and a report that says which."""

    def sabotaged(*arguments: Any, **more: Any) -> Call:
        call = build_call(*arguments, **more)
        first, *others = call.expectation.files
        occurrences = {**call.expectation.occurrences, "meeting.ended": 2}
        expectation = replace(
            call.expectation, files=(replace(first, sha256="0" * 64), *others), occurrences=occurrences
        )
        return replace(call, expectation=expectation)

    monkeypatch.setattr(demo_module, "build_call", sabotaged)
    monkeypatch.setattr(demo_module, "PLAYED", ("clean",))
    monkeypatch.setattr(demo_module, "WAIT_SECONDS", 5.0)
    output = StringIO()

    with pytest.raises(DemoFailed):
        demo(tmp_path / "demo", SystemClock(), Console(file=output, width=200), kafka=False)

    assert verdicts(output.getvalue()) == {"clean": "wrong"}
    assert "has other bytes than Zoom's" in output.getvalue()
    assert "! events: 1 of call.ended, 2 expected" in output.getvalue()
