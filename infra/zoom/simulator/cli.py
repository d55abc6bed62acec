"""The simulator's commands: serve, play, send, list."""

import json
import os
import signal
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from threading import Event

import click

from infra import logs
from infra.clock import SystemClock
from infra.errors import ConfigurationError
from infra.secret import Secret
from infra.settings import transport_settings, zoom_settings
from infra.transport import Producer
from infra.transport.connect import connect
from infra.zoom.simulator.feed import example_files, publish, read_example, read_feed, register
from infra.zoom.simulator.held import held_as
from infra.zoom.simulator.hosts import HOSTS
from infra.zoom.simulator.player import Outcome, Player
from infra.zoom.simulator.rest import Credentials
from infra.zoom.simulator.scenario import VIDEO_BYTES, Call
from infra.zoom.simulator.scenarios import SCENARIOS, build_call
from infra.zoom.simulator.sender import Sender
from infra.zoom.simulator.server import RemoteSimulator, SimulatorServer
from schemas import topics
from schemas.envelope import Envelope
from schemas.errors import PipelineError

RECEIVER = "127.0.0.1:8080"  # where RECEIVER_BIND says nothing else
SIMULATOR_URL = "http://127.0.0.1:8090"

_secret_option = click.option(
    "--secret",
    "secrets",
    envvar="ZOOM_WEBHOOK_SECRETS",
    help="Sign with this; default: the first of ZOOM_WEBHOOK_SECRETS.",
)
_url_option = click.option(
    "--url",
    default=lambda: f"http://{os.environ.get('RECEIVER_BIND', RECEIVER)}/webhooks/zoom",
    show_default=f"at RECEIVER_BIND, else http://{RECEIVER}/webhooks/zoom",
    help="The receiver's webhook address.",
)
_seed_option = click.option("--seed", type=int, help="The same seed plays the same meetings; default: new ones.")
_scenario_option = click.option(
    "--scenario",
    "names",
    multiple=True,
    type=click.Choice(list(SCENARIOS)),
    help="May come several times; default: all of them.",
)


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
def cli() -> None:
    """A Zoom to try the product with: it sends webhooks, answers OAuth and REST, and serves recordings."""
    logs.configure("INFO")


@cli.command()
@click.option("--bind", default="127.0.0.1:8090", show_default=True, help="HOST:PORT; port 0 takes any free one.")
@click.option("--chat-file", type=click.Path(dir_okay=False, path_type=Path), help="Keep the chat's messages here.")
@click.option("--chat-token", envvar="CHAT_TOKEN", help="Ask the chat's clients for this; default: CHAT_TOKEN.")
@click.option(
    "--rest-fault",
    multiple=True,
    type=click.Choice(["503", "429", "429-daily"]),
    help="Answer the next REST call so; repeat it for more calls.",
)
@click.option("--misconfigured", is_flag=True, help="Have its account set up wrongly in every way that can be told.")
def serve(
    bind: str, chat_file: Path | None, chat_token: str | None, rest_fault: Sequence[str], misconfigured: bool
) -> None:
    """Serve OAuth, REST, recordings and the reference chat until Ctrl-C."""
    host, _, port = bind.rpartition(":")
    if not host or not port.isdigit() or int(port) > 65535:
        raise ConfigurationError("--bind is not HOST:PORT")
    stop = Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    server = SimulatorServer(
        host,
        int(port),
        credentials=_credentials(),
        chat_path=chat_file,
        chat_token=Secret(chat_token) if chat_token else None,
        rest_faults=rest_fault,
    )
    if misconfigured:
        server.rest.misconfigure()
    with closing(server.start()):
        _say_where(server)
        stop.wait()


@cli.command()
@_url_option
@_secret_option
@_seed_option
@_scenario_option
@click.option(
    "--server",
    default=SIMULATOR_URL,
    show_default=True,
    help="Where `serve` (or make run) runs: it keeps the recordings.",
)
@click.option("--time-scale", default=0.001, show_default=True, help="Real seconds for each of Zoom's seconds.")
@click.option(
    "--video-bytes", default=VIDEO_BYTES, show_default=True, help="Size of a call's video; all plays from 200 kB on."
)
@click.option(
    "--register", "registers", is_flag=True, help="First write the calls to calls.registered (TRANSPORT_URL)."
)
@click.option("--meeting", metavar="ID", help="Play in this meeting, which was arranged over REST, as by the portal.")
@click.option(
    "--lose", multiple=True, metavar="EVENT", help="Lose this event's deliveries; Zoom's log has them. May be repeated."
)
def play(
    *,
    url: str,
    secrets: str | None,
    seed: int | None,
    names: Sequence[str],
    server: str,
    time_scale: float,
    video_bytes: int,
    registers: bool,
    meeting: str | None,
    lose: Sequence[str],
) -> None:
    """Play calls against a receiver, with Zoom's retries. Exits 1 if anything sent was not accepted in the end."""
    calls = _calls(names, seed, video_bytes)
    if lose:
        calls = [call.losing(*lose) for call in calls]
    secret = _first(secrets)
    recordings = RemoteSimulator(server)
    if meeting is not None:
        calls = [_held(call, recordings, meeting) for call in calls]
    player = Player(url, secret, recordings, SystemClock(), time_scale=time_scale, report=_say_outcome)
    with closing(recordings), closing(player):
        player.validate()
        if registers:
            with _producer() as producer:
                click.echo(f"registered {register(producer, calls, SystemClock())} calls")
        outcomes = player.play(calls)
    accepted = sum(outcome.delivered for outcome in outcomes)
    click.echo(f"{accepted} of {len(outcomes)} deliveries accepted")
    if any(not outcome.delivered and not outcome.delivery.lost for outcome in outcomes):
        raise SystemExit(1)


@cli.command()
@click.argument("files", nargs=-1, type=click.Path(exists=True, dir_okay=False, path_type=Path))
@_url_option
@_secret_option
@click.option(
    "--to",
    "target",
    type=click.Choice(["receiver", "call-events"]),
    default="receiver",
    show_default=True,
    help="Over HTTP as Zoom does, or into the public topic.",
)
def send(files: Sequence[Path], url: str, secrets: str | None, target: str) -> None:
    """Sign FILES as Zoom does and send them, byte for byte. Exits 1 if any was not answered 2xx.

    With --to call-events, FILES are public examples (<event type>/v<N>/<case>.json; default: all that come with the
    product) or feeds of the consumer kit (schemas/kit/*.jsonl), and go straight to that topic at TRANSPORT_URL: a feed
    for a subscriber's tests, without Zoom.
    """
    if target == "call-events":
        envelopes = [envelope for path in files or example_files() for envelope in _events(path)]
        if not envelopes:
            raise ConfigurationError("no FILE named, and no examples come with this installation")
        with _producer() as producer:
            click.echo(
                f"wrote {publish(producer, topics.CALL_EVENTS.name, envelopes, SystemClock())} events to call-events"
            )
        return
    if not files:
        raise ConfigurationError("name at least one FILE to send")
    with closing(Sender(url, _first(secrets), SystemClock())) as sender:
        results = [_say_status(path, sender.send(path.read_bytes()).status, url) for path in files]
    if not all(results):
        raise SystemExit(1)


@cli.command(name="list")
@_seed_option
@_scenario_option
def list_calls(seed: int | None, names: Sequence[str]) -> None:
    """List the scenarios; with --seed, their meetings as JSON lines."""
    if seed is None:
        for name in names or SCENARIOS:
            click.echo(f"{name:20}{SCENARIOS[name].title}")
        return
    for call in _calls(names, seed, VIDEO_BYTES):
        click.echo(json.dumps(_described(call), ensure_ascii=False))


def main() -> None:
    """Run a command; what goes wrong outside is one sentence and exit code 2."""
    try:
        cli(prog_name="python -m infra.zoom.simulator")
    except PipelineError as error:
        click.echo(f"simulator: {error}", err=True)
        raise SystemExit(2) from None


def _events(path: Path) -> Sequence[Envelope]:
    return read_feed(path) if path.suffix == ".jsonl" else [read_example(path)]


def _calls(names: Sequence[str], seed: int | None, video_bytes: int) -> list[Call]:
    now = SystemClock().now()
    chosen = int(now.timestamp()) if seed is None else seed
    return [build_call(name, chosen, now, video_bytes) for name in names or SCENARIOS]


def _held(call: Call, server: RemoteSimulator, meeting_id: str) -> Call:
    meeting = server.arranged(meeting_id.replace(" ", ""))
    if meeting is None:
        raise ConfigurationError(f"no meeting {meeting_id} was arranged at {server.url}")
    return held_as(call, meeting)


def _credentials() -> Credentials:
    zoom = zoom_settings(os.environ)
    if zoom.client_id and zoom.client_secret and zoom.oauth_account_id:
        return Credentials(zoom.client_id, zoom.client_secret, zoom.oauth_account_id)
    return Credentials()


def _first(secrets: str | None) -> Secret:
    first = (secrets or "").split(",")[0].strip()
    if not first:
        raise ConfigurationError("no secret to sign with: set ZOOM_WEBHOOK_SECRETS or give --secret")
    return Secret(first)


@contextmanager
def _producer() -> Iterator[Producer]:
    with (
        closing(connect(transport_settings(os.environ), SystemClock())) as transport,
        closing(transport.producer()) as producer,
    ):
        transport.create_topics()
        yield producer


def _say_where(server: SimulatorServer) -> None:
    mine = server.credentials
    click.echo(f"The simulated Zoom answers at {server.url}. Point the product at it with:")
    click.echo(f"  ZOOM_API_URL={server.api_url}")
    click.echo(f"  ZOOM_OAUTH_URL={server.oauth_url}")
    click.echo(f"  ZOOM_HOSTS={server.url}")
    if mine == Credentials():
        click.echo(f"  ZOOM_CLIENT_ID={mine.client_id}")
        click.echo("  ZOOM_CLIENT_SECRET=" + mine.client_secret)
        click.echo(f"  ZOOM_OAUTH_ACCOUNT_ID={mine.account_id}")
    click.echo(f"  ZOOM_ACCOUNT_IDS={mine.account_id}")
    click.echo(f"  ZOOM_HOST_USERS={','.join(HOSTS)}")
    click.echo(f"  CHAT_URL={server.chat_url}")
    click.echo("Then play calls: python -m infra.zoom.simulator play. Ctrl-C ends it.")


def _say_outcome(outcome: Outcome) -> None:
    last = outcome.statuses[-1] or "no answer"
    copy = f" (copy {outcome.delivery.copy})" if outcome.delivery.copy else ""
    attempt = f", attempt {len(outcome.statuses)}" if len(outcome.statuses) > 1 else ""
    click.echo(f"{outcome.call.scenario:20}{outcome.event}{copy}: {last}{attempt}")


def _say_status(path: Path, status: int | None, url: str) -> bool:
    click.echo(f"{path.name}: {status or f'no answer from {url}'}")
    return status is not None and 200 <= status <= 299


def _described(call: Call) -> dict[str, object]:
    known = call.registration
    return {
        "scenario": call.scenario,
        "meeting_id": str(call.session.meeting_id),
        "session_id": call.session.session_id,
        "account_id": call.session.account_id,
        "call_id": known.call_id if known else None,
        "conversation_id": known.conversation_id if known else None,
    }
