"""Steps are said one by one, made unless it is a check, and counted."""

import pytest

from infra.errors import PermanentError
from infra.provisioning.steps import Outcome, Step, differs, fine, note, settle, unclear


def refuse() -> None:
    raise PermanentError("not allowed")


def test_a_check_makes_nothing_when_things_differ() -> None:
    """What would change is said and counted."""
    made: list[str] = []
    said: list[str] = []

    outcome = settle([fine("a"), differs("b", lambda: made.append("b"))], said.append, check=True)

    assert made == []
    assert said == ["fine:         a", "would change: b"]
    assert (outcome.summary, outcome.is_as_it_should_be) == ("1 would change", False)


def test_steps_are_made_one_by_one_when_it_is_no_check() -> None:
    """A later step is asked for after an earlier one was made."""
    made: list[str] = []

    def steps():  # type: ignore[no-untyped-def]
        yield differs("a", lambda: made.append("a"))
        yield fine(f"b after {made}")

    said: list[str] = []
    outcome = settle(steps(), said.append, check=False)

    assert said == ["changed:      a", "fine:         b after ['a']"]
    assert (outcome.summary, outcome.is_as_it_should_be) == ("1 changed", True)


def test_the_others_are_made_when_one_fails() -> None:
    """A refusal is said with its reason, and counts."""
    said: list[str] = []

    outcome = settle([differs("a", refuse), differs("b", lambda: None)], said.append, check=False)

    assert said == ["failed:       a (not allowed)", "changed:      b"]
    assert (outcome.summary, outcome.is_as_it_should_be) == ("1 changed, 1 not settled", False)


@pytest.mark.parametrize(
    ("steps", "is_right"), [([fine("a"), note("b")], True), ([unclear("c")], False), ([], True)], ids=str
)
def test_notes_are_no_differences_when_counted(steps: list[Step], is_right: bool) -> None:
    """What is not ours to change is no reason to fail; what we may not look at is."""
    assert settle(steps, lambda _: None, check=True).is_as_it_should_be == is_right


def test_nothing_to_change_is_said_when_nothing_differs() -> None:
    """The last line of a check."""
    assert Outcome().summary == "nothing to change"
