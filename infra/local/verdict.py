"""Hold what came of a call against what must have come of it: missing, doubled and different things, one line each."""

from collections import Counter
from collections.abc import Iterator

from infra.local.observe import ArchivedObject, Observed
from infra.zoom.simulator import Call, ExpectedFile
from schemas.archive import PLAYABLE, kind_of, object_key

NO_RECORDING_RULE = "metadata.recording_missing"

_PUBLIC = {
    "meeting.started": "call.started",
    "meeting.ended": "call.ended",
    "meeting.participant_joined": "call.participant_joined",
    "meeting.participant_left": "call.participant_left",
    "recording.started": "call.recording_started",
    "recording.stopped": "call.recording_stopped",
    "recording.completed": "call.recording_completed",
    "recording.transcript_completed": "call.recording_completed",
}


def problems(call: Call, seen: Observed) -> Iterator[str]:
    """Yield what is wrong with what came of a call; nothing when all of it is as it must be."""
    yield from _chat_problems(call, seen)
    yield from _event_problems(call, seen)
    for file in call.expectation.files:
        yield from _file_problems(call, file, seen.objects.get(_key(call, file)))
    yield from _flag_problems(call, seen)


def expected_events(call: Call) -> Counter[str]:
    """How many public events of each type a call must lead to."""
    expected: Counter[str] = Counter()
    for name, count in call.expectation.occurrences.items():
        expected[_PUBLIC[name]] += count
    expected["call.recording_archived"] = len(call.expectation.files)
    expected["call.recording_missing"] = int(NO_RECORDING_RULE in call.expectation.flagged_for)
    if call.registration is not None:
        expected["call.created"] = expected["call.invitation_posted"] = 1
    return +expected


def _chat_problems(call: Call, seen: Observed) -> Iterator[str]:
    expected = int(call.expectation.invitation)
    if len(seen.messages) != expected:
        yield f"chat: {len(seen.messages)} messages, {expected} expected"
    elif expected and not _is_final(call, seen.messages[0]):
        yield "chat: the message does not tell what became of the recording"


def _is_final(call: Call, text: str) -> bool:
    playable = any(kind_of(file.file_type, None) in PLAYABLE for file in call.expectation.files)
    return ("available until" in text) if playable else ("no recording" in text.lower())


def _event_problems(call: Call, seen: Observed) -> Iterator[str]:
    expected = expected_events(call)
    for kind in sorted({*expected, *seen.events}):
        if seen.events.get(kind, 0) != expected[kind]:
            yield f"events: {seen.events.get(kind, 0)} of {kind}, {expected[kind]} expected"
    if seen.sequences != tuple(range(1, len(seen.sequences) + 1)):
        yield "events: the sequence has gaps or doubles"


def _file_problems(call: Call, file: ExpectedFile, found: ArchivedObject | None) -> Iterator[str]:
    name = f"archive: {file.file_type} of {file.recording_start}"
    if found is None:
        yield f"{name} is not there"
        return
    if (found.size_bytes, found.sha256) != (file.size_bytes, file.sha256):
        yield f"{name} has other bytes than Zoom's"
    if found.tags.get("retention") != "180d" or found.tags.get("hold") != "none":
        yield f"{name} lacks its lifecycle tags"
    if call.registration is not None and found.tags.get("call") != call.registration.call_id:
        yield f"{name} is not tagged with its call"


def _flag_problems(call: Call, seen: Observed) -> Iterator[str]:
    rules = [rule for rule, _ in seen.findings]
    for reason in sorted(call.expectation.flagged_for):
        if reason not in rules:
            yield f"flags: {reason} was not flagged"
    if seen.flags != int(bool(call.expectation.flagged_for)):
        yield f"flags: {seen.flags} flags, {int(bool(call.expectation.flagged_for))} expected"


def _key(call: Call, file: ExpectedFile) -> str:
    return object_key(call.session.session_id, file.file_id, file.recording_start, file.file_type)
