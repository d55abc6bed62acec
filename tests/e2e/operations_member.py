"""A member of a processor's group in a process of its own: what it performs takes long, and is noted in a file.

Usage: python -m tests.e2e.operations_member FOLDER NAME SECONDS STATE_VERSION
"""

import os
import signal
import sys
import threading
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import Connection

from infra.clock import SystemClock
from infra.database.engine import open_database
from infra.logs import configure
from infra.metrics import PrometheusMetrics
from infra.settings import TransportSettings
from infra.transport.connect import connect
from processors.base import Decision, Event
from processors.commands import AskRecordings, PutChatMessage
from processors.runtime import outbox, worker
from processors.runtime.runner import World, run
from processors.runtime.shutdown import STOP_SECONDS, end_within
from schemas.topics import WEBHOOKS
from tests.unit.processors.runtime.bench import TYPE, Notes

LEASE = timedelta(seconds=3)  # instead of 60 s: the test waits for a dead member's leases to run out


class Uploads:
    """Each record asks for one long effect and one short one."""

    name = "call_events"
    topics = (WEBHOOKS.name,)
    types = frozenset({TYPE})
    state_type = Notes

    def __init__(self, state_version: int) -> None:
        self.state_version = state_version

    def route(self, event: Event) -> list[str]:
        return [str(event.data["key"])]

    def decide(self, event: Event, state: Notes | None) -> Decision[Notes]:
        decision = Decision(state or Notes())
        if event.type == TYPE:
            word = str(event.data["say"])
            decision.commands += [AskRecordings(word, 1), PutChatMessage(word, word, 1, word)]
        else:
            word = f"{event.type} {event.data['command'].get('session_id', event.data['command'].get('external_id'))}"
        decision.state.heard.append(word)
        return decision


class Slow:
    """Notes that it began, takes its time, notes that it ended."""

    def __init__(self, folder: Path, name: str, seconds: float) -> None:
        self._folder = folder
        self._name = name
        self._seconds = seconds

    def perform(self, command: Any) -> Mapping[str, Any]:
        if isinstance(command, AskRecordings):
            self._note("began", command.session_id)
            SystemClock().sleep(self._seconds)
            self._note("ended", command.session_id)
        return {}

    def record(self, connection: Connection, command: Any, result: Mapping[str, Any]) -> None:
        """Nothing to write beside the effect."""

    def _note(self, what: str, word: str) -> None:
        descriptor = os.open(self._folder / "notes", os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        os.write(descriptor, f"{self._name} {what} {word}\n".encode())
        os.close(descriptor)


def main(folder: Path, name: str, seconds: float, state_version: int) -> None:
    configure("INFO")
    outbox.LEASE = worker.LEASE = LEASE  # type: ignore[attr-defined]
    clock, stop = SystemClock(), threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: stop.set())
    end_within(STOP_SECONDS, stop)
    transport = connect(TransportSettings(f"sqlite:///{folder / 'log.db'}"), clock)
    producer, slow = transport.producer(), Slow(folder, name, seconds)
    world = World(
        engine=open_database(f"sqlite:///{folder / 'processors.db'}"),
        transport=transport,
        producer=producer,
        performers={AskRecordings.kind: slow, PutChatMessage.kind: slow},
        clock=clock,
        metrics=PrometheusMetrics("processor_"),
        health_file=str(folder / f"{name}.{{processor}}.alive"),
    )
    failures = run([Uploads(state_version)], world, stop)
    producer.close()
    sys.exit(3 if failures else 0)


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2], float(sys.argv[3]), int(sys.argv[4]))
