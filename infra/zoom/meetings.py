"""Arranging meetings: make, change, find and delete them, and give each person a link of their own."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from infra.errors import PermanentError
from infra.secret import Secret
from infra.zoom.answers import Meeting, read_meeting
from infra.zoom.calls import Calls
from infra.zoom.errors import MeetingNotFound
from infra.zoom.paths import quoted

SCHEDULED = 2  # Zoom's type: an id of its own for 30 days; of the types that last, the one that takes registrants
AT_ONCE, NO_REGISTRATION = 0, 2  # `approval_type`
MAX_TOPIC_CHARACTERS = 200  # Zoom's
MAX_NAME_CHARACTERS = 64  # Zoom's, of a registrant's first name


@dataclass(frozen=True, slots=True)
class MeetingPlan:
    """A meeting to be. `agenda` is told in Zoom's listings too, so it is what a meeting is found by again.

    `with_registrants`: everybody comes by a link of their own, so that Zoom's events tell who they are.
    """

    topic: str
    agenda: str
    start_at: datetime
    duration_minutes: int
    with_registrants: bool


@dataclass(frozen=True, slots=True)
class Registrant:
    """A person's own way into one meeting. Whoever has the link joins under that name."""

    registrant_id: str
    join_url: Secret = field(repr=False)


class ZoomMeetings:
    """The meetings of our account's hosts. Raises as ZoomClient does; safe to share between threads."""

    def __init__(self, calls: Calls) -> None:
        self._calls = calls

    def create(self, host_user: str, plan: MeetingPlan) -> Meeting:
        """Make a meeting that Zoom records in its cloud and that begins with its host.

        Raises:
            HostLimitReached: this host has made its 100 meetings of today.
            RateLimited: it was not made. Any other TransientError: it may have been; `scheduled` tells.
        """
        return read_meeting(self._calls.send("POST", f"/users/{quoted(host_user)}/meetings", "medium", _document(plan)))

    def scheduled(self, host_user: str) -> Iterator[Meeting]:
        """Yield a host's meetings that have not expired, going on or to come."""
        path = f"/users/{quoted(host_user)}/meetings"
        return map(read_meeting, self._calls.pages(path, {"type": "scheduled"}, "medium", "meetings"))

    def start_link(self, meeting_id: str) -> Secret:
        """Return a fresh link that opens the meeting with its host's rights. Keep it nowhere.

        Raises:
            MeetingNotFound: there is no such meeting, or it has expired.
        """
        body = self._calls.get(f"/meetings/{quoted(meeting_id)}", "light")
        if body is None:
            raise MeetingNotFound(404, 3001)
        link = body.get("start_url")
        if not isinstance(link, str) or not link:
            raise PermanentError("Zoom's answer is not a meeting we can read: it has no start link")
        return Secret(link)

    def take_no_registrants(self, meeting_id: str) -> None:
        """Let everybody join by the plain link again. It counts for the host's 100 a day."""
        settings = {"settings": {"approval_type": NO_REGISTRATION}}
        self._calls.send("PATCH", f"/meetings/{quoted(meeting_id)}", "light", settings)

    def register(self, meeting_id: str, name: str, address: str) -> Registrant:
        """Give a person a link of their own; the same address always has the same one, three times a day.

        Zoom shows the name to the others and writes it into the transcript. It sends no mail: the meeting says so.

        Raises:
            RegistrationOff: the meeting takes no registrants.
        """
        person = {"email": address, "first_name": name[:MAX_NAME_CHARACTERS], "last_name": ""}
        return _registrant(self._calls.send("POST", f"/meetings/{quoted(meeting_id)}/registrants", "light", person))

    def delete(self, meeting_id: str) -> bool:
        """Delete a meeting, without mail to anybody; False where there is none."""
        path = f"/meetings/{quoted(meeting_id)}?schedule_for_reminder=false&cancel_meeting_reminder=false"
        try:
            self._calls.send("DELETE", path, "light")
        except MeetingNotFound:
            return False
        return True


def _document(plan: MeetingPlan) -> Mapping[str, Any]:
    return {
        "topic": plan.topic[:MAX_TOPIC_CHARACTERS],
        "type": SCHEDULED,
        "start_time": plan.start_at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        "duration": plan.duration_minutes,
        "timezone": "UTC",
        "agenda": plan.agenda,
        "settings": {
            "auto_recording": "cloud",
            "use_pmi": False,  # a personal room's number is the same for every meeting: it would tell no call from another
            "join_before_host": False,  # nobody talks before the host's recording runs
            "waiting_room": False,
            "encryption_type": "enhanced_encryption",  # end-to-end encrypted meetings cannot be recorded
            "continuous_meeting_chat": {"enable": False},  # it would keep the chat outside of the recording
            "approval_type": AT_ONCE if plan.with_registrants else NO_REGISTRATION,
            "registrants_confirmation_email": False,
            "registrants_email_notification": False,
            "email_notification": False,
            "alternative_hosts_email_notification": False,
        },
    }


def _registrant(body: Mapping[str, Any]) -> Registrant:
    registrant_id, link = body.get("registrant_id"), body.get("join_url")
    if not isinstance(registrant_id, str) or not registrant_id or not isinstance(link, str) or not link:
        raise PermanentError("Zoom's answer is not a registrant we can read")
    return Registrant(registrant_id, Secret(link))
