"""Flag meetings for trust and safety: webhooks, reports and archived texts in, whole flags with a revision out.

Every event adds facts; then all flags are computed anew from all facts, and what differs from what was last published
is published. So the same facts in any order end in the same flags, and a flag whose reason is gone is withdrawn. A
flag acts on nobody: a person decides.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, ClassVar

from processors.base import Decision, Event
from processors.commands import PublishEvent, ScanText
from processors.meeting_flagging.facts import FlagState, KnownFile, Published, earlier, note_file, note_scan
from processors.meeting_flagging.flags import Flag, coverage_of, flags_of
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
from processors.meeting_flagging.rules import Policy
from processors.meeting_flagging.scanning import SCANNED_KINDS
from schemas.calls import REGISTERED, REPORTED, load_registration, load_report
from schemas.events import FLAGGED, data_schema, decode, encode
from schemas.identity import fact_id
from schemas.reconciled import MEETING_ENDED, RECORDING_COMPLETED, load_fact
from schemas.topics import CALL_EVENTS, FLAGS, REGISTRATIONS, REPORTS, WEBHOOKS
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


class MeetingFlagging:
    """Facts in, flags out; it waits for nothing, so it has no delays: what turns out otherwise is corrected."""

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
            return [load_registration(event.data).meeting_id]
        if event.type == REPORTED:
            return [load_report(event.data).meeting_id]
        if event.type in (ARCHIVED, MISSING):
            told = decode(event.type, event.data)
            return [told["meeting_id"]] if told["meeting_id"] and told["session_id"] else []
        return _route_webhook(load_fact(event.type, event.data)) if event.type in _WEBHOOKS else []

    def decide(self, event: Event, state: FlagState | None) -> Decision[FlagState]:
        """Note what the event says, then let the flags follow.

        Raises:
            InvalidEvent: as for route.
        """
        decision = Decision(state or FlagState())
        self._note(decision, event)
        decision.commands += handovers(decision.state)
        decision.state.forget_before(event.recorded_at)
        self._publish(decision, event)
        return decision

    def _note(self, decision: Decision[FlagState], event: Event) -> None:
        state = decision.state
        if event.type in _WEBHOOKS:
            note_webhook(state, load_fact(event.type, event.data), event)
        elif event.type == REGISTERED:
            registration = load_registration(event.data)
            state.meeting_id = registration.meeting_id
            state.meeting.register(registration)
        elif event.type == REPORTED:
            note_report(state, event)
        elif event.type in (ARCHIVED, MISSING):
            self._note_call_event(decision, event)
        elif event.type == f"told.{TOLD_REMOVED}":
            note_told(state, event)
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
    """Publish the flag's next revision. A revision's event has an id of its own, so a double can be dropped."""
    last = state.published.get(flag.flag_id)
    revision = 1 if last is None else last.revision + 1
    state.published[flag.flag_id] = Published(revision, status, flag.digest, flag.call_id, flag.session_id)
    occurred_at = datetime.fromisoformat(flag.content["occurred_at"])
    facts = {
        **flag.content,
        "flag_id": flag.flag_id,
        "revision": revision,
        "status": status,
        "policy_version": policy_version,
        "occurred_at": occurred_at,
    }
    return PublishEvent(
        topic=FLAGS.name,
        event_id=fact_id(flag.flag_id, revision),
        type=FLAGGED,
        source=SOURCE,
        occurred_at=occurred_at,
        subject=flag.call_id or flag.session_id,
        partition_key=state.meeting_id or flag.session_id,
        data=encode(FLAGGED, facts),
        dataschema=data_schema(FLAGGED),
    )
