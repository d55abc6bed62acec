"""Load on an HTTP server: keep-alive connections that send signed bodies in rotation, from another process.

wrk where it is installed; else a small generator of our own (tests/benchmarks/generator.py), which takes several times
the CPU for itself, so that latencies on few cores look worse with it.
"""

import hmac
import json
import os
import shutil
import subprocess
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

from tests.benchmarks.run import CLOCK, ROOT, Broken, clean_environment, python

SECRET = "a-secret-of-the-benchmarks"
BODIES = 300  # in rotation; each of about 1.1 KB, as the median body of Zoom's
_SCRIPT = Path(__file__).with_name("wrk.lua")


@dataclass(frozen=True, slots=True)
class Load:
    """What came back. Latencies in milliseconds."""

    requests: int
    seconds: float
    p50_ms: float
    p99_ms: float

    @property
    def per_second(self) -> float:
        return self.requests / self.seconds


def generator_name() -> str:
    """Say what makes the load."""
    return "wrk" if shutil.which("wrk") else "our own generator (apt-get install wrk: less CPU beside the server)"


def body(number: int) -> bytes:
    """Return a webhook body of about 1.1 KB in the shape of Zoom's."""
    participant = {
        "user_id": str(16_778_240 + number),
        "user_name": f"Guest {number:04}",
        "participant_uuid": f"P{number:015}",
        "join_time": "2026-11-22T10:00:00Z",
        "registrant_id": "",
        "email": "",
    }
    meeting = {
        "duration": 30,
        "start_time": "2026-11-22T10:00:00Z",
        "timezone": "",
        "topic": "An order of two logos " + "x" * 620,
        "id": str(81_000_000_000 + number),
        "type": 2,
        "uuid": f"bench{number:017}==",
        "host_id": "host0123456789abcdefgh",
        "participant": participant,
    }
    payload = {"account_id": "bench-account-000000aa", "object": meeting}
    return json.dumps(
        {"event": "meeting.participant_joined", "payload": payload, "event_ts": 1_795_000_000_000 + number}
    ).encode()


def signed(content: bytes) -> dict[str, str]:
    """Return the headers that make a body genuine now; the last one is adnanh/webhook's way, over the body alone."""
    timestamp = str(int(CLOCK.now().timestamp()))
    return {
        "content-type": "application/json; charset=utf-8",
        "x-zm-request-timestamp": timestamp,
        "x-zm-signature": "v0=" + _hex(b"v0:" + timestamp.encode() + b":" + content),
        "x-zm-request-id": "0f8a1b2c_3d4e_5f60_7182_93a4b5c6d7e8",
        "x-body-signature": "sha256=" + _hex(content),
    }


def write_requests(folder: Path) -> Path:
    """Write the bodies and their headers to a file that both generators read: one JSON string list a line."""
    path = folder / "requests.txt"
    lines = []
    for index in range(BODIES):
        content = body(index)
        lines += [*(f"{name}: {value}" for name, value in signed(content).items()), "", content.decode()]
    path.write_text("\n".join(lines) + "\n")
    return path


def load(url: str, requests: Path, *, connections: int, seconds: int, refusals_matter: bool = True) -> Load:
    """Send for a while and return what came back; `refusals_matter` is False while everything warms up.

    Raises:
        Broken: an answer was not 2xx, or none came.
    """
    command = (
        ["wrk", "-t1", f"-c{connections}", f"-d{seconds}s", "--timeout", "10s", "-s", str(_SCRIPT), url]
        if shutil.which("wrk")
        else python("-m", "tests.benchmarks.generator", url, str(requests), str(connections), str(seconds))
    )
    environment = {**clean_environment(), "BENCH_REQUESTS": str(requests), "PATH": os.environ["PATH"]}
    done = subprocess.run(command, env=environment, cwd=ROOT, capture_output=True, text=True, check=False)
    line = next((line for line in done.stdout.splitlines() if line.startswith("{")), None)
    if line is None:
        raise Broken(f"the load generator said {(done.stderr or done.stdout)[-200:]!r}")
    found = json.loads(line)
    if refusals_matter and (found["errors"] or not found["requests"]):
        raise Broken(f"{found['errors']} of {found['requests']} answers of {url} were not 2xx, or did not come")
    return Load(found["requests"], found["seconds"], found["p50_ms"], found["p99_ms"])


def _hex(message: bytes) -> str:
    return hmac.digest(SECRET.encode(), message, sha256).hex()
