"""The example subscribers, and kcat, read the kit from a real broker and make of it what the kit says."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from infra.clock import SystemClock
from infra.contracts.kit import feeds, timelines
from infra.settings import TransportSettings
from infra.transport.connect import connect
from infra.zoom.simulator.feed import publish
from schemas.topics import CALL_EVENTS
from tests.conftest import missing
from tests.contract.node_packages import installed

pytestmark = pytest.mark.kafka

CLOCK = SystemClock()
EXAMPLES = Path(__file__).resolve().parents[2] / "docs" / "examples"
READ_SECONDS = 60.0  # 4 s as measured; a cold broker makes its group coordinator first
TRIES = 5  # of a cold broker, whose new partitions have no leader yet
EXPECTED = {stream: lines for feed in timelines().values() for stream, lines in feed.items()}


@pytest.fixture(scope="module")
def broker(kafka_servers: str) -> str:
    """A broker whose call-events hold every feed of the kit."""
    with closing(connect(TransportSettings(f"kafka://{kafka_servers}"), CLOCK)) as transport:
        transport.create_topics([CALL_EVENTS])
        with closing(transport.producer()) as producer:
            for feed in feeds().values():
                publish(producer, CALL_EVENTS.name, feed, CLOCK)
    return kafka_servers


def group() -> str:
    """A consumer group that has read nothing yet."""
    return f"test-{uuid4()}"


@contextmanager
def running(command: list[str], folder: Path, output: Path) -> Iterator["subprocess.Popen[bytes]"]:
    with output.open("wb") as file:
        process = subprocess.Popen(command, cwd=folder, stdout=file, stderr=subprocess.STDOUT)
    try:
        yield process
    finally:
        process.kill()
        process.wait()


def timelines_of(command: list[str], folder: Path, output: Path) -> dict[str, list[str]]:
    """Run a subscriber until it says of the kit's streams what is expected, or time is up; return what it said last."""
    deadline = CLOCK.monotonic() + READ_SECONDS
    with running(command, folder, output) as process:
        said = last_said(output)
        while said != EXPECTED and process.poll() is None and CLOCK.monotonic() < deadline:
            CLOCK.sleep(0.1)
            said = last_said(output)
    assert said, output.read_text()
    return said


def last_said(output: Path) -> dict[str, list[str]]:
    said: dict[str, list[str]] = {}
    for line in output.read_text().splitlines():
        if line.startswith("{") and line.endswith("}"):
            said.update(json.loads(line))
    return {stream: lines for stream, lines in said.items() if stream in EXPECTED}


def test_python_subscriber_makes_of_the_kit_what_it_says(broker: str, tmp_path: Path) -> None:
    """kafka-python and the CloudEvents SDK: doubles dropped, each call in the order of its sequence."""
    command = [sys.executable, "subscriber.py", broker, group()]

    assert timelines_of(command, EXAMPLES, tmp_path / "output") == EXPECTED


def test_javascript_subscriber_makes_of_the_kit_what_it_says(broker: str, tmp_path: Path) -> None:
    """@platformatic/kafka and the CloudEvents SDK, installed by their lock file: the same."""
    folder = installed(EXAMPLES, tmp_path)
    command = ["node", "subscriber.mjs", broker, group()]

    assert timelines_of(command, folder, tmp_path / "output") == EXPECTED


def test_kcat_reads_headers_key_and_value(broker: str) -> None:
    """What an engineer types to look at the stream shows every record of the kit, byte for byte."""
    if shutil.which("kcat") is None:
        missing("kcat is missing: make install-system installs it")
    command = ["kcat", "-b", broker, "-t", CALL_EVENTS.name, "-C", "-o", "beginning", "-e", "-q", "-J"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=READ_SECONDS, check=True)

    found = [_seen(json.loads(line)) for line in done.stdout.splitlines()]
    wanted = [
        (one.partitionkey, {name: value.decode() for name, value in one.headers()}, one.data.decode())
        for feed in feeds().values()
        for one in feed
    ]
    assert all(one in found for one in wanted)


def test_simulator_writes_the_kit_when_told_to(broker: str, tmp_path: Path) -> None:
    """The command of the page: a feed file goes to call-events as it is."""
    feed = EXAMPLES.parents[1] / "schemas" / "kit" / "doubled.jsonl"
    command = [sys.executable, "-m", "infra.zoom.simulator", "send", "--to", "call-events", str(feed)]
    environment = os.environ | {"TRANSPORT_URL": f"kafka://{broker}"}
    done = subprocess.run(
        command,
        capture_output=True,
        text=True,
        timeout=READ_SECONDS,
        check=False,
        env=environment,
        cwd=EXAMPLES.parents[1],
    )

    assert (done.returncode, done.stdout) == (0, "wrote 21 events to call-events\n"), done.stderr


def test_examples_are_short_and_name_no_host() -> None:
    """Thirty lines or so; the lock file hangs on no registry's address."""
    lock = (EXAMPLES / "package-lock.json").read_text()

    assert '"resolved"' not in lock
    for name in ("subscriber.py", "subscriber.mjs"):
        code = [line for line in (EXAMPLES / name).read_text().splitlines() if line.strip()]
        assert len(code) <= 32, name


def _seen(line: dict[str, Any]) -> tuple[str, dict[str, str], str]:
    headers = line["headers"]
    return line["key"], dict(zip(headers[::2], headers[1::2], strict=True)), line["payload"]
