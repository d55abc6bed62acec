"""Never call an outage evidence: when more than 5 % of an hour's meetings lack a recording, that rule holds back.

Every meeting in which two people were together tells the state of the hour in which it ended (`hour:<UTC hour>`) of
itself, and again when what it told has changed. The hour tells the meetings that lack a recording whether it was an
outage; until they know, they do not flag for that. A meeting whose recording comes late takes itself off the count.
"""

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from processors.calls import FORGET_UNREGISTERED_AFTER, Session
from processors.commands import Command, Tell, WakeAt
from processors.meeting_flagging.facts import FlagState, Hour, SessionFacts
from processors.meeting_flagging.signals import TOGETHER_SECONDS, known_end
from schemas.identity import fact_id

MET, OUTAGE, FORGET = "meeting_met", "recording_outage", "forget_hour"
OUTAGE_SHARE = 0.05  # of an hour's meetings (the owner's rule)
OUTAGE_MEETINGS = 3  # fewer are single cases: on a quiet night one meeting is more than 5 %
HELD_BACK = "a recording outage: more than 5 % of an hour's meetings lack a recording, so that rule holds back"


def tell_hours(state: FlagState) -> Iterator[Command]:
    """Tell the hours of the sessions that they do not know, or know otherwise."""
    for session_id, facts in state.sessions.items():
        hour = _hour(state.meeting.sessions[session_id], facts)
        missing = facts.is_missing_recording()
        if state.meeting_id is None or (hour, missing) == (facts.told_hour, facts.told_missing):
            continue
        if facts.told_hour not in (None, hour):
            yield _tell(state, session_id, facts, str(facts.told_hour), {"gone": True, "missing": False})
        if hour is not None:
            yield _tell(state, session_id, facts, hour, {"gone": False, "missing": missing})
        if hour != facts.told_hour:
            facts.outage, facts.outage_answer = None, 0
        facts.told_hour, facts.told_missing = hour, missing


def _hour(session: Session, facts: SessionFacts) -> str | None:
    """The hour in which a meeting of two people ended; none while that is not known, or they were not together."""
    end = known_end(session) or facts.missing_at
    if end is None:
        return None
    begin = session.begins_at or end
    together = facts.missing_at is not None or session.seconds_together(begin, end) >= TOGETHER_SECONDS
    return end.astimezone(UTC).strftime("%Y-%m-%dT%H") if together else None


def _tell(state: FlagState, session_id: str, facts: SessionFacts, hour: str, told: Mapping[str, Any]) -> Tell:
    facts.tellings += 1
    data = {"hour": hour, "state_key": state.meeting_id, "session_id": session_id, "telling": facts.tellings, **told}
    return Tell(f"hour:{hour}", MET, fact_id(MET, session_id, facts.tellings), data)


def note_meeting(state: FlagState, data: Mapping[str, Any]) -> tuple[list[Command], bool]:
    """Count a meeting; return what its hour has to tell of that, and whether the rule begins to hold back."""
    commands: list[Command] = []
    if state.hour is None:
        state.hour = Hour()
        begins_at = datetime.fromisoformat(f"{data['hour']}:00:00+00:00")
        commands.append(
            WakeAt(begins_at + FORGET_UNREGISTERED_AFTER + timedelta(hours=1), FORGET, f"hour:{data['hour']}")
        )
    hour, session_id = state.hour, data["session_id"]
    if data["telling"] <= hour.tellings.get(session_id, 0):
        return commands, False
    hour.tellings[session_id] = data["telling"]
    if data["gone"]:
        hour.met.pop(session_id, None)
    else:
        hour.met[session_id] = data["state_key"] if data["missing"] else None
    missing = {one: key for one, key in hour.met.items() if key is not None}
    was, hour.outage = hour.outage, len(missing) >= OUTAGE_MEETINGS and len(missing) > OUTAGE_SHARE * len(hour.met)
    concerned = missing if was != hour.outage else {one: key for one, key in missing.items() if one == session_id}
    for one, key in concerned.items():
        hour.answers += 1
        told = {"session_id": one, "outage": hour.outage, "hour": data["hour"], "answer": hour.answers}
        commands.append(Tell(key, OUTAGE, fact_id(OUTAGE, data["hour"], hour.answers), told))
    return commands, hour.outage and not was


def note_outage(state: FlagState, data: Mapping[str, Any]) -> None:
    """Note whether a session's hour was one of an outage; of several words the last stands."""
    facts = state.sessions.get(data["session_id"])
    if facts is not None and facts.told_hour == data["hour"] and data["answer"] > facts.outage_answer:
        facts.outage, facts.outage_answer = data["outage"], data["answer"]
