"""A small HTTP server with the faults that Zoom and the network really have. One behaviour a path; it notes what was asked."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread


@dataclass(frozen=True, slots=True)
class Asked:
    path: str
    headers: Mapping[str, str]


class Answer:
    """What a behaviour may do with a request."""

    def __init__(self, handler: BaseHTTPRequestHandler, tries: int) -> None:
        self._handler = handler
        self.tries = tries  # of this path so far, this one included
        self.range_from = _range_from(handler.headers.get("Range"))
        self.if_range = handler.headers.get("If-Range")

    def send(self, status: int, body: bytes = b"", **headers: str) -> None:
        """Answer whole; underscores in names become dashes."""
        self.begin(status, Content_Length=str(len(body)), **headers)
        self._handler.wfile.write(body)

    def begin(self, status: int, **headers: str) -> None:
        self._handler.send_response(status)
        for name, value in headers.items():
            self._handler.send_header(name.replace("_", "-"), value)
        self._handler.end_headers()

    def write(self, body: bytes) -> None:
        self._handler.wfile.write(body)

    def cut(self) -> None:
        """End the connection here."""
        self._handler.wfile.flush()
        self._handler.close_connection = True


Behaviour = Callable[[Answer], None]


@dataclass
class FileServer:
    """Serves `routes` on a free port of 127.0.0.1 until closed."""

    routes: dict[str, Behaviour] = field(default_factory=dict)
    asked: list[Asked] = field(default_factory=list)

    def __enter__(self) -> "FileServer":
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler_class())
        self._server.daemon_threads = True
        self._thread = Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02})
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    @property
    def origin(self) -> str:
        return f"http://127.0.0.1:{self._server.server_port}"

    def _handler_class(self) -> type[BaseHTTPRequestHandler]:
        server = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                server.asked.append(Asked(self.path, dict(self.headers)))
                tries = sum(asked.path == self.path for asked in server.asked)
                try:
                    server.routes[self.path](Answer(self, tries))
                except ConnectionError:
                    self.close_connection = True  # the client hung up, as it does on what it refuses

            def log_message(self, format: str, *args: object) -> None:
                pass

        return Handler


def _range_from(text: str | None) -> int | None:
    return int(text.removeprefix("bytes=").removesuffix("-")) if text else None
