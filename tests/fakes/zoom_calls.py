"""Zoom as starting calls sees it: keeps meetings, registrants and limits, and fails on request."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

from infra.errors import TransientError
from infra.secret import Secret
from infra.zoom.answers import Meeting, PastInstance
from infra.zoom.errors import HostLimitReached, MeetingNotFound, RegistrationOff
from infra.zoom.meetings import MeetingPlan, Registrant


@dataclass
class Arranged:
    """A meeting at Zoom, and who was registered for it."""

    meeting: Meeting
    host_user: str
    registrants: dict[str, tuple[str, Registrant]] = field(default_factory=dict)


@dataclass
class FakeMeetings:
    """`step` is called before and after each request; what it raises, the request raises, undone or done."""

    step: Callable[[str], None] = lambda name: None
    made: dict[str, Arranged] = field(default_factory=dict)
    used_up: set[str] = field(default_factory=set)
    registers: bool = True
    refuses_registrants: bool = False
    links: int = 0
    numbers: int = 0
    asked: list[str] = field(default_factory=list)

    def create(self, host_user: str, plan: MeetingPlan) -> Meeting:
        self._before("create")
        if host_user in self.used_up:
            raise HostLimitReached("used up", retry_after_seconds=3600)
        self.numbers += 1
        number = str(85_000_000_000 + self.numbers)
        meeting = Meeting(
            meeting_id=number,
            session_id=f"uuid-{number}",
            host_id=host_user,
            topic=plan.topic,
            start_at=plan.start_at,
            duration_minutes=plan.duration_minutes,
            join_url=Secret(f"https://zoom.example/j/{number}?pwd=plain"),
            passcode=None,
            agenda=plan.agenda,
            takes_registrants=plan.with_registrants and self.registers,
        )
        self.made[number] = Arranged(meeting, host_user)
        self.step("create done")
        return meeting

    def scheduled(self, host_user: str) -> Iterator[Meeting]:
        self._before("scheduled")
        listed = [one.meeting for one in self.made.values() if one.host_user == host_user]
        return iter([replace(meeting, takes_registrants=False) for meeting in listed])  # a listing does not tell

    def start_link(self, meeting_id: str) -> Secret:
        self._before("start_link")
        if meeting_id not in self.made:
            raise MeetingNotFound(404, 3001)
        self.links += 1
        return Secret(f"https://zoom.example/s/{meeting_id}?zak={self.links}")

    def take_no_registrants(self, meeting_id: str) -> None:
        self._before("take_no_registrants")
        found = self.made[meeting_id]
        found.meeting = replace(found.meeting, takes_registrants=False)

    def register(self, meeting_id: str, name: str, address: str) -> Registrant:
        self._before("register")
        if self.refuses_registrants:
            raise RegistrationOff(404, 404)
        link = Secret(f"https://zoom.example/w/{meeting_id}?tk={len(self.made[meeting_id].registrants)}")
        person = (name, Registrant(f"registrant of {address}", link))
        _, made = self.made[meeting_id].registrants.setdefault(address, person)
        self.step("register done")
        return made

    def delete(self, meeting_id: str) -> bool:
        self._before("delete")
        found = self.made.pop(meeting_id, None) is not None
        self.step("delete done")
        return found

    def _before(self, name: str) -> None:
        self.asked.append(name)
        self.step(name)


@dataclass
class FakeZoomCalls:
    """`held` are the ended sessions of each meeting; `recorded` those that have a recording, `closed` those closed."""

    meetings: FakeMeetings = field(default_factory=FakeMeetings)
    held: dict[str, list[datetime]] = field(default_factory=dict)
    recorded: set[str] = field(default_factory=set)
    closed: list[str] = field(default_factory=list)
    going_on: set[str] = field(default_factory=set)
    outage: TransientError | None = None

    def meeting(self, meeting_id: str) -> Meeting | None:
        self._reach()
        self.meetings.step("meeting")
        found = self.meetings.made.get(meeting_id)
        return None if found is None else replace(found.meeting, is_going_on=meeting_id in self.going_on)

    def past_instances(self, meeting_id: str) -> Sequence[PastInstance]:
        self._reach()
        return [PastInstance(f"session {at}", at) for at in self.held.get(meeting_id, [])]

    def close_recording(self, session_id: str) -> bool:
        self._reach()
        if session_id not in self.recorded:
            return False
        self.closed.append(session_id)
        return True

    def _reach(self) -> None:
        if self.outage is not None:
            raise self.outage
