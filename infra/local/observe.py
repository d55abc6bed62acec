"""Look from outside at what came of a call: in the chat, on the topics, in the archive."""

import hashlib
import json
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from infra.storage.s3 import S3Store
from infra.transport import TopicPartition, Transport
from infra.zoom.simulator import Call, SimulatorServer
from schemas.archive import object_key
from schemas.envelope import Envelope
from schemas.topics import CALL_EVENTS, FLAGS, QUARANTINE, all_topics


@dataclass(frozen=True, slots=True)
class ArchivedObject:
    """An object as it lies in the bucket; its SHA-256 is of the bytes read back."""

    key: str
    size_bytes: int
    sha256: str
    tags: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Observed:
    """What is visible of one call. `events` counts facts by type, doubles by `ce_id` dropped as a subscriber does.

    What was published before the registration was known, with `call_id` null, does not count for a registered call:
    it was published again. `sequences` are the facts' own; `findings` are those of flags that stand, as rule id and severity.
    """

    messages: tuple[str, ...]
    events: Mapping[str, int]
    sequences: tuple[int, ...]
    objects: Mapping[str, ArchivedObject]
    findings: tuple[tuple[str, int], ...]
    flags: int


class Observer:
    """Reads everything anew at every look, but an object's bytes only once: they never change."""

    def __init__(self, transport: Transport, store: S3Store, zoom: SimulatorServer) -> None:
        self._transport = transport
        self._store = store
        self._zoom = zoom
        self._digests: dict[str, str] = {}

    def look(self, calls: Sequence[Call]) -> list[Observed]:
        """Return what is visible of each call."""
        events = self._by_meeting(CALL_EVENTS.name)
        flags = self._by_meeting(FLAGS.name)
        meetings = [str(call.session.meeting_id) for call in calls]
        return [self._look_at(call, events[one], flags[one]) for call, one in zip(calls, meetings, strict=True)]

    def set_aside(self) -> dict[str, int]:
        """Return how many records lie in the quarantine and in the dead-letter topics, where there are any."""
        names = [topic.name for topic in all_topics() if topic is QUARANTINE or topic.name.endswith(".dead-letter")]
        counts = {name: sum(self._transport.end_offsets(name).values()) for name in names}
        return {name: count for name, count in counts.items() if count}

    def _look_at(self, call: Call, events: Sequence[Envelope], flags: Sequence[Envelope]) -> Observed:
        registration = call.registration
        messages = [] if registration is None else self._zoom.chat.messages(registration.conversation_id)
        call_id = None if registration is None else registration.call_id
        facts = {one.id: one for one in events if json.loads(one.data)["call_id"] == call_id}
        standing = _standing(flags)
        return Observed(
            messages=tuple(message.text for message in messages),
            events=Counter(envelope.type for envelope in facts.values()),
            sequences=tuple(sorted(json.loads(envelope.data)["sequence"] for envelope in facts.values())),
            objects=self._archived(call),
            findings=tuple(
                sorted({(one["rule_id"], one["severity"]) for flag in standing for one in flag["findings"]})
            ),
            flags=len(standing),
        )

    def _archived(self, call: Call) -> dict[str, ArchivedObject]:
        found = {}
        for file in call.expectation.files:
            key = object_key(call.session.session_id, file.file_id, file.recording_start, file.file_type)
            archived = self._read(key)
            if archived is not None:
                found[key] = archived
        return found

    def _read(self, key: str) -> ArchivedObject | None:
        info = self._store.head(key)
        if info is None:
            return None
        if key not in self._digests:
            digest = hashlib.sha256()
            for piece in self._store.read(key, info.version_id):
                digest.update(piece)
            self._digests[key] = digest.hexdigest()
        return ArchivedObject(key, info.size_bytes, self._digests[key], self._store.get_tags(key, info.version_id))

    def _by_meeting(self, topic: str) -> dict[str, list[Envelope]]:
        found: dict[str, list[Envelope]] = defaultdict(list)
        for envelope in self._records(topic):
            found[envelope.partitionkey or ""].append(envelope)
        return found

    def _records(self, topic: str) -> Iterator[Envelope]:
        for partition in range(self._transport.partitions(topic)):
            place, offset = TopicPartition(topic, partition), 0
            while records := self._transport.read(place, offset):
                for record in records:
                    yield Envelope.from_record(record.headers, record.value)
                offset = records[-1].offset + 1


def _standing(flags: Sequence[Envelope]) -> list[dict[str, Any]]:
    """The newest revision of every flag, those withdrawn left out."""
    newest: dict[str, dict[str, Any]] = {}
    for flag in (json.loads(envelope.data) for envelope in flags):
        if flag["revision"] >= newest.get(flag["flag_id"], flag)["revision"]:
            newest[flag["flag_id"]] = flag
    return [flag for flag in newest.values() if flag["status"] == "flagged"]
