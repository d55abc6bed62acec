"""The demo's verdict: nothing wrong is overlooked, nothing right is blamed."""

from collections import Counter
from collections.abc import Callable
from dataclasses import replace

import pytest

from infra.local.observe import ArchivedObject, Observed
from infra.local.verdict import NO_RECORDING_RULE, expected_events, problems
from infra.zoom.simulator import SCENARIOS, Call, build_call
from schemas.archive import object_key
from tests.fakes.clock import FakeClock


def call_of(name: str) -> Call:
    return build_call(name, 1, FakeClock().now(), video_bytes=10_000)


def perfect(call: Call) -> Observed:
    """What must be visible of a call."""
    expected, known = call.expectation, call.registration
    tags = {"retention": "180d", "hold": "none"} | ({} if known is None else {"call": known.call_id})
    objects = {}
    for file in expected.files:
        key = object_key(call.session.session_id, file.file_id, file.recording_start, file.file_type)
        objects[key] = ArchivedObject(key, file.size_bytes, file.sha256, tags)
    ending = "Recording available until 1 April" if expected.files else "No recording was made"
    events = expected_events(call)
    return Observed(
        messages=(ending,) * expected.invitation,
        events=events,
        sequences=tuple(range(1, events.total() + 1)),
        objects=objects,
        findings=tuple((rule, 2) for rule in sorted(expected.flagged_for)),
        flags=int(bool(expected.flagged_for)),
    )


def found(call: Call, seen: Observed) -> list[str]:
    return list(problems(call, seen))


@pytest.mark.parametrize("name", list(SCENARIOS))
def test_nothing_is_wrong_with_what_is_as_it_must_be(name: str) -> None:
    """Every scenario has an outcome that passes."""
    call = call_of(name)

    assert found(call, perfect(call)) == []


@pytest.mark.parametrize("name", list(SCENARIOS))
def test_nothing_at_all_is_wrong(name: str) -> None:
    """Of no scenario may the verdict be good when nothing came out."""
    assert found(call_of(name), Observed((), {}, (), {}, (), 0))


def _object(change: Callable[[ArchivedObject], ArchivedObject | None]) -> Callable[[Observed], Observed]:
    def changed(seen: Observed) -> Observed:
        key = next(iter(seen.objects))
        made = change(seen.objects[key])
        return replace(
            seen, objects={**seen.objects, key: made} if made else {k: v for k, v in seen.objects.items() if k != key}
        )

    return changed


def _events(**counts: int) -> Callable[[Observed], Observed]:
    return lambda seen: replace(
        seen, events=Counter(seen.events) + Counter({f"call.{k}": n for k, n in counts.items()})
    )


WRONGS: dict[str, tuple[str, Callable[[Observed], Observed]]] = {
    "no message": ("chat: 0 messages, 1 expected", lambda seen: replace(seen, messages=())),
    "two messages": ("chat: 2 messages, 1 expected", lambda seen: replace(seen, messages=seen.messages * 2)),
    "message not brought up to date": ("chat: the message does not tell", lambda seen: replace(seen, messages=("being prepared",))),
    "an event missing": ("events: 0 of call.ended, 1 expected", lambda seen: replace(seen, events={**seen.events, "call.ended": 0})),
    "an event doubled": ("events: 2 of call.started, 1 expected", _events(started=1)),
    "an event that nobody expects": ("events: 1 of call.recording_missing, 0 expected", _events(recording_missing=1)),
    "a gap in the sequence": ("events: the sequence", lambda seen: replace(seen, sequences=(*seen.sequences[:-1], 99))),
    "a double in the sequence": ("events: the sequence", lambda seen: replace(seen, sequences=(1, *seen.sequences[:-1]))),
    "a file missing": ("is not there", _object(lambda _: None)),
    "a file of other bytes": ("has other bytes than Zoom's", _object(lambda one: replace(one, sha256="0" * 64))),
    "a cut file": ("has other bytes than Zoom's", _object(lambda one: replace(one, size_bytes=one.size_bytes - 1))),
    "a file without retention": ("lacks its lifecycle tags", _object(lambda one: replace(one, tags={**one.tags, "retention": "1d"}))),
    "a file held": ("lacks its lifecycle tags", _object(lambda one: replace(one, tags={**one.tags, "hold": "legal"}))),
    "a file of another call": ("is not tagged with its call", _object(lambda one: replace(one, tags={**one.tags, "call": "x"}))),
    "a flag too many": ("flags: 1 flags, 0 expected", lambda seen: replace(seen, flags=1)),
}  # fmt: skip


@pytest.mark.parametrize("wrong", list(WRONGS))
def test_each_kind_of_wrong_is_found(wrong: str) -> None:
    """One thing wrong is one line, which says what."""
    expected, change = WRONGS[wrong]
    call = call_of("clean")

    (problem,) = found(call, change(perfect(call)))

    assert expected in problem


def test_a_finding_that_is_missing_is_found() -> None:
    """A flag that stands for another reason does not do."""
    call = call_of("no-recording")
    seen = replace(perfect(call), findings=(("another.rule", 3),))

    assert f"flags: {NO_RECORDING_RULE} was not flagged" in found(call, seen)


def test_two_flags_for_one_call_are_found() -> None:
    """One flag with many findings, never many flags."""
    call = call_of("no-recording")

    assert found(call, replace(perfect(call), flags=2)) == ["flags: 2 flags, 1 expected"]
