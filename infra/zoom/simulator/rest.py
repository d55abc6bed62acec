"""Zoom's OAuth and the REST calls that we use."""

import hmac
from base64 import b64encode
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from hashlib import sha256
from itertools import count
from threading import Lock
from typing import Any
from urllib.parse import parse_qs, unquote

from infra.clock import Clock
from infra.secret import Secret
from infra.zoom.simulator.arranging import Arranging
from infra.zoom.simulator.bodies import arranged_object, file_object, recording_object, recording_settings
from infra.zoom.simulator.hosts import Hosts
from infra.zoom.simulator.library import Library, SimulatedSession
from infra.zoom.simulator.listings import Listings
from infra.zoom.simulator.tokens import Claims, mint
from infra.zoom.simulator.web import Answer, Request, json_answer

ACCESS_TOKEN_SECONDS = 3600  # as Zoom's
DEFAULT_DOWNLOAD_TOKEN_SECONDS = 86_400  # without `ttl`


# What the simulated app may do: all that the product asks for (docs/zoom-setup.md).
SCOPES = frozenset(
    {
        "meeting:write:meeting:admin", "meeting:read:meeting:admin", "meeting:update:meeting:admin",
        "meeting:delete:meeting:admin", "meeting:read:list_meetings:admin", "meeting:write:registrant:admin",
        "meeting:read:past_meeting:admin", "meeting:read:list_past_instances:admin", "user:read:user:admin",
        "user:read:settings:admin", "account:read:settings:admin", "cloud_recording:read:list_recording_files:admin",
        "cloud_recording:read:list_user_recordings:admin", "cloud_recording:update:recording_settings:admin",
        "marketplace_app:read:admin",
    }
)  # fmt: skip

_SECRET = Secret("simulated-secret")  # of the simulator alone; it opens nothing else


@dataclass(frozen=True, slots=True)
class Credentials:
    """What the simulated app signs in with; ZOOM_CLIENT_ID, ZOOM_CLIENT_SECRET, ZOOM_OAUTH_ACCOUNT_ID; and the app."""

    client_id: str = "simulated-client"
    client_secret: Secret = _SECRET
    account_id: str = "SimAccount_q7Zk2a9LgQw"
    app_id: str = "SimApp_w3Xk9"


class Rest:
    """Answers /oauth/token and /v2/….

    `faults` happen to the next REST calls, each once: 503, 429, 429-daily, 429-concurrent, or any `STATUS:CODE` of Zoom's,
    such as 400:4700. `done-503` does what is asked and answers 503 all the same; `ok` lets one call pass.
    """

    def __init__(
        self, library: Library, clock: Clock, base_url: str, credentials: Credentials, faults: Sequence[str] = ()
    ) -> None:
        self.faults = list(faults)
        self.hosts = Hosts(credentials.account_id)
        self.listings = Listings(library, self.hosts, clock, credentials.app_id)
        self.arranging = Arranging(self.hosts, clock)
        self.scopes = SCOPES
        self._closed: set[str] = set()
        self.base_url = base_url
        self._library = library
        self._clock = clock
        self._credentials = credentials
        self._lock = Lock()
        self._numbers = count(1)
        self._access_tokens: dict[str, float] = {}

    @property
    def base_url(self) -> str:
        """Where the files of its answers are."""
        return self.listings.base_url

    @base_url.setter
    def base_url(self, url: str) -> None:
        self.listings.base_url = url

    def route(self, request: Request) -> Answer | None:
        """Answer OAuth and REST; None for other paths."""
        if request.path == "/oauth/token" and request.method == "POST":
            return self._token(request)
        if not request.path.startswith("/v2/"):
            return None
        if not self.access_token_valid(request.bearer):
            return json_answer(401, {"code": 124, "message": "Invalid access token."})
        with self._lock:
            fault = self.faults.pop(0) if self.faults else "ok"
        if fault == "ok":
            return self._rest(request)
        if fault == "done-503":
            self._rest(request)
        return self._refused(fault)

    def access_token_valid(self, token: str) -> bool:
        """Tell whether an access token was given out and has not expired."""
        with self._lock:
            return self._access_tokens.get(token, 0.0) > self._clock.monotonic()

    def revoke_access_tokens(self) -> None:
        """Refuse every access token given out so far."""
        with self._lock:
            self._access_tokens.clear()

    def misconfigure(self) -> None:
        """Have the account set up wrongly in every way that can be told."""
        self.hosts.misconfigure()
        self.scopes = frozenset({"cloud_recording:read:list_recording_files:admin"})

    def _token(self, request: Request) -> Answer:
        mine = self._credentials
        basic = "Basic " + b64encode((mine.client_id + ":" + mine.client_secret).encode()).decode()
        form = parse_qs(request.body.decode("utf-8", "replace"))
        if not hmac.compare_digest(request.headers.get("authorization", "").encode(), basic.encode()):
            return json_answer(401, {"reason": "Invalid client_id or client_secret", "error": "invalid_client"})
        if form.get("grant_type") != ["account_credentials"] or form.get("account_id") != [mine.account_id]:
            return json_answer(400, {"reason": "Bad Request", "error": "invalid_request"})
        with self._lock:
            token = "sim." + sha256(f"access token {next(self._numbers)}".encode()).hexdigest()
            self._access_tokens[token] = self._clock.monotonic() + ACCESS_TOKEN_SECONDS
        answer = {"access_token": token, "token_type": "bearer", "expires_in": ACCESS_TOKEN_SECONDS}
        return json_answer(200, {**answer, "scope": " ".join(sorted(self.scopes))})

    def _refused(self, fault: str) -> Answer:
        if fault in ("503", "done-503"):
            return json_answer(503, {"code": 503, "message": "Service unavailable."})
        if fault == "429":
            text = "You have reached the maximum per-second rate limit for this API. Try again later."
            limits = {"X-RateLimit-Type": "QPS", "Retry-After": "1"}
            return json_answer(429, {"code": 429, "message": text}, limits)
        if fault == "429-daily":
            text = "You have reached the maximum daily rate limit for this API."
            until = (self._clock.now() + timedelta(hours=2)).strftime("%Y-%m-%dT%H:%M:%SZ")
            return json_answer(
                429, {"code": 429, "message": text}, {"X-RateLimit-Type": "Daily-limit", "Retry-After": until}
            )
        if fault == "429-concurrent":
            return json_answer(429, {"code": 429, "message": "Too many concurrent requests."})
        status, _, code = fault.partition(":")
        return json_answer(int(status), {"code": int(code), "message": "Refused by the simulator."})

    def _rest(self, request: Request) -> Answer | None:
        found = self.hosts.route(request) or self.arranging.route(request)
        if found is not None:
            return found
        if request.method != "GET":
            return self._changed(request)
        match request.path.split("/")[2:]:
            case ["meetings", encoded, "recordings"]:
                return self._recordings(unquote(encoded), request)
            case ["meetings", encoded, "recordings", "settings"]:
                return self._of_session(unquote(encoded), self._recording_settings)
            case ["meetings", meeting_id]:
                return self._meeting(meeting_id)
            case ["past_meetings", encoded]:
                return self._of_session(unquote(encoded), _past_meeting)
            case ["past_meetings", encoded, "participants"]:
                return self._of_session(unquote(encoded), lambda session: self.listings.participants(session, request))
        return self.listings.route(request)

    def _changed(self, request: Request) -> Answer:
        match (request.method, *request.path.split("/")[2:]):
            case ("PATCH", "meetings", encoded, "recordings", "settings"):
                return self._of_session(unquote(encoded), self._close_recording)
        return _no_meeting()

    def _close_recording(self, session: SimulatedSession) -> Answer:
        if not session.files:
            return _no_recording()
        self._closed.add(session.session_id)
        return Answer(204)

    def _recording_settings(self, session: SimulatedSession) -> Answer:
        is_closed = {"share_recording": "none"} if session.session_id in self._closed else {}
        return json_answer(200, {**recording_settings(), **is_closed})

    def _of_session(self, session_id: str, answer: Callable[[SimulatedSession], Answer]) -> Answer:
        session = self._library.session(session_id)
        return _no_meeting() if session is None else answer(session)

    def _meeting(self, meeting_id: str) -> Answer:
        found = [one for one in self._library.sessions() if str(one.meeting_id) == meeting_id]
        return json_answer(200, arranged_object(found[-1])) if found else _no_meeting()

    def _recordings(self, session_id: str, request: Request) -> Answer:
        session = self._library.session(session_id)
        if session is None:
            return _no_meeting()
        if not session.files:
            return _no_recording()
        files = [file_object(session, file, f"{self.base_url}/rec/download", "rest") for file in session.files]
        answer = recording_object(session, files)
        if "download_access_token" in request.query.get("include_fields", ""):
            answer["download_access_token"] = self._download_token(session, request.query.get("ttl", ""))
        return json_answer(200, answer)

    def _download_token(self, session: SimulatedSession, ttl: str) -> str:
        lifetime = int(ttl) if ttl.isdigit() else DEFAULT_DOWNLOAD_TOKEN_SECONDS
        expires_at = int(self._clock.now().timestamp()) + lifetime
        return mint(Claims(session.session_id, session.account_id, session.host_id, expires_at))


def _past_meeting(session: SimulatedSession) -> Answer:
    answer: dict[str, Any] = {
        "uuid": session.session_id,
        "id": session.meeting_id,
        "host_id": session.host_id,
        "type": 2,
        "topic": session.topic,
        "user_email": session.host_email,
        "start_time": session.started_at,
        "end_time": session.ended_at,
        "duration": session.duration_minutes,
        "total_minutes": session.duration_minutes * session.participants,
        "participants_count": session.participants,
    }
    return json_answer(200, answer)


def _no_meeting() -> Answer:
    return json_answer(404, {"code": 3001, "message": "Meeting does not exist."})


def _no_recording() -> Answer:
    return json_answer(404, {"code": 3301, "message": "There is no recording for this meeting."})
