"""`make run` from an empty folder to the first invitation in the chat, and what everything then weighs."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing, suppress
from pathlib import Path

from infra.local.ports import free_port
from tests.benchmarks import machine
from tests.benchmarks.run import CLOCK, Broken, Program, Run, program, python, wait_until
from tests.benchmarks.table import Bar, Row, failed, judged, reported

COLD_BAR = Bar(15)  # issue 4 E
NAMES = {
    "webhook_receiver": "receiver",
    "processors": "processors",
    "portal": "portal",
    "infra.local": "make run, with the simulated Zoom",
}


def measure(run: Run) -> Iterator[Row]:
    """Yield the time to the first invitation, then the memory of every process."""
    what = "`make run` to the first invitation, once installed"
    seconds, memory = [], {}
    try:
        for turn in range(run.rounds):
            run.say(f"cold start, round {turn + 1}")
            took, memory = _start(run, run.folder / f"run-{turn}")
            seconds.append(took)
    except Broken as error:
        yield failed(what, str(error))
        return
    yield judged(what, "s", seconds, COLD_BAR, "from an empty folder: S3 server, simulated Zoom, receiver, processors")
    for name, size in memory.items():
        yield reported(f"RSS, {name}", "MiB", [size])


def _start(run: Run, folder: Path) -> tuple[float, dict[str, float]]:
    began_at = CLOCK.monotonic()
    addresses = [part for name in ("--receiver", "--zoom", "--portal") for part in (name, f"127.0.0.1:{free_port()}")]
    command = python("-m", "infra.local", "run", "--folder", str(folder), *addresses)
    with program("make-run", command, run.folder) as started:
        wait_until(lambda: _invited(started, folder / "chat.db"), "the first invitation is in the chat", 120)
        seconds = CLOCK.monotonic() - began_at
        wait_until(lambda: "Everything runs" in started.log.read_text(), "everything runs", 120)
        return seconds, _memory(started)


def _invited(started: Program, path: Path) -> bool:
    started.check()
    if not path.exists():
        return False
    with suppress(sqlite3.Error), closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as chat:
        return chat.execute("SELECT count(*) FROM revisions").fetchone()[0] > 0
    return False


def _memory(started: Program) -> dict[str, float]:
    found: dict[str, float] = {}
    for pid in machine.tree(started.pid):
        name = _name(machine.command_line(pid))
        while name in found:
            name += ", its worker"
        found[name] = machine.rss_mebibytes(pid)
    return found


def _name(arguments: list[str]) -> str:
    module = next((one for one in arguments if one in NAMES), None)
    return NAMES[module] if module else Path(arguments[0]).name if arguments else "ended"
