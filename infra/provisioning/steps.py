"""What provisioning finds, one line each, and what it does about it.

| state | meaning | counts as different |
|---|---|---|
| fine | as it should be | no |
| note | not as wished, and not ours to change, or not offered here: for a person to know | no |
| differs | `make` puts it right | yes |
| unclear | we may not look, or may not change it | yes |
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Literal

from schemas.errors import PipelineError

State = Literal["fine", "note", "differs", "unclear"]


@dataclass(frozen=True, slots=True)
class Step:
    """One thing and its state. `text` says what it is, and for one that differs what becomes of it."""

    state: State
    text: str
    make: Callable[[], object] | None = None


def fine(text: str) -> Step:
    return Step("fine", text)


def note(text: str) -> Step:
    return Step("note", text)


def unclear(text: str) -> Step:
    return Step("unclear", text)


def differs(text: str, make: Callable[[], object]) -> Step:
    return Step("differs", text, make)


@dataclass(slots=True)
class Outcome:
    """How many things differ (in a check), were changed, and could not be settled."""

    different: int = 0
    changed: int = 0
    unsettled: int = 0

    @property
    def is_as_it_should_be(self) -> bool:
        return not self.different and not self.unsettled

    @property
    def summary(self) -> str:
        counts = {"would change": self.different, "changed": self.changed, "not settled": self.unsettled}
        said = ", ".join(f"{count} {what}" for what, count in counts.items() if count)
        return said or "nothing to change"


def settle(steps: Iterable[Step], say: Callable[[str], None], *, check: bool) -> Outcome:
    """Say every step, and make those that differ unless this is a check.

    Steps are taken one by one, so a later one sees what an earlier one made. One that fails stops no other.

    Raises:
        TransientError, PermanentError: looking failed.
    """
    outcome = Outcome()
    for step in steps:
        say(_settled(step, outcome, check=check))
    return outcome


def _settled(step: Step, outcome: Outcome, *, check: bool) -> str:
    if step.state == "unclear":
        outcome.unsettled += 1
    if step.make is None:
        return f"{step.state + ':':<14}{step.text}"
    if check:
        outcome.different += 1
        return f"{'would change:':<14}{step.text}"
    try:
        step.make()
    except PipelineError as error:
        outcome.unsettled += 1
        return f"{'failed:':<14}{step.text} ({error})"
    outcome.changed += 1
    return f"{'changed:':<14}{step.text}"
