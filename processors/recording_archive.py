"""Bring every recording file of every meeting into the archive, and keep its tags true.

One `ArchiveFile` per file, whichever event names it first; several events per session are normal and their files are
united. The call's end (hence for how long people can watch, and when the file goes), the call itself and its holds may
become known before the file or long after it: then an archived file's tags follow by `TagFile`.
"""

import json
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, ClassVar

from processors.base import Decision, Event
from processors.calls import Meeting, Session, fact_of, instant_of, last_end, registration_of
from processors.commands import ArchiveFile, PublishEvent, Reference, TagFile
from schemas.archive import access_until, expires_at, kind_of, object_key
from schemas.calls import HOLD_CHANGED, REGISTERED, Hold, Registration, load_hold
from schemas.envelope import parse_time
from schemas.errors import InvalidEvent
from schemas.events import PUBLIC_EVENTS
from schemas.identity import fact_id
from schemas.reconciled import MEETING_ENDED, RECORDING_COMPLETED
from schemas.topics import HOLDS, OUTCOMES, REGISTRATIONS, WEBHOOKS
from schemas.zoom import RecordingFile, ZoomEvent

ARCHIVED = "call.recording_archived"
OUTCOME_ARCHIVED = f"outcome.{ARCHIVED}"
SOURCE = "urn:zoom-call-pipeline:recording_archive"

_WEBHOOKS = frozenset(
    f"us.zoom.{name}"
    for name in ("meeting.started", "meeting.ended", "recording.completed", "recording.transcript_completed")
) | {MEETING_ENDED, RECORDING_COMPLETED}
_DONE, _DEAD = f"done.{ArchiveFile.kind}", f"dead.{ArchiveFile.kind}"


@dataclass(slots=True)
class Standing:
    """What a file's tags say: whose it is, from when its days count, and whether it is held."""

    call_id: str | None
    order_id: str | None
    call_ended_at: datetime
    hold: str


@dataclass(slots=True)
class KnownFile:
    """A file that was asked for. `told` is what the archive was last told; `recorded_until` stands in for the end of a
    call that Zoom never ended."""

    session_id: str
    recorded_until: datetime
    told: Standing
    revision: int = 0
    archived_at: datetime | None = None
    failed_at: datetime | None = None


@dataclass(slots=True)
class HoldRow:
    """The newest word about one hold, why, and who said it."""

    call_id: str
    kind: str
    active: bool
    changed_at: datetime
    reason: str = ""
    by: str = ""


@dataclass(slots=True)
class ArchiveState:
    """Everything the archive knows under one Zoom meeting id; files by object key, holds by their owner."""

    meeting: Meeting = field(default_factory=Meeting)
    files: dict[str, KnownFile] = field(default_factory=dict)
    holds: dict[str, HoldRow] = field(default_factory=dict)

    def note_hold(self, hold: Hold) -> None:
        """Note a change of a hold; the newest stands, and of two at the same instant the one that keeps.

        A hold is released by its owner alone, that is by its own kind, call and id: neither another hold of the call nor
        trust and safety's word about one of the lawyers' touches it.
        """
        owner = f"{hold.kind}:{hold.call_id}:{hold.hold_id}"
        known = self.holds.get(owner)
        if known is None or (hold.changed_at, hold.active) > (known.changed_at, known.active):
            row = HoldRow(hold.call_id, hold.kind, hold.active, hold.changed_at, hold.reason, hold.held_by)
            self.holds[owner] = row

    def hold_on(self, call_id: str | None) -> str:
        """The tag that the call's holds ask for: the strongest active one."""
        active = {row.kind for row in self.holds.values() if row.active and row.call_id == call_id}
        return next((kind for kind in ("legal", "trust-safety") if kind in active), "none")

    def forget_before(self, now: datetime) -> None:
        """Drop what nothing can come for any more: files past their retention, unless held, or of forgotten sessions."""
        self.meeting.forget_before(now)
        for key, file in list(self.files.items()):
            past = expires_at(file.told.call_ended_at) <= now and file.told.hold == "none"
            if past or file.session_id not in self.meeting.sessions:
                del self.files[key]


class Standings:
    """What is known now of each session's files. Made once per decision: whose a session is takes a search to find."""

    def __init__(self, state: ArchiveState) -> None:
        self._state = state
        self._sessions: dict[str | None, list[Session]] = defaultdict(list)
        self._calls: dict[str, Registration | None] = {}
        for session in state.meeting.sessions.values():
            call = self._calls[session.session_id] = state.meeting.call_of(session)
            self._sessions[None if call is None else call.call_id].append(session)

    def of(self, session_id: str, recorded_until: datetime) -> Standing:
        """While nothing tells the end of the call, that of the session counts, then that of the file itself."""
        call = self._calls[session_id]
        call_id = None if call is None else call.call_id
        call_ended_at = None if call_id is None else last_end(self._sessions[call_id])
        return Standing(
            call_id=call_id,
            order_id=None if call is None else call.order_id,
            call_ended_at=call_ended_at or last_end([self._state.meeting.sessions[session_id]]) or recorded_until,
            hold=self._state.hold_on(call_id),
        )


class RecordingArchive:
    """Webhooks, registrations and holds in; files, tags and one outcome per archived file out."""

    name: ClassVar[str] = "recording_archive"
    topics: ClassVar[tuple[str, ...]] = (WEBHOOKS.name, REGISTRATIONS.name, HOLDS.name)
    types: ClassVar[frozenset[str]] = _WEBHOOKS | {REGISTERED, HOLD_CHANGED}
    state_type: type[ArchiveState] = ArchiveState
    state_version: ClassVar[int] = 1

    def route(self, event: Event) -> Sequence[str]:
        """One state per meeting id; a session without one is by itself."""
        if event.type == REGISTERED:
            return [registration_of(event).meeting_id]
        if event.type == HOLD_CHANGED:
            return [load_hold(event.data).meeting_id]
        zoom = fact_of(event)
        if zoom.meeting_id is not None:
            return [zoom.meeting_id]
        return [] if zoom.session_id is None else [f"session:{zoom.session_id}"]

    def decide(self, event: Event, state: ArchiveState | None) -> Decision[ArchiveState]:
        """Ask for new files, publish archived ones, and let the tags follow what is known now."""
        decision = Decision(state or ArchiveState())
        if event.type == REGISTERED:
            decision.state.meeting.register(registration_of(event))
        elif event.type == HOLD_CHANGED:
            decision.state.note_hold(load_hold(event.data))
        elif event.type == _DONE:
            _note_archived(decision, event)
        elif event.type == _DEAD:
            _note_failed(decision, event)
        elif event.type in _WEBHOOKS:
            _note_webhook(decision, event)
        _retag(decision)
        decision.state.forget_before(event.recorded_at)
        return decision


def _note_webhook(decision: Decision[ArchiveState], event: Event) -> None:
    zoom = fact_of(event)
    session = decision.state.meeting.note(zoom, event)
    if session is None:
        decision.reasons.append("the body names no session")
        return
    standings = Standings(decision.state)
    for file in zoom.files:
        if (file.status or "completed").lower() != "completed":
            decision.reasons.append("Zoom has not finished a file")
        elif file.download_url is None and not zoom.inferred:
            decision.reasons.append("a file has no download_url: it lies with the customer")
        else:
            _note_file(decision, event, zoom, file, standings)


def _note_file(
    decision: Decision[ArchiveState], event: Event, zoom: ZoomEvent, file: RecordingFile, standings: Standings
) -> None:
    state, session_id = decision.state, zoom.session_id
    if session_id is None or event.reference is None:
        raise InvalidEvent("a recording without a session, or one that does not lie in the log")
    key = object_key(session_id, file.file_id, file.recording_start, file.file_type)
    recorded_until = _time(file.recording_end) or instant_of(zoom, event)
    known = state.files.get(key)
    if known is not None:
        recorded_until = known.recorded_until = min(known.recorded_until, recorded_until)
        if known.failed_at is None:
            decision.reasons.append("a file was asked for already")
            return
    standing = standings.of(session_id, recorded_until)
    if expires_at(standing.call_ended_at) <= event.recorded_at:
        decision.reasons.append("a file is past its retention: never archived")
        return
    fresh = state.files[key] = KnownFile(session_id, recorded_until, standing)  # a failed one has a fresh URL now
    decision.commands.append(_archive(key, fresh, zoom, file, event.reference))


def _archive(key: str, fresh: KnownFile, zoom: ZoomEvent, file: RecordingFile, source: Reference) -> ArchiveFile:
    standing = fresh.told
    return ArchiveFile(
        object_key=key,
        session_id=fresh.session_id,
        meeting_id=zoom.meeting_id,
        call_id=standing.call_id,
        order_id=standing.order_id,
        file_id=file.file_id,
        file_type=file.file_type,
        file_kind=kind_of(file.file_type, file.recording_type),
        extension=file.extension,
        size_bytes=file.size_bytes,
        recording_start=file.recording_start,
        call_ended_at=standing.call_ended_at,
        access_until=access_until(standing.call_ended_at),
        expires_at=expires_at(standing.call_ended_at),
        hold=standing.hold,
        source=source,
    )


def _note_archived(decision: Decision[ArchiveState], event: Event) -> None:
    command = event.data["command"]
    file = decision.state.files.get(command["object_key"])
    if file is None:
        decision.reasons.append("the archived file was forgotten: its receipt alone tells of it")
        return
    file.archived_at, file.failed_at = event.recorded_at, None
    standing = Standings(decision.state).of(file.session_id, file.recorded_until)
    decision.commands.append(_outcome(event, command, standing))


def _note_failed(decision: Decision[ArchiveState], event: Event) -> None:
    file = decision.state.files.get(event.data["command"]["object_key"])
    if file is not None and file.archived_at is None:
        file.failed_at = event.recorded_at
    decision.reasons.append("a file could not be archived")


def _outcome(event: Event, command: Mapping[str, Any], standing: Standing) -> PublishEvent:
    """Tell call_events; it adds the sequence. The fact is that this file is archived, so its key alone is the identity."""
    facts = {
        **{name: command[name] for name in ("object_key", "meeting_id", "session_id", "file_id", "recording_start")},
        **{name: event.data["result"][name] for name in ("version_id", "size_bytes", "crc32", "sha256")},
        "kind": command["file_kind"],
        "call_id": standing.call_id,
        "occurred_at": event.recorded_at,
        "call_ended_at": standing.call_ended_at,
        "access_until": access_until(standing.call_ended_at),
        "expires_at": expires_at(standing.call_ended_at),
    }
    return PublishEvent(
        topic=OUTCOMES.name,
        event_id=fact_id(OUTCOME_ARCHIVED, command["object_key"]),
        type=OUTCOME_ARCHIVED,
        source=SOURCE,
        occurred_at=event.recorded_at,
        subject=standing.call_id or command["session_id"],
        partition_key=command["meeting_id"] or command["session_id"],
        data=json.dumps(PUBLIC_EVENTS[ARCHIVED].dump(facts)),
    )


def _retag(decision: Decision[ArchiveState]) -> None:
    """Let the tags of archived files follow; those under way get theirs when they are done."""
    standings = Standings(decision.state)
    for key, file in decision.state.files.items():
        standing = standings.of(file.session_id, file.recorded_until)
        if file.archived_at is None or standing == file.told:
            continue
        file.told, file.revision = standing, file.revision + 1
        decision.commands.append(_tags(key, file.revision, standing))


def _tags(key: str, revision: int, standing: Standing) -> TagFile:
    return TagFile(
        object_key=key,
        revision=revision,
        call_id=standing.call_id,
        order_id=standing.order_id,
        call_ended_at=standing.call_ended_at,
        access_until=access_until(standing.call_ended_at),
        expires_at=expires_at(standing.call_ended_at),
        hold=standing.hold,
    )


def _time(text: str | None) -> datetime | None:
    """Read Zoom's recording_end; None where it has none, or one that is no instant."""
    try:
        return None if text is None else parse_time(text)
    except InvalidEvent:
        return None
