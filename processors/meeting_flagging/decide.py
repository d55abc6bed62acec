"""Flag meetings for trust and safety: webhooks, reports and archived texts in, whole flags with a revision out.

Every event adds facts; then all flags are computed anew from all facts, and what differs from what was last published
is published. So the same facts in any order end in the same flags, and a flag whose reason is gone is withdrawn. A
flag acts on nobody: a person decides.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, ClassVar

from processors.base import Decision, Event
from processors.calls import fact_of, registration_of
from processors.commands import PublishEvent, ScanText
from processors.meeting_flagging import daily_caps, outages
from processors.meeting_flagging.daily_caps import ANSWERED, ASKED, OVER_CAP, answer, ask_for_places, note_answer
from processors.meeting_flagging.facts import FlagState, KnownFile, Published, earlier, note_file, note_scan
from processors.meeting_flagging.flags import Flag, coverage_of, flags_of, shadows_of
from processors.meeting_flagging.noting import (
    FILES,
    LEARNED_FROM,
    REMOVALS,
    SEGMENT,
    TOLD_REMOVED,
    handovers,
    note_report,
    note_told,
    note_webhook,
)
from processors.meeting_flagging.outages import HELD_BACK, MET, OUTAGE, note_meeting, note_outage, tell_hours
from processors.meeting_flagging.rules import Policy
from processors.meeting_flagging.scanning import SCANNED_KINDS
from schemas.calls import REGISTERED, REPORTED, load_report
from schemas.events import FLAGGED, SHADOWED, data_schema, decode, encode
from schemas.identity import fact_id
from schemas.reconciled import MEETING_ENDED, RECORDING_COMPLETED
from schemas.topics import CALL_EVENTS, FLAGS, REGISTRATIONS, REPORTS, SHADOWS, WEBHOOKS, Topic
from schemas.zoom import ZoomEvent

SOURCE = "urn:zoom-call-pipeline:meeting_flagging"
ARCHIVED, MISSING = "call.recording_archived", "call.recording_missing"

_ZOOM = "us.zoom."
_WEBHOOKS = frozenset(
    _ZOOM + name
    for name in (
        "meeting.started", "meeting.ended", "meeting.participant_joined", "meeting.participant_left",
        "meeting.risk_alert", "meeting.live_streaming_started", *SEGMENT, *FILES, *REMOVALS,
    )
) | {MEETING_ENDED, RECORDING_COMPLETED}  # fmt: skip

_OF_DAYS_AND_HOURS = frozenset(
    {f"told.{ASKED}", f"told.{MET}", f"timer.{daily_caps.FORGET}", f"timer.{outages.FORGET}"}
)  # what concerns all calls of a day or an hour, and no meeting's state


class MeetingFlagging:
    """Facts in, flags out. It waits for nothing but its own days and hours: what turns out otherwise is corrected."""

    name: ClassVar[str] = "meeting_flagging"
    topics: ClassVar[tuple[str, ...]] = (WEBHOOKS.name, REGISTRATIONS.name, REPORTS.name, CALL_EVENTS.name)
    types: ClassVar[frozenset[str]] = _WEBHOOKS | {REGISTERED, REPORTED, ARCHIVED, MISSING}
    state_type: type[FlagState] = FlagState
    state_version: ClassVar[int] = 1

    def __init__(self, policy: Policy) -> None:
        self._policy = policy

    def route(self, event: Event) -> Sequence[str]:
        """One state per meeting id, and one per session for events that name only sessions.

        Raises:
            InvalidEvent: the record is not what its type promises.
        """
        if event.type == REGISTERED:
            return [registration_of(event).meeting_id]
        if event.type == REPORTED:
            return [load_report(event.data).meeting_id]
        if event.type in (ARCHIVED, MISSING):
            told = decode(event.type, event.data)
            return [told["meeting_id"]] if told["meeting_id"] and told["session_id"] else []
        return _route_webhook(fact_of(event)) if event.type in _WEBHOOKS else []

    def decide(self, event: Event, state: FlagState | None) -> Decision[FlagState]:
        """Note what the event says, then let the flags follow.

        Raises:
            InvalidEvent: as for route.
        """
        decision = Decision(state or FlagState())
        if event.type in _OF_DAYS_AND_HOURS:
            _note_of_all(decision, event)
            return decision
        self._note(decision, event)
        decision.commands += handovers(decision.state)
        decision.state.forget_before(event.recorded_at)
        decision.commands += tell_hours(decision.state)
        decision.commands += ask_for_places(decision.state, event, self._policy)
        if not decision.state.is_waiting():
            self._publish(decision, event)
            self._publish_shadows(decision)
        return decision

    def _note(self, decision: Decision[FlagState], event: Event) -> None:
        state = decision.state
        if event.type in _WEBHOOKS:
            note_webhook(state, fact_of(event), event)
        elif event.type == REGISTERED:
            registration = registration_of(event)
            state.meeting_id = registration.meeting_id
            state.meeting.register(registration)
        elif event.type == REPORTED:
            note_report(state, event)
        elif event.type in (ARCHIVED, MISSING):
            self._note_call_event(decision, event)
        elif event.type == f"told.{TOLD_REMOVED}":
            note_told(state, event)
        elif event.type == f"told.{ANSWERED}":
            note_answer(state, event.data)
        elif event.type == f"told.{OUTAGE}":
            note_outage(state, event.data)
        elif event.type == f"done.{ScanText.kind}":
            command = event.data["command"]
            facts = state.session(command["session_id"], event.recorded_at, event.recorded_at)
            note_scan(facts, command, event.data["result"], self._policy.version)
        elif event.type == f"dead.{ScanText.kind}":
            decision.reasons.append("a text could not be scanned: it is missing from the coverage")

    def _note_call_event(self, decision: Decision[FlagState], event: Event) -> None:
        told = decode(event.type, event.data)
        at: datetime = told["occurred_at"]
        decision.state.meeting_id = told["meeting_id"]
        facts = decision.state.session(told["session_id"], at, event.recorded_at)
        if event.type == MISSING:
            facts.missing_at = earlier(facts.missing_at, at)
            return
        note_file(facts.archived, told["object_key"], KnownFile(told["kind"], at, told["recording_start"]))
        if told["kind"] in SCANNED_KINDS:
            decision.commands.append(_scan(told, self._policy.version))

    def _publish(self, decision: Decision[FlagState], event: Event) -> None:
        state = decision.state
        wanted = flags_of(state, self._policy)
        for flag_id, known in state.published.items():
            if flag_id not in wanted and known.status == "flagged":
                withdrawn = _withdrawn(flag_id, known, state, event)
                decision.commands.append(_say(state, withdrawn, "withdrawn", self._policy.version))
                decision.reasons.append("a flag was withdrawn")
        for flag in wanted.values():
            last = state.published.get(flag.flag_id)
            if last is None or (last.status, last.digest) != ("flagged", flag.digest):
                decision.commands.append(_say(state, flag, "flagged", self._policy.version))
                decision.reasons.append("a flag was raised or changed")

    def _publish_shadows(self, decision: Decision[FlagState]) -> None:
        """Say what is in shadow, where that has changed; of what never was in shadow nothing is said."""
        state = decision.state
        for flag_id, shadow in shadows_of(state, self._policy).items():
            last = state.shadowed.get(flag_id)
            if shadow.digest != (last.digest if last else None) and (last or shadow.content["findings"]):
                decision.commands.append(_say_shadow(state, shadow, self._policy.version))


def _note_of_all(decision: Decision[FlagState], event: Event) -> None:
    """What days and hours are asked, and when they forget."""
    state = decision.state
    if event.type == f"told.{ASKED}":
        commands, over = answer(state, event.data)
        decision.reasons += [OVER_CAP] if over else []
    elif event.type == f"told.{MET}":
        commands, outage = note_meeting(state, event.data)
        decision.reasons += [HELD_BACK] if outage else []
    else:
        commands, state.day, state.hour = [], None, None
    decision.commands += commands


def _route_webhook(zoom: ZoomEvent) -> list[str]:
    own = [f"session:{session_id}" for session_id in dict.fromkeys(zoom.named_sessions)]
    if zoom.session_id is None:
        return own if zoom.name in REMOVALS else []
    if zoom.meeting_id is None:
        return [f"session:{zoom.session_id}"] if zoom.name in REMOVALS else []
    return [zoom.meeting_id, *([f"session:{zoom.session_id}"] if zoom.name in LEARNED_FROM else [])]


def _scan(told: Mapping[str, Any], policy_version: str) -> ScanText:
    return ScanText(
        object_key=told["object_key"],
        version_id=told["version_id"],
        file_kind=told["kind"],
        session_id=told["session_id"],
        recording_start=told["recording_start"],
        policy_version=policy_version,
    )


def _withdrawn(flag_id: str, known: Published, state: FlagState, event: Event) -> Flag:
    content: dict[str, Any] = {
        "call_id": known.call_id,
        "meeting_id": state.meeting_id,
        "session_id": known.session_id,
        "occurred_at": (event.occurred_at or event.recorded_at).isoformat(),
        "score": 0.0,
        "severity": None,
        "priority": 0.0,
        "findings": [],
        "coverage": coverage_of([]),
    }
    return Flag(flag_id, known.call_id, known.session_id, content)


def _say(state: FlagState, flag: Flag, status: str, policy_version: str) -> PublishEvent:
    """Publish the flag's next revision."""
    last = state.published.get(flag.flag_id)
    revision = 1 if last is None else last.revision + 1
    state.published[flag.flag_id] = Published(revision, status, flag.digest, flag.call_id, flag.session_id)
    return _event(
        state, flag, FLAGGED, FLAGS, {"revision": revision, "status": status, "policy_version": policy_version}
    )


def _say_shadow(state: FlagState, shadow: Flag, policy_version: str) -> PublishEvent:
    """Publish the next revision of what is in shadow."""
    last = state.shadowed.get(shadow.flag_id)
    revision = 1 if last is None else last.revision + 1
    state.shadowed[shadow.flag_id] = Published(revision, "shadowed", shadow.digest, shadow.call_id, shadow.session_id)
    return _event(state, shadow, SHADOWED, SHADOWS, {"revision": revision, "policy_version": policy_version})


def _event(state: FlagState, flag: Flag, event_type: str, topic: Topic, said: Mapping[str, Any]) -> PublishEvent:
    """A revision's event has an id of its own, so a double can be dropped."""
    occurred_at = datetime.fromisoformat(flag.content["occurred_at"])
    kind = [] if event_type == FLAGGED else [event_type]
    return PublishEvent(
        topic=topic.name,
        event_id=fact_id(flag.flag_id, *kind, said["revision"]),
        type=event_type,
        source=SOURCE,
        occurred_at=occurred_at,
        subject=flag.call_id or flag.session_id,
        partition_key=state.meeting_id or flag.session_id,
        data=encode(event_type, {**flag.content, "flag_id": flag.flag_id, **said, "occurred_at": occurred_at}),
        dataschema=data_schema(event_type),
    )
