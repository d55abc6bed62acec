"""Hold what was answered 2xx against what is to be seen. Expected values follow from what simulated Zoom sent.

No product code is asked: which public event an occurrence leads to, what an object's key is and what the chat must say
stand here once more, from docs/call-events.md and the design.
"""

import itertools
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from infra.zoom.simulator import Call
from tests.fault_lab import fold
from tests.fault_lab.differences import State, differences
from tests.fault_lab.fold import by_meeting, call_id_of, keys_of, object_key, standing_events, standing_flags
from tests.fault_lab.plan import Sent
from tests.fault_lab.witness import Evidence, Seen

PUBLIC = {
    "meeting.started": "call.started",
    "meeting.ended": "call.ended",
    "meeting.participant_joined": "call.participant_joined",
    "meeting.participant_left": "call.participant_left",
    "recording.started": "call.recording_started",
    "recording.stopped": "call.recording_stopped",
    "recording.completed": "call.recording_completed",
    "recording.transcript_completed": "call.recording_completed",
}
MISSING_RULE = "metadata.recording_missing"
PLAYABLE = ("MP4", "M4A")


@dataclass(slots=True)
class Harm:
    """What must be zero, and in `details` what it was, a line each."""

    acknowledged: int = 0
    lost: int = 0
    never_acknowledged: int = 0
    refused_for_good: int = 0
    missing: int = 0
    doubled: int = 0
    different: int = 0
    details: list[str] = field(default_factory=list)

    @property
    def is_none(self) -> bool:
        return not any(self.columns)

    @property
    def columns(self) -> tuple[int, ...]:
        return (self.lost, self.never_acknowledged, self.refused_for_good, self.missing, self.doubled, self.different)


def judge(sent: Sequence[Sent], calls: Sequence[Call], seen: Evidence, in_order: Mapping[str, State] | None) -> Harm:
    """Return the harm that is to be seen. `in_order` has the calls' states after a run without faults, where that is known."""
    harm = Harm(acknowledged=sum(one.acknowledged for one in sent))
    _judge_deliveries(sent, seen, harm)
    for kind, line in _wrong_effects(calls, seen):
        harm.missing += kind == "missing"
        harm.doubled += kind == "doubled"
        harm.details.append(f"{kind}: {line}")
    if in_order is not None:
        for call, state in fold.states(calls, seen).items():
            changed = list(differences(in_order[call], state))
            harm.different += bool(changed)
            harm.details += [f"different: {call}: {line}" for line in changed]
    return harm


def _judge_deliveries(sent: Sequence[Sent], seen: Evidence, harm: Harm) -> None:
    published = {one.value for one in seen.topics["zoom.webhooks"]}
    kept = published | {one.value for one in seen.topics["zoom.webhooks.quarantine"]}
    for one in sent:
        where = f"{one.name} of {one.call.scenario} {one.call.session.meeting_id}"
        if one.acknowledged and one.body not in kept:
            harm.lost += 1
            harm.details.append(f"lost: {where}")
        elif one.refused and one.body not in kept:
            harm.refused_for_good += 1
            harm.details.append(f"refused and forgotten: {where}: {one.attempts[-1].status}")
        elif not one.acknowledged and not one.refused:
            harm.never_acknowledged += 1
            harm.details.append(f"never acknowledged: {where}: {[attempt.status for attempt in one.attempts]}")


def _wrong_effects(calls: Sequence[Call], seen: Evidence) -> Iterator[tuple[str, str]]:
    events, flags = by_meeting(seen.topics["call-events"]), by_meeting(seen.topics["flagged-meetings"])
    yield from _identities(seen)
    keys: set[str] = set()
    for call in calls:
        name = f"{call.scenario} {call.session.meeting_id}"
        meeting = str(call.session.meeting_id)
        keys |= keys_of(call)
        for wrong in (
            _events(call, events[meeting]),
            _chat(call, seen),
            _files(call, seen),
            _flags(call, flags[meeting]),
        ):
            yield from ((kind, f"{name}: {line}") for kind, line in wrong)
    for key in seen.objects.keys() - keys:
        yield "doubled", f"an object that nobody sent: {key}"


def _identities(seen: Evidence) -> Iterator[tuple[str, str]]:
    """One occurrence has one `ce_id`, and one `ce_id` is one occurrence."""
    for topic in ("call-events", "flagged-meetings"):
        contents: dict[str, set[bytes]] = defaultdict(set)
        for one in seen.topics[topic]:
            contents[one.id].add(one.value)
        yield from (
            ("doubled", f"{topic}: {one} with other content") for one, found in contents.items() if len(found) > 1
        )
    ids: dict[bytes, set[str]] = defaultdict(set)
    for one in seen.topics["zoom.webhooks"]:
        ids[one.value].add(one.id)
    yield from (("doubled", f"zoom.webhooks: one body as {sorted(found)}") for found in ids.values() if len(found) > 1)


def _events(call: Call, events: Sequence[Seen]) -> Iterator[tuple[str, str]]:
    facts = {one.id: one for one in events if one.data["call_id"] == call_id_of(call)}
    found = Counter(one.type for one in standing_events(list(facts.values())))
    expected = expected_events(call)
    for kind in sorted({*found, *expected}):
        yield from _off(found[kind], expected[kind], kind)
    sequences = sorted(one.data["sequence"] for one in facts.values())
    if len(set(sequences)) < len(sequences):
        yield "doubled", f"sequence {sequences}"
    if sequences and set(sequences) != set(range(1, max(sequences) + 1)):
        yield "missing", f"gaps in the sequence {sequences}"


def _off(found: int, expected: int, what: str) -> Iterator[tuple[str, str]]:
    if found != expected:
        kind = "missing" if found < expected else "doubled"
        yield from ((kind, f"{found} of {what}, {expected} expected") for _ in range(abs(found - expected)))


def expected_events(call: Call) -> Counter[str]:
    """Return how many public events of each type a call leads to."""
    expected: Counter[str] = Counter()
    for name, count in call.expectation.occurrences.items():
        expected[PUBLIC[name]] += count
    expected["call.recording_archived"] = len(call.expectation.files)
    expected["call.recording_missing"] = int(MISSING_RULE in call.expectation.flagged_for)
    expected["call.created"] = expected["call.invitation_posted"] = int(call.registration is not None)
    return +expected


def _chat(call: Call, seen: Evidence) -> Iterator[tuple[str, str]]:
    if call.registration is None:
        return
    messages = seen.chat[call.registration.conversation_id]
    yield from _off(len(messages), 1, "chat messages")
    playable = any(file.file_type in PLAYABLE for file in call.expectation.files)
    wanted = "available until" if playable else "no recording"
    for revisions in messages:
        texts = [revision["text"] for revision in revisions]
        if wanted not in texts[-1].lower():
            yield "missing", f"the chat does not say {wanted!r} in the end"
        if any(first == second for first, second in itertools.pairwise(texts)):
            yield "doubled", "the chat was told the same twice"


def _files(call: Call, seen: Evidence) -> Iterator[tuple[str, str]]:
    for file in call.expectation.files:
        found = seen.objects.get(object_key(call, file))
        if found is None:
            yield "missing", f"the {file.file_type} of {file.recording_start} in the archive"
        elif (found.size_bytes, found.sha256) != (file.size_bytes, file.sha256):
            yield "missing", f"the {file.file_type} of {file.recording_start}: other bytes lie in its place"
        elif found.versions > 1:
            yield "doubled", f"{found.versions} versions of the {file.file_type} of {file.recording_start}"


def _flags(call: Call, records: Sequence[Seen]) -> Iterator[tuple[str, str]]:
    standing = standing_flags(records)
    yield from _off(len(standing), int(bool(call.expectation.flagged_for)), "flags")
    rules = {finding["rule_id"] for flag in standing for finding in flag["findings"]}
    yield from (("missing", f"the finding {rule}") for rule in sorted(call.expectation.flagged_for - rules))
