"""The simulated Zoom and the reference chat behind one address."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import quote

import urllib3

from infra.clock import Clock, SystemClock
from infra.errors import ConfigurationError
from infra.secret import Secret
from infra.zoom.simulator.chat import ChatRoutes, ReferenceChat
from infra.zoom.simulator.downloads import Downloads
from infra.zoom.simulator.held import HeldMeeting
from infra.zoom.simulator.library import Library, SimulatedSession
from infra.zoom.simulator.listings import LoggedDelivery
from infra.zoom.simulator.rest import Credentials, Rest
from infra.zoom.simulator.web import Answer, Request, WebServer, json_answer

SESSIONS_PATH = "/simulator/sessions"
LOG_PATH = "/simulator/webhook-log"
MEETINGS_PATH = "/simulator/meetings/"


class RecordingsServer(Protocol):
    """Where a played call's recordings are published and downloaded."""

    @property
    def url(self) -> str:
        """The server's own address, such as http://127.0.0.1:8090."""
        ...

    def publish(self, session: SimulatedSession) -> None:
        """Make a session known to REST and its files downloadable."""
        ...

    def log(self, delivery: LoggedDelivery) -> None:
        """Keep a try to deliver in the webhook log."""
        ...


class SimulatorServer:
    """Zoom's OAuth, REST and downloads, and the reference chat, in this process. Start it, close it.

    `api_url`, `oauth_url` and `chat_url` are what ZOOM_API_URL, ZOOM_OAUTH_URL and CHAT_URL take; `url` goes into
    ZOOM_HOSTS. Port 0 takes any free one.

    Raises:
        ConfigurationError: the address is taken, or the chat's file cannot be written.
    """

    def __init__(
        self,
        host: str = "127.0.0.1",
        port: int = 0,
        *,
        clock: Clock | None = None,
        credentials: Credentials | None = None,
        chat_path: Path | None = None,
        chat_token: Secret | None = None,
        rest_faults: Sequence[str] = (),
    ) -> None:
        clock = clock or SystemClock()
        self.credentials = credentials or Credentials()
        self.library = Library()
        self.chat = ReferenceChat(clock, chat_path)
        self.rest = Rest(self.library, clock, "", self.credentials, rest_faults)
        downloads = Downloads(self.library, clock, self.rest.access_token_valid)
        chat = ChatRoutes(self.chat, token=chat_token)
        routes = (self.rest.route, downloads.route, chat.route, self._publish_route)
        try:
            self._web = WebServer(host, port, routes)
        except ConfigurationError:
            self.chat.close()
            raise
        self.rest.base_url = self.url

    @property
    def url(self) -> str:
        """The server's own address."""
        return self._web.url

    @property
    def api_url(self) -> str:
        """The REST base."""
        return f"{self.url}/v2"

    @property
    def oauth_url(self) -> str:
        """The token endpoint."""
        return f"{self.url}/oauth/token"

    @property
    def chat_url(self) -> str:
        """The reference chat's base."""
        return f"{self.url}/chat"

    def start(self) -> "SimulatorServer":
        """Begin to answer."""
        self._web.start()
        return self

    def close(self) -> None:
        """Stop, and break open connections."""
        self._web.close()
        self.chat.close()

    def publish(self, session: SimulatedSession) -> None:
        """Make a session known to REST and its files downloadable."""
        self.library.publish(session)

    def log(self, delivery: LoggedDelivery) -> None:
        """Keep a try to deliver in the webhook log."""
        self.rest.listings.log(delivery)

    def arranged(self, meeting_id: str) -> HeldMeeting | None:
        """Return a meeting that was arranged over REST, to play a call in it."""
        found = self.rest.arranging.find(meeting_id)
        return None if found is None else HeldMeeting.of(found)

    def _publish_route(self, request: Request) -> Answer | None:
        if request.path == "/healthz":
            return json_answer(200, {"status": "ok"})
        if request.path.startswith(MEETINGS_PATH) and request.method == "GET":
            found = self.arranged(request.path.removeprefix(MEETINGS_PATH))
            return (
                json_answer(404, {"message": "no such meeting"}) if found is None else json_answer(200, found.to_json())
            )
        if request.path not in (SESSIONS_PATH, LOG_PATH) or request.method != "POST":
            return None
        try:
            if request.path == LOG_PATH:
                self.log(LoggedDelivery.from_json(request.json()))
            else:
                self.publish(SimulatedSession.from_json(request.json()))
        except (KeyError, TypeError, ValueError, ConfigurationError):
            return json_answer(400, {"message": "not a simulated session, or not a row of the webhook log"})
        return json_answer(201, {})


class RemoteSimulator:
    """A `serve` in another process, as a RecordingsServer."""

    def __init__(self, url: str) -> None:
        self.url = url.rstrip("/")
        self._pool = urllib3.PoolManager(timeout=urllib3.Timeout(total=5.0))

    def publish(self, session: SimulatedSession) -> None:
        """Publish over HTTP.

        Raises:
            ConfigurationError: no simulator answers there.
        """
        self._post(SESSIONS_PATH, session.to_json())

    def log(self, delivery: LoggedDelivery) -> None:
        """Keep a try to deliver in the webhook log, over HTTP. Raises as `publish` does."""
        self._post(LOG_PATH, delivery.to_json())

    def arranged(self, meeting_id: str) -> HeldMeeting | None:
        """Return a meeting that was arranged over REST, or None. Raises as `publish` does."""
        answer = self._ask("GET", MEETINGS_PATH + quote(meeting_id, safe=""))
        return HeldMeeting.from_json(answer.json()) if answer.status == 200 else None

    def _post(self, path: str, document: dict[str, Any]) -> None:
        if self._ask("POST", path, json=document).status != 201:
            raise ConfigurationError(f"what answers at {self.url} is no simulator of this version")

    def _ask(self, method: str, path: str, **more: Any) -> urllib3.BaseHTTPResponse:
        try:
            return self._pool.request(method, self.url + path, retries=False, **more)
        except urllib3.exceptions.HTTPError as error:
            hint = "start it with: python -m infra.zoom.simulator serve"
            raise ConfigurationError(f"no simulator answers at {self.url}; {hint}") from error

    def close(self) -> None:
        """Close idle connections."""
        self._pool.clear()
