"""A run without faults is the measure only once it has come to its end."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.fakes.clock import FakeClock
from tests.fault_lab import in_order
from tests.fault_lab.in_order import LOOK_SECONDS, STILL_SECONDS, _final_states
from tests.fault_lab.judge import Harm
from tests.fault_lab.part import LabError


class World:
    """Has something left to do for a while."""

    folder = Path("world")

    def __init__(self, clock: FakeClock, busy_seconds: float) -> None:
        self._clock = clock
        self._busy_until = clock.monotonic() + busy_seconds

    def assert_running(self) -> None:
        """It does."""

    def has_nothing_left(self) -> bool:
        return self._clock.monotonic() >= self._busy_until


class Witness:
    def look(self, _: object) -> object:
        return object()


def final_states(
    monkeypatch: pytest.MonkeyPatch, states: Iterator[str], busy_seconds: float = 0.0
) -> tuple[Any, float]:
    """What was taken for final, and after how many seconds."""
    clock = FakeClock()
    began_at = clock.monotonic()
    world: Any = World(clock, busy_seconds)
    witness: Any = Witness()
    monkeypatch.setattr(in_order, "CLOCK", clock)
    monkeypatch.setattr(in_order, "judge", lambda *_: Harm())
    monkeypatch.setattr(in_order, "states", lambda *_: {"call": {"flags": next(states)}})
    return _final_states(world, witness, [], []), clock.monotonic() - began_at


def looks(*first: str) -> Iterator[str]:
    yield from first
    while True:
        yield first[-1]


def test_a_flag_that_is_revised_late_counts_as_revised(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is missing at the first look, and yet it is not the end."""
    states, at = final_states(monkeypatch, looks("revision 1", "revision 1", "revision 1", "revision 2"))

    assert states == {"call": {"flags": "revision 2"}}
    assert at >= 3 + STILL_SECONDS


def test_what_stands_still_while_there_is_work_left_is_not_final(monkeypatch: pytest.MonkeyPatch) -> None:
    """A slow machine looks like the end."""
    _, at = final_states(monkeypatch, looks("revision 1"), busy_seconds=60)

    assert at >= 60 - LOOK_SECONDS + STILL_SECONDS


def test_states_that_go_on_changing_are_no_measure(monkeypatch: pytest.MonkeyPatch) -> None:
    """The lab says so at its deadline."""
    with pytest.raises(LabError, match="goes on changing"):
        final_states(monkeypatch, (f"revision {number}" for number in range(10_000)))
