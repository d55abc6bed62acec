"""granian as our programs use it: one worker process, forked after the address is known to be free."""

import ctypes
import gc
import multiprocessing
import resource
import signal
import socket
import sys
from collections.abc import Callable
from multiprocessing.synchronize import Event
from typing import Any

from granian.constants import HTTPModes, Interfaces
from granian.http import HTTP1Settings
from granian.log import LogLevels
from granian.server import Server

from infra import admin
from infra.errors import ConfigurationError

EXIT_CONFIGURATION = 2
MAX_CONNECTIONS = (
    20_000  # granian stops accepting beyond; 64 let 200 idle clients block genuine events (lab/pitfalls.md)
)
RESERVED_FILES = 256  # file descriptors kept for the log, the admin address and the libraries
HEADER_READ_MILLISECONDS = 15_000  # from the connection, or the answer before, to the end of the next request's headers
STOP_SECONDS = 12  # of the 15 s a stop may take: 2.3 s for requests, 4 s for the relay, 4 s to close
PR_SET_PDEATHSIG = 1  # linux/prctl.h


def serve(program: str, bind: admin.Endpoint, load: Callable[[], Any]) -> int:
    """Serve the RSGI application that `load` makes until SIGTERM or SIGINT; return the exit code.

    `load` runs in the worker, after the fork: what connects is made there and not before. When it raises
    ConfigurationError the program ends with the reason in one line and exit code 2.
    """
    multiprocessing.set_start_method("fork")  # the worker inherits settings, address and locks; 3.14 would spawn
    refused = multiprocessing.Event()
    try:
        _server(program, bind).serve(target_loader=lambda: _worker(program, load, refused), wrap_loader=False)
    except SystemExit:
        if refused.is_set():
            return EXIT_CONFIGURATION
        raise
    return EXIT_CONFIGURATION if refused.is_set() else 0


def check_free(setting: str, wanted: admin.Endpoint) -> tuple[str, int]:
    """Return the address once it is known to be free: granian would end in a backtrace, or share it silently.

    Raises:
        ConfigurationError: it is not; the text names the setting.
    """
    with admin.listen(setting, wanted) as listener:
        return address_of(listener)


def address_of(listener: socket.socket) -> tuple[str, int]:
    """Return host and port of a socket."""
    host, port = listener.getsockname()[:2]
    return host, port


def refused(program: str, error: ConfigurationError) -> int:
    """Say in one line what has to change first; return the exit code for it."""
    print(f"{program}: {error}", file=sys.stderr)
    return EXIT_CONFIGURATION


def _worker(program: str, load: Callable[[], Any], given_up: Event) -> Any:
    _forget_handlers()
    _end_with_parent()
    try:
        application = load()
    except ConfigurationError as error:
        given_up.set()
        raise SystemExit(refused(program, error)) from None
    gc.collect()
    gc.freeze()  # what is loaded stays: to look through it again takes a good part of a second, while nobody is answered
    return application


def _server(program: str, bind: admin.Endpoint) -> Any:
    return Server(
        program,
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


def _forget_handlers() -> None:
    """Drop the main process's signal handlers: a stop while the worker starts would be heard by nobody."""
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, signal.SIG_DFL)


def _end_with_parent() -> None:
    """Die with the main process, even by `kill -9`: an orphan would keep the port and go on answering (Linux only)."""
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


def _max_connections() -> int:
    """Raise the limit of open files as far as allowed, and stay below it."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    allowed = MAX_CONNECTIONS + RESERVED_FILES if hard == resource.RLIM_INFINITY else hard
    resource.setrlimit(resource.RLIMIT_NOFILE, (allowed, hard))
    return max(1, min(MAX_CONNECTIONS, allowed - RESERVED_FILES))
