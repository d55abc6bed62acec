"""The invitation in the chat: one message per call, kept at what is true of the call now.

live -> ended, the recording is being prepared -> available until a date, or no recording was made. The text is a pure
function of the facts, so their order does not matter; a new revision is made only when the text changes.
"""

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, ClassVar
from urllib.parse import quote

from processors import chat_texts
from processors.base import Decision, Event
from processors.calls import (
    FORGET_UNREGISTERED_AFTER,
    Meeting,
    Session,
    fact_of,
    last_end,
    registration_of,
    state_key,
)
from processors.commands import PublishEvent, PutChatMessage
from schemas.archive import PLAYABLE, access_until, kind_of
from schemas.calls import REGISTERED, Registration
from schemas.envelope import format_time
from schemas.events import decode
from schemas.identity import fact_id
from schemas.reconciled import MEETING_ENDED, RECORDING_COMPLETED
from schemas.reconciled import PREFIX as RECONCILED
from schemas.topics import CALL_EVENTS, OUTCOMES, REGISTRATIONS, WEBHOOKS
from schemas.zoom import ZoomEvent

SOURCE = "/zoom-call-pipeline/chat_invitation"
ARCHIVED, MISSING = "call.recording_archived", "call.recording_missing"
OUTCOME_POSTED = "outcome.call.invitation_posted"
SHORT_SESSION = timedelta(seconds=60)  # nobody waits for the recording of a shorter one: it needs none

_ZOOM_PREFIX = "us.zoom."
_WEBHOOKS = ("meeting.started", "meeting.ended", "recording.completed")
_SLOT_PREFIX, _SLOT_SUFFIX = "call:", ":invitation"


@dataclass(slots=True)
class SessionFiles:
    """The playable files of a session, by name: what Zoom announced, and what is archived."""

    noted_at: datetime
    announced: list[str] = field(default_factory=list)
    archived: list[str] = field(default_factory=list)
    missing_at: datetime | None = None


@dataclass(slots=True)
class Message:
    """What the slot of a call was last asked to show."""

    revision: int
    text: str


@dataclass(slots=True)
class ChatState:
    """One meeting id: its calls and sessions, their files, and the message of every call."""

    meeting: Meeting = field(default_factory=Meeting)
    files: dict[str, SessionFiles] = field(default_factory=dict)
    messages: dict[str, Message] = field(default_factory=dict)
    posted: list[str] = field(default_factory=list)


class ChatInvitation:
    """Puts and updates the invitation. `call_page_url` holds `{call_id}`; both URLs are shown to people."""

    name: ClassVar[str] = "chat_invitation"
    topics: ClassVar[tuple[str, ...]] = (WEBHOOKS.name, REGISTRATIONS.name, CALL_EVENTS.name)
    types: ClassVar[frozenset[str]] = frozenset(
        {
            REGISTERED,
            ARCHIVED,
            MISSING,
            MEETING_ENDED,
            RECORDING_COMPLETED,
            *(_ZOOM_PREFIX + name for name in _WEBHOOKS),
        }
    )
    state_type: type[ChatState] = ChatState
    state_version: ClassVar[int] = 1

    def __init__(self, call_page_url: str, call_policies_url: str) -> None:
        self._call_page_url = call_page_url
        self._call_policies_url = call_policies_url

    def route(self, event: Event) -> Sequence[str]:
        """Return the meeting's key; raises InvalidEvent when the record is not what its type promises."""
        if event.type == REGISTERED:
            return [registration_of(event).meeting_id]
        if event.type in (ARCHIVED, MISSING):
            public = decode(event.type, event.data)
            return state_key(public["meeting_id"], public["session_id"])
        zoom = fact_of(event)
        return state_key(zoom.meeting_id, zoom.session_id)

    def decide(self, event: Event, state: ChatState | None) -> Decision[ChatState]:
        """Note what happened, then let every call's message follow."""
        decision = Decision(state or ChatState())
        if event.type == REGISTERED:
            decision.state.meeting.register(registration_of(event))
        elif event.type.startswith((_ZOOM_PREFIX, RECONCILED)):
            _note_webhook(event, decision)
        elif event.type in (ARCHIVED, MISSING):
            _note_recording(event, decision.state)
        elif event.type == "done.put_chat_message":
            _note_posted(event, decision)
        elif event.type == "dead.put_chat_message":
            decision.reasons.append("the chat refused the message")
        self._update_messages(decision)
        _forget(event, decision.state)
        return decision

    def _update_messages(self, decision: Decision[ChatState]) -> None:
        state = decision.state
        for call in state.meeting.registrations.values():
            text, message = self._text(call, state), state.messages.get(call.call_id)
            if text is None or (message is not None and message.text == text):
                continue
            revision = 1 if message is None else message.revision + 1
            state.messages[call.call_id] = Message(revision, text)
            decision.commands.append(PutChatMessage(call.conversation_id, _slot(call.call_id), revision, text))

    def _text(self, call: Registration, state: ChatState) -> str | None:
        """What the call's message shall say now; None before the call took place."""
        sessions = state.meeting.sessions_of(call.call_id)
        if any(session.is_open for session in sessions):
            return chat_texts.invitation(call.language, call.freelancer_name, call.join_url, self._call_policies_url)
        ended_at = last_end(sessions)
        if ended_at is None:
            return None
        if _is_available(sessions, state):
            return chat_texts.available(call.language, access_until(ended_at), self._page_of(call))
        say = chat_texts.no_recording if _is_missing(sessions, state) else chat_texts.preparing
        return say(call.language, ended_at, _minutes(sessions))

    def _page_of(self, call: Registration) -> str:
        return self._call_page_url.replace("{call_id}", quote(call.call_id, safe=""))


def _note_webhook(event: Event, decision: Decision[ChatState]) -> None:
    zoom, state = fact_of(event), decision.state
    session = state.meeting.note(zoom, event)
    if session is None:
        decision.reasons.append("the webhook names no session")
        return
    if zoom.name == "recording.completed":
        files = state.files.setdefault(session.session_id, SessionFiles(event.recorded_at))
        files.announced = _union(files.announced, _playable(zoom))
    if state.meeting.call_of(session) is None:
        decision.reasons.append("meeting is not registered")


def _playable(zoom: ZoomEvent) -> list[str]:
    kinds = [(file, kind_of(file.file_type, file.recording_type)) for file in zoom.files]
    return [_file_name(file.file_id, file.recording_start, kind) for file, kind in kinds if kind in PLAYABLE]


def _note_recording(event: Event, state: ChatState) -> None:
    public = decode(event.type, event.data)
    if public["session_id"] is None:
        return
    files = state.files.setdefault(public["session_id"], SessionFiles(event.recorded_at))
    if event.type == MISSING:
        files.missing_at = public["occurred_at"]
    elif public["kind"] in PLAYABLE:
        name = _file_name(public["file_id"], public["recording_start"], public["kind"])
        files.archived = _union(files.archived, [name])


def _note_posted(event: Event, decision: Decision[ChatState]) -> None:
    """Tell call_events once that the invitation stands. Revision 1 may never be shown: a newer one replaces it unseen."""
    call_id = event.data["command"]["external_id"].removeprefix(_SLOT_PREFIX).removesuffix(_SLOT_SUFFIX)
    call = decision.state.meeting.registrations.get(call_id)
    if call is None or call_id in decision.state.posted:
        return
    decision.state.posted.append(call_id)
    data: dict[str, Any] = {
        "call_id": call_id,
        "meeting_id": call.meeting_id,
        "session_id": None,
        "occurred_at": format_time(event.recorded_at),
        "conversation_id": call.conversation_id,
    }
    decision.commands.append(
        PublishEvent(
            topic=OUTCOMES.name,
            event_id=fact_id("call.invitation_posted", call_id),
            type=OUTCOME_POSTED,
            source=SOURCE,
            occurred_at=event.recorded_at,
            subject=call_id,
            partition_key=call.meeting_id,
            data=json.dumps(data),
        )
    )


def _is_available(sessions: Sequence[Session], state: ChatState) -> bool:
    """Whether every playable file that Zoom announced is archived, and there is one."""
    files = [state.files[one.session_id] for one in sessions if one.session_id in state.files]
    archived = {name for one in files for name in one.archived}
    announced = {name for one in files for name in one.announced}
    return bool(announced) and announced <= archived


def _is_missing(sessions: Sequence[Session], state: ChatState) -> bool:
    """Whether we waited in vain past the end of every session worth waiting for, and Zoom announced nothing."""
    files = [state.files[one.session_id] for one in sessions if one.session_id in state.files]
    if any(one.announced for one in files):
        return False
    waited_until = max((one.missing_at for one in files if one.missing_at), default=None)
    return waited_until is not None and all(
        one.ended_at is None or one.ended_at <= waited_until or _length(one) < SHORT_SESSION for one in sessions
    )


def _length(session: Session) -> timedelta:
    begins_at, ended_at = session.begins_at, session.ended_at
    return timedelta() if begins_at is None or ended_at is None else max(timedelta(), ended_at - begins_at)


def _minutes(sessions: Sequence[Session]) -> int:
    """How long people were there in all, in started minutes."""
    seconds = sum(_length(session).total_seconds() for session in sessions)
    return max(1, math.ceil(seconds / 60))


def _file_name(file_id: str | None, recording_start: str | None, kind: str) -> str:
    return file_id or f"{recording_start} {kind}"


def _union(known: list[str], new: list[str]) -> list[str]:
    return sorted({*known, *new})


def _slot(call_id: str) -> str:
    return f"{_SLOT_PREFIX}{call_id}{_SLOT_SUFFIX}"


def _forget(event: Event, state: ChatState) -> None:
    state.meeting.forget_before(event.recorded_at)
    for session_id, files in list(state.files.items()):
        if session_id not in state.meeting.sessions and files.noted_at + FORGET_UNREGISTERED_AFTER < event.recorded_at:
            del state.files[session_id]
