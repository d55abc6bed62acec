"""How fast analysts' pages are: the queue, a case, its transcript, and links to recordings; on both databases."""

import http.client
import re
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from statistics import quantiles
from urllib.parse import urlencode

from infra.database.engine import open_database
from infra.errors import ConfigurationError
from infra.local.ports import free_port
from infra.local.postgres import PostgresServer
from infra.local.s3_server import S3Server
from infra.storage.s3 import S3Store
from portal.auth.sessions import Sessions, csrf_token
from tests.benchmarks import machine
from tests.benchmarks.portal_world import BUSY_FLAG, FLAGS, fill
from tests.benchmarks.run import CLOCK, Broken, Run, program, python
from tests.benchmarks.table import Bar, Row, judged, not_run

CONNECTIONS = 8
P95_BAR, RSS_BAR = Bar(100), Bar(150)  # issue 7 G
BUCKET = "benchmark"
FORM = "application/x-www-form-urlencoded"


@dataclass(frozen=True, slots=True)
class Asked:
    """One request, over and over."""

    name: str
    method: str
    path: str
    form: Mapping[str, str]
    part: bool = False


def measure(run: Run) -> Iterator[Row]:
    """Yield the 95th percentiles and the memory, on SQLite and on PostgreSQL."""
    s3 = S3Server(run.folder / "s3", CLOCK)
    s3.start()
    try:
        yield from _over(run, "SQLite", f"sqlite:///{run.folder / 'portal.db'}", s3)
        server = PostgresServer(run.folder, CLOCK)
        try:
            server.start()
        except ConfigurationError as error:
            yield not_run("PostgreSQL", str(error))
            return
        try:
            yield from _over(run, "PostgreSQL", "".join(server.url), s3)
        finally:
            server.stop()
    finally:
        s3.stop()


def _over(run: Run, name: str, database_url: str, s3: S3Server) -> Iterator[Row]:
    flags = run.pick(FLAGS, FLAGS // 20)
    run.say(f"{name}: {flags:,} flags")
    engine = open_database(database_url)
    store = S3Store(f"{BUCKET}-{name.lower()}", s3.endpoint_url, s3.client())
    store.ensure_bucket()
    fill(engine, store, CLOCK.now(), flags=flags)
    token = "".join(Sessions(engine, CLOCK).begin("analyst-bench", "analyst"))
    port = free_port()
    environment = _environment(run.folder / name, port, database_url) | {
        **s3.environment(), "ARCHIVE_BUCKET": f"{BUCKET}-{name.lower()}",
    }  # fmt: skip
    with program(f"portal-{name}", python("-m", "portal"), run.folder, environment) as server:
        server.wait_for_port(port)
        browser = Browser(port, token)
        finding = browser.claim()
        for asked in _requests(finding):
            values = [browser.p95(asked, run.seconds) for _ in range(run.rounds)]
            yield judged(f"{asked.name}, p95 at c={CONNECTIONS}, {name}", "ms", values, P95_BAR, _note(asked, flags))
        memory = max(machine.peak_mebibytes(pid) for pid in machine.tree(server.pid))
        yield judged(f"RSS of the portal's worker at its peak, {name}", "MiB", [memory], RSS_BAR)
    store.close()
    engine.dispose()


def _requests(finding: str) -> Iterator[Asked]:
    case = f"/reviews/{BUSY_FLAG}"
    yield Asked("queue page", "GET", "/reviews", {})
    yield Asked("case page", "GET", case, {})
    yield Asked("transcript of an hour", "POST", f"{case}/transcript", {}, part=True)
    reason = {"finding": finding, "reason": "measuring how long this takes"}
    yield Asked("link to a recording", "POST", f"{case}/recording", reason, part=True)


def _note(asked: Asked, flags: int) -> str:
    """What a request does beside the page itself."""
    notes = {
        "queue page": f"{flags // 20:,} open of {flags:,} flags",
        "case page": "12 findings, the call's course; the transcript is asked for by itself",
        "transcript of an hour": "900 cues masked and marked, and the audit's entry",
        "link to a recording": "reason, claim and audit entry made durable, the store asked, the link signed",
    }
    return notes[asked.name]


def _environment(folder: Path, port: int, database_url: str) -> dict[str, str]:
    return {
        "TRANSPORT_URL": f"sqlite:///{folder / 'log.db'}",
        "DATABASE_URL": database_url,
        "PORTAL_BIND": f"127.0.0.1:{port}",
        "PORTAL_AUDIT_KEY": "k" * 40,
        "PORTAL_AUDIT_HEAD": str(folder / "audit-head.json"),
        "CALL_PAGE_URL": "https://marketplace.example/calls/{call_id}",
        "LOG_LEVEL": "ERROR",
    }


class Browser:
    """A signed-in analyst with CONNECTIONS connections that always have a request under way."""

    def __init__(self, port: int, token: str) -> None:
        self._port = port
        self._headers = {"Cookie": f"analyst={token}", "Accept": "text/html", "Host": f"127.0.0.1:{port}"}
        self._csrf = csrf_token(token)

    def claim(self) -> str:
        """Claim the case; return the name of its first finding."""
        connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=30)
        self._ask(connection, Asked("claim", "POST", f"/reviews/{BUSY_FLAG}/claim", {}), expected=303)
        page = self._ask(connection, Asked("case", "GET", f"/reviews/{BUSY_FLAG}", {}))
        connection.close()
        return re.findall(r'class="finding" id="([^"]+)"', page)[0]

    def p95(self, asked: Asked, seconds: float) -> float:
        """Return the 95th percentile of the answers' times, in milliseconds."""
        self._times(asked, 0.5)  # warm
        with ThreadPoolExecutor(CONNECTIONS) as pool:
            times = [
                one for part in pool.map(lambda _: self._times(asked, seconds), range(CONNECTIONS)) for one in part
            ]
        return quantiles(times, n=20)[-1] * 1000

    def _times(self, asked: Asked, seconds: float) -> list[float]:
        connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=30)
        times, until = [], CLOCK.monotonic() + seconds
        while CLOCK.monotonic() < until:
            began = CLOCK.monotonic()
            self._ask(connection, asked)
            times.append(CLOCK.monotonic() - began)
        connection.close()
        return times

    def _ask(self, connection: http.client.HTTPConnection, asked: Asked, expected: int = 200) -> str:
        body = urlencode({"csrf": self._csrf, **asked.form}) if asked.method == "POST" else None
        more = {"Content-Type": FORM} | ({"HX-Request": "true"} if asked.part else {})
        connection.request(asked.method, asked.path, body, {**self._headers, **more})
        answer = connection.getresponse()
        text = answer.read().decode()
        if answer.status != expected:
            raise Broken(f"{asked.name}: {answer.status}")
        return text
