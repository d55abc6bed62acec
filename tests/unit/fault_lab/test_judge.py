"""The fault lab's checker is not blind: each kind of harm that is put into perfect evidence shows in its own column."""

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from infra.zoom.simulator import Call, build_call
from tests.fault_lab.fold import object_key, states
from tests.fault_lab.judge import Harm, expected_events, judge
from tests.fault_lab.plan import Attempt, Sent, planned
from tests.fault_lab.witness import Evidence, Seen, StoredObject

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
URL = "http://127.0.0.1:1"


def made_call(name: str = "recording-stopped") -> Call:
    return build_call(name, 1, NOW)


def event(call: Call, kind: str, number: int, **more: Any) -> Seen:
    call_id = call.registration.call_id if call.registration else None
    at = f"2026-11-22T12:00:{number:02}Z"
    data = {"call_id": call_id, "session_id": call.session.session_id, "occurred_at": at, "sequence": number, **more}
    attributes = {"id": f"{kind}-{number}", "type": kind, "partitionkey": str(call.session.meeting_id)}
    return Seen(attributes, json.dumps(data).encode())


def flag(call: Call, revision: int = 1, status: str = "flagged") -> Seen:
    rules = [{"rule_id": rule} for rule in sorted(call.expectation.flagged_for)]
    data = {"flag_id": "f", "revision": revision, "status": status, "findings": rules, "occurred_at": "now"}
    attributes = {"id": f"flag-{revision}", "type": "meeting.flagged", "partitionkey": str(call.session.meeting_id)}
    return Seen(attributes, json.dumps(data).encode())


def perfect(call: Call) -> tuple[list[Sent], Evidence]:
    """What is sent and seen when nothing goes wrong."""
    sent = planned([call], 10, URL)
    for one in sent:
        one.attempts.append(Attempt(0.0, 0.01, 200))
    kinds = [kind for kind, count in sorted(expected_events(call).items()) for _ in range(count)]
    topics = {
        "zoom.webhooks": [Seen({"id": one.name + str(one.at_seconds)}, one.body) for one in sent],
        "zoom.webhooks.quarantine": [],
        "call-events": [event(call, kind, number) for number, kind in enumerate(kinds, 1)],
        "flagged-meetings": [flag(call)],
    }
    assert call.registration is not None
    text = {"text": "The recording of your call is available until 2027-02-20"}
    objects = {
        object_key(call, file): StoredObject(1, file.size_bytes, file.sha256, {"hold": "none"})
        for file in call.expectation.files
    }
    return sent, Evidence(topics, {call.registration.conversation_id: [[text]]}, objects)


Tamper = Callable[[Call, list[Sent], Evidence], None]


def judged(tamper: Tamper) -> Harm:
    """The harm that is seen after tampering with perfect evidence."""
    call = made_call()
    sent, seen = perfect(call)
    in_order = states([call], seen)
    tamper(call, sent, seen)
    return judge(sent, [call], seen, in_order)


def test_perfect_evidence_shows_no_harm() -> None:
    """All columns are zero, and every delivery counts as acknowledged."""
    harm = judged(lambda *_: None)

    assert harm.is_none
    assert harm.details == []
    assert harm.acknowledged == 10


def lose_record(_: Call, sent: list[Sent], seen: Evidence) -> None:
    seen.topics["zoom.webhooks"].pop()  # type: ignore[attr-defined]


def give_up(_: Call, sent: list[Sent], seen: Evidence) -> None:
    sent[0].attempts[:] = [Attempt(0.0, 0.1, status) for status in (503, None, 503, 503)]


def refuse(_: Call, sent: list[Sent], seen: Evidence) -> None:
    sent[-1].attempts[:] = [Attempt(0.0, 0.1, 401)]
    seen.topics["zoom.webhooks"].pop()  # type: ignore[attr-defined]


def forget_event(_: Call, sent: list[Sent], seen: Evidence) -> None:
    seen.topics["call-events"].pop()  # type: ignore[attr-defined]


def forget_object(_: Call, sent: list[Sent], seen: Evidence) -> None:
    seen.objects.popitem()  # type: ignore[attr-defined]


def cut_object(_: Call, sent: list[Sent], seen: Evidence) -> None:
    key = next(iter(seen.objects))
    seen.objects[key] = replace(seen.objects[key], size_bytes=1)  # type: ignore[index]


def forget_message(call: Call, sent: list[Sent], seen: Evidence) -> None:
    seen.chat[call.registration.conversation_id].clear()  # type: ignore[union-attr, attr-defined]


def forget_flag(_: Call, sent: list[Sent], seen: Evidence) -> None:
    seen.topics["flagged-meetings"].clear()  # type: ignore[attr-defined]


def publish_twice(call: Call, sent: list[Sent], seen: Evidence) -> None:
    seen.topics["call-events"].append(event(call, "call.participant_left", 99))  # type: ignore[attr-defined]


def tell_otherwise(_: Call, sent: list[Sent], seen: Evidence) -> None:
    first = seen.topics["call-events"][0]
    seen.topics["call-events"].append(Seen(first.attributes, first.value + b" "))  # type: ignore[attr-defined]


def say_twice(call: Call, sent: list[Sent], seen: Evidence) -> None:
    messages = seen.chat[call.registration.conversation_id]  # type: ignore[union-attr]
    messages.append(messages[0])  # type: ignore[attr-defined]


def archive_twice(_: Call, sent: list[Sent], seen: Evidence) -> None:
    key = next(iter(seen.objects))
    seen.objects[key] = replace(seen.objects[key], versions=2)  # type: ignore[index]


def archive_unasked(_: Call, sent: list[Sent], seen: Evidence) -> None:
    seen.objects["calls/other"] = StoredObject(1, 1, "", {})  # type: ignore[index]


def identify_twice(_: Call, sent: list[Sent], seen: Evidence) -> None:
    seen.topics["zoom.webhooks"].append(Seen({"id": "other"}, sent[0].body))  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("tamper", "column"),
    [
        (lose_record, "lost"),
        (give_up, "never_acknowledged"),
        (refuse, "refused_for_good"),
        (forget_event, "missing"),
        (forget_object, "missing"),
        (cut_object, "missing"),
        (forget_message, "missing"),
        (forget_flag, "missing"),
        (publish_twice, "doubled"),
        (tell_otherwise, "doubled"),
        (say_twice, "doubled"),
        (archive_twice, "doubled"),
        (archive_unasked, "doubled"),
        (identify_twice, "doubled"),
    ],
)
def test_harm_shows_in_its_column(tamper: Tamper, column: str) -> None:
    """Whatever was put in, the run does not pass, and its column says so."""
    harm = judged(tamper)

    assert getattr(harm, column) > 0
    assert not harm.is_none
    assert harm.details


def retext(call: Call, _: list[Sent], seen: Evidence) -> None:
    text = {"text": "Es ist available until 2027"}
    seen.chat[call.registration.conversation_id][0] = [text]  # type: ignore[union-attr, index]


def retag(_: Call, sent: list[Sent], seen: Evidence) -> None:
    key = next(iter(seen.objects))
    seen.objects[key] = replace(seen.objects[key], tags={"hold": "legal"})  # type: ignore[index]


def change_fact(call: Call, _: list[Sent], seen: Evidence) -> None:
    events = seen.topics["call-events"]
    events[-1] = event(call, events[-1].type, events[-1].data["sequence"], is_host=True)  # type: ignore[index]


@pytest.mark.parametrize("tamper", [retext, retag, change_fact])
def test_a_state_that_differs_from_the_in_order_run_is_told(tamper: Tamper) -> None:
    """Nothing is missing or doubled, and yet people would see something else."""
    harm = judged(tamper)

    assert harm.columns == (0, 0, 0, 0, 0, 1)


def test_what_the_contract_lets_a_subscriber_correct_is_no_harm() -> None:
    """An end told again with its start, a record twice, a flag that was withdrawn in between."""
    call = made_call()
    sent, seen = perfect(call)
    in_order = states([call], seen)
    stream, flags = list(seen.topics["call-events"]), seen.topics["flagged-meetings"]
    place = next(number for number, one in enumerate(stream) if one.type == "call.ended")
    ended = stream[place]
    stream[place] = Seen({**ended.attributes, "id": "the end without its start"}, ended.value)
    told_again = {**ended.data, "sequence": len(stream) + 1}
    stream.append(Seen(ended.attributes, json.dumps(told_again).encode()))
    stream.append(stream[0])

    changed = {**seen.topics, "call-events": stream, "flagged-meetings": [flag(call, 0, "withdrawn"), *flags]}
    harm = judge(sent, [call], replace(seen, topics=changed), in_order)

    assert harm.is_none, harm.details
