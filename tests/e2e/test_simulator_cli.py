"""The simulator's commands, as a person runs them."""

import hmac
import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from infra.clock import SystemClock
from infra.settings import TransportSettings
from infra.transport import Record, TopicPartition
from infra.transport.connect import connect
from infra.zoom.simulator import signature
from infra.zoom.simulator.web import Answer, Request, WebServer, json_answer
from schemas.envelope import Envelope
from schemas.topics import CALL_EVENTS, REGISTRATIONS

SECRET = "a-secret-of-the-tests"
RUN_SECONDS = 60.0  # a command takes a second or two on an idle machine
STARTED = {
    "call_id": "call-1",
    "meeting_id": "85000000001",
    "session_id": "uuid==",
    "occurred_at": "2026-01-01T12:00:00Z",
    "sequence": 2,
    "reopened": False,
}


class Receiver:
    """Answers one status and keeps what came, with whether its signature was right."""

    def __init__(self) -> None:
        self.status = 200
        self.received: list[tuple[bool, bytes]] = []
        self._web = WebServer("127.0.0.1", 0, [self._answer])
        self._web.start()
        self.url = f"{self._web.url}/webhooks/zoom"
        self.close = self._web.close

    def _answer(self, request: Request) -> Answer:
        expected = signature(SECRET, request.headers["x-zm-request-timestamp"], request.body)
        if b"endpoint.url_validation" in request.body:
            token = request.json()["payload"]["plainToken"]
            encrypted = hmac.new(SECRET.encode(), token.encode(), "sha256").hexdigest()
            return json_answer(200, {"plainToken": token, "encryptedToken": encrypted})
        self.received.append((request.headers["x-zm-signature"] == expected, request.body))
        return Answer(self.status)


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with closing(Receiver()) as receiver:
        yield receiver


def run(*arguments: str | Path, **environ: str) -> subprocess.CompletedProcess[str]:
    """Run a command to its end, with nothing of this machine's settings."""
    return subprocess.run(
        [sys.executable, "-m", "infra.zoom.simulator", *map(str, arguments)],
        env={"PATH": os.environ["PATH"], **environ},
        capture_output=True,
        text=True,
        timeout=RUN_SECONDS,
        check=False,
    )


def records(path: Path, topic: str) -> list[Record]:
    """Read a whole topic of the embedded log."""
    with closing(connect(TransportSettings(f"sqlite:///{path}"), SystemClock())) as transport:
        partitions = range(transport.partitions(topic))
        return [record for number in partitions for record in transport.read(TopicPartition(topic, number), 0)]


def test_send_signs_files_byte_for_byte(receiver: Receiver, tmp_path: Path) -> None:
    """Whatever is in the files arrives unchanged, and no secret is printed."""
    bodies = [b'{"event": "meeting.started",\n "payload": {"topic": "\xf0\x9f\x9a\x92"}}', b"\xff no JSON"]
    for number, body in enumerate(bodies):
        (tmp_path / f"{number}.json").write_bytes(body)

    done = run(
        "send", tmp_path / "0.json", tmp_path / "1.json", "--url", receiver.url, ZOOM_WEBHOOK_SECRETS=f"{SECRET},old"
    )

    assert (done.returncode, done.stdout) == (0, "0.json: 200\n1.json: 200\n")
    assert receiver.received == [(True, body) for body in bodies]
    assert SECRET not in done.stdout + done.stderr


def test_send_fails_when_the_receiver_refuses(receiver: Receiver, tmp_path: Path) -> None:
    """The status is printed and the exit code says so."""
    receiver.status = 401
    (tmp_path / "a.json").write_bytes(b"{}")

    done = run("send", tmp_path / "a.json", "--url", receiver.url, "--secret", SECRET)

    assert (done.returncode, done.stdout) == (1, "a.json: 401\n")


def test_send_finds_the_receiver_by_its_setting(receiver: Receiver, tmp_path: Path) -> None:
    """`make run` on other ports writes RECEIVER_BIND down; whoever does not answer is named."""
    (tmp_path / "a.json").write_bytes(b"{}")
    bind = urlsplit(receiver.url).netloc

    sent = run("send", tmp_path / "a.json", "--secret", SECRET, RECEIVER_BIND=bind)
    lost = run("send", tmp_path / "a.json", "--secret", SECRET, RECEIVER_BIND="127.0.0.1:1")

    assert sent.stdout == "a.json: 200\n"
    assert lost.stdout == "a.json: no answer from http://127.0.0.1:1/webhooks/zoom\n"


def test_send_feeds_call_events_without_zoom(tmp_path: Path) -> None:
    """An example becomes a record like those that call_events writes."""
    example = tmp_path / "call.started" / "v1" / "first.json"
    example.parent.mkdir(parents=True)
    example.write_text(json.dumps(STARTED))

    done = run("send", "--to", "call-events", example, TRANSPORT_URL=f"sqlite:///{tmp_path}/log.db")

    (record,) = records(tmp_path / "log.db", CALL_EVENTS.name)
    envelope = Envelope.from_record(record.headers, record.value)
    assert (done.returncode, done.stdout) == (0, "wrote 1 events to call-events\n")
    assert (envelope.type, envelope.subject, record.key) == ("call.started", "call-1", b"85000000001")
    assert json.loads(record.value) == STARTED


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["send", "pyproject.toml"], "ZOOM_WEBHOOK_SECRETS"),
        (["send", "pyproject.toml", "--secret", "x", "--url", "ftp://x"], "http"),
        (["send", "--secret", "x"], "FILE"),
        (["send", "--to", "call-events", "pyproject.toml"], "call.started/v1"),
        (["play", "--secret", "x", "--url", "http://127.0.0.1:1/"], "does not answer"),
        (["play", "--secret", "x", "--scenario", "claen"], "clean"),
        (["serve", "--bind", "8090"], "HOST:PORT"),
        (["serve", "--bind", "192.0.2.1:0"], "192.0.2.1"),
    ],
)
def test_mistakes_get_one_sentence(arguments: list[str], sentence: str) -> None:
    """Exit code 2, what to do, no traceback."""
    done = run(*arguments)

    assert done.returncode == 2
    assert sentence in done.stderr
    assert "Traceback" not in done.stderr


def test_play_sends_calls_through_a_running_serve(receiver: Receiver, tmp_path: Path) -> None:
    """Serve in one process, play in another: registered, accepted, lost as asked for, and serve ends when told to."""
    receiver.status = 204
    server = subprocess.Popen(
        [sys.executable, "-m", "infra.zoom.simulator", "serve", "--bind", "127.0.0.1:0"],
        env={"PATH": os.environ["PATH"]},
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    try:
        assert server.stdout is not None
        first_line = server.stdout.readline()
        found = re.search(r"http://\S+\d", first_line)
        assert found, f"serve said: {first_line!r}"
        done = run(
            "play", "--scenario", "clean", "--seed", "7", "--server", found[0], "--url", receiver.url, "--register",
            ZOOM_WEBHOOK_SECRETS=SECRET, TRANSPORT_URL=f"sqlite:///{tmp_path}/log.db",
        )  # fmt: skip
        received = list(receiver.received)
        losing = run(
            "play", "--scenario", "clean", "--seed", "8", "--server", found[0], "--url", receiver.url, "--lose",
            "meeting.ended", "--time-scale", "0.00001", ZOOM_WEBHOOK_SECRETS=SECRET,
        )  # fmt: skip
        server.send_signal(signal.SIGTERM)
        assert server.wait(10) == 0
    finally:
        server.kill()
        server.communicate()

    assert done.returncode == 0, done.stderr
    assert done.stdout.endswith("9 of 9 deliveries accepted\n")
    assert all(signed for signed, _ in receiver.received)
    assert len(received) == 9
    assert (losing.returncode, len(receiver.received)) == (0, 9 + 8), losing.stderr
    assert losing.stdout.endswith("8 of 9 deliveries accepted\n")
    (registration,) = records(tmp_path / "log.db", REGISTRATIONS.name)
    assert Envelope.from_record(registration.headers, registration.value).type == "call.registered"


def test_list_tells_the_meetings_of_a_seed() -> None:
    """One JSON object a line, the same for the same seed."""
    one, same = (run("list", "--seed", "7").stdout for _ in range(2))

    described = [json.loads(line) for line in one.splitlines()]
    assert one == same
    assert {"clean", "unregistered"} <= {call["scenario"] for call in described}
    assert [call["scenario"] for call in described if call["call_id"] is None] == ["unregistered"]
