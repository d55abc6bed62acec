"""Fill the tables that the portal reads: one row per registered call, one per flag. From public topics alone, as any subscriber could.

The facts of a call are its events on `call-events`; of a flag its newest revision and what analysts decided about it. A
row is the whole of what is known, written anew whenever something is learned, so it is the same in any order of arrival.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, ClassVar

from processors.base import Decision, Event
from processors.commands import Command, ShowCall, ShowFlag
from schemas.archive import RETENTION_DAYS, access_until
from schemas.events import CALL_EVENT_TYPES, FLAGGED, REVIEWED, decode
from schemas.reviews import CLOSING, Weight, has_grown, weight_of
from schemas.topics import CALL_EVENTS, DECISIONS, FLAGS

CREATED, STARTED, ENDED = "call.created", "call.started", "call.ended"
KEPT = timedelta(days=2 * RETENTION_DAYS)  # of silence: a held recording's call is shown for as long again as others
# What an event says beside itself; the rest are the columns of every event.
_OWN = ("call_id", "meeting_id", "session_id", "occurred_at", "sequence")


@dataclass(slots=True)
class CallFacts:
    """A call's events by id, as published. `revision` counts the rows that were shown."""

    events: dict[str, dict[str, Any]] = field(default_factory=dict)
    revision: int = 0
    heard_at: datetime | None = None


@dataclass(slots=True)
class FlagFacts:
    """A flag's newest revision, the decisions about it by event id, and when its first revision was published.

    `weights` is how much each revision weighed, by its number: what a decision about it has to be held against.
    """

    newest: dict[str, Any] = field(default_factory=dict)
    weights: dict[int, Weight] = field(default_factory=dict)
    decisions: dict[str, dict[str, Any]] = field(default_factory=dict)
    flagged_at: datetime | None = None
    revision: int = 0
    heard_at: datetime | None = None


@dataclass(slots=True)
class Shown:
    """Everything under one Zoom meeting id."""

    calls: dict[str, CallFacts] = field(default_factory=dict)
    flags: dict[str, FlagFacts] = field(default_factory=dict)

    def forget_before(self, now: datetime) -> None:
        """Drop what nobody can want to see any more; its row stays."""
        self.calls = {name: one for name, one in self.calls.items() if not _is_old(one.heard_at, now)}
        self.flags = {name: one for name, one in self.flags.items() if not _is_old(one.heard_at, now)}


def _is_old(heard_at: datetime | None, now: datetime) -> bool:
    return heard_at is not None and now - heard_at > KEPT


class ReviewQueue:
    """Call events, flags and decisions in; rows for the portal out."""

    name: ClassVar[str] = "review_queue"
    topics: ClassVar[tuple[str, ...]] = (CALL_EVENTS.name, FLAGS.name, DECISIONS.name)
    types: ClassVar[frozenset[str]] = frozenset({*CALL_EVENT_TYPES, FLAGGED, REVIEWED})
    state_type: type[Shown] = Shown
    state_version: ClassVar[int] = 1

    def route(self, event: Event) -> Sequence[str]:
        """One state per meeting id. Events of meetings that nobody registered concern a flag at most.

        Raises:
            InvalidEvent: the record is not what its type promises.
        """
        told = event.read(decode)
        if event.type in (FLAGGED, REVIEWED):
            return [told["meeting_id"] or told["flag_id"]]
        return [told["meeting_id"]] if told["call_id"] and told["meeting_id"] else []

    def decide(self, event: Event, state: Shown | None) -> Decision[Shown]:
        """Note the event, and show the row that it changes.

        Raises:
            InvalidEvent: as for route.
        """
        state = state or Shown()
        state.forget_before(event.recorded_at)
        told = event.read(decode)
        noted = _note_flag if event.type in (FLAGGED, REVIEWED) else _note_call
        return Decision(state, noted(state, event, told))


def _note_call(state: Shown, event: Event, told: Mapping[str, Any]) -> list[Command]:
    call_id = told["call_id"]
    call = state.calls.setdefault(call_id, CallFacts())
    call.heard_at = _later(call.heard_at, event.recorded_at)
    if event.id in call.events:
        return []
    call.events[event.id] = _published(event, told)
    if all(one["type"] != CREATED for one in call.events.values()):
        return []  # whose call it is comes with its creation
    call.revision += 1
    return [_call_row(call_id, call)]


def _note_flag(state: Shown, event: Event, told: Mapping[str, Any]) -> list[Command]:
    facts = state.flags.setdefault(told["flag_id"], FlagFacts())
    facts.heard_at = _later(facts.heard_at, event.recorded_at)
    before = (facts.newest, facts.flagged_at, len(facts.decisions), len(facts.weights))
    if event.type == REVIEWED:
        facts.decisions[event.id] = dict(event.data)
    else:
        facts.flagged_at = min(facts.flagged_at or event.recorded_at, event.recorded_at)
        facts.weights[told["revision"]] = weight_of(event.data)
        if told["revision"] > facts.newest.get("revision", 0):
            facts.newest = dict(event.data)
    if not facts.newest or before == (facts.newest, facts.flagged_at, len(facts.decisions), len(facts.weights)):
        return []
    facts.revision += 1
    return [_flag_row(told["flag_id"], facts)]


def _later(known: datetime | None, at: datetime) -> datetime:
    return at if known is None else max(known, at)


def _published(event: Event, told: Mapping[str, Any]) -> dict[str, Any]:
    more = {name: value for name, value in event.data.items() if name not in _OWN}
    return {
        "type": event.type,
        "occurred_at": told["occurred_at"].isoformat(),
        "sequence": told["sequence"],
        "session_id": told["session_id"],
        "meeting_id": told["meeting_id"],
        **more,
    }


def _call_row(call_id: str, call: CallFacts) -> ShowCall:
    events = sorted(call.events.values(), key=lambda one: one["sequence"])
    created = next(one for one in events if one["type"] == CREATED)
    ended_at = _ended_at(events)
    return ShowCall(
        call_id=call_id,
        revision=call.revision,
        meeting_id=created["meeting_id"],
        order_id=created["order_id"],
        conversation_id=created["conversation_id"],
        freelancer_id=created["freelancer_id"],
        client_id=created["client_id"],
        registered_at=datetime.fromisoformat(created["occurred_at"]),
        ended_at=ended_at,
        access_until=None if ended_at is None else access_until(ended_at),
        document=_json({"events": events}),
    )


def _ended_at(events: Sequence[dict[str, Any]]) -> datetime | None:
    """When the last session ended; None while one that began has not ended since."""
    began, ended = (_latest(events, kind) for kind in (STARTED, ENDED))
    if not ended or any(ended.get(session, at) < at for session, at in began.items()) or began.keys() - ended.keys():
        return None
    return max(ended.values())


def _latest(events: Sequence[dict[str, Any]], kind: str) -> dict[str | None, datetime]:
    """The latest time of this kind of event, by session."""
    found: dict[str | None, datetime] = {}
    for one in events:
        if one["type"] == kind:
            at = datetime.fromisoformat(one["occurred_at"])
            found[one["session_id"]] = max(at, found.get(one["session_id"], at))
    return found


def _flag_row(flag_id: str, facts: FlagFacts) -> ShowFlag:
    flag = facts.newest
    return ShowFlag(
        flag_id=flag_id,
        revision=facts.revision,
        call_id=flag["call_id"],
        meeting_id=flag["meeting_id"],
        session_id=flag["session_id"],
        status=flag["status"],
        severity=flag["severity"],
        priority=flag["priority"],
        flagged_at=facts.flagged_at or datetime.fromisoformat(flag["occurred_at"]),
        document=_json({"flag": flag, "decisions": sorted(facts.decisions.values(), key=_json)}),
        flag_revision=flag["revision"],
        standing=_standing(facts),
        urgency=5 - (flag["severity"] or 0),
        categories=_spaced(finding["category"] for finding in flag["findings"]),
        rules=_spaced(finding["rule_id"] for finding in flag["findings"]),
        sources=_spaced(finding["source"] for finding in flag["findings"]),
        languages=_spaced(flag["coverage"].get("languages", ())),
    )


def _standing(facts: FlagFacts) -> str:
    """Open while nobody has decided, or when the flag has grown since the last decision."""
    if facts.newest["status"] == "withdrawn":
        return "withdrawn"
    last = max(facts.decisions.values(), key=_order, default=None)
    if last is None or last["decision"] not in CLOSING:
        return "open"
    seen = facts.weights.get(last["revision"])
    if seen is None:  # not heard of yet
        return "closed" if facts.newest["revision"] <= last["revision"] else "open"
    return "open" if has_grown(seen, facts.weights[facts.newest["revision"]]) else "closed"


def _order(decision: Mapping[str, Any]) -> tuple[datetime, str]:
    return datetime.fromisoformat(decision["occurred_at"]), _json(decision)


def _spaced(values: Iterable[str]) -> str:
    return "".join(f" {value}" for value in sorted(set(values))) + " "


def _json(document: object) -> str:
    return json.dumps(document, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
