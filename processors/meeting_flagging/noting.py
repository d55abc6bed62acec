"""Put into the state what webhooks, reports and handed-over removals say: facts, each under a key of its own.

A `recording.batch_*` event names only sessions, so it goes to their own `session:<uuid>` states. Such a state learns
which meeting the session belongs to from its other events, whichever comes first, and then tells the meeting's state.
"""

import re
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from processors.base import Event
from processors.calls import instant_of
from processors.commands import Tell
from processors.meeting_flagging.facts import (
    FlagState,
    Handover,
    KnownFile,
    RecordingChange,
    Removal,
    ReportFact,
    earlier,
    note_file,
)
from schemas.archive import kind_of, object_key
from schemas.calls import load_report
from schemas.envelope import format_time, parse_time
from schemas.identity import fact_id
from schemas.zoom import ZoomEvent

TOLD_REMOVED = "recording_removed"
SEGMENT = frozenset({"recording.started", "recording.paused", "recording.resumed", "recording.stopped"})
FILES = frozenset({"recording.completed", "recording.transcript_completed"})
LEARNED_FROM = frozenset({"meeting.started", "recording.completed"})  # a session's own state learns its meeting
REMOVALS = {
    "recording.trashed": "recording_trashed",
    "recording.batch_trashed": "recording_trashed",
    "recording.deleted": "recording_deleted",
    "recording.batch_deleted": "recording_deleted",
}
# Zoom names the person by e-mail address as operator; its own clean-up after a retention time has none, or says so.
_AUTOMATIC = re.compile(r"\b(?:auto\w*delet\w*|automatic\w*|auto|system|scheduled|retention|zoom)\b", re.IGNORECASE)


def note_webhook(state: FlagState, zoom: ZoomEvent, event: Event) -> None:
    """Note what a webhook says; noting it twice, or later than others, makes no difference."""
    if zoom.name in REMOVALS:
        _note_removal(state, zoom, event)
        return
    session = state.meeting.note(zoom, event)
    if session is None:
        return
    at = _changed_at(zoom, event)
    state.meeting_id = zoom.meeting_id or state.meeting_id
    facts = state.session(session.session_id, instant_of(zoom, event), event.recorded_at)
    if zoom.name in SEGMENT:
        facts.changes[f"{zoom.name} {at.isoformat()}"] = RecordingChange(zoom.name, at, zoom.recording_start)
    elif zoom.name in FILES:
        for file in zoom.files:
            key = object_key(session.session_id, file.file_id, file.recording_start, file.file_type)
            kind = kind_of(file.file_type, file.recording_type)
            note_file(facts.announced, key, KnownFile(kind, at, file.recording_start))
    elif zoom.name == "meeting.risk_alert":
        facts.link_posted_at = earlier(facts.link_posted_at, at)
    elif zoom.name == "meeting.live_streaming_started":
        facts.live_streaming_at = earlier(facts.live_streaming_at, at)


def _changed_at(zoom: ZoomEvent, event: Event) -> datetime:
    """When it happened; bodies without event_ts tell it by the segment's start and end."""
    stops = zoom.name in ("recording.stopped", "recording.paused")
    told = zoom.recording_end if stops else zoom.recording_start if zoom.name == "recording.started" else None
    return zoom.occurred_at or told or instant_of(zoom, event)


def _note_removal(state: FlagState, zoom: ZoomEvent, event: Event) -> None:
    """Note a removal by a person. One that names only sessions waits until their meeting is known."""
    payload = event.data["payload"]
    if _is_automatic(payload):
        return
    kind, at = REMOVALS[zoom.name], instant_of(zoom, event)
    if zoom.session_id is not None:
        keys = (object_key(zoom.session_id, file.file_id, file.recording_start, file.file_type) for file in zoom.files)
        removal = Removal(kind, at, sorted(set(keys)), zoom.start_at)
        if zoom.meeting_id is not None:
            state.meeting_id = zoom.meeting_id
            state.meeting.note(zoom, event)
            state.session(zoom.session_id, at, event.recorded_at).removals[event.id] = removal
        else:
            _hand_over(state, event.id, zoom.session_id, removal)
    for session_id in dict.fromkeys(zoom.named_sessions):
        _hand_over(state, event.id, session_id, Removal(kind, at, _batched_files(payload, session_id)))


def _hand_over(state: FlagState, event_id: str, session_id: str, removal: Removal) -> None:
    state.handovers.setdefault(fact_id(event_id, session_id), Handover(session_id, removal))


def _is_automatic(payload: Mapping[str, Any]) -> bool:
    operator = payload.get("operator")
    if not isinstance(operator, str) or not operator.strip():
        return True
    return "@" not in operator and _AUTOMATIC.search(operator.strip()) is not None


def _batched_files(payload: Mapping[str, Any], session_id: str) -> list[str]:
    """The files that a recording.batch_deleted names for a session; none for a batch_trashed."""
    meetings = payload["object"].get("meetings") or []
    named = [one.get("recording_file_ids") or [] for one in meetings if one.get("meeting_uuid") == session_id]
    files = {
        file_id for ids in named if isinstance(ids, list) for file_id in ids if isinstance(file_id, str) and file_id
    }
    return sorted(object_key(session_id, file_id, None, "") for file_id in files)


def handovers(state: FlagState) -> list[Tell]:
    """Tell the meeting's state what only named a session; a session: state learns whose it is sooner or later."""
    ready = [
        (name, one)
        for name, one in state.handovers.items()
        if not one.told and state.meeting_id is not None and one.session_id in state.meeting.sessions
    ]
    commands = []
    for name, one in ready:
        one.told = True
        facts = {
            "removal_id": name,
            "meeting_id": state.meeting_id,
            "session_id": one.session_id,
            "kind": one.removal.kind,
            "at": format_time(one.removal.at),
            "files": one.removal.files,
        }
        commands.append(Tell(state_key=str(state.meeting_id), name=TOLD_REMOVED, event_id=name, data=facts))
    return commands


def note_told(state: FlagState, event: Event) -> None:
    """Note a removal that a session: state handed over."""
    data, at = event.data, parse_time(event.data["at"])
    state.meeting_id = data["meeting_id"]
    removal = Removal(data["kind"], at, list(data["files"]))
    state.session(data["session_id"], at, event.recorded_at).removals[data["removal_id"]] = removal


def note_report(state: FlagState, event: Event) -> None:
    """Note a report, without who made it and what they wrote: that stays with the report.

    Each side counts once per call, however often it reports: the newest report's reason, the first one's time.
    """
    report = load_report(event.data)
    state.meeting_id = report.meeting_id
    side = fact_id("reporter", report.call_id, report.reporter)
    known = state.reports.get(side)
    fact = ReportFact(report.call_id, report.reason, report.second, report.reported_at, report.reported_at)
    if known is not None:
        fact.first_at = min(known.first_at or known.reported_at, report.reported_at)
        if _order(known) >= _order(fact):
            fact.reason, fact.second, fact.reported_at = known.reason, known.second, known.reported_at
    state.reports[side] = fact


def _order(report: ReportFact) -> tuple[datetime, str, int]:
    return report.reported_at, report.reason, -1 if report.second is None else report.second
