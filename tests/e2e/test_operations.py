"""Members in processes of their own: they join, leave, hang and are killed during long work, old and new side by side."""

import json
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from sqlalchemy import Engine, select

from infra.clock import SystemClock
from infra.database.engine import migrate, open_database, reading
from infra.database.tables import effects, states
from infra.settings import TransportSettings
from infra.transport.connect import connect
from schemas.envelope import Envelope
from schemas.topics import WEBHOOKS
from tests.unit.processors.runtime.bench import TYPE

CLOCK = SystemClock()
WAIT_SECONDS = 60.0  # a deadline: a dead member's leases on log and effects run out within 15 s
STOP_SECONDS = 20.0  # what a stop may take


class Group:
    """Processes of one group over one folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.engine: Engine = open_database(f"sqlite:///{folder / 'processors.db'}")
        migrate(self.engine)
        self._transport = connect(TransportSettings(f"sqlite:///{folder / 'log.db'}"), CLOCK)
        self._transport.create_topics()
        self._producer = self._transport.producer()
        self._processes: list[subprocess.Popen[bytes]] = []

    def join(self, name: str, *, seconds: float, version: int = 1) -> "subprocess.Popen[bytes]":
        command = [sys.executable, "-m", "tests.e2e.operations_member"]
        arguments = [str(self.folder), name, str(seconds), str(version)]
        with (self.folder / f"{name}.log").open("wb") as log:
            process = subprocess.Popen([*command, *arguments], stdout=log, stderr=log)
        self._processes.append(process)
        return process

    def hear(self, *words: str) -> None:
        for word in words:
            data = json.dumps({"key": "k", "say": word}).encode()
            envelope = Envelope(id=word, source="/test", type=TYPE, data=data, partitionkey="k")
            headers, key = envelope.headers(), envelope.key
            self._producer.produce(WEBHOOKS.name, key=key, headers=headers, value=data, timeout_seconds=10)

    def notes(self) -> list[str]:
        path = self.folder / "notes"
        return path.read_text().splitlines() if path.exists() else []

    def statuses(self) -> Counter[str]:
        with reading(self.engine) as connection:
            return Counter(connection.execute(select(effects.c.status)).scalars())

    def heard(self) -> Counter[str]:
        with reading(self.engine) as connection:
            document = connection.execute(select(states.c.document)).scalar()
        return Counter(json.loads(document)["heard"] if document else ())

    def close(self) -> None:
        for process in self._processes:
            process.kill()
            process.wait()
        self._producer.close()
        self._transport.close()
        self.engine.dispose()


@pytest.fixture
def group(tmp_path: Path) -> Iterator[Group]:
    group = Group(tmp_path)
    yield group
    group.close()


def wait_for(what: str, seen: Callable[[], object]) -> None:
    """Look until it is so, at a deadline."""
    deadline = CLOCK.monotonic() + WAIT_SECONDS
    while not seen():
        assert CLOCK.monotonic() < deadline, f"waited in vain for {what}"
        CLOCK.sleep(0.05)


def once_each(*words: str) -> Counter[str]:
    """What a state has heard when nothing was lost or doubled."""
    kinds = ("", "done.ask_recordings ", "done.put_chat_message ")
    return Counter(f"{kind}{word}" for kind in kinds for word in words)


def test_a_member_killed_during_long_work_loses_and_doubles_nothing(group: Group) -> None:
    """Another one takes over its records and its effects; each shows once."""
    first = group.join("first", seconds=30)
    group.hear("one", "two")
    wait_for("the first member to begin both", lambda: len(group.notes()) == 2)

    second = group.join("second", seconds=0.2)
    first.send_signal(signal.SIGKILL)
    group.hear("three")
    wait_for("the second to do all of it", lambda: group.statuses() == {"done": 6})
    group.hear("four")
    wait_for("it to go on", lambda: group.statuses() == {"done": 8})
    second.terminate()

    assert second.wait(STOP_SECONDS) == 0
    assert group.heard() == once_each("one", "two", "three", "four")


def test_an_older_member_beside_a_newer_one_loses_and_doubles_nothing(group: Group) -> None:
    """What the newer one wrote waits for it; the older one overwrites nothing, and is replaced while it works."""
    old = group.join("old", seconds=1, version=1)
    group.hear("one")
    wait_for("the old member to begin", group.notes)
    new = group.join("new", seconds=0.2, version=2)
    group.hear("two", "three")
    wait_for("the first effects", lambda: group.statuses()["done"] >= 2)

    old.terminate()
    assert old.wait(STOP_SECONDS) == 0
    group.hear("four")
    wait_for("everything", lambda: group.statuses() == {"done": 8})
    new.terminate()

    assert new.wait(STOP_SECONDS) == 0
    assert group.heard() == once_each("one", "two", "three", "four")


def test_a_stop_ends_within_its_time_though_an_effect_hangs(group: Group) -> None:
    """What hangs is left to another member; while it ran, the process said that it is alive."""
    hanging = group.join("hanging", seconds=600)
    group.hear("one")
    wait_for("it to hang", group.notes)
    wait_for("its health file", (group.folder / "hanging.call_events.alive").exists)

    hanging.terminate()
    hanging.wait(STOP_SECONDS)

    other = group.join("other", seconds=0)
    wait_for("another member to do it", lambda: group.statuses() == {"done": 2})
    other.terminate()
    assert other.wait(STOP_SECONDS) == 0
    assert group.heard() == once_each("one")
