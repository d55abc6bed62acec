"""The processors break: killed between an effect and its record, members come and go during uploads, a bad deploy, poison."""

from collections.abc import Mapping, Sequence
from contextlib import closing
from random import Random

from infra.settings import TransportSettings
from infra.transport.connect import connect
from processors.registry import PROCESSORS
from tests.fault_lab.clock import CLOCK
from tests.fault_lab.lab import Lab, Scenario
from tests.fault_lab.part import Part
from tests.fault_lab.points import Death
from tests.fault_lab.world import KILLED, Shape, World

BRAKED = 3  # the exit code of a processor that stopped by itself
# The first is between the effect that people see and the row that says so; of the others, two by chance.
POINTS: Mapping[str, Sequence[str]] = {
    "call_events": ("producer.produce:after", "database.commit:before", "consumer.commit:before", "consumer.poll:after"),
    "chat_invitation": ("chat.put:after", "chat.put:before", "producer.produce:after", "consumer.commit:before"),
    "recording_archive": ("store.put_small:after", "store.complete:after", "store.upload_part:after", "store.create_multipart:after", "producer.produce:after", "consumer.commit:before"),
    "meeting_flagging": ("producer.produce:after", "store.read:after", "consumer.commit:before", "database.commit:before"),
    "review_queue": ("database.commit:before", "consumer.commit:before", "consumer.poll:after"),
}  # fmt: skip
MOST_CALLS = 4  # the first point is passed so often at most before the process dies there
LOOK_SECONDS = 0.2
LIVES_SECONDS = 90.0  # a deadline for all deaths, after the load
OWN = Shape(brokers=1, database="postgres", each_its_own=True)
STORM_MEMBERS = 3
STOPS = 2  # at least: by the brake, and when it was started with the brake on
STOPS_SECONDS = (
    240.0  # a deadline for them: starts take half a minute each on a machine that has ten times too much to do
)
GARBAGE_PER_SECOND = 10
DEAD_SECONDS = 240.0  # a deadline for the last of them to lie dead: a few seconds on an idle machine
READERS = ("call_events", "chat_invitation", "recording_archive", "meeting_flagging")  # of zoom.webhooks


def deaths_of(processor: str, random: Random, count: int = 3) -> list[Death]:
    """Return at which points a processor dies, one life after the other."""
    first, *others = POINTS[processor]
    later = [Death(point, 1) for point in random.sample(others, count - 1)]  # while there is work left to die at
    return [Death(first, random.randint(1, MOST_CALLS)), *later]


def join_to_die(world: World, random: Random) -> None:
    """Start every processor with its first death before it."""
    world.deaths = {name: deaths_of(name, random) for name in PROCESSORS}
    for name in PROCESSORS:
        world.join(name, [name], world.deaths[name][:1])


def killed_between(lab: Lab) -> None:
    """Each processor dies at one point after the other, and is started again each time."""
    world = lab.world
    left = {name: list(deaths) for name, deaths in world.deaths.items()}
    deadline = CLOCK.monotonic() + lab.seconds + LIVES_SECONDS
    while any(left.values()) and CLOCK.monotonic() < deadline and not _is_all_done(lab):
        for name, deaths in left.items():
            part = world.parts[name]
            if not deaths or part.is_running:
                continue
            lab.expect(part.exit_code == KILLED, f"{name} ended with {part.exit_code} in place of dying at a point")
            died = deaths.pop(0)
            lab.say(f"{name} died at {died.point}, passing {died.call}")
            world.join(name, [name], deaths[:1])
        lab.wait(LOOK_SECONDS)
    for name, deaths in left.items():
        lab.expect(len(deaths) < len(world.deaths[name]), f"{name} never died between an effect and its record")
        if deaths:
            lab.say(f"{name} had done everything before it passed {[death.point for death in deaths]}")
            world.parts[name].kill()  # so that it does not die once all is well
            world.join(name, [name])


def _is_all_done(lab: Lab) -> bool:
    """Whether there is nothing left to die at: Zoom has come to its end, and everybody runs and has done everything."""
    running = all(part.is_running for part in lab.world.processors)
    return lab.load.is_over and running and lab.world.has_nothing_left()


def rebalance_storm(lab: Lab) -> None:
    """Members of the archive's group come, go in order and are killed, every second or so, while uploads are slow."""
    world = lab.world
    world.store_door.mode = "slow"
    labels = ["recording_archive", *(f"recording_archive-{number}" for number in range(2, STORM_MEMBERS + 1))]
    deadline = CLOCK.monotonic() + lab.seconds
    changes = 0
    while CLOCK.monotonic() < deadline:
        label = lab.random.choice(labels)
        part = world.parts.get(label)
        if part is None or not part.is_running:
            world.join(label, ["recording_archive"])
        elif lab.random.random() < 0.5:
            part.kill()
        else:
            part.ask_to_stop()
        changes += 1
        lab.wait(lab.random.uniform(0.5, 2.0))
    lab.say(f"{changes} members came or went")
    for label in labels[1:]:
        if label in world.parts:
            world.parts.pop(label).stop()


def bad_deploy_and_poison(lab: Lab) -> None:
    """A minute of a processor whose every decision is a bug, then a minute of nothing but undecodable records."""
    world, minute = lab.world, 2 * lab.seconds
    name = lab.random.choice(sorted(PROCESSORS))
    lab.wait(lab.seconds * 0.1)
    world.parts[name].stop()
    broken = world.join(name, [name], raises=True)
    lab.say(f"{name} was deployed broken")
    stops = _restarted_as_a_service(lab, broken, minute)
    lab.expect(stops >= STOPS, f"{name} did not stay stopped: it ended {stops} times")
    dead = _dead_records(world)
    lab.expect(0 < dead <= 60, f"{dead} records lie dead after the brake, 1 to 60 expected")
    lab.say(f"it braked, and refused {stops - 1} starts after that; {dead} records lie dead: resume and redrive")
    world.run("-m", "processors", "resume", name)
    world.join(name, [name])
    world.run("-m", "processors", "dead-letters", "redrive", "--all", "--yes", "--rate", "1000")
    _poison(lab, minute)


def _restarted_as_a_service(lab: Lab, part: Part, seconds: float) -> int:
    """Start it again a while after each end, as systemd would; return how often it ended."""
    stops, began_at = 0, CLOCK.monotonic()
    while (since := CLOCK.monotonic() - began_at) < seconds or (stops < STOPS and since < STOPS_SECONDS):
        if not part.is_running:
            stops += 1
            lab.expect(part.exit_code == BRAKED, f"{part.name} ended with {part.exit_code}, {BRAKED} expected")
            lab.expect("resume" in part.last_words(), f"the last line of {part.name} does not say what to do")
            lab.wait(seconds / 12)
            part.start()
        lab.wait(0.2)
    part.kill()
    return stops


def _poison(lab: Lab, seconds: float) -> None:
    """Write records that nobody can decode, and nothing else; no processor may stop for it."""
    world, number, began_at = lab.world, 0, CLOCK.monotonic()
    before = _dead_records(world)
    lab.load.wait(lab.load.left_seconds + 60)
    with (
        closing(connect(TransportSettings(world.environment["TRANSPORT_URL"]), CLOCK)) as transport,
        closing(transport.producer()) as producer,
    ):
        began_at = CLOCK.monotonic()
        while CLOCK.monotonic() - began_at < seconds:
            headers = {
                "ce_specversion": "1.0",
                "ce_id": f"poison-{number}",
                "ce_source": "/lab",
                "ce_type": "us.zoom.meeting.started",
            }
            producer.produce(
                "zoom.webhooks",
                key=f"poison-{number % 50}".encode(),
                headers=tuple((name, text.encode()) for name, text in headers.items()),
                value=b"\xff\xfe no JSON %d" % number,
                timeout_seconds=10,
            )
            number += 1
            lab.wait(max(0.0, began_at + number / GARBAGE_PER_SECOND - CLOCK.monotonic()))
    wanted = before + number * len(READERS)
    world.wait_until(
        lambda: _dead_records(world) >= wanted,
        DEAD_SECONDS,
        f"all {number} undecodable records lie in the dead letters of all readers",
    )
    lab.say(f"{number} undecodable records lie dead, and every processor runs")
    world.assert_running()


def _dead_records(world: World) -> int:
    """Count what lies in the dead-letter topics, as an operator would."""
    printed = world.run("-m", "processors", "dead-letters", "list")
    first = printed.splitlines()[0] if printed else ""
    return int(first.split()[0]) if first and first[0].isdigit() else 0


SCENARIOS = (
    Scenario(5, "processor-killed", "each processor kill -9 between effect and commit", killed_between, OWN, joins=join_to_die),
    Scenario(11, "rebalance-storm", "rebalance storm during uploads", rebalance_storm, OWN),
    Scenario(13, "bad-deploy", "a processor whose every decision raises for a minute (brake), then a minute of undecodable records (dead letters)", bad_deploy_and_poison, OWN),
)  # fmt: skip
