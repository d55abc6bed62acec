"""Where our requests go cannot be steered: listed hosts, over verified TLS, no redirect behind our back, credentials to nobody else.

Each promise for all three who ask others: the download of recordings, Zoom's REST and OAuth, and the chat. Redirects of
downloads, which are followed by hand, are in test_archive_faults.py; what a list permits, in unit/infra/test_hosts.py.
"""

import ssl
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

import pytest

from infra.archive.download import Downloader
from infra.chat.base import Slot
from infra.chat.http import HttpChat
from infra.clock import SystemClock
from infra.errors import PermanentError, TransientError
from infra.hosts import AllowList, HostRefused
from infra.local.certificate import Certificate
from infra.secret import Secret
from infra.zoom.http import ZoomHttp
from infra.zoom.oauth import TokenSource
from tests.certificates import Authority

TOKEN = "planted-token"
CLOCK = SystemClock()


@dataclass
class Host:
    """Answers everything the same way, and notes what it was sent."""

    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    sent: list[str] = field(default_factory=list)
    origin: str = ""

    def run(self, certificate: Certificate | None, address: str = "127.0.0.1") -> ThreadingHTTPServer:
        """Listen, over TLS with a certificate."""
        server = QuietServer((address, 0), self._handler())
        if certificate is not None:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(certificate.certificate, certificate.key)
            server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
        self.origin = f"{'http' if certificate is None else 'https'}://{address}:{server.server_port}"
        Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
        return server

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        host = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                host.sent.append(f"{self.command} {self.path} {dict(self.headers)}")
                self.rfile.read(int(self.headers.get("Content-Length") or 0))
                self.send_response(host.status)
                for name, value in host.headers.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", "2")
                self.end_headers()
                self.wfile.write(b"{}")

            do_PUT = do_POST = do_GET  # noqa: N815 # http.server's names

            def log_message(self, format: str, *args: object) -> None:
                pass

        return Handler


class QuietServer(ThreadingHTTPServer):
    """A client that refuses our certificate hangs up: that is no news."""

    daemon_threads = True

    def handle_error(self, request: object, client_address: object) -> None:
        pass


Hosts = Callable[..., Host]
Ask = Callable[[str, AllowList], None]


@pytest.fixture
def hosts() -> Iterator[Hosts]:
    """Start hosts; they end with the test."""
    with ExitStack() as running:

        def start(certificate: Certificate | None = None, **what: object) -> Host:
            host = Host(**what)  # type: ignore[arg-type]  # its own fields
            server = host.run(certificate)
            running.callback(server.server_close)
            running.callback(server.shutdown)
            return host

        yield start


def download(origin: str, allowed: AllowList) -> None:
    downloader = Downloader(allowed, AllowList([]), CLOCK)
    try:
        with downloader.open(f"{origin}/rec/1", TOKEN):
            pass
    finally:
        downloader.close()


def rest(origin: str, allowed: AllowList) -> None:
    http = ZoomHttp(allowed, CLOCK)
    try:
        answer = http.ask("GET", f"{origin}/v2/x", {"Authorization": f"Bearer {TOKEN}"})
        if answer.status != 200:
            raise PermanentError("refused")
    finally:
        http.close()


def oauth(origin: str, allowed: AllowList) -> None:
    http = ZoomHttp(allowed, CLOCK)
    secrets = {"client_id": TOKEN, "client_secret": Secret(TOKEN), "account_id": "a"}
    try:
        TokenSource(http, CLOCK, oauth_url=f"{origin}/oauth/token", **secrets).token()  # type: ignore[arg-type]  # by name
    finally:
        http.close()


def chat(origin: str, _: AllowList) -> None:
    """The chat has one address, CHAT_URL, and nothing that is told can change it."""
    adapter = HttpChat(origin, Secret(TOKEN), CLOCK)
    try:
        adapter.put(Slot("../../x", "//evil.test/"), 1, "text", "key")
    finally:
        adapter.close()


EVERYBODY = pytest.mark.parametrize("ask", [download, rest, oauth, chat])


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("authority"))


@EVERYBODY
def test_nothing_is_said_to_a_host_that_nobody_vouches_for(ask: Ask, hosts: Hosts, authority: Authority) -> None:
    """A certificate of an authority that this machine does not know: no request, so no token either."""
    host = hosts(authority.issue("127.0.0.1"))

    with pytest.raises(TransientError):
        ask(host.origin, AllowList([host.origin]))
    assert host.sent == []


@EVERYBODY
def test_nothing_is_said_to_a_host_of_another_name(
    ask: Ask, hosts: Hosts, authority: Authority, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A known authority's certificate, made out to another address."""
    monkeypatch.setenv("SSL_CERT_FILE", str(authority.certificate))
    host = hosts(authority.issue("127.0.0.2"))

    with pytest.raises(TransientError):
        ask(host.origin, AllowList([host.origin]))
    assert host.sent == []


@pytest.mark.parametrize("ask", [download, rest])
def test_a_host_that_is_vouched_for_is_asked(
    ask: Ask, hosts: Hosts, authority: Authority, monkeypatch: pytest.MonkeyPatch
) -> None:
    """So the two refusals above are about the certificate, and about nothing else."""
    monkeypatch.setenv("SSL_CERT_FILE", str(authority.certificate))
    host = hosts(authority.issue("127.0.0.1"))

    ask(host.origin, AllowList([host.origin]))

    assert len(host.sent) == 1


@pytest.mark.parametrize("ask", [download, rest, oauth])
def test_a_host_that_is_not_listed_is_not_asked(ask: Ask, hosts: Hosts) -> None:
    """Whatever an event or a setting names."""
    host = hosts()

    with pytest.raises(HostRefused):
        ask(host.origin, AllowList(["zoom.us"]))
    assert host.sent == []


@EVERYBODY
@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_credentials_do_not_follow_a_redirect(ask: Ask, hosts: Hosts, status: int) -> None:
    """To another host, which is not even asked."""
    other = hosts()
    host = hosts(status=status, headers={"Location": f"{other.origin}/steal"})

    with pytest.raises(PermanentError):
        ask(host.origin, AllowList([host.origin]))
    assert len(host.sent) == 1
    assert other.sent == []


def test_the_chats_address_cannot_be_left(hosts: Hosts) -> None:
    """Ids from events are parts of its path, however they are written."""
    host = hosts()

    with pytest.raises(PermanentError):  # its answer is empty
        chat(f"{host.origin}/api", AllowList([]))
    assert host.sent[0].startswith("PUT /api/conversations/..%2F..%2Fx/messages/%2F%2Fevil.test%2F ")
