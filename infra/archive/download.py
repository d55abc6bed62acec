"""One recording's bytes over HTTP: redirects followed by hand, the token shown to listed hosts alone.

A connection that breaks is taken up again with Range and If-Range where the server honours it: 206, the very offset, the
same total and tag. Everywhere else the reader is told, and begins anew. A token that expires meanwhile is renewed.
"""

import re
from collections.abc import Callable, Mapping
from random import uniform
from typing import Any, Protocol
from urllib.parse import urljoin

import urllib3
from urllib3.exceptions import HTTPError
from urllib3.response import BaseHTTPResponse

from infra.archive.checks import check_content_type
from infra.archive.errors import Interrupted, LinkRefused, NotARecording, TokenRefused
from infra.archive.model import Source
from infra.archive.ranges import Rest, length, strong_etag
from infra.clock import Clock
from infra.errors import PermanentError, TransientError
from infra.hosts import AllowList, host_of
from infra.retry_after import retry_after_seconds

MAX_REDIRECTS = 5  # design 8; Zoom itself needs one or two
CONNECT_SECONDS = 10.0
READ_SECONDS = 60.0  # of silence; a file that is still coming is never cut off
MAX_RESUMES = 5  # of one body
RESUME_WAIT_SECONDS = 0.5  # doubled each time, less up to a half at random: 8 to 15 s in all
READ_BYTES = 256 * 1024  # one read; larger ones cost memory and gain nothing (lab, section 4)

_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_USABLE = frozenset({200, 206, 416})  # 416: there is no such piece of what the server has
_REFUSED = frozenset({403, 404, 410})
_PASSING = frozenset({408, 425, 429})
_TOKEN = re.compile(r"[!-~]+")  # visible ASCII; http.client's refusal would quote the token


Renew = Callable[[], Source]  # fetches URL and token together from REST; raises TransientError or PermanentError
_Fetch = Callable[[str, str | None, Mapping[str, str]], BaseHTTPResponse]


class Pool(Protocol):
    """The calls of urllib3.PoolManager that are used here."""

    def request(self, method: str, url: str, **options: Any) -> BaseHTTPResponse:
        """Send and return the answer, its body not yet read."""
        ...

    def clear(self) -> None:
        """Close idle connections."""
        ...


class Downloader:
    """Opens recordings. Safe to share between threads; `close` releases the connections."""

    def __init__(self, hosts: AllowList, download_hosts: AllowList, clock: Clock, pool: Pool | None = None) -> None:
        self._hosts = hosts
        self._redirect_hosts = hosts + download_hosts
        self._clock = clock
        self._pool: Pool = pool or urllib3.PoolManager(
            num_pools=16,
            maxsize=16,
            retries=False,
            timeout=urllib3.Timeout(connect=CONNECT_SECONDS, read=READ_SECONDS),
        )

    def open(self, url: str, token: str | None, renew: "Renew | None" = None, rest: Rest | None = None) -> "Body":
        """Ask for the file, or for the rest of it, and return its body, of which nothing has been read.

        Where the server does not give the rest, the body is the whole file: see `Body.starts_at`. `renew` is asked when the
        token is refused in the middle of the body.

        Raises:
            HostRefused: the URL or a redirect leads to a host that is not listed.
            TokenRefused: 401.
            NotARecording: a web page.
            TransientError: no connection, 429, 5xx; with the wait that the server asks for.
            PermanentError: 403, 404, 410, any other answer.
        """
        link = _Link(self._fetch, url, token, renew)
        if rest is not None:
            response = link.ask(rest.headers)
            if rest.is_answered_by(response.status, response.headers):
                return Body(_checked(response), link, self._clock, rest)
            if response.status == 200:
                return Body(_checked(response), link, self._clock)
            response.close()
        response = link.ask({})
        if response.status != 200:
            response.close()
            raise NotARecording("the answer is a piece that nobody asked for")
        return Body(_checked(response), link, self._clock)

    def close(self) -> None:
        self._pool.clear()

    def _fetch(self, url: str, token: str | None, headers: Mapping[str, str]) -> BaseHTTPResponse:
        """Walk to the answer. The token goes to `hosts` alone, and is lost for good once it would leave them."""
        if token is not None and not _TOKEN.fullmatch(token):
            raise TokenRefused("the token holds characters that no header can carry")
        self._hosts.check(url)
        for _ in range(MAX_REDIRECTS + 1):
            if not self._hosts.permits(url):
                token = None
            response = self._ask(url, token, headers)
            if response.status not in _REDIRECTS:
                return self._accepted(response, url)
            location = response.headers.get("Location")
            response.close()
            if not location:
                raise PermanentError(f"{host_of(url)} redirects to nowhere")
            url = _joined(url, location)
            self._redirect_hosts.check(url)
        raise PermanentError(f"more than {MAX_REDIRECTS} redirects")

    def _ask(self, url: str, token: str | None, headers: Mapping[str, str]) -> BaseHTTPResponse:
        sent = {"Accept-Encoding": "identity", **headers}
        if token is not None:
            sent["Authorization"] = "Bearer " + token
        try:
            return self._pool.request("GET", url, headers=sent, redirect=False, preload_content=False)
        except HTTPError as error:
            raise TransientError(f"{host_of(url)} does not answer: {type(error).__name__}") from None  # it quotes links

    def _accepted(self, response: BaseHTTPResponse, url: str) -> BaseHTTPResponse:
        if response.status in _USABLE:
            return response
        response.close()
        text = f"{host_of(url)} answered {response.status}"
        if response.status == 401:
            raise TokenRefused(text)
        if response.status in _PASSING or response.status >= 500:
            wait = retry_after_seconds(response.headers.get("Retry-After"), self._clock.now())
            raise TransientError(text, retry_after_seconds=wait)
        if response.status in _REFUSED:
            raise LinkRefused(text)
        raise PermanentError(text)


class _Link:
    """Where a file is, and by which token; what replaces them once is kept."""

    def __init__(self, fetch: _Fetch, url: str, token: str | None, renew: Renew | None) -> None:
        self._fetch = fetch
        self._url = url
        self._token = token
        self._renew = renew

    def ask(self, headers: Mapping[str, str]) -> BaseHTTPResponse:
        return self._fetch(self._url, self._token, headers)

    def ask_again(self, headers: Mapping[str, str]) -> BaseHTTPResponse:
        """Ask; with a new URL and token when the old one has expired."""
        try:
            return self.ask(headers)
        except TokenRefused:
            if self._renew is None:
                raise
        source = self._renew()
        self._url, self._token = source.url, source.token
        return self.ask(headers)


class Body:
    """The bytes of one file, in order, across broken connections. Use it as a context manager."""

    def __init__(self, response: BaseHTTPResponse, link: _Link, clock: Clock, rest: Rest | None = None) -> None:
        self._response = response
        self._link = link
        self._clock = clock
        self._resumes = 0
        self.starts_at = rest.start if rest else 0
        """The offset of its first byte in the file."""
        self.total_bytes = rest.total_bytes if rest else length(response.headers)
        """How long the whole file is; None where the server does not say."""
        self.etag = rest.validator if rest else strong_etag(response.headers)
        """The file's strong entity tag; None where it has none."""
        self._validator = self.etag or response.headers.get("Last-Modified")
        self._read_bytes = self.starts_at

    def __enter__(self) -> "Body":
        return self

    def __exit__(self, *_: object) -> None:
        self._response.close()

    def fill(self, buffer: memoryview) -> int:
        """Fill the buffer from its beginning and return how much of it; less than all means the end of the file.

        Raises:
            Interrupted: the connection broke and could not be taken up again; begin anew.
            TransientError, PermanentError: as `Downloader.open`, when asking for the rest.
        """
        filled = 0
        while filled < len(buffer):
            piece = self._piece(min(READ_BYTES, len(buffer) - filled))
            if not piece:
                break
            buffer[filled : filled + len(piece)] = piece
            filled += len(piece)
            self._read_bytes += len(piece)
        return filled

    def _piece(self, most_bytes: int) -> bytes:
        while True:
            try:
                return self._response.read(most_bytes, decode_content=False)
            except HTTPError as error:
                self._resume(error)

    def _resume(self, error: Exception) -> None:
        self._response.close()
        if self._validator is None or self.total_bytes is None:
            raise Interrupted(f"the connection broke after {self._read_bytes} bytes: {type(error).__name__}") from None
        rest = Rest(self._read_bytes, self.total_bytes, self._validator)
        self._response = self._reopened(rest.headers, error)
        if not rest.is_answered_by(self._response.status, self._response.headers):
            self._response.close()
            raise Interrupted(f"the connection broke after {self._read_bytes} bytes; the server does not resume")

    def _reopened(self, headers: Mapping[str, str], error: Exception) -> BaseHTTPResponse:
        """Ask for the rest; a server that is away for a moment is waited for, one that says for how long is not."""
        while self._resumes < MAX_RESUMES:
            self._clock.sleep(RESUME_WAIT_SECONDS * 2**self._resumes * uniform(0.5, 1))
            self._resumes += 1
            try:
                return self._link.ask_again(headers)
            except TokenRefused:
                raise
            except TransientError as refused:
                if refused.retry_after_seconds is not None:
                    raise
                error = refused
        raise Interrupted(f"the connection broke after {self._read_bytes} bytes: {type(error).__name__}") from None


def _joined(url: str, location: str) -> str:
    try:
        return urljoin(url, location)
    except ValueError:
        raise PermanentError(f"{host_of(url)} redirects to what is no URL") from None  # it quotes the link


def _checked(response: BaseHTTPResponse) -> BaseHTTPResponse:
    """Return the answer; raises NotARecording for a page, and for a body that is compressed though we asked for it plain."""
    try:
        check_content_type(response.headers.get("Content-Type"))
        if response.headers.get("Content-Encoding", "identity").lower() != "identity":
            raise NotARecording("the answer is not the plain file")
    except NotARecording:
        response.close()
        raise
    return response
