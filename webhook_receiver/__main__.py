"""`python -m webhook_receiver`: check the settings, claim the addresses, serve.

Exit codes: 0 stopped by SIGTERM or SIGINT, 1 the worker ended by itself, 2 something to change first, said in one line.
"""

import ctypes
import multiprocessing
import os
import resource
import signal
import socket
import sys
from typing import Any

import structlog
from granian.constants import HTTPModes, Interfaces
from granian.http import HTTP1Settings
from granian.log import LogLevels
from granian.server import Server

from infra import admin, logs
from infra.errors import ConfigurationError
from infra.settings import Address, ReceiverSettings, receiver_settings

EXIT_CONFIGURATION = 2
MAX_CONNECTIONS = (
    20_000  # granian stops accepting beyond; 64 let 200 idle clients block genuine events (lab/pitfalls.md)
)
RESERVED_FILES = 256  # file descriptors kept for the log, the admin address and the libraries
HEADER_READ_MILLISECONDS = 15_000  # from the connection, or the answer before, to the end of the next request's headers
STOP_SECONDS = 8  # for requests under way, of the 15 s a stop may take
PR_SET_PDEATHSIG = 1  # linux/prctl.h

log = structlog.get_logger("webhook_receiver")


def main() -> int:
    """Run until a signal ends it; return the exit code."""
    try:
        settings = receiver_settings(os.environ)
        logs.configure(settings.log_level)
        bind = _free_address("RECEIVER_BIND", settings.bind)
        admin_listener = _listen("RECEIVER_ADMIN_BIND", settings.admin_bind)
    except ConfigurationError as error:
        print(f"webhook_receiver: {error}", file=sys.stderr)
        return EXIT_CONFIGURATION
    log.info("receiver.starting", address=str(bind), admin_address=str(_address(admin_listener)))
    _serve(settings, bind, admin_listener)
    return 0


def _serve(settings: ReceiverSettings, bind: Address, admin_listener: socket.socket) -> None:
    multiprocessing.set_start_method("fork")  # the worker inherits the settings and the admin address; 3.14 would spawn
    server = Server(
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
    server.serve(target_loader=lambda: _worker(settings, admin_listener), wrap_loader=False)


def _worker(settings: ReceiverSettings, admin_listener: socket.socket) -> Any:
    """Return the RSGI application. Runs in the worker, after the fork: what connects is made here and not before."""
    _forget_handlers()
    _end_with_parent()
    from webhook_receiver.wsgi import build  # noqa: PLC0415 - no client library before the fork

    try:
        bridge, admin_app = build(settings)
    except ConfigurationError as error:
        print(f"webhook_receiver: {error}", file=sys.stderr)
        raise SystemExit(EXIT_CONFIGURATION) from None
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
    with _listen(setting, wanted) as listener:
        return _address(listener)


def _listen(setting: str, wanted: Address) -> socket.socket:
    family = socket.AF_INET6 if ":" in wanted.host else socket.AF_INET
    try:
        return socket.create_server((wanted.host, wanted.port), family=family)
    except OSError as error:
        reason = os.strerror(error.errno) if error.errno and error.errno > 0 else error.strerror
        raise ConfigurationError(f"cannot listen on {wanted} ({setting}): {reason}") from error


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
