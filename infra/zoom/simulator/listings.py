"""REST's listings: users' recordings, past meetings and who was in them, the webhook log. Paged, and refused, as Zoom does."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from threading import Lock
from typing import Any

from infra.clock import Clock
from infra.zoom.simulator.bodies import file_object, recording_object, zoom_time
from infra.zoom.simulator.hosts import Hosts, no_user
from infra.zoom.simulator.library import Library, SimulatedSession
from infra.zoom.simulator.web import Answer, Request, json_answer

MAX_PAGE_SIZE = 300  # Zoom's; FACTS section 4
DEFAULT_PAGE_SIZE = 30
LONGEST_SPAN = timedelta(days=31)  # Zoom says a month
LOG_DAYS = 7  # how far back the webhook log goes


@dataclass(frozen=True, slots=True)
class LoggedDelivery:
    """A try to deliver, as Zoom logs it. `status` -1: nothing answered."""

    event: str
    status: int
    request_id: str
    body: str
    at: datetime
    retry_number: int = 0

    def to_json(self) -> dict[str, Any]:
        return {
            "event": self.event,
            "status": self.status,
            "request_headers": "N/A",
            "request_body": self.body,
            "date_time": zoom_time(self.at),
            "request_id": self.request_id,
            "retry_num": self.retry_number,
        }

    @classmethod
    def from_json(cls, row: Mapping[str, Any]) -> "LoggedDelivery":
        """Read a row of the log back. Raises KeyError, TypeError or ValueError for anything else."""
        named = {"body": row["request_body"], "at": datetime.fromisoformat(row["date_time"])}
        same = {name: row[name] for name in ("event", "status", "request_id")}
        return cls(**same, **named, retry_number=row["retry_num"])


class Listings:
    """Answers what lists. `app_id` is the app's whose log it keeps."""

    def __init__(self, library: Library, hosts: Hosts, clock: Clock, app_id: str) -> None:
        self.base_url = ""
        self.app_id = app_id
        self._library = library
        self._hosts = hosts
        self._clock = clock
        self._lock = Lock()
        self._log: list[LoggedDelivery] = []

    def log(self, delivery: LoggedDelivery) -> None:
        """Keep a delivery in the webhook log."""
        with self._lock:
            self._log.append(delivery)

    def route(self, request: Request) -> Answer | None:
        """Answer a GET below /v2; None for other paths."""
        match request.segments[1:]:
            case ["users", user, "recordings"]:
                return self._user_recordings(user, request)
            case ["past_meetings", meeting_id, "instances"]:
                return self._instances(meeting_id)
            case ["marketplace", "apps", app_id, "webhook_logs"]:
                return self._webhook_log(app_id, request)
        return None

    def participants(self, session: SimulatedSession, request: Request) -> Answer:
        """Return who was in a session; Zoom lists nobody where one person was alone."""
        count = session.participants if session.participants > 1 else 0
        return page(request, "participants", [_participant(session, number) for number in range(count)])

    def _user_recordings(self, user: str, request: Request) -> Answer:
        known = self._hosts.user(user)
        names = {user} if known is None else {known.user_id, known.email}
        all_sessions = self._library.sessions()
        sessions = [one for one in all_sessions if user == "me" or names & {one.host_id, one.host_email}]
        if not sessions and known is None:
            return no_user(user)
        today = self._clock.now().date().isoformat()
        try:
            first, last = (date.fromisoformat(request.query.get(name, today)) for name in ("from", "to"))
        except ValueError:
            return json_answer(400, {"code": 300, "message": "Invalid date."})
        if not timedelta(0) <= last - first <= LONGEST_SPAN:
            return json_answer(400, {"code": 300, "message": "The date range may be no longer than one month."})
        found = [self._meeting(one) for one in sessions if one.files and _is_within(one, first, last)]
        return page(request, "meetings", found, {"from": first.isoformat(), "to": last.isoformat()})

    def _meeting(self, session: SimulatedSession) -> dict[str, Any]:
        files = [file_object(session, file, f"{self.base_url}/rec/download", "list") for file in session.files]
        return recording_object(session, files)

    def _instances(self, meeting_id: str) -> Answer:
        found = [one for one in self._library.sessions() if str(one.meeting_id) == meeting_id]
        if not found:
            return json_answer(404, {"code": 3001, "message": f"Meeting does not exist: {meeting_id}."})
        meetings = [{"uuid": one.session_id, "start_time": one.started_at} for one in found]
        return json_answer(200, {"meetings": meetings})

    def _webhook_log(self, app_id: str, request: Request) -> Answer:
        if app_id != self.app_id:
            return json_answer(404, {"code": 1401, "message": f"APP ID does not exist: {app_id}."})
        try:
            start, end = (datetime.fromisoformat(request.query[name]) for name in ("from", "to"))
        except (KeyError, ValueError):
            return json_answer(
                404, {"code": 1503, "message": "The dates must follow the format yyyy-MM-dd'T'HH:mm:ss'Z'."}
            )
        if start < self._clock.now() - timedelta(days=LOG_DAYS):
            return json_answer(404, {"code": 1502, "message": "The date range must be within the last seven days."})
        with self._lock:
            logged = [one for one in self._log if start <= one.at <= end]
        return page(request, "webhook_logs", [one.to_json() for one in logged if _is_wanted(one, request)])


def page(request: Request, name: str, items: Sequence[object], more: dict[str, str] | None = None) -> Answer:
    """Return the page of a listing that the token names; tokens are offsets, and one that is none is refused as Zoom refuses it."""
    token, size = request.query.get("next_page_token", "0"), request.query.get("page_size", str(DEFAULT_PAGE_SIZE))
    if not (token.isdecimal() and size.isdecimal() and 0 < int(size) <= MAX_PAGE_SIZE):
        return json_answer(400, {"code": 300, "message": "The next page token is invalid or expired."})
    start, end = int(token), int(token) + int(size)
    following = str(end) if end < len(items) else ""
    page = {**(more or {}), "next_page_token": following, "page_size": int(size), name: list(items[start:end])}
    return json_answer(200, page)


def _participant(session: SimulatedSession, number: int) -> dict[str, Any]:
    return {
        "id": session.host_id if number == 0 else "",
        "user_id": str(16_778_240 + number * 1024),
        "name": f"Participant {number}",
        "user_email": session.host_email if number == 0 else "",
        "join_time": session.started_at,
        "leave_time": session.ended_at,
        "duration": 0,  # as before Zoom has processed it
        "status": "in_meeting",
    }


def _is_within(session: SimulatedSession, first: date, last: date) -> bool:
    return first <= datetime.fromisoformat(session.started_at).date() <= last


def _is_wanted(delivery: LoggedDelivery, request: Request) -> bool:
    delivered = 200 <= delivery.status < 300
    return {"2": not delivered, "3": delivered}.get(request.query.get("type", "1"), True)
