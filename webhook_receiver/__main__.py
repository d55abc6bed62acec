"""`python -m webhook_receiver [serve | drain | secrets check]`: check the settings, claim what is ours alone, work.

Exit codes: 0 done (serve: stopped by SIGTERM or SIGINT; drain: the spool is empty; secrets check: the older ones may go),
1 not done (serve: the worker ended by itself), 2 something to change first, said in one line.
"""

import argparse
import ctypes
import multiprocessing
import os
import resource
import signal
import socket
import sys
from multiprocessing.synchronize import Event
from pathlib import Path
from typing import Any

import structlog
from granian.constants import HTTPModes, Interfaces
from granian.http import HTTP1Settings
from granian.log import LogLevels
from granian.server import Server

from infra import admin, logs
from infra.clock import SystemClock
from infra.errors import ConfigurationError, TransientError
from infra.settings import Address, ReceiverSettings, receiver_settings
from infra.transport.spool import SpoolTaken, lock_spool
from webhook_receiver import secrets_check
from webhook_receiver.signature import SigningSecret

EXIT_NOT_DONE = 1
EXIT_CONFIGURATION = 2
MAX_CONNECTIONS = (
    20_000  # granian stops accepting beyond; 64 let 200 idle clients block genuine events (lab/pitfalls.md)
)
RESERVED_FILES = 256  # file descriptors kept for the log, the admin address and the libraries
HEADER_READ_MILLISECONDS = 15_000  # from the connection, or the answer before, to the end of the next request's headers
STOP_SECONDS = 12  # of the 15 s a stop may take: 2.3 s for requests, 4 s for the relay, 4 s to close
PR_SET_PDEATHSIG = 1  # linux/prctl.h

log = structlog.get_logger("webhook_receiver")


def main() -> int:
    """Do what the command line says; return the exit code."""
    arguments = _parser().parse_args()
    try:
        settings = receiver_settings(os.environ)
        logs.configure(settings.log_level)
        return int(arguments.run(settings, arguments))
    except ConfigurationError as error:
        return _refused(error)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m webhook_receiver", description="Receive Zoom's webhooks.")
    parser.set_defaults(run=_serve)
    commands = parser.add_subparsers(title="commands")
    commands.add_parser("serve", help="take webhooks until SIGTERM (the default)")
    drain = commands.add_parser("drain", help="bring the spool to the log without serving; exit 1 says what stays")
    drain.set_defaults(run=_drain)
    secrets = commands.add_parser("secrets", help="about the rotation of ZOOM_WEBHOOK_SECRETS")
    check = secrets.add_subparsers(title="commands", required=True).add_parser(
        "check", help="whether the older secrets may go: exit 0 yes, 1 not yet"
    )
    check.add_argument(
        "--metrics",
        metavar="URL",
        action="append",
        help="http://HOST:PORT/metrics of a running receiver, once for each replica (default: RECEIVER_ADMIN_BIND's)",
    )
    check.set_defaults(run=_check_secrets)
    return parser


def _serve(settings: ReceiverSettings, _: argparse.Namespace) -> int:
    bind = _free_address("RECEIVER_BIND", settings.bind)
    admin_listener = admin.listen("RECEIVER_ADMIN_BIND", settings.admin_bind)
    spool_problem = claim_spool(settings.spool_path)
    log.info("receiver.starting", address=str(bind), admin_address=str(_address(admin_listener)))
    multiprocessing.set_start_method("fork")  # the worker inherits settings, address and lock; 3.14 would spawn
    refused = multiprocessing.Event()
    try:
        _server(bind).serve(
            target_loader=lambda: _worker(settings, spool_problem, admin_listener, refused), wrap_loader=False
        )
    except SystemExit:
        if refused.is_set():
            return EXIT_CONFIGURATION
        raise
    return EXIT_CONFIGURATION if refused.is_set() else 0


def claim_spool(path: Path) -> str:
    """Make the spool this receiver's own; return why it has to go on without, or nothing.

    Raises:
        SpoolTaken: another process has it.
    """
    try:
        lock_spool(path)
    except SpoolTaken:
        raise
    except ConfigurationError as error:  # no reason to refuse events that the log may take
        return str(error)
    return ""


def _drain(settings: ReceiverSettings, _: argparse.Namespace) -> int:
    from webhook_receiver.wsgi import drain_spool  # noqa: PLC0415 - loads the client library, which the others do without

    lock_spool(settings.spool_path)
    try:
        outcome = drain_spool(settings)
    except TransientError as error:
        print(f"webhook_receiver: {error}", file=sys.stderr)
        return EXIT_NOT_DONE
    print(outcome.text)
    return 0 if outcome.empty else EXIT_NOT_DONE


def _check_secrets(settings: ReceiverSettings, arguments: argparse.Namespace) -> int:
    urls = arguments.metrics or [_own_metrics(settings.admin_bind)]
    secrets = [SigningSecret.of(secret) for secret in settings.webhook_secrets]
    try:
        matches = [secrets_check.fetch(url) for url in urls]
    except TransientError as error:
        print(f"webhook_receiver: {error}", file=sys.stderr)
        return EXIT_NOT_DONE
    verdict = secrets_check.judge(secrets, matches, SystemClock().now().timestamp())
    print("\n".join(verdict.lines))
    return 0 if verdict.may_go else EXIT_NOT_DONE


def _own_metrics(bind: Address) -> str:
    if bind.port == 0:
        raise ConfigurationError("RECEIVER_ADMIN_BIND names no port: give --metrics http://HOST:PORT/metrics")
    return f"http://{bind}/metrics"


def _refused(error: ConfigurationError) -> int:
    print(f"webhook_receiver: {error}", file=sys.stderr)
    return EXIT_CONFIGURATION


def _server(bind: Address) -> Any:
    return Server(
        "webhook_receiver",
        address=bind.host,
        port=bind.port,
        interface=Interfaces.RSGI,
        http=HTTPModes.http1,
        http1_settings=HTTP1Settings(header_read_timeout=HEADER_READ_MILLISECONDS),
        websockets=False,
        backpressure=_max_connections(),
        workers_kill_timeout=STOP_SECONDS,
        log_level=LogLevels.warning,
        log_dictconfig={"loggers": {"_granian": {"handlers": [], "propagate": True}}},  # into our own log lines
    )


def _worker(settings: ReceiverSettings, spool_problem: str, admin_listener: socket.socket, refused: Event) -> Any:
    """Return the RSGI application. Runs in the worker, after the fork: what connects is made here and not before."""
    _forget_handlers()
    _end_with_parent()
    from webhook_receiver.wsgi import build  # noqa: PLC0415 - no client library before the fork

    try:
        bridge, admin_app = build(settings, spool_problem)
    except ConfigurationError as error:
        refused.set()
        raise SystemExit(_refused(error)) from None
    admin.serve(admin_listener, admin_app)
    log.info("receiver.started", admin_address=str(_address(admin_listener)))
    return bridge


def _forget_handlers() -> None:
    """Drop the main process's signal handlers: a stop while the worker starts would be heard by nobody."""
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, signal.SIG_DFL)


def _end_with_parent() -> None:
    """Die with the main process, even by `kill -9`: an orphan would keep the port and go on answering (Linux only)."""
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


def _free_address(setting: str, wanted: Address) -> Address:
    """Return the address once it is known to be free: granian would end in a backtrace, or share it silently."""
    with admin.listen(setting, wanted) as listener:
        return _address(listener)


def _address(listener: socket.socket) -> Address:
    host, port = listener.getsockname()[:2]
    return Address(host, port)


def _max_connections() -> int:
    """Raise the limit of open files as far as allowed, and stay below it."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    allowed = MAX_CONNECTIONS + RESERVED_FILES if hard == resource.RLIM_INFINITY else hard
    resource.setrlimit(resource.RLIMIT_NOFILE, (allowed, hard))
    return max(1, min(MAX_CONNECTIONS, allowed - RESERVED_FILES))


if __name__ == "__main__":
    sys.exit(main())
