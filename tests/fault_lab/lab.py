"""One run of one scenario: start a world, load it, break and mend it, wait, judge."""

from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field, replace
from pathlib import Path
from random import Random

from infra.clock import SystemClock
from infra.settings import TransportSettings
from infra.transport.connect import connect
from infra.zoom.simulator import Call, Delivery, Sender
from infra.zoom.simulator.feed import register
from tests.fault_lab.fold import State, states
from tests.fault_lab.judge import Harm, judge
from tests.fault_lab.load import Load
from tests.fault_lab.part import LabError
from tests.fault_lab.plan import Attempt, Mix, Sent, make_calls, planned, publish_recordings
from tests.fault_lab.witness import Witness
from tests.fault_lab.world import SECRET, Shape, World

CLOCK = SystemClock()
BEGAN_AT = CLOCK.now()  # every run of this process plays the same calls, so that one in-order run serves them all
RECOVER_SECONDS = 180.0  # a deadline: what is not there by then counts as missing
SETTLE_SECONDS = 3.0  # what is going to be doubled is doubled by then
LOOK_SECONDS = 1.0
REAL = Shape(brokers=1, database="postgres")
SCHEDULE_SECONDS = 120.0  # for Zoom's whole schedule after the last first try, scaled, and the last answer


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
class Place:
    """Where runs take place, and who is told how they go. `embedded`: on the embedded log and SQLite."""

    folder: Path
    in_order: "InOrder"
    say: Callable[[str], None]
    embedded: bool = False


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


class InOrder:
    """States of calls after a run without faults, in order, each delivery once; made once for each seed and count."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._known: dict[tuple[int, int], Mapping[str, State]] = {}

    def of(self, seed: int, calls: Sequence[Call]) -> Mapping[str, State]:
        """Return the states by call."""
        known = self._known.get((seed, len(calls)))
        if known is None:
            folder = self._folder / f"in-order-{seed}-{len(calls)}"
            known = self._known[seed, len(calls)] = _played_in_order(folder, [_without_faults(call) for call in calls])
        return known


def run_once(scenario: Scenario, seed: int, seconds: float, place: Place) -> Result:
    """Run a scenario once. Raises LabError when the lab itself fails."""
    calls = make_calls(seed, scenario.calls, BEGAN_AT)
    expected = place.in_order.of(seed, calls)
    played = calls if scenario.faulty is None else scenario.faulty(calls, seed)
    shape = replace(scenario.shape, brokers=0, database="sqlite") if place.embedded else scenario.shape
    world = World(place.folder / f"{scenario.name}-{seed}", shape, seed)
    try:
        world.start()
        (scenario.joins or _join)(world, Random(seed))
        world.wait_for_processors()
        register_calls(world, played)
        mix = Mix(scenario.mix_share, seed) if scenario.mix_share else None
        load = Load(world.receiver_url, SECRET, world.zoom, planned(played, seconds, world.zoom.url, mix), seconds)
        with closing(load), closing(world.witness()) as witness:
            lab = Lab(world, load, played, Random(seed), seconds, place.say)
            load.start()
            scenario.breaks(lab)
            world.heal()
            healed_at = CLOCK.monotonic()
            place.say("healed")
            if not load.wait(load.left_seconds + SCHEDULE_SECONDS):
                lab.remarks.append("the load did not come to its end")
            if scenario.after is not None:
                scenario.after(lab)
            since = max(healed_at, *(one.attempts[-1].sent_at for one in load.sent if one.attempts))
            harm, recovered_at = _settled(lab, witness, expected)
            return Result(
                scenario,
                seed,
                harm,
                _worst_ack_ms(load.sent),
                recovered_at - since + lab.virtual_seconds,
                tuple(lab.remarks),
            )
    finally:
        world.stop()


def _join(world: World, _: Random) -> None:
    world.join_all()


def register_calls(world: World, calls: Sequence[Call]) -> None:
    """Tell the product which meetings are calls, as the marketplace does."""
    with closing(connect(TransportSettings(world.environment["TRANSPORT_URL"]), CLOCK)) as transport:
        transport.create_topics()
        with closing(transport.producer()) as producer:
            register(producer, calls, CLOCK)


def _settled(lab: Lab, witness: Witness, expected: Mapping[str, State] | None) -> tuple[Harm, float]:
    """Look until no harm is to be seen, or time is up; return the harm a while later, and when there was none."""
    deadline = CLOCK.monotonic() + RECOVER_SECONDS
    while True:
        lab.world.assert_running()
        harm = judge(lab.load.sent, lab.calls, witness.look(conversations(lab.calls)), expected)
        seen_at = CLOCK.monotonic()
        if harm.is_none or seen_at > deadline:
            break
        CLOCK.sleep(LOOK_SECONDS)
    CLOCK.sleep(SETTLE_SECONDS)
    return judge(lab.load.sent, lab.calls, witness.look(conversations(lab.calls)), expected), seen_at


def conversations(calls: Sequence[Call]) -> list[str]:
    """Return where messages may stand."""
    return [call.registration.conversation_id for call in calls if call.registration is not None]


def _worst_ack_ms(sent: Sequence[Sent]) -> float:
    acks = (one.seconds for each in sent for one in each.attempts if one.status is not None and one.status < 300)
    return max(acks, default=0.0) * 1000


def _without_faults(call: Call) -> Call:
    events = tuple(
        replace(event, files=tuple(replace(file, faults=()) for file in event.files)) for event in call.events
    )
    return replace(
        call, events=events, deliveries=tuple(Delivery(number, 2.0 * number) for number in range(len(events)))
    )


def _played_in_order(folder: Path, calls: Sequence[Call]) -> Mapping[str, State]:
    world = World(folder, Shape(), 0)
    try:
        world.start()
        world.join_all()
        world.wait_for_processors()
        register_calls(world, calls)
        sent = []
        with closing(Sender(world.receiver_url, SECRET, CLOCK)) as sender, closing(world.witness()) as witness:
            for call in calls:
                publish_recordings(world.zoom, call)
                for delivery in call.deliveries:
                    body = call.body(delivery, world.zoom.url)
                    status = sender.send(body, call.delivery_id(delivery)).status
                    sent.append(Sent(call, delivery, body, 0.0, [Attempt(0.0, 0.0, status)]))
            return _clean_states(world, witness, sent, calls)
    finally:
        world.stop()


def _clean_states(world: World, witness: Witness, sent: Sequence[Sent], calls: Sequence[Call]) -> Mapping[str, State]:
    deadline = CLOCK.monotonic() + RECOVER_SECONDS
    while True:
        world.assert_running()
        seen = witness.look(conversations(calls))
        harm = judge(sent, calls, seen, None)
        if harm.is_none:
            return states(calls, seen)
        if CLOCK.monotonic() > deadline:
            raise LabError(f"a run without any fault went wrong; {world.folder}: {harm.details[:5]}")
        CLOCK.sleep(LOOK_SECONDS)
