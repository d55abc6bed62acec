"""What operators ask, on an address of its own: `/readyz` and `/metrics`. Not for the internet."""

import os
import socket
import threading
from collections.abc import Callable, Iterable
from socketserver import ThreadingMixIn
from typing import Any, Protocol
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer

from infra.errors import ConfigurationError
from infra.metrics import PrometheusMetrics

PLAIN = "text/plain; version=0.0.4; charset=utf-8"  # Prometheus' text format


class AdminApp:
    """A WSGI application; `ready` tells whether the program can do its work now, `remarks` what is wrong all the same."""

    def __init__(
        self, metrics: PrometheusMetrics, ready: Callable[[], bool], remarks: Callable[[], str] = lambda: ""
    ) -> None:
        self._metrics = metrics
        self._ready = ready
        self._remarks = remarks

    def __call__(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        status, body = self._answer(environ.get("PATH_INFO", ""))
        start_response(status, [("content-type", PLAIN), ("content-length", str(len(body)))])
        return [body]

    def _answer(self, path: str) -> tuple[str, bytes]:
        if path == "/metrics":
            return "200 OK", self._metrics.exposition()
        if path == "/readyz":
            status, word = ("200 OK", "ready\n") if self._ready() else ("503 Service Unavailable", "not ready\n")
            return status, (word + self._remarks()).encode()
        return "404 Not Found", b""


class Endpoint(Protocol):
    """Where to listen, as settings.Address says it; its text is for people."""

    @property
    def host(self) -> str: ...

    @property
    def port(self) -> int: ...


def listen(setting: str, wanted: Endpoint) -> socket.socket:
    """Return a socket that listens, IPv6 too. Raises ConfigurationError, which names the setting, when it cannot."""
    family = socket.AF_INET6 if ":" in wanted.host else socket.AF_INET
    try:
        return socket.create_server((wanted.host, wanted.port), family=family)
    except OSError as error:
        reason = os.strerror(error.errno) if error.errno and error.errno > 0 else error.strerror
        raise ConfigurationError(f"cannot listen on {wanted} ({setting}): {reason}") from error


def serve(listener: socket.socket, app: AdminApp) -> None:
    """Answer on a socket that already listens, from a thread that ends with the process."""
    server = _Server(listener.getsockname()[:2], _QuietHandler, bind_and_activate=False)
    server.socket.close()
    server.socket = listener
    server.setup_environ()
    server.set_app(app)
    threading.Thread(target=server.serve_forever, name="admin", daemon=True).start()


class _Server(ThreadingMixIn, WSGIServer):
    daemon_threads = True
    server_name = "admin"
    server_port = 0

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing: a client that hangs up is no news, and the default prints a traceback."""


class _QuietHandler(WSGIRequestHandler):
    timeout = 5.0  # seconds: a client that sends nothing holds a thread no longer

    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing: a scrape is no news."""
