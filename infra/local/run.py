"""`make run`: everything on this machine, until Ctrl-C."""

import os
import shlex
import signal
import threading
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console

from infra.clock import Clock
from infra.local.demo import play_calls
from infra.local.stack import Stack
from infra.local.watching import watching_link
from infra.settings import Address, transport_settings
from infra.transport.connect import connect
from infra.zoom.simulator import Call, build_call

RECEIVER = Address("127.0.0.1", 8080)
ZOOM = Address("127.0.0.1", 8090)
PORTAL = Address("127.0.0.1", 8070)
PLAYED = ("clean", "two-segments", "recording-stopped", "no-recording")
GRACE_SECONDS = 60  # instead of a day until a recording counts as missing: nobody watches for a day
_LOOK_SECONDS = 0.5


def run(
    folder: Path,
    clock: Clock,
    console: Console,
    *,
    receiver: Address = RECEIVER,
    zoom: Address = ZOOM,
    portal: Address = PORTAL,
    matrix: bool = False,
) -> None:
    """Start everything over `folder`, play calls when there are no Zoom credentials, and stay until told to stop.

    Raises:
        ConfigurationError: a port is taken, the disk is full, a part ended; the text says what to do.
    """
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    stack = Stack(
        folder,
        clock,
        lambda line: console.print(line, highlight=False),
        receiver=receiver,
        zoom=zoom,
        portal=portal,
        kafka=False,
        matrix=matrix,
    )
    try:
        stack.start({"NO_RECORDING_GRACE_SECONDS": str(GRACE_SECONDS)})
        _write_environment(stack, folder / "environment")
        played = [] if "ZOOM_CLIENT_ID" in os.environ else _play(stack, clock, console)
        _say_what_runs(stack, zoom, folder, console)
        _say_where_to_watch(stack, played, clock, console)
        console.print("\nCtrl-C stops it; the next make run finds the data again.", highlight=False)
        while not stop.wait(_LOOK_SECONDS):
            stack.check()
        console.print("stopping ...")
    finally:
        stack.stop()


def _play(stack: Stack, clock: Clock, console: Console) -> list[Call]:
    seed = int(clock.now().timestamp())  # other meetings at every start
    calls = [build_call(name, seed, clock.now()) for name in PLAYED]
    transport = connect(transport_settings(stack.environment), clock)
    try:
        play_calls(stack, transport, calls, clock)
    finally:
        transport.close()
    console.print(f"the simulated Zoom played {len(calls)} calls", highlight=False)
    for call in calls:
        if call.registration is not None and stack.zoom is not None and stack.matrix is None:
            url = f"{stack.zoom.chat_url}/conversations/{call.registration.conversation_id}/messages"
            console.print(f"  {call.scenario:18} its chat: {url}", highlight=False, soft_wrap=True)
    return calls


def _say_where_to_watch(stack: Stack, played: Sequence[Call], clock: Clock, console: Console) -> None:
    """Print a link for each person of the first call that was played; last of all, for they work for a minute."""
    call = next((call.registration for call in played if call.registration is not None), None)
    if call is None:
        return
    console.print("\nWatch and report the first call; each link works once, within a minute:")
    for role, viewer in (("freelancer", call.freelancer_id), ("client", call.client_id)):
        link = watching_link(stack.environment, call.call_id, viewer, clock)
        console.print(f"  {role:12} {link}", highlight=False, markup=False, soft_wrap=True)
    again = f".venv/bin/python -m infra.local link {call.call_id} {call.freelancer_id}"
    console.print(f"  another      {again}", highlight=False, markup=False, soft_wrap=True)


def _write_environment(stack: Stack, path: Path) -> None:
    """Write the settings to a file that a shell can read, so that every command of the product reaches this stack."""
    path.touch(mode=0o600)
    own = {name: value for name, value in stack.environment.items() if os.environ.get(name) != value}
    # Joined with +, for an f-string would hide what is a Secret.
    path.write_text("".join("export " + name + "=" + shlex.quote(value) + "\n" for name, value in sorted(own.items())))


def _say_what_runs(stack: Stack, zoom: Address, folder: Path, console: Console) -> None:
    console.print(
        f"""
Everything runs, on this machine alone; its data and logs are in {folder}.
  receiver     {stack.receiver_url}   Zoom's webhooks come in here
  portal       {stack.environment["PORTAL_URL"]}   starts calls, shows recordings, takes reports
  review       {stack.sign_in_link()}
               signs you in as a lead, once, within 15 minutes; python -m portal sign-in --role lead prints another
  processors   call_events, chat_invitation, recording_archive, meeting_flagging, review_queue
  log          the embedded one, a SQLite file
  S3 server    {stack.environment["AWS_ENDPOINT_URL_S3"]}, bucket {stack.environment["ARCHIVE_BUCKET"]}
  Zoom, chat   {zoom}, simulated
{_matrix_lines(stack)}
Try in another shell, from this folder:
  . {folder}/environment
  .venv/bin/python -m infra topics read call-events --from-beginning
  .venv/bin/python -m infra topics read flagged-meetings --from-beginning
  .venv/bin/python -m processors calls list
  .venv/bin/python -m infra.zoom.simulator play --scenario clean --register""",
        highlight=False,
        markup=False,
        soft_wrap=True,
    )


def _matrix_lines(stack: Stack) -> str:
    if stack.matrix is None:
        return ""
    room = stack.matrix
    # Joined with +, for an f-string would hide what is a Secret.
    return (
        f"\nThe chat is on Matrix instead. Read along in any client that takes a homeserver by its address:\n"
        f"  homeserver   {room.url}\n"
        f"  user         {room.reader.user_id}   password  " + room.reader.password + "\n"
        f"  room         {room.alias}\n"
    )
