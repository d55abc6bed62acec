"""What the public stream, the flags and the chat come to: a subscriber's fold of them, by the rules of docs/call-events.md."""

import json
from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import quote

from infra.zoom.simulator import Call, ExpectedFile
from tests.fault_lab.differences import State
from tests.fault_lab.witness import Evidence, Seen

# What may differ between two runs over the same events: places, when an effect, not a fact, took place, and what a
# receipt says "as known when the file was archived" (the object's tags must say it rightly in the end).
_OF_THE_RUN = ("sequence", "version_id")
_OF_THE_EFFECT = {
    "call.recording_archived": ("occurred_at", "call_ended_at", "access_until", "expires_at"),
    "call.invitation_posted": ("occurred_at",),
}
_RECORDED = ("call.recording_completed", "call.recording_archived")  # then a missing one was only late
_LIFECYCLE = ("call.started", "call.ended")  # of two about one instant, the higher sequence stands


def states(calls: Sequence[Call], seen: Evidence) -> dict[str, State]:
    """Return what each call came to, as its people and subscribers see it, without what is of the run."""
    events, flags = by_meeting(seen.topics["call-events"]), by_meeting(seen.topics["flagged-meetings"])
    found: dict[str, State] = {}
    for call in calls:
        meeting = str(call.session.meeting_id)
        conversation = call.registration.conversation_id if call.registration else ""
        found[f"{call.scenario} {meeting}"] = {
            "chat": sorted(revisions[-1]["text"] for revisions in seen.chat.get(conversation, ())),
            "flags": sorted(
                (_without(flag, "revision", "occurred_at") for flag in standing_flags(flags[meeting])), key=json.dumps
            ),
            "events": {
                one.id: _fact(one)
                for one in standing_events([one for one in events[meeting] if one.data["call_id"] == call_id_of(call)])
            },
            "tags": {key: dict(seen.objects[key].tags) for key in keys_of(call) if key in seen.objects},
        }
    return found


def standing_events(events: Sequence[Seen]) -> list[Seen]:
    """Return what stands of a stream by the rules of docs/call-events.md: doubles dropped, corrections taken in."""
    standing: dict[object, Seen] = {}
    for one in sorted(events, key=lambda event: event.data["sequence"]):
        data = one.data
        about = (one.type, data["session_id"], data["occurred_at"]) if one.type in _LIFECYCLE else one.id
        standing[about] = one
    recorded = {one.data["session_id"] for one in standing.values() if one.type in _RECORDED}
    late = [
        about
        for about, one in standing.items()
        if one.type == "call.recording_missing" and one.data["session_id"] in recorded
    ]
    return [one for about, one in standing.items() if about not in late]


def standing_flags(records: Sequence[Seen]) -> list[dict[str, Any]]:
    """Return the newest revision of each flag, those withdrawn left out."""
    newest: dict[str, dict[str, Any]] = {}
    for flag in (one.data for one in records):
        if flag["revision"] >= newest.get(flag["flag_id"], flag)["revision"]:
            newest[flag["flag_id"]] = flag
    return [flag for flag in newest.values() if flag["status"] == "flagged"]


def by_meeting(records: Sequence[Seen]) -> Mapping[str, list[Seen]]:
    """Return records by the meeting that they are about."""
    found: dict[str, list[Seen]] = defaultdict(list)
    for one in records:
        found[one.attributes.get("partitionkey", "")].append(one)
    return found


def call_id_of(call: Call) -> str | None:
    """Return the call that the marketplace made of a meeting; None where it does not know it."""
    return None if call.registration is None else call.registration.call_id


def object_key(call: Call, file: ExpectedFile) -> str:
    """Return where a file must lie: session and file id, or its start and type where Zoom tells no id."""
    name = file.file_id or f"{file.recording_start}-{file.file_type}"
    return f"calls/{call.session.session_id.encode().hex()}/{quote(name, safe='._=-')}"


def keys_of(call: Call) -> set[str]:
    """Return the keys of all its files."""
    return {object_key(call, file) for file in call.expectation.files}


def _fact(event: Seen) -> dict[str, Any]:
    return {"type": event.type, **_without(event.data, *_OF_THE_RUN, *_OF_THE_EFFECT.get(event.type, ()))}


def _without(data: Mapping[str, Any], *names: str) -> dict[str, Any]:
    return {name: value for name, value in data.items() if name not in names}
