"""What a session's webhooks say in public: facts without names, links, tokens or e-mail addresses. Pure.

A fact's identity is its own: two deliveries of one occurrence give the same fact, and no order of arrival changes it.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from processors.base import Event
from processors.calls import instant_of
from schemas.archive import kind_of
from schemas.calls import Registration
from schemas.envelope import format_time
from schemas.identity import fact_id
from schemas.zoom import Participant, RecordingFile, ZoomEvent

PRESENCE = {
    "meeting.participant_joined": "call.participant_joined",
    "meeting.participant_left": "call.participant_left",
}
SEGMENTS = {f"recording.{verb}": f"call.recording_{verb}" for verb in ("started", "paused", "resumed", "stopped")}
FILES = frozenset({"recording.completed", "recording.transcript_completed"})


@dataclass(slots=True)
class End:
    """One end that Zoom told of: when it said so, and the end it named; or one that reconciliation inferred."""

    told_at: datetime
    ended_at: datetime
    inferred: bool = False


@dataclass(frozen=True, slots=True)
class Fact:
    """Something to say in public; `identity` is what makes it unique beside its type and session.

    `registrant_id` is under which Zoom let the person in. It is not said: it tells who of the call's two it was.
    """

    type: str
    occurred_at: datetime
    identity: Sequence[object]
    details: Mapping[str, Any]
    registrant_id: str | None = None


def lifecycle(starts: Sequence[datetime], ends: Sequence[End]) -> Iterator[Fact]:
    """Return the starts and ends that a run in Zoom's own order would have published."""
    first, is_open, ended = None, False, False
    moments = [(at, None) for at in starts] + [(end.told_at, end) for end in ends]
    for at, end in sorted(moments, key=lambda moment: (moment[0], moment[1] is not None)):
        if end is not None:
            yield _end_fact(end, first)
            is_open, ended = False, True
        elif not is_open:
            yield Fact("call.started", at, [format_time(at), ended], {"reopened": ended})
            first, is_open = first or at, True


def _end_fact(end: End, started_at: datetime | None) -> Fact:
    duration = None if started_at is None else max(0, int((end.ended_at - started_at).total_seconds()))
    return Fact(
        "call.ended",
        end.ended_at,
        [format_time(end.ended_at), started_at and format_time(started_at)],
        {"started_at": started_at, "duration_seconds": duration, **({"inferred": True} if end.inferred else {})},
    )


def facts_of(zoom: ZoomEvent, event: Event) -> list[Fact]:
    """Return what one webhook says beside starts and ends."""
    if zoom.name in PRESENCE and zoom.participant is not None:
        return [_presence_fact(zoom, zoom.participant, event)]
    if zoom.name in SEGMENTS:
        segment = zoom.recording_start and format_time(zoom.recording_start)
        told_at = zoom.occurred_at and format_time(zoom.occurred_at)
        details = {"recording_start": zoom.recording_start}
        return [Fact(SEGMENTS[zoom.name], instant_of(zoom, event), [segment, told_at or event.id], details)]
    if zoom.name in FILES:
        files = sorted(map(_public_file, zoom.files), key=repr)
        return [Fact("call.recording_completed", instant_of(zoom, event), [files], {"files": files})]
    return []


def _presence_fact(zoom: ZoomEvent, participant: Participant, event: Event) -> Fact:
    joined = zoom.name == "meeting.participant_joined"
    at = (participant.joined_at if joined else participant.left_at) or instant_of(zoom, event)
    ids_known = participant.account_user_id is not None and zoom.host_id is not None
    person = participant.user_id or format_time(at)  # some bodies name nobody; then every event is its own
    details = {
        "participant_ref": fact_id("participant", zoom.session_id, person),
        "is_host": participant.account_user_id == zoom.host_id if ids_known else None,
    }
    return Fact(PRESENCE[zoom.name], at, [person, format_time(at)], details, participant.registrant_id)


def role_of(call: Registration | None, registrant_id: str | None, is_host: object) -> str | None:
    """Return who of the call's two it was, where each came by a link of their own: the host's is the freelancer's."""
    if call is None or call.freelancer_registrant_id is None or call.client_registrant_id is None:
        return None
    if is_host is True or registrant_id == call.freelancer_registrant_id:
        return "freelancer"
    return "client" if registrant_id == call.client_registrant_id else None


def _public_file(file: RecordingFile) -> dict[str, Any]:
    return {
        "file_id": file.file_id,
        "kind": kind_of(file.file_type, file.recording_type),
        "size_bytes": file.size_bytes,
        "recording_start": file.recording_start if _is_instant(file.recording_start) else None,
    }


def _is_instant(text: str | None) -> bool:
    try:
        return text is not None and bool(datetime.fromisoformat(text))
    except ValueError:
        return False
