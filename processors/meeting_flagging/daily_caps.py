"""Keep a rule from flooding the analysts: so many calls a day at most get flagged by it, the rest goes into shadow.

A meeting's state asks the day's state (`day:<date>`) for a place per capped rule and waits for the answer before it
flags; the day answers in the order of asking. A place is kept for good, so a flag that was raised stays raised.
"""

from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from typing import Any

from processors.base import Event
from processors.commands import Command, Tell, WakeAt
from processors.meeting_flagging.facts import Day, FlagState
from processors.meeting_flagging.rules import Policy
from schemas.identity import fact_id

ASKED, ANSWERED, FORGET = "place_asked", "place_answered", "forget_day"
OVER_CAP = "a rule found more than its daily cap: what it finds further is in shadow"
_FORGET_AFTER = timedelta(days=3)  # of a day nobody asks any more: who asked late asked the day of asking


def ask_for_places(state: FlagState, event: Event, policy: Policy) -> Iterator[Command]:
    """Ask for what a meeting's sessions need and have not asked for yet."""
    caps = {rule.id: rule.max_per_day for rule in policy.rules if rule.max_per_day is not None and rule.mode == "live"}
    day = event.recorded_at.date().isoformat()
    for session_id, facts in state.sessions.items():
        found = {one["rule_id"] for scan in facts.scans.values() for one in scan.findings if one["mode"] == "live"}
        rules = sorted(rule for rule in found & caps.keys() if rule not in facts.places)
        if rules and state.meeting_id is not None:
            facts.places.update(dict.fromkeys(rules))
            told = {
                "state_key": state.meeting_id,
                "session_id": session_id,
                "caps": {rule: caps[rule] for rule in rules},
            }
            yield Tell(f"day:{day}", ASKED, fact_id(ASKED, session_id, day, rules), {"day": day, **told})


def answer(state: FlagState, data: Mapping[str, Any]) -> tuple[list[Command], bool]:
    """Give out places; return the answer, and whether a rule had none left."""
    day, session_id = data["day"], data["session_id"]
    commands: list[Command] = []
    if state.day is None:
        state.day = Day()
        commands.append(WakeAt(datetime.fromisoformat(f"{day}T00:00:00+00:00") + _FORGET_AFTER, FORGET, f"day:{day}"))
    places = {}
    for rule, cap in data["caps"].items():
        taken = state.day.places.setdefault(rule, [])
        if session_id not in taken and len(taken) < cap:
            taken.append(session_id)
        places[rule] = session_id in taken
    told = {"session_id": session_id, "places": places}
    commands.append(Tell(data["state_key"], ANSWERED, fact_id(ANSWERED, session_id, day, sorted(places)), told))
    return commands, not all(places.values())


def note_answer(state: FlagState, data: Mapping[str, Any]) -> None:
    """Note which rules may flag a session."""
    facts = state.sessions.get(data["session_id"])
    if facts is not None:
        facts.places.update(data["places"])
