"""The receiver breaks: killed while events go to its spool, and while the spool goes to the log; its disk fills up."""

import contextlib
import resource
import sqlite3
from collections.abc import Iterator
from pathlib import Path

from tests.fault_lab.lab import Lab, Scenario
from tests.fault_lab.world import World

SPOOL_SECONDS = 30.0  # a deadline for the first spooled event
ROOM_BYTES = 40_000  # what the full disk still takes for each file: some ten events


@contextlib.contextmanager
def log_away(world: World) -> Iterator[None]:
    """Let the broker stand still; keep the embedded log locked, as a backup program that holds it would. Both end at once."""
    if world.brokers is not None:
        world.brokers.nodes[0].pause()
        yield
        world.brokers.nodes[0].go_on()
        return
    with contextlib.closing(sqlite3.connect(world.folder / "log.db", isolation_level=None, timeout=30)) as connection:
        connection.execute("BEGIN IMMEDIATE")
        yield
        connection.execute("ROLLBACK")


def killed_while_spooling(lab: Lab) -> None:
    """The log is away and events are spooled: kill -9, twice. The log is back and takes what was spooled: kill -9."""
    lab.wait(lab.seconds * lab.random.uniform(0.1, 0.2))
    with lab.load.last_tries_held():
        _kill_thrice(lab)


def _kill_thrice(lab: Lab) -> None:
    with log_away(lab.world):
        for when in ("while spooling", "while spooling again"):
            _wait_for_spool(lab)
            _crash(lab, when)
        lab.wait(lab.seconds * 0.3)
        held = lab.world.metrics()["webhook_spool_records"]
        lab.expect(held > 0, "nothing was spooled before the log came back")
        lab.world.receiver.kill()  # so that draining begins when we look
    lab.world.receiver.start()
    lab.world.wait_for_receiver()
    lab.wait(lab.random.uniform(0.0, 0.2))
    _crash(lab, f"while draining {held:.0f}")


def disk_full(lab: Lab) -> None:
    """The log is away and the spool's disk takes nothing more: 503, until there is room again."""
    lab.wait(lab.seconds * lab.random.uniform(0.1, 0.2))
    with log_away(lab.world):
        _wait_for_spool(lab)
        with _no_room(lab.world):
            lab.say("the disk is full")
            lab.wait(lab.seconds * 0.3)
        lab.say("there is room again")
        lab.wait(lab.seconds * 0.1)
    refused = sum(attempt.status == 503 for sent in lab.load.sent for attempt in sent.attempts)
    lab.expect(refused > 0, "no delivery was answered 503")
    lab.say(f"{refused} answers were 503")


def _wait_for_spool(lab: Lab) -> None:
    def spooled() -> bool:
        return lab.load.is_over or lab.world.metrics()["webhook_spool_records"] > 0

    lab.world.wait_until(spooled, SPOOL_SECONDS, "something is spooled", ("receiver",))


def _crash(lab: Lab, when: str) -> None:
    lab.world.receiver.kill()
    lab.say(f"killed the receiver {when}")
    lab.world.receiver.start()
    lab.world.wait_for_receiver()


@contextlib.contextmanager
def _no_room(world: World) -> Iterator[None]:
    """Let no file of the receiver grow any more, as on a full disk: EFBIG in place of ENOSPC, and no root needed."""
    spool = Path(world.environment["SPOOL_PATH"])
    largest = max(file.stat().st_size for file in [*spool.parent.iterdir(), world.receiver.log])
    pids = [world.receiver.pid, *_children(world.receiver.pid)]
    before = {pid: resource.prlimit(pid, resource.RLIMIT_FSIZE) for pid in pids}
    for pid, (_, hard) in before.items():
        resource.prlimit(pid, resource.RLIMIT_FSIZE, (largest + ROOM_BYTES, hard))
    yield
    for pid, limits in before.items():
        resource.prlimit(pid, resource.RLIMIT_FSIZE, limits)


def _children(pid: int) -> list[int]:
    return [int(child) for file in Path(f"/proc/{pid}/task").glob("*/children") for child in file.read_text().split()]


SCENARIOS = (
    Scenario(4, "receiver-killed", "receiver kill -9 while spooling and while draining", killed_while_spooling),
    Scenario(10, "disk-full", "spool disk full", disk_full),
)
