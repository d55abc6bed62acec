"""One run of one scenario: start a world, load it, break and mend it, wait, judge."""

import shutil
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path
from random import Random

from infra.clock import SystemClock
from infra.zoom.simulator import Call
from tests.fault_lab.differences import State
from tests.fault_lab.in_order import InOrder, conversations, register_calls
from tests.fault_lab.judge import Harm, judge
from tests.fault_lab.lab import Lab, Result, Scenario
from tests.fault_lab.load import Load
from tests.fault_lab.part import LabError
from tests.fault_lab.plan import Mix, Sent, make_calls, planned
from tests.fault_lab.settings import SECRET
from tests.fault_lab.witness import Witness
from tests.fault_lab.world import World

CLOCK = SystemClock()
RECOVER_SECONDS = 180.0  # a deadline: what is not there by then counts as missing
SETTLE_SECONDS = 3.0  # what is going to be doubled is doubled by then
LOOK_SECONDS = 1.0
SCHEDULE_SECONDS = 120.0  # for Zoom's whole schedule after the last first try, scaled, and the last answer


@dataclass(frozen=True, slots=True)
class Place:
    """Where runs take place, and who is told how they go. `embedded`: on the embedded log and SQLite."""

    folder: Path
    in_order: InOrder
    say: Callable[[str], None]
    embedded: bool = False


def run_once(scenario: Scenario, seed: int, seconds: float, place: Place) -> Result:
    """Run a scenario once. Raises LabError, or what a part's start raises, when the lab itself fails."""
    calls = make_calls(seed, scenario.calls, place.in_order.began_at)
    expected = place.in_order.of(seed, calls)
    played = calls if scenario.faulty is None else scenario.faulty(calls, seed)
    shape = replace(scenario.shape, brokers=0, database="sqlite") if place.embedded else scenario.shape
    folder = place.folder / f"{scenario.name}-{seed}"
    shutil.rmtree(folder, ignore_errors=True)  # of an earlier run
    world = World(folder, shape, seed)
    try:
        load = _started(world, scenario, seed, seconds, played)
        with closing(load), closing(world.witness()) as witness:
            lab = Lab(world, load, played, Random(seed), seconds, place.say)
            return _broken(lab, scenario, seed, witness, expected)
    finally:
        world.stop()


def _started(world: World, scenario: Scenario, seed: int, seconds: float, calls: Sequence[Call]) -> Load:
    """Start every part, and have the load ready to begin."""
    world.start()
    join = scenario.joins or _join
    join(world, Random(seed))
    world.wait_for_processors()
    register_calls(world, calls)
    mix = Mix(scenario.mix_share, seed) if scenario.mix_share else None
    return Load(world.receiver_url, SECRET, world.zoom, planned(calls, seconds, world.zoom.url, mix), seconds)


def _broken(lab: Lab, scenario: Scenario, seed: int, witness: Witness, expected: Mapping[str, State]) -> Result:
    """Break it and mend it under load; return what came of that."""
    lab.load.start()
    scenario.breaks(lab)
    lab.world.heal()
    healed_at = CLOCK.monotonic()
    lab.say("healed")
    lab.expect(lab.load.wait(lab.load.left_seconds + SCHEDULE_SECONDS), "the load did not come to its end")
    if scenario.after is not None:
        scenario.after(lab)
    since = max(healed_at, *(one.attempts[-1].sent_at for one in lab.load.sent if one.attempts))
    harm, recovered_at = _settled(lab, witness, expected)
    seconds = recovered_at - since + lab.virtual_seconds
    return Result(scenario, seed, harm, _worst_ack_ms(lab.load.sent), seconds, tuple(lab.remarks))


def _join(world: World, _: Random) -> None:
    world.join_all()


def _settled(lab: Lab, witness: Witness, expected: Mapping[str, State]) -> tuple[Harm, float]:
    """Look until no harm is to be seen, or time is up; return the harm a while later, and when there was none.

    Raises:
        LabError: a part ended by itself, or does not answer the witness.
    """
    deadline = CLOCK.monotonic() + RECOVER_SECONDS
    while True:
        harm, seen_at = _judged(lab, witness, expected, deadline), CLOCK.monotonic()
        if harm.is_none or seen_at > deadline:
            break
        CLOCK.sleep(LOOK_SECONDS)
    CLOCK.sleep(SETTLE_SECONDS)
    return _judged(lab, witness, expected, CLOCK.monotonic() + RECOVER_SECONDS), seen_at


def _judged(lab: Lab, witness: Witness, expected: Mapping[str, State], deadline: float) -> Harm:
    while (seen := witness.look(conversations(lab.calls))) is None:
        if CLOCK.monotonic() > deadline:
            raise LabError(f"log, chat or bucket do not answer; the logs are in {lab.world.folder}")
        CLOCK.sleep(LOOK_SECONDS)
    lab.world.assert_running()
    return judge(lab.load.sent, lab.calls, seen, expected)


def _worst_ack_ms(sent: Sequence[Sent]) -> float:
    acks = (one.seconds for each in sent for one in each.attempts if one.status is not None and one.status < 300)
    return max(acks, default=0.0) * 1000
