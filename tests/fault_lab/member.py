"""A processor's process as the lab runs it: production's own composition, with its ports wrapped in fault points.

    python -m tests.fault_lab.member NAME… --plan JSON

What differs from `python -m processors run`: it dies where the plan says, its `decide` raises where the plan says, its
clock is the lab's, and waiting is shorter, so that a run lasts a minute: a killed worker's leases run out after
LEASE_SECONDS instead of 60, and what was put off waits SLOW_SECONDS at most instead of 30 s to an hour.
"""

import json
import os
import random
import signal
import sys
import threading
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import click
from sqlalchemy import event

from infra.logs import configure
from infra.settings import processor_settings
from processors import composition
from processors.base import Decision, Event, Processor
from processors.runtime import endings, outbox, worker
from processors.runtime.backoff import retry_delay
from processors.runtime.runner import run
from processors.runtime.shutdown import STOP_SECONDS, end_within
from tests.fault_lab.clock import JumpingClock
from tests.fault_lab.points import Death, Deaths, Wrapped

LEASE_SECONDS = 6.0
SLOW_SECONDS = 4.0


@dataclass(frozen=True, slots=True)
class Plan:
    """What happens to this process. Files are shared with the lab: `died` is where a death is noted before it comes."""

    died: str
    clock: str
    deaths: tuple[Death, ...] = ()
    raises: bool = False

    def to_json(self) -> str:
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, text: str) -> "Plan":
        found = json.loads(text)
        return cls(**{**found, "deaths": tuple(Death(**death) for death in found["deaths"])})


class Broken:
    """A processor after a bad deploy: every decision is a bug."""

    def __init__(self, inner: Processor[Any]) -> None:
        self._inner = inner

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)

    def decide(self, event: Event, state: Any) -> Decision[Any]:
        raise RuntimeError("a bug of the lab's making")


@click.command()
@click.argument("names", nargs=-1, required=True)
@click.option("--plan", "text", required=True)
def main(names: tuple[str, ...], text: str) -> None:
    """Run processors until SIGTERM, as `python -m processors run` does. Exit code 3 when one stopped by itself."""
    plan = Plan.from_json(text)
    settings = processor_settings(os.environ)
    configure(settings.log_level)
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    end_within(STOP_SECONDS, stop)
    deaths = Deaths(plan.deaths, lambda death: _note(Path(plan.died), death))
    _hasten()
    _wrap_ports(deaths)
    with composition.composed(settings, JumpingClock(Path(plan.clock))) as composed:
        event.listen(composed.world.engine, "commit", lambda _: deaths.passing("database.commit:before"))
        chosen = [composed.processors[name] for name in names]
        failures = run([Broken(one) for one in chosen] if plan.raises else chosen, composed.world, stop)
    for reason in failures:
        click.echo(f"error: {reason}", err=True)
    sys.exit(3 if failures else 0)


def _note(path: Path, death: Death) -> None:
    with path.open("a") as file:
        file.write(f"{death.point} {death.call}\n")
        file.flush()
        os.fsync(file.fileno())


def _hasten() -> None:
    outbox.LEASE = worker.LEASE = timedelta(seconds=LEASE_SECONDS)  # type: ignore[attr-defined]

    def soon(attempts: int, retry_after_seconds: float | None, jitter: random.Random) -> timedelta:
        asked = timedelta(seconds=retry_after_seconds or 0.0)
        return max(min(retry_delay(attempts, None, jitter), timedelta(seconds=SLOW_SECONDS)), asked)

    endings.retry_delay = soon  # type: ignore[attr-defined]


def _wrap_ports(deaths: Deaths) -> None:
    """Have the composition root make wrapped ports where it makes ports."""
    made: Mapping[str, Any] = {name: getattr(composition, name) for name in ("connect", "S3Store", "connect_chat")}
    wrapped = {
        "connect": lambda *given: Wrapped("transport", made["connect"](*given), deaths, ("producer", "consumer")),
        "S3Store": lambda *given: Wrapped("store", made["S3Store"](*given), deaths),
        "connect_chat": lambda *given: Wrapped("chat", made["connect_chat"](*given), deaths),
    }
    for name, factory in wrapped.items():
        setattr(composition, name, factory)


if __name__ == "__main__":
    main(prog_name="python -m tests.fault_lab.member")
