"""One recording's bytes over HTTP: redirects followed by hand, the token shown to listed hosts alone.

A connection that breaks is taken up again with Range and If-Range where the server honours it: 206, the very offset, the
same total. Everywhere else the reader is told, and begins anew.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from random import uniform
from urllib.parse import urljoin

import urllib3
from urllib3.exceptions import HTTPError
from urllib3.response import BaseHTTPResponse

from infra.archive.checks import check_content_type
from infra.archive.errors import Interrupted, NotARecording, TokenRefused
from infra.archive.retry_after import retry_after_seconds
from infra.clock import Clock
from infra.errors import PermanentError, TransientError
from infra.hosts import AllowList, host_of

MAX_REDIRECTS = 5  # design 8; Zoom itself needs one or two
CONNECT_SECONDS = 10.0
READ_SECONDS = 60.0  # of silence; a file that is still coming is never cut off
MAX_RESUMES = 5  # of one body
RESUME_WAIT_SECONDS = 0.5  # doubled each time, less up to a half at random: 8 to 15 s in all
READ_BYTES = 256 * 1024  # one read; larger ones cost memory and gain nothing (lab, section 4)

_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_PASSING = frozenset({408, 425, 429})
_TOKEN = re.compile(r"[!-~]+")  # visible ASCII; http.client's refusal would quote the token


class Downloader:
    """Opens recordings. Safe to share between threads; `close` releases the connections."""

    def __init__(self, hosts: AllowList, download_hosts: AllowList, clock: Clock) -> None:
        self._hosts = hosts
        self._redirect_hosts = hosts + download_hosts
        self._clock = clock
        self._pool = urllib3.PoolManager(
            num_pools=16,
            maxsize=16,
            retries=False,
            timeout=urllib3.Timeout(connect=CONNECT_SECONDS, read=READ_SECONDS),
        )

    def open(self, url: str, token: str | None) -> "Body":
        """Ask for the file and return its body, of which nothing has been read.

        Raises:
            HostRefused: the URL or a redirect leads to a host that is not listed.
            TokenRefused: 401.
            NotARecording: a web page.
            TransientError: no connection, 429, 5xx; with the wait that the server asks for.
            PermanentError: 403, 404, 410, any other answer.
        """
        if token is not None and not _TOKEN.fullmatch(token):
            raise TokenRefused("the token holds characters that no header can carry")
        response = self._fetch(url, token, {})
        try:
            check_content_type(response.headers.get("Content-Type"))
            _check_plain(response)
        except BaseException:
            response.close()
            raise
        return Body(response, lambda headers: self._fetch(url, token, headers), self._clock)

    def close(self) -> None:
        self._pool.clear()

    def _fetch(self, url: str, token: str | None, headers: Mapping[str, str]) -> BaseHTTPResponse:
        """Walk to the answer. The token goes to `hosts` alone, and is lost for good once it would leave them."""
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
        if response.status in {200, 206}:
            return response
        response.close()
        text = f"{host_of(url)} answered {response.status}"
        if response.status == 401:
            raise TokenRefused(text)
        if response.status in _PASSING or response.status >= 500:
            wait = retry_after_seconds(response.headers.get("Retry-After"), self._clock.now())
            raise TransientError(text, retry_after_seconds=wait)
        raise PermanentError(text)


@dataclass(frozen=True, slots=True)
class _Validator:
    """What proves that the rest belongs to the beginning."""

    etag: str | None
    total_bytes: int | None


class Body:
    """The bytes of one file, in order, across broken connections. Use it as a context manager."""

    def __init__(
        self,
        response: BaseHTTPResponse,
        again: Callable[[Mapping[str, str]], BaseHTTPResponse],
        clock: Clock,
    ) -> None:
        self._response = response
        self._again = again
        self._clock = clock
        self._read_bytes = 0
        self._resumes = 0
        self._validator = _validator(response)

    @property
    def total_bytes(self) -> int | None:
        """What Content-Length says; None where it says nothing."""
        return self._validator.total_bytes

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
        etag, total = self._validator.etag, self._validator.total_bytes
        if etag is None:
            raise Interrupted(f"the connection broke after {self._read_bytes} bytes: {type(error).__name__}") from None
        self._response = self._reopened({"Range": f"bytes={self._read_bytes}-", "If-Range": etag}, error)
        expected = f"bytes {self._read_bytes}-"
        given = self._response.headers.get("Content-Range", "")
        if self._response.status != 206 or not given.startswith(expected) or not given.endswith(f"/{total}"):
            self._response.close()
            raise Interrupted(f"the connection broke after {self._read_bytes} bytes; the server does not resume")

    def _reopened(self, headers: Mapping[str, str], error: Exception) -> BaseHTTPResponse:
        """Ask for the rest; a server that is away for a moment is waited for, one that says for how long is not."""
        while self._resumes < MAX_RESUMES:
            self._clock.sleep(RESUME_WAIT_SECONDS * 2**self._resumes * uniform(0.5, 1))
            self._resumes += 1
            try:
                return self._again(headers)
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


def _check_plain(response: BaseHTTPResponse) -> None:
    """Raise NotARecording for a body that is compressed though we asked for it plain, or for a piece nobody asked for."""
    if response.headers.get("Content-Encoding", "identity").lower() != "identity" or response.status == 206:
        raise NotARecording("the answer is not the plain file")


def _validator(response: BaseHTTPResponse) -> _Validator:
    etag = response.headers.get("ETag")
    length = response.headers.get("Content-Length", "")
    strong = etag if etag and not etag.startswith("W/") else None  # If-Range takes no weak one: RFC 9110 13.1.5
    return _Validator(strong or response.headers.get("Last-Modified"), int(length) if length.isdecimal() else None)
