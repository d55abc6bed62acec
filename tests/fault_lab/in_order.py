"""A run without any fault: the same calls in order, each delivery once, on the embedded log. What it comes to is the measure."""

import fcntl
import json
import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

from infra.clock import SystemClock
from infra.settings import TransportSettings
from infra.transport.connect import connect
from infra.zoom.simulator import Call, Delivery, Sender
from infra.zoom.simulator.feed import register
from tests.fault_lab.differences import State
from tests.fault_lab.fold import states
from tests.fault_lab.judge import judge
from tests.fault_lab.part import LabError
from tests.fault_lab.plan import Attempt, Sent, publish_recordings
from tests.fault_lab.settings import GRACE_SECONDS, SECRET
from tests.fault_lab.witness import Witness
from tests.fault_lab.world import Shape, World

CLOCK = SystemClock()
DONE_SECONDS = 180.0  # a deadline: half a minute on a busy machine
LOOK_SECONDS = 1.0
STILL_SECONDS = GRACE_SECONDS + 2.0  # longer than anything is put off
LASTS = timedelta(hours=6)  # Zoom's download tokens last a day


class InOrder:
    """States of calls after a run without faults, in order, each delivery once; made once for each seed and count in a folder.

    `began_at` is the instant of all its calls, so that runs of one folder play the same ones. Processes may share a folder.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder / "in-order"
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        with self._alone("began-at"):
            self.began_at = self._begin(self._folder / "began-at")

    def of(self, seed: int, calls: Sequence[Call]) -> Mapping[str, State]:
        """Return the states by call."""
        place = self._folder / f"{seed}-{len(calls)}"
        known = place.with_suffix(".json")
        with self._alone(place.name):
            if not known.exists():
                known.write_text(json.dumps(_played_in_order(place, [_without_faults(call) for call in calls])))
        found: Mapping[str, State] = json.loads(known.read_text())
        return found

    @contextmanager
    def _alone(self, name: str) -> Iterator[None]:
        """Let other processes wait that make the same."""
        with (self._folder / f"{name}.lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield

    def _begin(self, path: Path) -> datetime:
        """What an earlier run in the folder wrote down, unless its calls' tokens have run out meanwhile."""
        now = CLOCK.now()
        if path.exists() and now - datetime.fromisoformat(path.read_text()) < LASTS:
            return datetime.fromisoformat(path.read_text())
        for old in self._folder.glob("*.json"):
            old.unlink()
        path.write_text(now.isoformat())
        return now


def register_calls(world: World, calls: Sequence[Call]) -> None:
    """Tell the product which meetings are calls, as the marketplace does."""
    with closing(connect(TransportSettings(world.environment["TRANSPORT_URL"]), CLOCK)) as transport:
        transport.create_topics()
        with closing(transport.producer()) as producer:
            register(producer, calls, CLOCK)


def conversations(calls: Sequence[Call]) -> list[str]:
    """Return where messages may stand."""
    return [call.registration.conversation_id for call in calls if call.registration is not None]


def _without_faults(call: Call) -> Call:
    events = tuple(
        replace(event, files=tuple(replace(file, faults=()) for file in event.files)) for event in call.events
    )
    return replace(
        call, events=events, deliveries=tuple(Delivery(number, 2.0 * number) for number in range(len(events)))
    )


def _played_in_order(folder: Path, calls: Sequence[Call]) -> Mapping[str, State]:
    shutil.rmtree(folder, ignore_errors=True)  # of one that did not come to its end
    world = World(folder, Shape(), 0)
    try:
        world.start()
        world.join_all()
        world.wait_for_processors()
        register_calls(world, calls)
        with closing(Sender(world.receiver_url, SECRET, CLOCK)) as sender, closing(world.witness()) as witness:
            sent = [one for call in calls for one in _send(world, sender, call)]
            return _final_states(world, witness, sent, calls)
    finally:
        world.stop()


def _send(world: World, sender: Sender, call: Call) -> list[Sent]:
    publish_recordings(world.zoom, call)
    sent = [Sent(call, delivery, call.body(delivery, world.zoom.url), 0.0) for delivery in call.deliveries]
    for one in sent:
        status = sender.send(one.body, call.delivery_id(one.delivery)).status
        one.attempts.append(Attempt(0.0, 0.0, status))
    return sent


def _final_states(world: World, witness: Witness, sent: Sequence[Sent], calls: Sequence[Call]) -> Mapping[str, State]:
    """Return what the calls came to, once nothing is left to do and nothing has changed for STILL_SECONDS."""
    deadline = CLOCK.monotonic() + DONE_SECONDS
    stood: Mapping[str, State] = {}
    since = CLOCK.monotonic()
    while True:
        world.assert_running()
        seen = witness.look(conversations(calls))
        details = ["log, chat or bucket do not answer"] if seen is None else judge(sent, calls, seen, None).details
        found = {} if seen is None else states(calls, seen)
        if details or found != stood or not world.has_nothing_left():
            stood, since = found, CLOCK.monotonic()
        elif CLOCK.monotonic() - since >= STILL_SECONDS:
            return found
        if CLOCK.monotonic() > deadline:
            raise LabError(
                f"a run without any fault went wrong; {world.folder}: {details[:5] or 'it goes on changing'}"
            )
        CLOCK.sleep(LOOK_SECONDS)
