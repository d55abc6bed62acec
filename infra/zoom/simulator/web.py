"""The simulator's HTTP plumbing: requests in, answers out, broken ones included."""

import json
import sys
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from socket import SHUT_RDWR, socket
from threading import Lock, Thread
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

import structlog

from infra.errors import ConfigurationError

log = structlog.get_logger(__name__)

MAX_REQUEST_BYTES = 4 * 1024 * 1024  # a published session holds its texts, some kilobytes
IDLE_SECONDS = 30.0  # a silent client's thread ends


@dataclass(frozen=True, slots=True)
class Request:
    """A request. `path` is decoded once, as a front end does before it routes; `raw_path` is as it came."""

    method: str
    path: str
    raw_path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    body: bytes

    @property
    def segments(self) -> list[str]:
        """The path's parts, each decoded: a part may hold a `/`."""
        return [unquote(part) for part in self.raw_path.split("/")[1:]]

    @property
    def bearer(self) -> str:
        """The bearer token, of the header or of `?access_token=`; empty when there is none."""
        scheme, _, token = self.headers.get("authorization", "").partition(" ")
        return token.strip() if scheme.lower() == "bearer" else self.query.get("access_token", "")

    def json(self) -> dict[str, Any]:
        """Return the body as a JSON object, an empty one where it is none."""
        try:
            found = json.loads(self.body)
        except ValueError:
            return {}
        return found if isinstance(found, dict) else {}


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer. `length` is what Content-Length says, None for chunked; a broken one closes the connection at its end."""

    status: int
    headers: Mapping[str, str] = field(default_factory=dict)
    body: Iterable[bytes] = ()
    length: int | None = 0
    broken: bool = False


def json_answer(status: int, data: object, headers: Mapping[str, str] | None = None) -> Answer:
    """Return data as JSON."""
    body = json.dumps(data, ensure_ascii=False).encode()
    return Answer(
        status, {"Content-Type": "application/json;charset=UTF-8", **(headers or {})}, (body,), length=len(body)
    )


Route = Callable[[Request], Answer | None]


class WebServer:
    """Serves routes, each asked in turn, in threads, until closed. Port 0 takes any free one.

    Raises:
        ConfigurationError: the address is taken or not ours.
    """

    def __init__(self, host: str, port: int, routes: Iterable[Route]) -> None:
        try:
            self._server = _Server((host, port), _handler(tuple(routes)))
        except OSError as error:
            raise ConfigurationError(f"cannot listen on {host}:{port}: {error.strerror}") from error
        self.url = f"http://{host}:{self._server.server_address[1]}"
        self._thread = Thread(target=self._server.serve_forever, args=(0.05,), name="simulator", daemon=True)

    def start(self) -> None:
        """Begin to answer."""
        self._thread.start()

    def close(self) -> None:
        """Stop listening and break the connections that are still open."""
        if self._thread.is_alive():
            self._server.shutdown()
            self._thread.join()
        self._server.server_close()
        self._server.break_connections()


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    request_queue_size = 128

    def __init__(self, address: tuple[str, int], handler: type[BaseHTTPRequestHandler]) -> None:
        self._lock = Lock()
        self._open: set[socket] = set()
        super().__init__(address, handler)

    def process_request(self, request: Any, client_address: Any) -> None:
        with self._lock:
            self._open.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        with self._lock:
            self._open.discard(request)
        super().shutdown_request(request)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing of clients that hang up; anything else is a bug, shown with its traceback."""
        if not isinstance(sys.exception(), OSError):
            super().handle_error(request, client_address)

    def break_connections(self) -> None:
        with self._lock:
            connections = tuple(self._open)
        for connection in connections:
            try:
                connection.shutdown(SHUT_RDWR)
            except OSError:
                continue  # it ended by itself meanwhile


def _handler(routes: tuple[Route, ...]) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        server_version = "ZoomSimulator"
        sys_version = ""
        timeout = IDLE_SECONDS

        def handle_any(self) -> None:
            request = self._request()
            if request is None:
                self._send(json_answer(413, {"message": "request too large or without length"}), close=True)
                return
            found = (answer for route in routes if (answer := route(request)) is not None)
            answer = next(found, None) or json_answer(404, {"code": 404, "message": "no such path"})
            log.info("simulator.answered", method=request.method, path=request.path, status=answer.status)
            self._send(answer, close=answer.broken)

        do_GET = do_PUT = do_POST = do_PATCH = do_DELETE = handle_any  # noqa: N815  # the standard library's names

        def _request(self) -> Request | None:
            length = self.headers.get("Content-Length", "0")
            if not length.isdigit() or int(length) > MAX_REQUEST_BYTES:
                return None
            parts = urlsplit(self.path)
            return Request(
                method=self.command,
                path=unquote(parts.path),
                raw_path=parts.path,
                query=dict(parse_qsl(parts.query)),
                headers={name.lower(): value for name, value in self.headers.items()},
                body=self.rfile.read(int(length)),
            )

        def _send(self, answer: Answer, close: bool) -> None:
            self.send_response(answer.status)
            for name, value in answer.headers.items():
                self.send_header(name, value)
            chunked = answer.length is None
            self.send_header(*(("Transfer-Encoding", "chunked") if chunked else ("Content-Length", str(answer.length))))
            self.close_connection = self.close_connection or close
            self.end_headers()
            for piece in answer.body:
                self.wfile.write(b"%x\r\n%b\r\n" % (len(piece), piece) if chunked else piece)
            if chunked and not answer.broken:
                self.wfile.write(b"0\r\n\r\n")

        def log_message(self, format: str, *args: Any) -> None:  # the standard library's name
            """Nothing: answers are logged by handle_any, without their query."""

    return Handler
