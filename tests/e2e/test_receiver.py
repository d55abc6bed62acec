"""The real process on the embedded log: start, deliver, attack, stop, kill."""

import contextlib
import hashlib
import hmac
import http.client
import json
import os
import resource
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from infra.clock import SystemClock
from infra.local.ports import free_port
from infra.settings import TransportSettings
from infra.transport import Record, TopicPartition
from infra.transport.connect import connect
from schemas.topics import WEBHOOKS

SECRET = "a-secret-of-the-tests"
START_SECONDS = 30.0
STOP_SECONDS = 15.0
BODY = (
    b'{"event":"meeting.started","event_ts":1726142087123,"payload":{"account_id":"a","object":{"id":"1","uuid":"u"}}}'
)


def wait_until(condition: Callable[[], bool], seconds: float, what: str) -> None:
    deadline = SystemClock().monotonic() + seconds
    while not condition():
        if SystemClock().monotonic() > deadline:
            pytest.fail(f"not within {seconds} s: {what}")
        SystemClock().sleep(0.02)


def signed(body: bytes) -> dict[str, str]:
    timestamp = str(int(SystemClock().now().timestamp()))
    digest = hmac.new(SECRET.encode(), b"v0:" + timestamp.encode() + b":" + body, hashlib.sha256).hexdigest()
    return {"x-zm-request-timestamp": timestamp, "x-zm-signature": "v0=" + digest}


class Receiver:
    """One `python -m webhook_receiver` and its output."""

    def __init__(
        self,
        folder: Path,
        transport_url: str | None = None,
        extra: dict[str, str] | None = None,
        largest_file_bytes: int | None = None,
    ) -> None:
        self.port = free_port()
        self.url = transport_url or f"sqlite:///{folder}/log.db"
        self.settings = settings = {
            "TRANSPORT_URL": self.url,
            "ZOOM_WEBHOOK_SECRETS": SECRET,
            "RECEIVER_BIND": f"127.0.0.1:{self.port}",
            "SPOOL_PATH": str(folder / "spool" / "receiver.db"),
        } | (extra or {})
        self._output = folder / f"receiver-{self.port}.log"
        limit = (largest_file_bytes, largest_file_bytes)
        with self._output.open("wb") as output:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "webhook_receiver"],
                env=clean_environment() | settings,
                stdout=output,
                stderr=subprocess.STDOUT,
                preexec_fn=largest_file_bytes and (lambda: resource.setrlimit(resource.RLIMIT_FSIZE, limit)),  # noqa: PLW1509 - it calls setrlimit only
            )
        wait_until(self.healthy, START_SECONDS, "the receiver answers /healthz")

    @property
    def output(self) -> str:
        return self._output.read_text()

    @property
    def admin_port(self) -> int:
        lines = [json.loads(line) for line in self.output.splitlines() if line.startswith("{")]
        return int(next(line["admin_address"] for line in lines if "admin_address" in line).rpartition(":")[2])

    def healthy(self) -> bool:
        assert self.process.poll() is None, self.output
        with contextlib.suppress(OSError):
            return self.call("GET", "/healthz")[0] == 200
        return False

    def call(
        self, method: str, path: str, body: bytes = b"", headers: dict[str, str] | None = None, port: int | None = None
    ) -> tuple[int, bytes]:
        connection = http.client.HTTPConnection("127.0.0.1", port or self.port, timeout=10)
        with contextlib.closing(connection):
            connection.request(method, path, body, headers or {})
            answer = connection.getresponse()
            return answer.status, answer.read()

    def deliver(self, body: bytes = BODY) -> int:
        return self.call("POST", "/webhooks/zoom", body, signed(body))[0]

    def send_raw(self, *parts: bytes) -> bytes:
        """Send bytes as they are and return the first bytes of the answer, if any."""
        with socket.create_connection(("127.0.0.1", self.port), timeout=10) as connection:
            with contextlib.suppress(OSError):
                for part in parts:
                    connection.sendall(part)
            with contextlib.suppress(OSError):
                return connection.recv(65536)
        return b""

    def published(self) -> list[Record]:
        transport = connect(TransportSettings(self.url), SystemClock())
        with contextlib.closing(transport):
            places = [TopicPartition(WEBHOOKS.name, number) for number in range(transport.partitions(WEBHOOKS.name))]
            return [record for place in places for record in transport.read(place, 0)]

    def stop(self) -> int:
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(STOP_SECONDS)

    def end(self) -> None:
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait(STOP_SECONDS)


def clean_environment() -> dict[str, str]:
    ours = ("TRANSPORT_", "ZOOM_", "RECEIVER_", "WEBHOOK_", "KAFKA_", "SPOOL_", "LOG_LEVEL")
    return {name: value for name, value in os.environ.items() if not name.startswith(ours)}


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Callable[..., Receiver]]:
    """Start receivers; what is left of them ends with the test."""
    started: list[Receiver] = []

    def begin(transport_url: str | None = None, **options: Any) -> Receiver:
        started.append(Receiver(tmp_path, transport_url, **options))
        return started[-1]

    yield begin
    for receiver in started:
        receiver.end()


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Receiver]:
    """One receiver for the tests that only send to it."""
    receiver = Receiver(tmp_path_factory.mktemp("receiver"))
    yield receiver
    receiver.end()


def test_event_is_in_the_log_when_answered_200(start: Callable[..., Receiver]) -> None:
    """What was acknowledged is there after a stop; the stop is clean, quick and quiet."""
    receiver = start()

    status = receiver.deliver()
    exit_code = receiver.stop()

    assert (status, exit_code) == (200, 0)
    assert [(record.key, record.value) for record in receiver.published()] == [(b"1", BODY)]
    assert "Traceback" not in receiver.output
    assert SECRET not in receiver.output


def test_answer_comes_when_it_was_asked_before_the_stop(start: Callable[..., Receiver]) -> None:
    """A body that is on its way at SIGTERM is still answered, and clients that idle do not hold the stop up."""
    receiver = start()
    head = "".join(f"{name}: {value}\r\n" for name, value in signed(BODY).items())
    with contextlib.ExitStack() as stack:
        for _ in range(20):
            stack.enter_context(socket.create_connection(("127.0.0.1", receiver.port)))
        client = stack.enter_context(socket.create_connection(("127.0.0.1", receiver.port), timeout=10))
        client.sendall(f"POST /webhooks/zoom HTTP/1.1\r\nhost: x\r\ncontent-length: {len(BODY)}\r\n{head}\r\n".encode())
        client.sendall(BODY[:10])
        wait_until(receiver.healthy, 5, "the receiver has read what was sent")
        receiver.process.send_signal(signal.SIGTERM)
        client.sendall(BODY[10:])
        answer = client.recv(1000)
        exit_code = receiver.process.wait(STOP_SECONDS)

    assert answer.startswith(b"HTTP/1.1 200")
    assert exit_code == 0


def test_genuine_event_is_answered_when_a_hundred_bodies_are_half_sent(running: Receiver) -> None:
    """Clients that send slowly, or nothing, hold no thread: a genuine event is answered at once."""
    half = b"POST /webhooks/zoom HTTP/1.1\r\nhost: x\r\ncontent-length: 1000\r\n\r\n{"
    with contextlib.ExitStack() as stack:
        for sent in (half, half[:40], b""):
            for _ in range(100):
                client = stack.enter_context(socket.create_connection(("127.0.0.1", running.port)))
                client.sendall(sent)
        began_at = SystemClock().monotonic()
        status = running.deliver()
        elapsed_seconds = SystemClock().monotonic() - began_at

    assert status == 200
    assert elapsed_seconds < 1.0


def test_body_is_refused_when_over_the_limit(running: Receiver) -> None:
    """A length over 1 MiB is refused whether it was declared or came in chunks, even when signed."""
    big = b" " * (1024 * 1024 + 1)
    head = b"POST /webhooks/zoom HTTP/1.1\r\nhost: x\r\n"
    chunk = b"80000\r\n" + b" " * 0x80000 + b"\r\n"

    declared = running.send_raw(head + b"content-length: %d\r\n\r\n" % len(big))
    chunked = running.send_raw(head + b"transfer-encoding: chunked\r\n\r\n", chunk, chunk, b"1\r\n \r\n")

    assert declared.startswith(b"HTTP/1.1 413")
    assert chunked.startswith(b"HTTP/1.1 413")


def test_chunked_body_is_accepted_when_signed(running: Receiver) -> None:
    """A genuine body without a declared length is an event like any other."""
    head = "".join(f"{name}: {value}\r\n" for name, value in signed(BODY).items()).encode()
    chunk = b"%x\r\n%b\r\n0\r\n\r\n" % (len(BODY), BODY)

    answer = running.send_raw(
        b"POST /webhooks/zoom HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n%b\r\n%b" % (head, chunk)
    )

    assert answer.startswith(b"HTTP/1.1 200")


def test_output_has_no_traceback_when_attacked(running: Receiver) -> None:
    """Nothing anyone sends puts a traceback, or what they sent, into the output."""
    head = b"POST /webhooks/zoom HTTP/1.1\r\nhost: x\r\n"
    for attack in (
        b"\x16\x03\x01garbage\r\n\r\n",
        b"GET / HTTP/9.9\r\n\r\n",
        b"BREW /webhooks/zoom HTTP/1.1\r\nhost: \xff\r\n\r\n",
        b"GET /%ff%00/caf\xc3\xa9?\xff HTTP/1.1\r\nhost: x\r\n\r\n",
        head + b"x-zm-signature: v0=\xe9\r\ncontent-length: 2\r\n\r\nxy",
        head + b"content-length: 99999999999999999999\r\n\r\n",
        head + b"content-length: 1\r\ncontent-length: 2\r\n\r\nxy",
        head + b"transfer-encoding: chunked\r\n\r\nzz\r\n",
        head + b"content-encoding: gzip\r\ncontent-length: 2\r\n\r\nxy",
        head + b"content-length: 60000\r\n\r\n" + b"[" * 60000,
    ):
        running.send_raw(attack)
    for body in (b"[" * 100_000, b'{"event":"a","payload":{"object":{"id":"\\ud800"}}}', b"planted-token"):
        assert running.deliver(body) == 200

    assert running.deliver() == 200
    assert "Traceback" not in running.output
    assert "planted-token" not in running.output


def test_operators_are_answered_on_their_own_address(running: Receiver) -> None:
    """Readiness and metrics are on the admin address, and not on the public one."""
    assert running.call("GET", "/readyz", port=running.admin_port)[0] == 200
    assert b"webhook_ack_seconds_bucket" in running.call("GET", "/metrics", port=running.admin_port)[1]
    assert running.call("GET", "/metrics")[0] == 404


def test_receiver_starts_when_the_log_is_down(start: Callable[..., Receiver]) -> None:
    """Without its log the process lives, is ready, and takes events into its spool in Zoom's time."""
    receiver = start(f"kafka://127.0.0.1:{free_port()}")

    began_at = SystemClock().monotonic()
    status = receiver.deliver()

    assert status == 200
    assert SystemClock().monotonic() - began_at < 3.0
    assert receiver.call("GET", "/readyz", port=receiver.admin_port)[0] == 200
    assert receiver.stop() == 0
    assert "spool.not_empty" in receiver.output
    assert "Traceback" not in receiver.output


def test_port_is_free_when_the_main_process_was_killed(start: Callable[..., Receiver]) -> None:
    """`kill -9` leaves no orphan that answers and keeps the port: another receiver can start at once."""
    receiver = start()

    receiver.process.kill()
    receiver.process.wait(STOP_SECONDS)

    def refused() -> bool:
        with contextlib.closing(socket.socket()) as client:
            return client.connect_ex(("127.0.0.1", receiver.port)) != 0

    wait_until(refused, 5, "nobody answers on the port of the killed receiver")


@pytest.mark.parametrize("setting", ["RECEIVER_BIND", "RECEIVER_ADMIN_BIND"])
def test_program_ends_with_one_sentence_when_a_port_is_taken(tmp_path: Path, setting: str) -> None:
    """A taken port is told by its setting, and never shared silently."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        settings = {"TRANSPORT_URL": f"sqlite:///{tmp_path}/log.db", "ZOOM_WEBHOOK_SECRETS": SECRET, setting: address}
        ended = run(settings | ({} if setting == "RECEIVER_BIND" else {"RECEIVER_BIND": "127.0.0.1:0"}))

    assert ended.returncode == 2
    assert ended.stderr == f"webhook_receiver: cannot listen on {address} ({setting}): Address already in use\n"


def test_program_says_all_that_is_wrong_when_settings_are() -> None:
    """Every missing or wrong setting is named in one message, without a traceback."""
    ended = run({"RECEIVER_BIND": "nowhere"})

    assert ended.returncode == 2
    assert all(name in ended.stderr for name in ("TRANSPORT_URL", "ZOOM_WEBHOOK_SECRETS", "RECEIVER_BIND"))
    assert len(ended.stderr.splitlines()) == 1


def run(settings: dict[str, str], *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "webhook_receiver", *arguments],
        env=clean_environment() | settings,
        capture_output=True,
        text=True,
        timeout=3 * START_SECONDS,
        check=False,
    )
