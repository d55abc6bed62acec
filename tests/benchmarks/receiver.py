"""The receiver under load, and beside attackers who hold connections."""

import contextlib
import http.client
import json
import shutil
import socket
from collections import defaultdict
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from infra.clock import SystemClock
from infra.errors import ConfigurationError, TransientError
from infra.local.kafka_broker import KafkaBroker
from infra.local.ports import free_port
from tests.benchmarks import machine
from tests.benchmarks.load import SECRET, Load, body, generator_name, load, signed, write_requests
from tests.benchmarks.run import CLOCK, Missing, Program, Run, found, program, python, wait_until
from tests.benchmarks.table import Bar, Row, failed, judged, not_run, ratios, reported

PEER = "adnanh/webhook"
NO_WORK, BARE = "no work", "bare Flask, WSGI"  # the same server around nothing; granian around Flask alone
BUSY_CONNECTIONS, FEW_CONNECTIONS = 32, 4
IDLE_CONNECTIONS = 1000
DELIVERIES = 20  # genuine ones beside the idle connections, one after another, each on a connection of its own
CPU_BAR = Bar(2.8, aim=2.0)  # issue 4 E, as the two below
RSS_BAR = Bar(110)
P99_FLOOR_MS, P99_TIMES = 15.0, 3.0
IDLE_BAR = Bar(100)


@dataclass(frozen=True, slots=True)
class Server:
    """Something that takes webhooks."""

    program: Program
    url: str
    port: int


@dataclass(frozen=True, slots=True)
class Taken:
    """One round of load on one server."""

    load: Load
    cpu_us: float


def measure(run: Run) -> Iterator[Row]:
    """Yield the receiver's rows."""
    run.say(f"the load comes from {generator_name()}")
    with ExitStack() as stack:
        servers, absent = _start(run, stack)
        requests = write_requests(run.folder)
        taken = {
            BUSY_CONNECTIONS: _rounds(run, servers, requests, BUSY_CONNECTIONS),
            FEW_CONNECTIONS: _rounds(run, {n: s for n, s in servers.items() if n != PEER}, requests, FEW_CONNECTIONS),
        }
        yield from _load_rows(taken, servers, absent)
        yield from _memory_rows(servers)
        yield _idle_row(run, servers["SQLite log"])


def _start(run: Run, stack: ExitStack) -> tuple[dict[str, Server], dict[str, str]]:
    """Start every server; return them, and why the others are absent."""
    servers, absent = {}, {}
    servers[NO_WORK] = stack.enter_context(_same_server(run.folder))
    servers[BARE] = stack.enter_context(_bare(run.folder))
    servers["SQLite log"] = stack.enter_context(ours("sqlite", f"sqlite:///{run.folder}/receiver-log.db", run.folder))
    broker = KafkaBroker(run.folder / "kafka", SystemClock())
    try:
        broker.start()
        stack.callback(broker.stop)
        servers["Kafka"] = stack.enter_context(ours("kafka", f"kafka://{broker.bootstrap_servers}", run.folder))
    except (ConfigurationError, TransientError) as error:
        absent["Kafka"] = str(error)
    try:
        servers[PEER] = stack.enter_context(_peer(run.folder))
    except Missing as error:
        absent[PEER] = str(error)
    return servers, absent


@contextmanager
def ours(name: str, transport_url: str, folder: Path, settings: Mapping[str, str] | None = None) -> Iterator[Server]:
    """Run the receiver for as long as the block does."""
    port = free_port()
    environment = {
        "TRANSPORT_URL": transport_url,
        "ZOOM_WEBHOOK_SECRETS": SECRET,
        "RECEIVER_BIND": f"127.0.0.1:{port}",
        "SPOOL_PATH": str(folder / f"spool-{name}" / "receiver.db"),
        **(settings or {}),
    }
    with program(f"receiver-{name}", python("-m", "webhook_receiver"), folder, environment) as started:
        started.wait_for_port(port)
        yield Server(started, f"http://127.0.0.1:{port}/webhooks/zoom", port)


@contextmanager
def _same_server(folder: Path) -> Iterator[Server]:
    port = free_port()
    with program("no-work", python("-m", "tests.benchmarks.same_server", str(port)), folder) as started:
        started.wait_for_port(port)
        yield Server(started, f"http://127.0.0.1:{port}/webhooks/zoom", port)


@contextmanager
def _bare(folder: Path) -> Iterator[Server]:
    port = free_port()
    command = python(
        "-m", "granian", "--interface", "wsgi", "--http", "1", "--no-ws", "--workers", "1", "--blocking-threads", "32",
        "--backpressure", "1024", "--host", "127.0.0.1", "--port", str(port), "tests.benchmarks.no_work:app",
    )  # fmt: skip
    with program("bare", command, folder) as started:
        started.wait_for_port(port)
        yield Server(started, f"http://127.0.0.1:{port}/webhooks/zoom", port)


@contextmanager
def _peer(folder: Path) -> Iterator[Server]:
    """adnanh/webhook checks an HMAC over the body alone (it cannot do Zoom's) and starts a program for each event."""
    binary = found("webhook", "apt-get install webhook")
    port, hooks = free_port(), folder / "hooks.json"
    rule = {
        "type": "payload-hmac-sha256",
        "secret": SECRET,
        "parameter": {"source": "header", "name": "x-body-signature"},
    }
    hook: dict[str, object] = {"id": "zoom", "execute-command": shutil.which("true"), "trigger-rule": {"match": rule}}
    hook["trigger-rule-mismatch-http-response-code"] = 400
    hooks.write_text(json.dumps([hook]))
    command = [binary, "-hooks", str(hooks), "-ip", "127.0.0.1", "-port", str(port), "-urlprefix", "webhooks"]
    with program("adnanh-webhook", command, folder) as started:
        started.wait_for_port(port)
        yield Server(started, f"http://127.0.0.1:{port}/webhooks/zoom", port)


def _rounds(run: Run, servers: Mapping[str, Server], requests: Path, connections: int) -> dict[str, list[Taken]]:
    for name, server in servers.items():
        run.say(f"receiver, {connections} connections, warming up: {name}")
        wait_until(lambda server=server: _deliver(server.port, 0)[0] == 200, f"{name} accepts an event")  # type: ignore[misc]
        load(server.url, requests, connections=connections, seconds=run.pick(4, 2), refusals_matter=False)
    taken: dict[str, list[Taken]] = defaultdict(list)
    for turn in range(run.rounds):
        for name, server in servers.items():
            run.say(f"receiver, {connections} connections, round {turn + 1}: {name}")
            before = server.program.cpu_seconds()
            came = load(server.url, requests, connections=connections, seconds=run.seconds)
            cpu_seconds = server.program.cpu_seconds() - before
            taken[name].append(Taken(came, cpu_seconds / came.requests * 1e6))
    return taken


def _load_rows(
    taken: Mapping[int, Mapping[str, list[Taken]]], servers: Mapping[str, Server], absent: Mapping[str, str]
) -> Iterator[Row]:
    busy, few = taken[BUSY_CONNECTIONS], taken[FEW_CONNECTIONS]
    base, bare = ([one.cpu_us for one in busy[name]] for name in (NO_WORK, BARE))
    for name in ("Kafka", "SQLite log"):
        what = f"CPU per acknowledged event over the no-work server's, {name}, c=32"
        if name not in servers:
            yield not_run(what, absent[name])
            continue
        own = [one.cpu_us for one in busy[name]]
        note = f"{median(own):.0f} us against {median(base):.0f} us"
        yield judged(what, "x", ratios(own, base), CPU_BAR, note)
        what = f"the same over Flask's alone on granian (WSGI, no bridge), {name}, c=32"
        yield reported(what, "x", ratios(own, bare), f"against {median(bare):.0f} us")
    yield from (row for name in (NO_WORK, BARE, "Kafka", "SQLite log", PEER) for row in _of(name, busy, 32, absent))
    yield from (row for name in (NO_WORK, BARE, "Kafka", "SQLite log") for row in _of(name, few, 4, {}))
    allowed = max(P99_FLOOR_MS, P99_TIMES * median(one.load.p99_ms for one in few[NO_WORK]))
    yield judged("p99 on the SQLite log, c=4", "ms", [one.load.p99_ms for one in few["SQLite log"]], Bar(allowed))


def _of(name: str, taken: Mapping[str, list[Taken]], connections: int, absent: Mapping[str, str]) -> Iterator[Row]:
    """One line for what is only reported of a server: its rate, with CPU and latency in the note."""
    what = f"{'answers' if name in {NO_WORK, BARE} else 'acknowledged events'}, {name}, c={connections}"
    if name in absent:
        yield not_run(what, absent[name])
    elif name in taken:
        rounds = taken[name]
        p50, p99 = (
            median(values) for values in zip(*((one.load.p50_ms, one.load.p99_ms) for one in rounds), strict=True)
        )
        note = f"{median(one.cpu_us for one in rounds):.0f} us CPU each; p50 {p50:.1f} ms, p99 {p99:.1f} ms"
        more = "; answers before the program that it starts has run" if name == PEER else ""
        yield reported(what, "1/s", [one.load.per_second for one in rounds], note + more)


def _memory_rows(servers: Mapping[str, Server]) -> Iterator[Row]:
    for name, server in servers.items():
        shared_once = machine.tree_rss_mebibytes(server.program.pid)
        biggest = max(machine.rss_mebibytes(pid) for pid in machine.tree(server.program.pid))
        note = f"all its processes after the load, shared pages once; the largest one has {biggest:.0f} by itself"
        judge = name in {"Kafka", "SQLite log"}
        row = judged if judge else reported
        yield row(f"RSS, {name}", "MiB", [shared_once], *([RSS_BAR] if judge else []), note)  # type: ignore[operator]


def _idle_row(run: Run, server: Server) -> Row:
    """Hold connections that send nothing or stop half-way, and deliver genuine events beside them."""
    what = f"a genuine event beside {IDLE_CONNECTIONS:,} idle or half-sent connections, SQLite log"
    slowest = []
    for turn in range(run.rounds):
        run.say(f"receiver, idle connections, round {turn + 1}")
        with ExitStack() as held:
            _hold(held, server.port)
            answers = [_deliver(server.port, number) for number in range(DELIVERIES)]
        if any(status != 200 for status, _ in answers):
            return failed(what, f"{sum(status != 200 for status, _ in answers)} of {DELIVERIES} were not accepted")
        slowest.append(max(milliseconds for _, milliseconds in answers))
    return judged(what, "ms", slowest, IDLE_BAR, f"the slowest of {DELIVERIES}, each on a new connection")


def _hold(held: ExitStack, port: int) -> None:
    half = b"POST /webhooks/zoom HTTP/1.1\r\nhost: x\r\ncontent-length: 1000\r\n\r\n{"
    for number in range(IDLE_CONNECTIONS):
        client = held.enter_context(socket.create_connection(("127.0.0.1", port)))
        client.sendall((b"", half[:40], half)[number % 3])


def _deliver(port: int, number: int) -> tuple[int, float]:
    content = body(number)
    headers = signed(content)
    began_at = CLOCK.monotonic()
    with contextlib.closing(http.client.HTTPConnection("127.0.0.1", port, timeout=10)) as connection:
        connection.request("POST", "/webhooks/zoom", content, headers)
        status = connection.getresponse().status
    return status, (CLOCK.monotonic() - began_at) * 1000
