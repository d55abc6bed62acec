"""Where a Zoom webhook's key and identity come from: code and documentation at once.

The identity is semantic: a UUIDv5 over what makes the occurrence unique, never over the body, because two genuine
deliveries of one `recording.completed` differ in their URL and token.

| event | identity over |
|---|---|
| meeting.started, meeting.ended | event, account_id, uuid, event_ts |
| meeting.participant_joined / left | event, uuid, participant.user_id, join_time / leave_time |
| recording.completed, recording.transcript_completed | event, uuid, sorted (id or recording_start + file_type, file_size, status) of its files |
| recording.started / paused / resumed / stopped | event, uuid, recording_start, event_ts |
| any other | event, account_id, event_ts, the payload without volatile keys in canonical form |
| any of these, a part missing | what is there, and the payload without volatile keys in canonical form |
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID, uuid5

from schemas.errors import InvalidEvent

# The root of all our identities; made once by uuid4 and never to change.
NAMESPACE = UUID("6f0f4f0c-2f5e-4c1c-9a53-6d1f1f0f5a77")
URL_VALIDATION = "endpoint.url_validation"

_ENCODER = json.JSONEncoder(sort_keys=True, separators=(",", ":"))  # json.dumps makes one for every call
_EVENT_NAME = re.compile(r"[A-Za-z0-9_.-]{1,128}")  # every name Zoom documents fits; it becomes part of a header
_VOLATILE = re.compile(
    r"(?:url|token|passcode|password)$", re.IGNORECASE
)  # differ between deliveries of one occurrence
_LIFECYCLE = frozenset({"meeting.started", "meeting.ended"})
_PRESENCE = {"meeting.participant_joined": "join_time", "meeting.participant_left": "leave_time"}
_FILES = frozenset({"recording.completed", "recording.transcript_completed"})
_SEGMENT = frozenset({"recording.started", "recording.paused", "recording.resumed", "recording.stopped"})
_MEETING_FAMILIES = ("meeting.", "recording.", "webinar.")


@dataclass(frozen=True, slots=True)
class Occurrence:
    """What a webhook body is about. Ids are strings however Zoom wrote them; what it does not name is None."""

    event: str
    account_id: str | None
    meeting_id: str | None
    session_id: str | None
    event_ts: str | None
    payload: Mapping[str, Any]
    object: Mapping[str, Any]

    @property
    def partition_key(self) -> str | None:
        """The record key: the meeting id, else the account id, else the session's uuid, else none."""
        meeting_id = self.meeting_id if self.event.startswith(_MEETING_FAMILIES) else None
        return meeting_id or self.account_id or self.session_id

    @property
    def id(self) -> str:
        """The identity of the occurrence, by the table above: the same for every delivery of it."""
        parts = self._distinguishing_parts()
        return fact_id(self.event, *parts, *([] if all(parts) else [_canonical(self.payload)]))

    def _distinguishing_parts(self) -> list[Any]:
        if self.event in _LIFECYCLE:
            return [self.account_id, self.session_id, self.event_ts]
        if self.event in _PRESENCE:
            participant = _mapping(self.object.get("participant"))
            return [self.session_id, text_id(participant.get("user_id")), participant.get(_PRESENCE[self.event])]
        if self.event in _FILES:
            return [self.session_id, _file_identities(self.object)]
        if self.event in _SEGMENT:
            return [self.session_id, _mapping(self.object.get("recording_file")).get("recording_start"), self.event_ts]
        return [self.account_id, self.event_ts, None]


def read_occurrence(body: object) -> Occurrence:
    """Find in a parsed webhook body what it is about.

    Raises:
        InvalidEvent: it is not an object with an event name and a payload.
    """
    if not isinstance(body, dict):
        raise InvalidEvent("the body is not a JSON object")
    event, payload = body.get("event"), body.get("payload")
    if not isinstance(event, str) or not _EVENT_NAME.fullmatch(event):
        raise InvalidEvent("the body names no event")
    if not isinstance(payload, dict):
        raise InvalidEvent("the body has no payload object")
    subject = _mapping(payload.get("object"))
    return Occurrence(
        event=event,
        account_id=text_id(payload.get("account_id")) or text_id(subject.get("account_id")),
        meeting_id=text_id(subject.get("id")) or text_id(subject.get("meeting_id")),
        session_id=text_id(subject.get("uuid"))
        or text_id(subject.get("meeting_uuid"))
        or text_id(payload.get("meeting_uuid")),
        event_ts=text_id(body.get("event_ts")),
        payload=payload,
        object=subject,
    )


def fact_id(*parts: object) -> str:
    """Return the UUIDv5 that names a fact: the same JSON-able parts always give the same id."""
    return str(uuid5(NAMESPACE, _json(parts)))


def text_id(value: object) -> str | None:
    """Return an id as text: Zoom writes the same id as a number here and as a string there; null and "" mean absent."""
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    return value if isinstance(value, str) and value else None


def _file_identities(subject: Mapping[str, Any]) -> list[str]:
    names = ("recording_files", "participant_audio_files")
    files = [_mapping(file) for name in names for file in _list(subject.get(name))]
    return sorted(_json(_file_identity(file)) for file in files)


def _file_identity(file: Mapping[str, Any]) -> list[Any]:
    name = text_id(file.get("id")) or [file.get("recording_start"), file.get("file_type")]
    return [name, file.get("file_size"), file.get("status")]


def _canonical(value: object) -> str:
    return _json(_stable(value))


def _stable(value: object) -> object:
    if isinstance(value, dict):
        return {name: _stable(inner) for name, inner in value.items() if not _VOLATILE.search(name)}
    return [_stable(inner) for inner in value] if isinstance(value, list) else value


def _json(value: object) -> str:
    return _ENCODER.encode(value)


def _mapping(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}


def _list(value: object) -> list[Any]:
    return value if isinstance(value, list) else []
