"""A stage on which meeting_flagging hears of a call, with its scans performed and its words to itself delivered."""

import json
from dataclasses import dataclass, field, replace
from typing import Any

from processors.base import Event
from processors.commands import Command, ScanText, Tell
from processors.meeting_flagging import MeetingFlagging, Policy, scan
from processors.meeting_flagging.facts import FlagState
from schemas.archive import object_key
from schemas.calls import Report, envelope_of
from schemas.events import FLAGGED, SHADOWED, decode
from schemas.identity import fact_id
from tests.unit.processors import zoom_call as call
from tests.unit.processors.shipped_policy import RULES_ALONE
from tests.unit.processors.zoom_call import ACCOUNT, MEETING, SESSION, Stage, at


@dataclass
class World(Stage[FlagState]):
    """Hears events; every file that `documents` holds (by object key) is scanned as soon as that is asked for."""

    documents: dict[str, bytes] = field(default_factory=dict)
    policy: Policy = RULES_ALONE

    def play(self, *events: Event, late: bool = False) -> "World":
        """Hear these and all that follows from them: at once, or (`late`) after all of them."""
        for batch in [events] if late else [[event] for event in events]:
            waiting: list[tuple[Event, str | None]] = [(event, None) for event in batch]
            while waiting:
                event, key = waiting.pop(0)
                for command in self.hear(event) if key is None else self.hear_at(key, event):
                    if isinstance(command, Tell):
                        told = f"told.{command.name}"
                        one = Event(f"tell:{command.key}", told, event.recorded_at, command.data)
                        waiting.append((one, command.state_key))
                    if isinstance(command, ScanText) and command.object_key in self.documents:
                        found = scan(self.documents[command.object_key], command.file_kind, self.policy)
                        waiting.append((scanned(command, found.as_data()), None))
        return self

    def hear_at(self, key: str, event: Event) -> list[Command]:
        """Let one state hear of something; return the commands that are new by their key."""
        before = len(self.commands)
        self._decide(event, key)
        return list(self.commands.values())[before:]

    def shadows(self) -> list[dict[str, Any]]:
        """Everything that was said about what is in shadow, in order; each as its schema reads it."""
        return [decode(one.type, json.loads(one.data)) for one in self.published(SHADOWED)]

    def revisions(self) -> list[dict[str, Any]]:
        """Everything that was published, in order; each as its schema reads it."""
        return [decode(one.type, json.loads(one.data)) for one in self.published(FLAGGED)]

    def live(self) -> dict[str, dict[str, Any]]:
        """The flags that stand at last, without their revision."""
        last = {flag["flag_id"]: flag for flag in self.revisions()}
        return {
            name: {key: value for key, value in flag.items() if key != "revision"}
            for name, flag in last.items()
            if flag["status"] == "flagged"
        }

    def rules(self) -> list[str]:
        """The rules of all findings of all flags that stand."""
        return sorted(finding["rule_id"] for flag in self.live().values() for finding in flag["findings"])


def scanned(command: ScanText, result: dict[str, Any]) -> Event:
    """What the runtime tells of a scan."""
    event = call.result(command, 9000)
    return replace(event, data={**event.data, "result": result})


def world(**documents: bytes) -> World:
    """A world whose archive holds these documents, by file id."""
    named = {key_of(name): document for name, document in documents.items()}
    return World(MeetingFlagging(RULES_ALONE), documents=named)


def flag_id(subject: str) -> str:
    return fact_id("flag", subject)


def key_of(file_id: str, session: str = SESSION) -> str:
    return object_key(session, file_id, None, "MP4")


def archived(seconds: float, file_id: str, kind: str = "video", **changes: Any) -> Event:
    return call.archived(seconds, file_id, kind, object_key=key_of(file_id), **changes)


def together(until: float = 600, session: str = SESSION) -> list[Event]:
    """Two people talk from the first seconds to the end."""
    return [
        call.started(0, session),
        call.joined(2, "101", call.HOST, session),
        call.joined(4, "102", "", session),
        call.left(until, "101", call.HOST, session),
        call.left(until, "102", "", session),
        call.ended(until, session),
    ]


def report(report_id: str = "report-1", call_id: str = "call-1", **changes: Any) -> Event:
    values: dict[str, Any] = {
        "report_id": report_id,
        "call_id": call_id,
        "meeting_id": MEETING,
        "reporter": "client",
        "reason": "off_platform",
        "text": "he wants my secret-words",
        "second": 75,
        "reported_at": at(4000),
    }
    envelope = envelope_of(Report(**{**values, **changes}), source="/portal")
    return Event(envelope.id, envelope.type, at(4000), json.loads(envelope.data))


def removed(
    verb: str, seconds: float, *files: dict[str, Any], operator: str = "host@example.com", **more: Any
) -> Event:
    event = call.webhook(f"recording.{verb}", seconds, recording_files=list(files), **more)
    event.data["payload"]["operator"] = operator
    return event


def batch(verb: str, seconds: float, operator: str = "host@example.com", **subject: Any) -> Event:
    body = {
        "event": f"recording.batch_{verb}",
        "event_ts": int(at(seconds).timestamp() * 1000),
        "payload": {"account_id": ACCOUNT, "operator": operator, "object": subject},
    }
    return call.record(body, at(seconds))
