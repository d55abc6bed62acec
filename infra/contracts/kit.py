"""The consumer kit: golden feeds of call events, and what a subscriber should make of them.

A feed is a file of JSON lines in the order of arrival: `{"key", "headers", "value"}` of each record. `timelines.json` holds
for every feed and stream (ce_subject) the lines "<sequence> <occurred_at> <type>" that are left when doubles are dropped
by ce_id and the rest is put in the order of `sequence`.
"""

import json
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from schemas.archive import access_until, expires_at, object_key
from schemas.envelope import Envelope
from schemas.events import data_schema, encode
from schemas.events.catalogue import VERSION
from schemas.identity import fact_id

SOURCE = "/zoom-call-pipeline/call_events"
BEGIN = datetime(2026, 11, 22, 14, 0, tzinfo=UTC)  # any instant: it is part of the golden files
UNKNOWN_TYPE = "call.of_a_later_version"

Feed = list[Envelope]


class Stream:
    """One call's events, or one session's when it has no call; numbers them as the pipeline does."""

    def __init__(self, name: str, meeting_id: str, *, registered: bool = True) -> None:
        self.call_id = f"call-{name}" if registered else None
        self.meeting_id = meeting_id
        self.session_id = f"{name}-session=="
        self._number = 0

    def say(self, kind: str, minute: float, /, *, about_call: bool = False, **details: Any) -> Envelope:
        """Return the stream's next event; `minute` is when it happened, counted from the planned begin."""
        self._number += 1
        occurred_at = BEGIN + timedelta(minutes=minute)
        data = {
            "call_id": self.call_id,
            "meeting_id": self.meeting_id,
            "session_id": None if about_call else self.session_id,
            "occurred_at": occurred_at,
            "sequence": self._number,
            **details,
        }
        return self._envelope(kind, occurred_at, _plain(_encoded(kind, data)))

    def _envelope(self, kind: str, occurred_at: datetime, value: str) -> Envelope:
        return Envelope(
            id=fact_id("kit", kind, self.call_id, self.session_id, self._number),
            source=SOURCE,
            type=kind,
            data=value.encode(),
            time=occurred_at,
            subject=self.call_id or self.session_id,
            dataschema=data_schema(kind),
            partitionkey=self.meeting_id,
        )


def feeds() -> dict[str, Feed]:
    """Return every feed by its name; the same every time."""
    return {
        "usual": _usual("usual", "98100000001"),
        "doubled": _doubled(),
        "reordered": _reordered(),
        "late": _late(),
        "corrected": _corrected(),
        "later_version": _later_version(),
    }


def feed_text(feed: Sequence[Envelope]) -> str:
    """Return a feed as the text of its file."""
    return "".join(_plain(_line(envelope)) + "\n" for envelope in feed)


def timelines() -> dict[str, dict[str, list[str]]]:
    """Return by feed and stream what a subscriber should make of it."""
    return {name: _timelines(feed) for name, feed in feeds().items()}


def _timelines(feed: Sequence[Envelope]) -> dict[str, list[str]]:
    streams: dict[str, dict[int, str]] = {}
    for envelope in feed:
        data = json.loads(envelope.data)
        line = f"{data['sequence']} {data['occurred_at']} {envelope.type}"
        streams.setdefault(envelope.subject or "", {})[data["sequence"]] = line
    return {subject: [lines[number] for number in sorted(lines)] for subject, lines in streams.items()}


def _line(envelope: Envelope) -> dict[str, Any]:
    headers = {name: value.decode() for name, value in envelope.headers()}
    return {"key": envelope.partitionkey, "headers": headers, "value": envelope.data.decode()}


def _encoded(kind: str, data: dict[str, Any]) -> dict[str, Any]:
    """The data as it is published; what this version's schema does not know is kept as it is given."""
    if kind == UNKNOWN_TYPE:
        return {**data, "occurred_at": data["occurred_at"].isoformat()}
    known: dict[str, Any] = json.loads(encode(kind, data))
    return known | {name: value for name, value in data.items() if name not in known}


def _plain(document: object) -> str:
    return json.dumps(document, ensure_ascii=False, separators=(",", ":"))


def _usual(name: str, meeting_id: str) -> Feed:
    """A call of half an hour in which everything goes well."""
    call = Stream(name, meeting_id)
    host, guest = fact_id("kit", name, "host"), fact_id("kit", name, "guest")
    segment: dict[str, Any] = {"recording_start": BEGIN + timedelta(minutes=1)}
    return [
        _created(call, -20),
        call.say("call.started", 0, reopened=False),
        call.say("call.invitation_posted", 0.05, about_call=True, conversation_id="conversation-1"),
        call.say("call.participant_joined", 0, participant_ref=host, is_host=True),
        call.say("call.participant_joined", 0.9, participant_ref=guest, is_host=False),
        call.say("call.recording_started", 1, **segment),
        call.say("call.recording_paused", 9, **segment),
        call.say("call.recording_resumed", 11, **segment),
        call.say("call.participant_left", 30.5, participant_ref=guest, is_host=False),
        call.say("call.recording_stopped", 31, **segment),
        call.say("call.participant_left", 31, participant_ref=host, is_host=True),
        _ended(call, 31, started_minute=0),
        call.say("call.recording_completed", 60, files=[_file("video"), _file("transcript")]),
        _archived(call, 62, "MP4", "video"),
        _archived(call, 63, "TRANSCRIPT", "transcript"),
    ]


def _doubled() -> Feed:
    """At least once: a record twice in a row, and after a restart a whole stretch again."""
    feed = _usual("doubled", "98100000002")
    return [*feed[:4], feed[3], *feed[4:9], *feed[5:], feed[0]]


def _reordered() -> Feed:
    """Two calls whose records are mixed; the second one's also arrive back to front."""
    first, second = _usual("reordered-a", "98100000003"), _usual("reordered-b", "98100000004")
    return [envelope for pair in zip(first, reversed(second), strict=True) for envelope in pair]


def _late() -> Feed:
    """Facts are learned after later ones; a session's first events are said again once its registration is known."""
    session = Stream("late", "98100000005", registered=False)
    before = [session.say("call.started", 0, reopened=False)]
    call = Stream("late", "98100000005")
    guest: dict[str, Any] = {"participant_ref": fact_id("kit", "late", "guest"), "is_host": None}
    return [
        *before,
        _created(call, 2),
        call.say("call.started", 0, reopened=False),
        _ended(call, 31, started_minute=0),
        call.say("call.participant_left", 30, **guest),
        call.say("call.participant_joined", 0.5, **guest),
        call.say("call.recording_started", 1, recording_start=None),
    ]


def _corrected() -> Feed:
    """What was said is corrected: start and end, a reopening, and a recording that was missed too early."""
    call = Stream("corrected", "98100000006")
    return [
        _created(call, -20),
        call.say("call.ended", 31, started_at=None, duration_seconds=None),
        call.say("call.started", 4, reopened=False),
        _ended(call, 31, started_minute=4),
        call.say("call.started", 0, reopened=False),
        _ended(call, 31, started_minute=0),
        call.say("call.started", 40, reopened=True),
        _ended(call, 45, started_minute=0),
        call.say("call.recording_missing", 105, zoom_says="none"),
        call.say("call.recording_completed", 240, files=[_file("video")]),
        call.say("call.recording_completed", 250, files=[_file("transcript")]),
    ]


def _later_version() -> Feed:
    """Schemas grow: a type that is not known yet, and a new field in one that is."""
    call = Stream("later-version", "98100000007")
    return [
        _created(call, -20),
        call.say(UNKNOWN_TYPE, -10, mood="sunny"),
        call.say("call.started", 0, reopened=False, field_of_a_later_version={"any": ["thing", VERSION]}),
    ]


def _created(call: Stream, minute: float) -> Envelope:
    return call.say(
        "call.created",
        minute,
        about_call=True,
        order_id="order-1",
        conversation_id="conversation-1",
        freelancer_id="freelancer-1",
        client_id="client-1",
        language="en",
    )


def _ended(call: Stream, minute: float, *, started_minute: float) -> Envelope:
    started_at = BEGIN + timedelta(minutes=started_minute)
    return call.say("call.ended", minute, started_at=started_at, duration_seconds=int((minute - started_minute) * 60))


def _file(kind: str) -> dict[str, Any]:
    return {"file_id": f"file-{kind}", "kind": kind, "size_bytes": 48123456, "recording_start": "2026-11-22T14:01:00Z"}


def _archived(call: Stream, minute: float, file_type: str, kind: str) -> Envelope:
    ended_at = BEGIN + timedelta(minutes=31)
    return call.say(
        "call.recording_archived",
        minute,
        **_file(kind),
        object_key=object_key(call.session_id, f"file-{kind}", None, file_type),
        version_id=None,
        crc32="9ae0daaf",
        sha256="5f" * 32,
        call_ended_at=ended_at,
        access_until=access_until(ended_at),
        expires_at=expires_at(ended_at),
    )
