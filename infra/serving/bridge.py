"""The bridge from granian's event loop to Flask.

granian's own WSGI mode hands a request to a thread before its body is there, so clients that send slowly or not at all
take every thread. Here bodies are read on the loop, with a deadline and a limit; only a whole one takes a thread.
"""

import asyncio
import io
import sys
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext
from http import HTTPStatus
from typing import Any, Literal, Protocol

import structlog

from infra.clock import Clock
from infra.serving.turns import Turns

ARRIVED_AT = "infra.serving.arrived_at"  # WSGI environ: monotonic seconds, from before the body was read
IN_FLIGHT_PER_THREAD = 4  # more would wait past every deadline behind a part that does not answer

RefusalReason = Literal["body_too_large", "body_timeout", "body_incomplete", "too_many_in_flight"]

Headers = list[tuple[str, str]]
Answer = tuple[int, Headers, bytes]

HEALTHY: Answer = (int(HTTPStatus.OK), [("content-type", "text/plain")], b"ok\n")

log = structlog.get_logger(__name__)


class WsgiApp(Protocol):
    """What Flask is (PEP 3333)."""

    def __call__(self, environ: dict[str, Any], start_response: Callable[..., Any], /) -> Iterable[bytes]: ...


class Refused(Exception):
    """The request gets no thread: not an error, but what to answer at once."""

    def __init__(self, status: HTTPStatus, reason: RefusalReason) -> None:
        super().__init__(reason)
        self.status = status
        self.reason: RefusalReason = reason


class Bridge:
    """An RSGI application around a WSGI one.

    A body has `body_seconds` from the request's arrival. `on_refusal` hears why a request got no thread, `on_in_flight`
    how many wait for their answer; both are called on the loop. `on_stop` runs in the worker once every request is
    answered. Where requests compute more than they wait, `turns` says how many are worked at, at a time.
    """

    def __init__(
        self,
        app: WsgiApp,
        *,
        threads: int,
        max_body_bytes: int,
        body_seconds: float,
        clock: Clock,
        on_refusal: Callable[[RefusalReason], None],
        on_in_flight: Callable[[int], None],
        on_stop: Callable[[], None],
        turns: Turns | None = None,
    ) -> None:
        self._app = app
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix="request")
        self._max_in_flight = threads * IN_FLIGHT_PER_THREAD
        self._max_body_bytes = max_body_bytes
        self._body_seconds = body_seconds
        self._clock = clock
        self._on_refusal = on_refusal
        self._on_in_flight = on_in_flight
        self._on_stop = on_stop
        self._turns = turns
        self._in_flight = 0

    async def __rsgi__(self, scope: Any, protocol: Any) -> None:
        """Answer one request; nothing that a client does raises into the server, which would log a traceback."""
        if scope.path == "/healthz" and scope.method == "GET":  # on the loop: every thread may be waiting for the log
            protocol.response_bytes(*HEALTHY)
            return
        arrived_at = self._clock.monotonic()
        try:
            body = await self._read(scope, protocol)
            status, headers, answer = await self._call(environ(scope, body) | {ARRIVED_AT: arrived_at})
        except Refused as refusal:
            self._on_refusal(refusal.reason)
            status, headers, answer = refusal.status, [("connection", "close")], b""
        except Exception as error:  # noqa: BLE001 - the last line of defence; the loop must go on
            log.error("request.failed", error_type=type(error).__name__)
            status, headers, answer = HTTPStatus.INTERNAL_SERVER_ERROR, [("connection", "close")], b""
        protocol.response_bytes(status, headers, answer)

    def __rsgi_del__(self, loop: Any) -> None:
        """Called by granian at the end of the worker."""
        self._pool.shutdown()
        self._on_stop()

    async def _read(self, scope: Any, protocol: Any) -> bytes:
        declared = scope.headers.get("content-length")
        if declared is not None and int(declared) > self._max_body_bytes:
            raise Refused(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "body_too_large")
        body = bytearray()
        try:
            async with asyncio.timeout(self._body_seconds):
                async for chunk in protocol:
                    body += chunk
                    if len(body) > self._max_body_bytes:
                        raise Refused(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "body_too_large")
        except TimeoutError as error:  # 503 and not 408: Zoom never repeats a 4xx, and others may try again too
            raise Refused(HTTPStatus.SERVICE_UNAVAILABLE, "body_timeout") from error
        if declared is not None and len(body) != int(declared):  # granian ends the body when the client hangs up
            raise Refused(HTTPStatus.BAD_REQUEST, "body_incomplete")
        return bytes(body)

    async def _call(self, wsgi_environ: dict[str, Any]) -> Answer:
        if self._in_flight >= self._max_in_flight:
            raise Refused(HTTPStatus.SERVICE_UNAVAILABLE, "too_many_in_flight")
        self._track(+1)
        try:
            async with nullcontext() if self._turns is None else self._turns.taken():
                return await asyncio.get_running_loop().run_in_executor(self._pool, _respond, self._app, wsgi_environ)
        finally:
            self._track(-1)

    def _track(self, change: int) -> None:
        self._in_flight += change
        self._on_in_flight(self._in_flight)


def environ(scope: Any, body: bytes) -> dict[str, Any]:
    """Return the WSGI environment of a request whose body is read; a header that came twice is joined by a comma."""
    host, _, port = scope.server.rpartition(":")
    found: dict[str, Any] = {
        "REQUEST_METHOD": scope.method,
        "SCRIPT_NAME": "",
        "PATH_INFO": scope.path.encode().decode("latin-1"),
        "QUERY_STRING": scope.query_string,
        "REMOTE_ADDR": scope.client.rpartition(":")[0].strip("[]"),
        "SERVER_NAME": host,
        "SERVER_PORT": port,
        "SERVER_PROTOCOL": f"HTTP/{scope.http_version}",
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": scope.scheme,
        "wsgi.input": io.BytesIO(body),
        "wsgi.input_terminated": True,  # or Werkzeug reads nothing of a body that came in chunks
        "wsgi.errors": sys.stderr,
        "wsgi.multithread": True,
        "wsgi.multiprocess": False,
        "wsgi.run_once": False,
    }
    for name, value in scope.headers.items():
        key = "HTTP_" + name.upper().replace("-", "_")
        found[key] = f"{found[key]},{value}" if key in found else value
    return found | {"CONTENT_TYPE": found.pop("HTTP_CONTENT_TYPE", ""), "CONTENT_LENGTH": str(len(body))}


def _respond(app: WsgiApp, wsgi_environ: dict[str, Any]) -> Answer:
    started: list[tuple[int, Headers]] = []

    def start_response(status: str, headers: Headers, _: object = None) -> None:
        started.append((int(status[:3]), [(name.lower(), value) for name, value in headers]))

    body = b"".join(app(wsgi_environ, start_response))
    status, headers = started[-1]
    return status, headers, body
