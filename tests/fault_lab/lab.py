"""What a scenario is, what it works with, and what comes of it."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from random import Random

from infra.clock import SystemClock
from infra.zoom.simulator import Call
from tests.fault_lab.judge import Harm
from tests.fault_lab.load import Load
from tests.fault_lab.world import Shape, World

CLOCK = SystemClock()
REAL = Shape(brokers=1, database="postgres")


@dataclass(slots=True)
class Lab:
    """What a scenario works with. `remarks` are what it expected to see and did not: each fails the run."""

    world: World
    load: Load
    calls: Sequence[Call]
    random: Random
    seconds: float
    say: Callable[[str], None]
    remarks: list[str] = field(default_factory=list)
    virtual_seconds: float = 0.0

    def wait(self, seconds: float) -> None:
        """Let the load go on for so long."""
        CLOCK.sleep(seconds)

    def expect(self, so: bool, what: str) -> None:
        """Note that a fault did not do what it is for."""
        if not so:
            self.remarks.append(what)


@dataclass(frozen=True, slots=True)
class Scenario:
    """A way to break the world. `breaks` does it while the load runs, and may mend it; the world is healed after it in any case."""

    number: int
    name: str
    title: str
    breaks: Callable[[Lab], None]
    shape: Shape = REAL
    calls: int = 14
    mix_share: float = 0.0
    faulty: Callable[[Sequence[Call], int], Sequence[Call]] | None = None
    joins: Callable[[World, Random], None] | None = None
    after: Callable[[Lab], None] | None = None


@dataclass(frozen=True, slots=True)
class Result:
    """What came of a run."""

    scenario: Scenario
    seed: int
    harm: Harm
    worst_ack_ms: float
    recover_seconds: float
    remarks: tuple[str, ...]

    @property
    def passed(self) -> bool:
        return self.harm.is_none and not self.remarks
