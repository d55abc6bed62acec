"""Meetings that are arranged over REST: made, changed, listed, deleted; registrants; Zoom's limits on all that."""

import secrets
from base64 import b64encode
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from threading import Lock
from typing import Any

from infra.clock import Clock
from infra.zoom.simulator.bodies import zoom_time
from infra.zoom.simulator.hosts import LICENSED, Hosts, SimulatedUser, no_user
from infra.zoom.simulator.listings import page
from infra.zoom.simulator.web import Answer, Request, json_answer

WRITES_A_DAY = 100  # of meetings, for each host, made and changed together
REGISTRATIONS_A_DAY = 3  # of one person for one meeting
NO_REGISTRATION = 2
MAX_LISTED_AGENDA = 250  # characters; a listing cuts it there
_TYPES = (1, 2, 3, 8, 10)
_LIMIT_REACHED = (
    "You have exceeded the daily rate limit (100) of Meeting Create/Update API requests permitted for this particular "
    "user. You may resume these requests at GMT 00:00:00."
)
_REGISTERED_TOO_OFTEN = (
    'You have exceeded the daily rate limit of "3" for Add meeting registrant API requests for the registrant. '
    "You can resume these API requests at GMT 00:00:00."
)


@dataclass(slots=True)
class SimulatedRegistrant:
    """Someone who may join by a link of their own."""

    registrant_id: str
    email: str
    name: str
    join_url: str


@dataclass(slots=True)
class ArrangedMeeting:
    """A meeting to come, or going on."""

    meeting_id: int
    session_id: str
    host: SimulatedUser
    document: dict[str, Any]
    created_at: datetime
    is_going_on: bool = False
    registrants: dict[str, SimulatedRegistrant] = field(default_factory=dict)

    @property
    def join_url(self) -> str:
        """The plain link; where registration is on, it leads to Zoom's form."""
        return f"https://us06web.zoom.us/j/{self.meeting_id}?pwd=simulated{self.meeting_id % 997}"


class Arranging:
    """Answers what makes and changes meetings. `going_on` and `meetings` are for tests and for the player."""

    def __init__(self, hosts: Hosts, clock: Clock) -> None:
        self._hosts = hosts
        self._clock = clock
        self._lock = Lock()
        self._meetings: dict[int, ArrangedMeeting] = {}
        self._writes: Counter[tuple[str, str]] = Counter()
        self._registrations: Counter[tuple[int, str, str]] = Counter()

    def meetings(self) -> tuple[ArrangedMeeting, ...]:
        """Return the meetings that are there, the oldest first."""
        with self._lock:
            return tuple(self._meetings.values())

    def find(self, meeting_id: str) -> ArrangedMeeting | None:
        """Return a meeting by its number."""
        with self._lock:
            return self._meetings.get(int(meeting_id)) if meeting_id.isdecimal() else None

    def use_up(self, user: str) -> None:
        """Let a host have made its meetings of today."""
        found = self._hosts.user(user)
        if found is not None:
            self._writes[found.user_id, self._today()] = WRITES_A_DAY

    def route(self, request: Request) -> Answer | None:
        """Answer a request below /v2; None for what it does not know, such as a meeting that was only played."""
        match (request.method, *request.segments[1:]):
            case ("POST" | "GET", "users", user, "meetings"):
                host = self._hosts.user(user)
                if host is None:
                    return no_user(user)
                return self._create(host, request) if request.method == "POST" else self._listed(host, request)
            case (method, "meetings", meeting_id, *rest):
                meeting = self.find(meeting_id)
                return None if meeting is None else self._of_meeting(meeting, method, rest, request)
        return None

    def _of_meeting(self, meeting: ArrangedMeeting, method: str, rest: list[str], request: Request) -> Answer | None:
        match (method, *rest):
            case ("GET",):
                return json_answer(200, _told(meeting, with_start_url=True))
            case ("PATCH",):
                return self._change(meeting, request.json())
            case ("DELETE",):
                with self._lock:
                    self._meetings.pop(meeting.meeting_id, None)
                return Answer(204)
            case ("POST", "registrants"):
                return self._register(meeting, request.json())
        return None

    def _create(self, host: SimulatedUser, request: Request) -> Answer:
        document = request.json()
        if document.get("type", 2) not in _TYPES or not isinstance(document.get("settings", {}), Mapping):
            return _invalid("Invalid meeting.")
        if self._is_used_up(host):
            return json_answer(429, {"code": 429, "message": _LIMIT_REACHED}, {"X-RateLimit-Type": "Daily-limit"})
        meeting = ArrangedMeeting(
            meeting_id=80_000_000_000 + secrets.randbelow(9_999_999_999),
            session_id=b64encode(secrets.token_bytes(16)).decode(),
            host=host,
            document={**document, "settings": _settings(host, document.get("settings", {}))},
            created_at=self._clock.now(),
        )
        with self._lock:
            self._meetings[meeting.meeting_id] = meeting
        return json_answer(201, _told(meeting, with_start_url=True))

    def _change(self, meeting: ArrangedMeeting, document: Mapping[str, Any]) -> Answer:
        if self._is_used_up(meeting.host):
            return json_answer(429, {"code": 429, "message": _LIMIT_REACHED}, {"X-RateLimit-Type": "Daily-limit"})
        settings = {**meeting.document["settings"], **document.get("settings", {})}
        meeting.document = {**meeting.document, **document, "settings": _settings(meeting.host, settings)}
        return Answer(204)

    def _listed(self, host: SimulatedUser, request: Request) -> Answer:
        mine = [_told(one, with_start_url=False) for one in self.meetings() if one.host is host]
        return page(request, "meetings", mine)

    def _register(self, meeting: ArrangedMeeting, document: Mapping[str, Any]) -> Answer:
        email, name = document.get("email"), document.get("first_name")
        if meeting.document["settings"]["approval_type"] == NO_REGISTRATION:
            text = f"Registration has not been enabled for this meeting: {meeting.meeting_id}."
            return json_answer(404, {"code": 404, "message": text})
        if not isinstance(email, str) or "@" not in email or not isinstance(name, str) or not name:
            return _invalid("Validation Failed.")
        with self._lock:
            self._registrations[meeting.meeting_id, email, self._today()] += 1
            if self._registrations[meeting.meeting_id, email, self._today()] > REGISTRATIONS_A_DAY:
                return json_answer(429, {"code": 429, "message": _REGISTERED_TOO_OFTEN})
            registrant = meeting.registrants.setdefault(email, _registrant(meeting, email, name))
        told = {"registrant_id": registrant.registrant_id, "join_url": registrant.join_url}
        return json_answer(201, {"id": meeting.meeting_id, "topic": meeting.document.get("topic", ""), **told})

    def _is_used_up(self, host: SimulatedUser) -> bool:
        with self._lock:
            self._writes[host.user_id, self._today()] += 1
            return self._writes[host.user_id, self._today()] > WRITES_A_DAY

    def _today(self) -> str:
        return self._clock.now().date().isoformat()


def _settings(host: SimulatedUser, asked: Mapping[str, Any]) -> dict[str, Any]:
    """What Zoom makes of the settings: where the plan knows no registration, it takes the wish and does not do it."""
    approval = asked.get("approval_type", NO_REGISTRATION)
    defaults = {"auto_recording": host.settings["recording"]["auto_recording"], "use_pmi": False, "waiting_room": False}
    return {**defaults, **asked, "approval_type": approval if host.kind == LICENSED else NO_REGISTRATION}


def _told(meeting: ArrangedMeeting, *, with_start_url: bool) -> dict[str, Any]:
    document = meeting.document
    told = {
        "uuid": meeting.session_id,
        "id": meeting.meeting_id,
        "host_id": meeting.host.user_id,
        "topic": document.get("topic", "Zoom Meeting"),
        "type": document.get("type", 2),
        "start_time": document.get("start_time", zoom_time(meeting.created_at)),
        "duration": document.get("duration", 60),
        "timezone": document.get("timezone", ""),
        "created_at": zoom_time(meeting.created_at),
        "join_url": meeting.join_url,
    }
    if not with_start_url:
        return {**told, "agenda": document.get("agenda", "")[:MAX_LISTED_AGENDA]}
    return {
        **told,
        "agenda": document.get("agenda", ""),
        "host_email": meeting.host.email,
        "status": "started" if meeting.is_going_on else "waiting",
        "start_url": f"https://us06web.zoom.us/s/{meeting.meeting_id}?zak=simulated-{secrets.token_urlsafe(9)}",
        "password": "9$If6&tn",
        "settings": document["settings"],
    }


def _registrant(meeting: ArrangedMeeting, email: str, name: str) -> SimulatedRegistrant:
    registrant_id = secrets.token_urlsafe(16)
    link = f"https://us06web.zoom.us/w/{meeting.meeting_id}?tk=simulated-{registrant_id}"
    return SimulatedRegistrant(registrant_id, email, name, link)


def _invalid(text: str) -> Answer:
    return json_answer(400, {"code": 300, "message": text})
