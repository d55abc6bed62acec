"""`make demo`: play calls through everything, wait until everything came out, check it, print it."""

import shutil
from collections.abc import Sequence
from contextlib import ExitStack
from datetime import timedelta
from pathlib import Path

from rich.console import Console
from rich.live import Live

from infra.clock import Clock
from infra.database.engine import emptied_schema
from infra.errors import ConfigurationError, PermanentError
from infra.local.observe import Observed, Observer
from infra.local.ports import free_ports
from infra.local.postgres import PostgresServer
from infra.local.report import print_report, progress_table
from infra.local.review import review
from infra.local.stack import Stack
from infra.local.verdict import problems
from infra.settings import Address, transport_settings
from infra.transport import Transport
from infra.transport.connect import connect
from infra.zoom.simulator import SCENARIOS, Call, Player, build_call
from infra.zoom.simulator.feed import register

UNRECORDED = "no-recording"
PLAYED = (
    "clean", "two-segments", "recording-stopped", "disorder", UNRECORDED, "unregistered", "four-rules", "paypal-checkout",
)  # fmt: skip
WAIT_SECONDS = 60.0  # everything comes out within ten on two idle cores
SETTLE_SECONDS = 2.0  # what is going to be doubled is doubled by then
# Instead of a day until a recording counts as missing: longer than any call here waits for its recording after its end,
# so that it is no race of that timer with our deliveries. The call without one has ended that much earlier.
GRACE = timedelta(hours=2)
DEMO_SCHEMA = "zoom_pipeline_demo"
_LOOK_SECONDS = 0.5
_MARK = ".demo"  # in every folder that a demo made
_MARKS = {_MARK, "s3", "log.db"}  # the others: of demos before there was a mark


class DemoFailed(PermanentError):
    """Something is missing, doubled or different; the report says what."""


def demo(
    folder: Path,
    clock: Clock,
    console: Console,
    *,
    kafka: bool,
    postgres: bool = False,
    database_url: str | None = None,
) -> None:
    """Play every scenario through a fresh stack in `folder`, and print what came out.

    The database is a SQLite file, with `postgres` a PostgreSQL server started for it, or an emptied schema of its own in
    the PostgreSQL database that `database_url` names.

    Raises:
        DemoFailed: something is missing, doubled or different.
        ConfigurationError: `folder` holds what no demo made, or the stack cannot be started; the text says what to do.
    """
    empty_folder(folder)
    receiver, zoom, portal = (Address("127.0.0.1", port) for port in free_ports(3))
    started = clock.monotonic()
    with ExitStack() as parts:
        if postgres:
            database_url = _started_postgres(folder, clock, console, parts)
        elif database_url is not None:
            database_url = emptied_schema(database_url, DEMO_SCHEMA)
        stack = Stack(
            folder,
            clock,
            lambda line: console.print(line, highlight=False),
            receiver=receiver,
            zoom=zoom,
            portal=portal,
            kafka=kafka,
            database_url=database_url,
        )
        parts.callback(stack.stop)
        stack.start({"NO_RECORDING_GRACE_SECONDS": f"{GRACE.total_seconds():.0f}"})
        calls, seen, aside, reviewed = _play(stack, clock, console)
    print_report(console, calls, [SCENARIOS[call.scenario].title for call in calls], seen)
    if reviewed:
        console.print("\nThen the first call is reported, and reviewed", style="bold", highlight=False)
    for line in reviewed:
        console.print(f"   {line}", markup=False, highlight=False, soft_wrap=True)
    for name, count in aside.items():
        console.print(f"\n! {count} records in {name}", style="red", markup=False)
    if aside or any(any(problems(call, one)) for call, one in zip(calls, seen, strict=True)):
        raise DemoFailed(f"something is missing, doubled or different: see the lines with !, and the logs in {folder}")
    seconds = clock.monotonic() - started
    console.print(
        f"\nEverything came out, once: {len(calls)} calls in {seconds:.0f} s. The data and logs are in {folder}.",
        highlight=False,
        soft_wrap=True,
    )


def empty_folder(folder: Path) -> None:
    """Make an empty folder for a demo, in place of an earlier demo's.

    Raises:
        ConfigurationError: it holds something else, or cannot be made; then nothing is removed.
    """
    try:
        names = {path.name for path in folder.iterdir()} if folder.exists() else set()
        if names and not names & _MARKS:
            raise ConfigurationError(f"{folder} is not an earlier demo's folder: name one that is empty or missing")
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True, exist_ok=True)
        (folder / _MARK).touch()
    except OSError as error:
        raise ConfigurationError(f"the demo's folder {folder} cannot be emptied: {error.strerror}") from error


def _started_postgres(folder: Path, clock: Clock, console: Console, parts: ExitStack) -> str:
    console.print("starting a PostgreSQL server", highlight=False)
    server = PostgresServer(folder, clock)
    server.start()
    parts.callback(server.stop)
    return server.url


def _play(
    stack: Stack, clock: Clock, console: Console
) -> tuple[Sequence[Call], Sequence[Observed], dict[str, int], Sequence[str]]:
    assert stack.zoom is not None  # noqa: S101  # start() has made it
    transport = connect(transport_settings(stack.environment), clock)
    store = stack.open_store()
    now = clock.now()
    calls = [build_call(name, seed=1, now=now - GRACE if name == UNRECORDED else now) for name in PLAYED]
    try:
        play_calls(stack, transport, calls, clock)
        observer = Observer(transport, store, stack.zoom)
        seen = _wait(stack, observer, calls, clock, console)
        wrong = any(any(problems(call, one)) for call, one in zip(calls, seen, strict=True))
        first = calls[0].registration
        reviewed = [] if wrong or first is None else list(review(stack, transport, clock, first))
        return calls, seen, observer.set_aside(), reviewed
    finally:
        store.close()
        transport.close()


def play_calls(stack: Stack, transport: Transport, calls: Sequence[Call], clock: Clock) -> None:
    """Register the calls that the marketplace knows, let Zoom validate the URL, and play them.

    Raises:
        DemoFailed: the receiver did not accept a delivery, retries included.
    """
    assert stack.zoom is not None  # noqa: S101  # start() has made it
    producer = transport.producer()
    register(producer, calls, clock)
    producer.close()
    player = Player(stack.receiver_url, stack.webhook_secret, stack.zoom, clock)
    try:
        player.validate()
        refused = [outcome for outcome in player.play(calls) if not outcome.delivered]
    finally:
        player.close()
    if refused:
        raise DemoFailed(f"{len(refused)} deliveries were not accepted, the first of them {refused[0].event}")


def _wait(
    stack: Stack, observer: Observer, calls: Sequence[Call], clock: Clock, console: Console
) -> Sequence[Observed]:
    """Look until everything is there and has stayed so for a while, or time is up."""
    deadline = clock.monotonic() + WAIT_SECONDS
    complete_since: float | None = None
    with Live(console=console, transient=True, auto_refresh=False) as live:
        while True:
            stack.check()
            seen = observer.look(calls)
            if console.is_terminal:
                live.update(progress_table(calls, seen), refresh=True)
            complete = not any(any(problems(call, one)) for call, one in zip(calls, seen, strict=True))
            complete_since = (complete_since or clock.monotonic()) if complete else None
            settled = complete_since is not None and clock.monotonic() - complete_since >= SETTLE_SECONDS
            if settled or clock.monotonic() > deadline:
                return seen
            clock.sleep(_LOOK_SECONDS)
