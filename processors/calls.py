"""What every processor needs to know of a meeting: its registrations, its sessions, who was there. Pure.

One state per Zoom meeting id holds it. Zoom's own times decide, not arrival, so the same facts in any order end in the
same `Meeting`.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from processors.base import Event
from schemas.calls import Registration, load_registration
from schemas.reconciled import load_fact
from schemas.zoom import ZoomEvent

REGISTRATION_WINDOW = timedelta(days=30)  # the owner's rule: then a registration closes
REGISTRATION_SLACK = timedelta(hours=1)  # a host may open the meeting before the marketplace has written it down
INFERENCE_TOLERANCE = timedelta(seconds=30)  # REST's instants are whole seconds, an event's own stamp seconds later
FORGET_UNREGISTERED_AFTER = timedelta(days=40)  # longer than any input topic is kept: nothing can come any more


@dataclass(slots=True)
class Presence:
    """One join: from when to when a person was in the session; None where Zoom has not said."""

    person: str
    joined_at: datetime | None = None
    left_at: datetime | None = None


@dataclass(slots=True)
class Session:
    """One Zoom uuid. `opened_at` and `closed_at` are the latest started and ended Zoom told of.

    `start_inferred` and `end_inferred`: Zoom did not tell of it (yet), reconciliation found it out.
    """

    session_id: str
    account_id: str | None = None
    host_id: str | None = None
    started_at: datetime | None = None
    opened_at: datetime | None = None
    closed_at: datetime | None = None
    ended_at: datetime | None = None
    seen_at: datetime | None = None
    presences: dict[str, Presence] = field(default_factory=dict)
    start_inferred: bool = False
    end_inferred: bool = False

    @property
    def is_open(self) -> bool:
        """Whether it is going on: not ended, or started again later than it ended."""
        if self.closed_at is None:
            return self.opened_at is not None
        return self.opened_at is not None and self.opened_at > self.closed_at

    @property
    def begins_at(self) -> datetime | None:
        """When it started, or the first thing known of it where Zoom never said."""
        joins = [presence.joined_at for presence in self.presences.values() if presence.joined_at]
        return self.started_at or min(joins, default=self.ended_at or self.seen_at)

    def start(self, at: datetime) -> None:
        """Note a start: the earliest one is the session's, the latest one tells whether it is open."""
        if self.start_inferred and is_same(self.started_at, at):
            self.started_at, self.start_inferred = at, False
        self.started_at = min(self.started_at or at, at)
        self.opened_at = max(self.opened_at or at, at)

    def end(self, at: datetime, ended_at: datetime) -> None:
        """Note an end: the latest one stands, and Zoom's own word in place of an inferred one."""
        slack = INFERENCE_TOLERANCE if self.end_inferred else timedelta()
        if self.closed_at is None or at >= self.closed_at - slack:
            self.closed_at, self.ended_at, self.end_inferred = at, ended_at, False

    def infer(self, started_at: datetime | None, ended_at: datetime) -> None:
        """Note what REST tells of it, where Zoom's events have not told the same."""
        if started_at and (self.started_at is None or started_at < self.started_at - INFERENCE_TOLERANCE):
            self.started_at, self.start_inferred = started_at, True
            self.opened_at = max(self.opened_at or started_at, started_at)
        reopened_before = self.is_open and self.opened_at is not None and self.opened_at < ended_at
        if self.ended_at is None or reopened_before or ended_at > self.ended_at + INFERENCE_TOLERANCE:
            self.closed_at, self.ended_at, self.end_inferred = ended_at, ended_at, True

    def seconds_together(self, since: datetime, until: datetime) -> float:
        """How long two people or more were there at the same time, between the two instants."""
        changes = sorted(self._changes(since, until))
        people: dict[str, int] = {}
        total, before = 0.0, since
        for at, person, step in changes:
            if sum(1 for count in people.values() if count > 0) >= 2:
                total += (at - before).total_seconds()
            people[person] = people.get(person, 0) + step
            before = at
        return total

    def _changes(self, since: datetime, until: datetime) -> Iterator[tuple[datetime, str, int]]:
        for presence in self.presences.values():
            joined = max(presence.joined_at or since, since)
            left = min(presence.left_at or until, until)
            if joined < left:
                yield joined, presence.person, 1
                yield left, presence.person, -1


@dataclass(slots=True)
class Meeting:
    """Everything known under one Zoom meeting id."""

    registrations: dict[str, Registration] = field(default_factory=dict)
    sessions: dict[str, Session] = field(default_factory=dict)

    def register(self, registration: Registration) -> bool:
        """Note a registration; False when it is known already."""
        known = registration.call_id in self.registrations
        self.registrations.setdefault(registration.call_id, registration)
        return not known

    def note(self, zoom: ZoomEvent, event: Event) -> Session | None:
        """Note what a webhook says about its session; None when it names none."""
        if zoom.session_id is None:
            return None
        session = self.sessions.setdefault(zoom.session_id, Session(zoom.session_id))
        at = instant_of(zoom, event)
        session.account_id = session.account_id or zoom.account_id
        session.host_id = session.host_id or zoom.host_id
        session.seen_at = min(session.seen_at or at, at)
        if zoom.name == "meeting.ended" and zoom.inferred:
            session.infer(zoom.start_at, at)
        elif zoom.name == "meeting.started":
            session.start(at)
        elif zoom.name == "meeting.ended":
            session.end(at, zoom.end_at or at)
        elif zoom.name in ("meeting.participant_joined", "meeting.participant_left"):
            _note_presence(session, zoom, at)
        return session

    def call_of(self, session: Session) -> Registration | None:
        """The registration a session belongs to: account and meeting match, and it starts within the window.

        Of several the newest one made before the start; one made after it only where there is no other.
        """
        begins_at = session.begins_at
        if begins_at is None:
            return None
        fitting = [one for one in self.registrations.values() if _fits(one, session.account_id, begins_at)]
        return max(
            fitting, key=lambda one: (one.registered_at <= begins_at, one.registered_at, one.call_id), default=None
        )

    def sessions_of(self, call_id: str) -> list[Session]:
        """The call's sessions, in the order they began."""
        mine = [one for one in self.sessions.values() if _id(self.call_of(one)) == call_id]
        return sorted(mine, key=lambda one: (one.begins_at is None, one.begins_at, one.session_id))

    def ended_at(self, call_id: str) -> datetime | None:
        """When the call ended: with its last session; None while one is open or before there was any."""
        return last_end(self.sessions_of(call_id))

    def forget_before(self, now: datetime) -> None:
        """Drop sessions of unregistered meetings that nothing can come for any more."""
        for session in list(self.sessions.values()):
            seen_at = session.closed_at or session.opened_at or session.seen_at
            if seen_at and seen_at + FORGET_UNREGISTERED_AFTER < now and self.call_of(session) is None:
                del self.sessions[session.session_id]


def registration_of(event: Event) -> Registration:
    """What a `call.registered` record says; raises InvalidEvent when it is not what its type promises."""
    return event.read(_registration)


def fact_of(event: Event) -> ZoomEvent:
    """What a record of `zoom.webhooks` says; raises InvalidEvent when it is not what its type promises."""
    return event.read(load_fact)


def _registration(_: str, data: object) -> Registration:
    return load_registration(data)


def is_same(inferred: datetime | None, told: datetime) -> bool:
    """Whether an inferred instant and one that Zoom told of are the same start or end."""
    return inferred is not None and abs(told - inferred) <= INFERENCE_TOLERANCE


def last_end(sessions: Iterable[Session]) -> datetime | None:
    """When the last of these sessions ended; None while one is open, or when none has ended."""
    all_of_them = list(sessions)
    if any(one.is_open for one in all_of_them):
        return None
    return max((one.ended_at for one in all_of_them if one.ended_at), default=None)


def instant_of(zoom: ZoomEvent, event: Event) -> datetime:
    """When it happened, by Zoom's own times; the log's time only where the body has none (bodies before 2021)."""
    return zoom.occurred_at or _told_at(zoom) or event.recorded_at


def state_key(meeting_id: str | None, session_id: str | None) -> list[str]:
    """The key of a meeting's state, as `route` returns it: by meeting id, else by session; none when neither is named."""
    if meeting_id is not None:
        return [meeting_id]
    return [] if session_id is None else [f"session:{session_id}"]


def _told_at(zoom: ZoomEvent) -> datetime | None:
    participant = zoom.participant
    match zoom.name:
        case "meeting.started":
            return zoom.start_at
        case "meeting.ended":
            return zoom.end_at
        case "recording.started":
            return zoom.recording_start
        case "recording.stopped":
            return zoom.recording_end
    return (participant.joined_at or participant.left_at) if participant else None


def _note_presence(session: Session, zoom: ZoomEvent, at: datetime) -> None:
    participant = zoom.participant
    if participant is None or participant.user_id is None:
        return
    person = participant.account_user_id or participant.user_id
    presence = session.presences.setdefault(participant.user_id, Presence(person))
    presence.person = participant.account_user_id or presence.person  # some bodies leave it out
    if zoom.name == "meeting.participant_joined":
        joined_at = participant.joined_at or at
        presence.joined_at = min(presence.joined_at or joined_at, joined_at)
    else:
        left_at = participant.left_at or at
        presence.left_at = max(presence.left_at or left_at, left_at)


def _fits(registration: Registration, account_id: str | None, begins_at: datetime) -> bool:
    same_account = account_id is None or registration.account_id in (None, account_id)
    opens_at = registration.registered_at - REGISTRATION_SLACK
    return same_account and opens_at <= begins_at < registration.registered_at + REGISTRATION_WINDOW


def _id(registration: Registration | None) -> str | None:
    return None if registration is None else registration.call_id
