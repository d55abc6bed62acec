"""What differs is told so that it can be looked for, and people's own words are not repeated."""

from typing import Any

from tests.fault_lab.differences import State, differences


def state(*findings: dict[str, Any], **more: Any) -> State:
    flag = {"flag_id": "f", "score": 0.5, "findings": list(findings)}
    return {"chat": ["said"], "flags": [flag], "events": {}, "tags": {}, **more}


def finding(rule_id: str, **more: Any) -> dict[str, Any]:
    return {
        "rule_id": rule_id,
        "source": "chat",
        "start_seconds": 3.5,
        "confidence": 0.5,
        "quote": "foul words",
        **more,
    }


def test_equal_states_do_not_differ() -> None:
    """Nothing is told of what is alike."""
    assert list(differences(state(finding("a")), state(finding("a")))) == []


def test_the_finding_and_the_field_are_named() -> None:
    """Of a flag with several findings, that one and its field alone, with what it is and what it was."""
    expected = state(finding("a"), finding("model.threat"))
    found = state(finding("a"), finding("model.threat", confidence=0.25))

    assert list(differences(expected, found)) == [
        "flags, f, findings, model.threat (chat 3.5), confidence: 0.25 in place of 0.5"
    ]


def test_a_finding_more_is_told_without_what_was_said() -> None:
    """Two of one rule at one place are told apart by their number."""
    (told,) = differences(state(finding("a")), state(finding("a"), finding("a", confidence=0.1)))

    assert told.startswith('flags, f, findings, a (chat 3.5) #2: {"rule_id": "a"')
    assert told.endswith(" in place of nothing")
    assert "foul" not in told


def test_other_words_are_told_by_their_number_of_characters() -> None:
    """A quote that differs is not quoted."""
    told = list(differences(state(finding("a")), state(finding("a", quote="fouler words"))))

    assert told == ["flags, f, findings, a (chat 3.5), quote: 12 characters in place of 10 characters"]


def test_events_and_tags_are_told_by_their_fields() -> None:
    """An event that is not there is told as nothing."""
    started = {"type": "call.started", "occurred_at": "now"}
    expected = state(events={"1": started, "2": {"type": "call.ended"}}, tags={"key": {"hold": "none"}})
    found = state(events={"1": {**started, "occurred_at": "then"}}, tags={"key": {"hold": "legal"}})

    assert list(differences(expected, found)) == [
        'tags, key, hold: "legal" in place of "none"',
        'event call.started, occurred_at: "then" in place of "now"',
        'event call.ended: nothing in place of {"type": "call.ended"}',
    ]
