"""Playing a call in a meeting that was arranged over REST, in place of one of the player's own."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from infra.zoom.simulator.arranging import ArrangedMeeting
from infra.zoom.simulator.scenario import Call, ScriptedEvent


@dataclass(frozen=True, slots=True)
class Guest:
    """Who comes by the last of the meeting's own links; the other's belongs to the host, who starts it."""

    registrant_id: str
    name: str
    email: str


@dataclass(frozen=True, slots=True)
class HeldMeeting:
    """What of an arranged meeting goes into its webhooks. `guest` is None where everybody comes by the plain link."""

    meeting_id: int
    host_id: str
    host_email: str
    topic: str
    guest: Guest | None

    @classmethod
    def of(cls, meeting: ArrangedMeeting) -> "HeldMeeting":
        """Return it as the webhooks tell it."""
        last = next(reversed(meeting.registrants.values()), None)
        guest = None if last is None else Guest(last.registrant_id, last.name, last.email)
        topic = str(meeting.document.get("topic", "Zoom Meeting"))
        return cls(meeting.meeting_id, meeting.host.user_id, meeting.host.email, topic, guest)

    def to_json(self) -> dict[str, Any]:
        """Return it as JSON-able data, for a player in another process."""
        guest = self.guest
        told = None if guest is None else {name: getattr(guest, name) for name in ("registrant_id", "name", "email")}
        own = {name: getattr(self, name) for name in ("meeting_id", "host_id", "host_email", "topic")}
        return {**own, "guest": told}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> "HeldMeeting":
        """Read it back. Raises TypeError or KeyError for anything else."""
        return cls(**{**data, "guest": None if data["guest"] is None else Guest(**data["guest"])})


def held_as(call: Call, meeting: HeldMeeting) -> Call:
    """Return the call as one session of this meeting, which somebody else has registered."""
    session = replace(
        call.session,
        meeting_id=meeting.meeting_id,
        host_id=meeting.host_id,
        host_email=meeting.host_email,
        topic=meeting.topic,
    )
    events = tuple(_held(event, call, meeting) for event in call.events)
    return replace(call, session=session, events=events, registration=None)


def _held(event: ScriptedEvent, call: Call, meeting: HeldMeeting) -> ScriptedEvent:
    if not event.object:
        return event
    number = meeting.meeting_id
    told = {
        **event.object,
        "id": str(number) if isinstance(event.object["id"], str) else number,
        "host_id": meeting.host_id,
        "topic": meeting.topic,
    }
    if "participant" in told:
        told["participant"] = _participant(told["participant"], call, meeting)
    return replace(event, object=told)


def _participant(participant: Mapping[str, Any], call: Call, meeting: HeldMeeting) -> dict[str, Any]:
    if participant["id"] == call.session.host_id:
        mine = {"id": meeting.host_id, "participant_user_id": meeting.host_id, "email": meeting.host_email}
        return {**participant, **mine}
    guest = meeting.guest
    if guest is None:
        return dict(participant)
    return {**participant, "user_name": guest.name, "email": guest.email, "registrant_id": guest.registrant_id}
