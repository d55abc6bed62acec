"""Reconciliation on the whole stack: whatever Zoom loses comes out in the end, and a genuine late one adds nothing."""

import json
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from infra.clock import SystemClock
from infra.local.observe import Observed, Observer
from infra.local.ports import free_ports
from infra.local.stack import Stack
from infra.local.verdict import problems
from infra.settings import Address, transport_settings
from infra.transport import Transport
from infra.transport.connect import connect
from infra.zoom.simulator import Call, Player, build_call
from infra.zoom.simulator.feed import register
from tests.contract.s3_fixtures import require_seaweedfs

pytestmark = [pytest.mark.s3, pytest.mark.timeout(240)]

ROOT = Path(__file__).parents[2]
VIDEO_BYTES = 300_000
TIME_SCALE = 1e-5  # Zoom's 85 minutes of retries are 50 ms
WAIT_SECONDS = 60.0
LOST: Mapping[str, tuple[str, ...]] = {
    "started": ("meeting.started",),
    "ended": ("meeting.ended",),
    "recording": ("recording.completed",),
    "everything": (),
}


@dataclass
class Evidence:
    """What three runs reported, and what was visible of each call before and after them."""

    calls: Mapping[str, Call]
    dry: dict[str, Any]
    first: dict[str, Any]
    second: dict[str, Any]
    exit_codes: Sequence[int]
    before: Mapping[str, Observed]
    reconciled: Mapping[str, Observed]
    after_the_late: Mapping[str, Observed]


class World:
    """The stack, and the calls by what is lost of them: `logged …` are in Zoom's log, `silent …` are known to REST alone."""

    def __init__(self, stack: Stack, transport: Transport, observer: Observer) -> None:
        self.stack, self.transport, self.observer = stack, transport, observer
        self.clock = SystemClock()
        calls = {
            f"{how} {what}": build_call("clean", 100 + number, self.clock.now(), VIDEO_BYTES)
            for number, (how, what) in enumerate((how, what) for how in ("logged", "silent") for what in LOST)
        }
        self.calls: dict[str, Call] = calls
        self.numbers = iter(range(1000, 2000))

    def played(self) -> list[Call]:
        """The calls with their losses."""
        return [
            call.losing(*LOST[name.split()[1]], logged=name.startswith("logged")) for name, call in self.calls.items()
        ]

    def late(self) -> list[Call]:
        """What was lost without a trace, delivered after all."""
        found = []
        for name, call in self.calls.items():
            lost = call.losing(*LOST[name.split()[1]]).deliveries
            late = tuple(replace(one, lost=False, copy=1) for one in lost if one.lost)
            found.append(replace(call, deliveries=late))
        return found

    def play(self, calls: Sequence[Call]) -> None:
        """Play calls, and after them one whole; wait until that one came out: so did all before it."""
        marker = build_call("clean", next(self.numbers), self.clock.now(), VIDEO_BYTES)
        assert self.stack.zoom is not None
        with closing(self.transport.producer()) as producer:
            register(producer, [*calls, marker], self.clock)
        for some in (calls, [marker]):
            url, secret = self.stack.receiver_url, self.stack.webhook_secret
            with closing(Player(url, secret, self.stack.zoom, self.clock, time_scale=TIME_SCALE)) as player:
                player.play(some)
        self.wait("the marker call to come out", lambda: not any(problems(marker, self.observer.look([marker])[0])))

    def reconcile(self, *options: str) -> tuple[int, dict[str, Any]]:
        """Run the command as a person would, with the settings of the stack."""
        done = subprocess.run(
            [sys.executable, "-m", "processors", "reconcile", "--since", "6h", "--json", *options],
            cwd=ROOT, env=dict(self.stack.environment), capture_output=True, text=True, timeout=100, check=False,
        )  # fmt: skip
        assert done.returncode in (0, 1), done.stderr
        assert done.stdout, done.stderr
        return done.returncode, json.loads(done.stdout)

    def look(self) -> dict[str, Observed]:
        return dict(zip(self.calls, self.observer.look(list(self.calls.values())), strict=True))

    def wait(self, what: str, seen: Callable[[], bool]) -> None:
        deadline = self.clock.monotonic() + WAIT_SECONDS
        while not seen():
            self.stack.check()
            assert self.clock.monotonic() < deadline, f"waited {WAIT_SECONDS:.0f} s in vain for {what}"
            self.clock.sleep(0.3)

    def is_archived(self) -> bool:
        """Whether every file of every call lies in the archive, is told of, and the chat says so."""
        return all(
            len(seen.objects) == len(self.calls[name].expectation.files) == seen.events.get("call.recording_archived")
            and any("available until" in text for text in seen.messages)
            for name, seen in self.look().items()
        )


@pytest.fixture(scope="module")
def evidence(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Evidence]:
    """Play calls with losses, reconcile, play what was lost after all, reconcile again; say what was seen on the way."""
    require_seaweedfs()
    clock = SystemClock()
    receiver, zoom = (Address("127.0.0.1", port) for port in free_ports(2))
    stack = Stack(
        tmp_path_factory.mktemp("reconcile"), clock, lambda _: None, receiver=receiver, zoom=zoom, kafka=False
    )
    try:
        stack.start()
        assert stack.zoom is not None
        with (
            closing(connect(transport_settings(stack.environment), clock)) as transport,
            closing(stack.open_store()) as store,
        ):
            yield gathered(World(stack, transport, Observer(transport, store, stack.zoom)))
    finally:
        stack.stop()


def gathered(world: World) -> Evidence:
    world.play(world.played())
    before = world.look()
    _, dry = world.reconcile("--dry-run")
    first_code, first = world.reconcile()
    world.wait("everything that was lost to come out", world.is_archived)
    reconciled = world.look()
    world.play(world.late())
    after_the_late = world.look()
    second_code, second = world.reconcile()
    return Evidence(world.calls, dry, first, second, (first_code, second_code), before, reconciled, after_the_late)


def test_events_come_back_from_zooms_own_log(evidence: Evidence) -> None:
    """Each lost one by its type, the dry run alike; the calls are then as if nothing had been lost."""
    lost = evidence.first["lost"]

    assert (lost["meeting.started"], lost["meeting.ended"], lost["recording.completed"]) == (2, 2, 2)
    assert evidence.dry["lost"] == lost
    assert (evidence.dry["events_recovered"], evidence.first["events_recovered"]) == (0, sum(lost.values()))
    for name in ("logged ended", "logged recording", "logged everything"):
        assert list(problems(evidence.calls[name], evidence.reconciled[name])) == []


def test_what_only_rest_knows_is_inferred(evidence: Evidence) -> None:
    """A lost end, a lost start, a lost recording, and a call of which nothing was ever heard."""
    session = {name: call.session.session_id for name, call in evidence.calls.items()}

    assert set(evidence.first["closed"]) == {session["silent ended"], session["silent started"]}
    assert evidence.first["discovered"] == [session["silent everything"]]
    files = len(evidence.calls["silent everything"].expectation.files)
    assert len(evidence.first["announced"]) == files + files - 1  # the transcript had an event of its own
    for name in ("silent ended", "silent recording"):
        assert list(problems(evidence.calls[name], evidence.reconciled[name])) == []
    seen = evidence.reconciled["silent everything"].events
    assert (seen["call.started"], seen["call.ended"], seen["call.recording_completed"]) == (1, 1, 1)


def test_nothing_was_there_before(evidence: Evidence) -> None:
    """The losses were losses: no end, no files, no word."""
    assert "call.ended" not in evidence.before["silent ended"].events
    assert len(evidence.before["silent recording"].objects) <= 1
    assert not evidence.before["silent everything"].objects
    assert not evidence.before["logged everything"].messages


def test_a_genuine_late_one_adds_nothing(evidence: Evidence) -> None:
    """Chat, public events and objects are as they were; of a call never heard of, only who was there is news."""
    for name in evidence.calls.keys() - {"silent everything"}:
        assert evidence.after_the_late[name] == evidence.reconciled[name], name
    before, after = evidence.reconciled["silent everything"], evidence.after_the_late["silent everything"]
    assert (after.messages, after.objects) == (before.messages, before.objects)
    news = {kind for kind in after.events if after.events[kind] != before.events.get(kind, 0)}
    assert (
        news
        == {"call.participant_joined", "call.participant_left", "call.recording_started", "call.recording_stopped"}
        & news
    )


def test_the_second_run_finds_nothing(evidence: Evidence) -> None:
    """Exit code 0, no event lost, every object of the archive as its receipt says."""
    second = evidence.second

    assert evidence.exit_codes[1] == 0, second
    assert (second["lost"], second["closed"], second["discovered"], second["announced"]) == ({}, [], [], [])
    assert second["objects"] >= sum(len(call.expectation.files) for call in evidence.calls.values())
    assert (second["missing"], second["short"], second["unarchived"]) == ([], [], {})


def test_nothing_is_left_out(evidence: Evidence) -> None:
    """With Zoom's credentials and the app's id all of it was looked at."""
    assert (evidence.first["left_out"], evidence.first["unseen"]) == ({}, {})
