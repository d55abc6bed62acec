"""`python -m webhook_receiver [serve | drain | secrets check]`: check the settings, claim what is ours alone, work.

Exit codes: 0 done (serve: stopped by SIGTERM or SIGINT; drain: the spool is empty; secrets check: the older ones may go),
1 not done (serve: the worker ended by itself), 2 something to change first, said in one line.
"""

import argparse
import os
import socket
import sys
from pathlib import Path
from typing import Any

import structlog

from infra import admin, logs
from infra.clock import SystemClock
from infra.errors import ConfigurationError, TransientError
from infra.serving import server
from infra.settings import Address, ReceiverSettings, receiver_settings
from infra.transport.spool import SpoolTaken, lock_spool
from webhook_receiver import secrets_check
from webhook_receiver.signature import SigningSecret

EXIT_NOT_DONE = 1

log = structlog.get_logger("webhook_receiver")


def main() -> int:
    """Do what the command line says; return the exit code."""
    arguments = _parser().parse_args()
    try:
        settings = receiver_settings(os.environ)
        logs.configure(settings.log_level)
        return int(arguments.run(settings, arguments))
    except ConfigurationError as error:
        return server.refused("webhook_receiver", error)


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
    bind = Address(*server.check_free("RECEIVER_BIND", settings.bind))
    admin_listener = admin.listen("RECEIVER_ADMIN_BIND", settings.admin_bind)
    spool_problem = claim_spool(settings.spool_path)
    admin_address = Address(*server.address_of(admin_listener))
    log.info("receiver.starting", address=str(bind), admin_address=str(admin_address))
    return server.serve("webhook_receiver", bind, lambda: _load(settings, spool_problem, admin_listener))


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


def _load(settings: ReceiverSettings, spool_problem: str, admin_listener: socket.socket) -> Any:
    """Return the RSGI application. Runs in the worker, after the fork."""
    from webhook_receiver.wsgi import build  # noqa: PLC0415 - no client library before the fork

    bridge, admin_app = build(settings, spool_problem)
    admin.serve(admin_listener, admin_app)
    log.info("receiver.started", admin_address=str(Address(*server.address_of(admin_listener))))
    return bridge


if __name__ == "__main__":
    sys.exit(main())
