"""A call of invented people in Zoom's shapes, and a stage on which one processor hears of it without the runtime."""

import json
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Generic, TypeVar

from processors.base import Event, Processor
from processors.commands import Command, PublishEvent
from processors.runtime import codec
from schemas.calls import Registration, envelope_of
from schemas.identity import fact_id, read_occurrence

C = TypeVar("C")
S = TypeVar("S")

T0 = datetime(2026, 11, 22, 14, 0, tzinfo=UTC)
ACCOUNT, MEETING, SESSION, HOST = "acc-Tern7", "98123456789", "hW/+3kQbR0aZ1xYw5vT8Gg==", "host-Kestrel"
JOIN_URL = "https://us06web.zoom.us/j/98123456789?pwd=Qm9ndXNQYXNzd29yZFZhbHVl.1"


def at(seconds: float) -> datetime:
    """The instant so many seconds after the call began."""
    return T0 + timedelta(seconds=seconds)


def record(body: dict[str, Any], recorded_at: datetime = T0) -> Event:
    """A webhook body as the runtime hands it on."""
    occurrence = read_occurrence(body)
    return Event(id=occurrence.id, type=f"us.zoom.{occurrence.event}", recorded_at=recorded_at, data=body)


def webhook(name: str, seconds: float, session: str = SESSION, **subject: Any) -> Event:
    """A webhook about the call's session, `seconds` after the call began."""
    body = {
        "event": name,
        "event_ts": int(at(seconds).timestamp() * 1000),
        "payload": {
            "account_id": ACCOUNT,
            "object": {"id": MEETING, "uuid": session, "host_id": HOST, "topic": "Logo talk", "type": 2, **subject},
        },
    }
    return record(body, at(seconds))


def started(seconds: float, session: str = SESSION) -> Event:
    return webhook("meeting.started", seconds, session, start_time=stamp(seconds))


def ended(seconds: float, session: str = SESSION) -> Event:
    return webhook("meeting.ended", seconds, session, end_time=stamp(seconds))


def joined(
    seconds: float, user_id: str, person: str = "", session: str = SESSION, registrant: str | None = None
) -> Event:
    participant = {"user_id": user_id, "id": person, "user_name": "Ida Tern", "email": "", "join_time": stamp(seconds)}
    participant |= {} if registrant is None else {"registrant_id": registrant}
    return webhook("meeting.participant_joined", seconds, session, participant=participant)


def left(seconds: float, user_id: str, person: str = "", session: str = SESSION) -> Event:
    participant = {"user_id": user_id, "id": person, "user_name": "Ida Tern", "email": "", "leave_time": stamp(seconds)}
    return webhook("meeting.participant_left", seconds, session, participant=participant)


def segment(verb: str, seconds: float, start: float) -> Event:
    times = {"recording_start": stamp(start), "recording_end": stamp(seconds) if verb == "stopped" else ""}
    return webhook(f"recording.{verb}", seconds, recording_file=times)


def file(file_id: str | None, file_type: str, start: float = 5) -> dict[str, Any]:
    named = {} if file_id is None else {"id": file_id, "file_size": 1000, "status": "completed"}
    return {**named, "file_type": file_type, "recording_start": stamp(start), "recording_end": stamp(start + 60)}


def completed(seconds: float, *files: dict[str, Any], session: str = SESSION) -> Event:
    return webhook("recording.completed", seconds, session, recording_files=list(files), password="never-seen")


def registered(seconds: float = -60, **changes: Any) -> Event:
    values: dict[str, Any] = {
        "call_id": "call-1",
        "meeting_id": MEETING,
        "account_id": ACCOUNT,
        "join_url": JOIN_URL,
        "order_id": "order-7",
        "conversation_id": "conversation-7",
        "freelancer_id": "freelancer-3",
        "freelancer_name": "Ida Tern",
        "client_id": "client-9",
        "language": "en",
        "registered_at": at(seconds),
    }
    envelope = envelope_of(Registration(**{**values, **changes}), source="/portal")
    return Event(id=envelope.id, type=envelope.type, recorded_at=at(seconds), data=json.loads(envelope.data))


def archived(seconds: float, file_id: str | None, kind: str = "video", **changes: Any) -> Event:
    data: dict[str, Any] = {
        "call_id": "call-1",
        "meeting_id": MEETING,
        "session_id": SESSION,
        "occurred_at": stamp(seconds),
        "sequence": 1,
        "file_id": file_id,
        "kind": kind,
        "object_key": f"calls/00/{file_id}",
        "version_id": None,
        "size_bytes": 1000,
        "crc32": "9ae0daaf",
        "sha256": "0" * 64,
        "recording_start": stamp(5),
        "call_ended_at": stamp(600),
        "access_until": stamp(600 + 90 * 86400),
        "expires_at": stamp(600 + 180 * 86400),
        **changes,
    }
    event_id = fact_id("call.recording_archived", data["object_key"])
    return Event(id=event_id, type="call.recording_archived", recorded_at=at(seconds), data=data)


def missing(seconds: float, session: str = SESSION) -> Event:
    data = {
        "call_id": "call-1",
        "meeting_id": MEETING,
        "session_id": session,
        "occurred_at": stamp(seconds),
        "sequence": 1,
        "zoom_says": "none",
    }
    return Event(fact_id("missing", session), "call.recording_missing", at(seconds), data)


def result(command: Command, seconds: float, **answer: Any) -> Event:
    """What the runtime tells of an effect that was performed."""
    data = {"command": codec.plain(command), "result": answer}
    return Event(f"effect:{command.key}", f"done.{command.kind}", at(seconds), data)


def stamp(seconds: float) -> str:
    return at(seconds).strftime("%Y-%m-%dT%H:%M:%SZ")


@dataclass
class Stage(Generic[S]):
    """Hears events one by one as under the runtime: an id once, the state as JSON in between, an effect key once."""

    processor: Processor[S]
    states: dict[str, str] = field(default_factory=dict)
    commands: dict[str, Command] = field(default_factory=dict)
    reasons: list[str] = field(default_factory=list)
    heard: set[tuple[str, str]] = field(default_factory=set)

    def hear(self, *events: Event) -> list[Command]:
        """Let the processor decide about each; return the commands that are new by their key."""
        before = len(self.commands)
        for event in events:
            is_record = event.type in self.processor.types
            for key in self.processor.route(event) if is_record else [MEETING]:
                self._decide(event, key)
        return list(self.commands.values())[before:]

    def state(self, key: str = MEETING) -> S:
        return codec.load(self.processor.state_type, self.states[key])

    def of(self, kind: type[C]) -> list[C]:
        """Every command of one kind, in the order they were asked for."""
        return [command for command in self.commands.values() if isinstance(command, kind)]

    def published(self, *types: str) -> list[PublishEvent]:
        return [one for one in self.of(PublishEvent) if not types or one.type in types]

    def _decide(self, event: Event, key: str) -> None:
        if (event.id, key) in self.heard:
            return
        self.heard.add((event.id, key))
        decision = self.processor.decide(event, self.state(key) if key in self.states else None)
        self.states[key] = codec.dump(decision.state)
        self.reasons += decision.reasons
        for command in decision.commands:
            self.commands.setdefault(command.key, command)


def data_of(published: Iterable[PublishEvent]) -> list[dict[str, Any]]:
    return [json.loads(one.data) for one in published]
