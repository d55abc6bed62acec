"""What every group of measurements gets: how long and how often to measure, a folder, and children that never outlive us."""

import http.client
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from infra.clock import SystemClock
from infra.local.process import tied_to_parent
from tests.benchmarks import machine

ROOT = Path(__file__).resolve().parents[2]
CLOCK = SystemClock()
START_SECONDS = 60.0  # everything answers within ten on an idle machine
STOP_SECONDS = 20.0

_T = TypeVar("_T")


class Missing(Exception):
    """A program to compare with is not here; the text says how to install it."""


class Broken(Exception):
    """Something did not work; the text says what."""


@dataclass(frozen=True, slots=True)
class Run:
    """`rounds` of `seconds` each, every configuration once a round; `quick` shrinks whatever can be shrunk."""

    folder: Path
    quick: bool

    @property
    def rounds(self) -> int:
        return 1 if self.quick else 3

    @property
    def seconds(self) -> int:
        return 2 if self.quick else 4

    def pick(self, full: _T, quick: _T) -> _T:
        """Return the full size of something, or the quick one."""
        return quick if self.quick else full

    def say(self, text: str) -> None:
        """Tell what is going on."""
        print(f"# {text}", file=sys.stderr, flush=True)


class Program:
    """A child process with its output in a file. It ends with us, however we end."""

    def __init__(self, name: str, command: Sequence[str], folder: Path, environment: Mapping[str, str]) -> None:
        self.name = name
        self.log = folder / f"{name}.log"
        with self.log.open("ab") as output:
            self._process = subprocess.Popen(
                tied_to_parent(command),
                cwd=ROOT,
                env={**clean_environment(), **environment},
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
            )

    @property
    def pid(self) -> int:
        return self._process.pid

    def cpu_seconds(self) -> float:
        return machine.cpu_seconds(self.pid)

    def check(self) -> None:
        """Raise Broken when it has ended by itself."""
        if self._process.poll() is not None:
            raise Broken(f"{self.name} ended: {self.last_words()}")

    def last_words(self) -> str:
        return " / ".join(self.log.read_text(errors="replace").splitlines()[-3:])

    def wait_for_port(self, port: int) -> None:
        """Return once somebody answers HTTP there; to listen is not enough, a worker may still be starting."""
        wait_until(lambda: self._answers(port), f"{self.name} answers on {port}")

    def wait(self, seconds: float) -> None:
        """Return once it has ended well."""
        try:
            code = self._process.wait(seconds)
        except subprocess.TimeoutExpired:
            raise Broken(f"{self.name} did not end within {seconds:.0f} s") from None
        if code != 0:
            raise Broken(f"{self.name} ended with {code}: {self.last_words()}")

    def stop(self) -> None:
        self._process.terminate()
        try:
            self._process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def _answers(self, port: int) -> bool:
        self.check()
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=2)
        with closing(connection), suppress(OSError, http.client.HTTPException):
            connection.request("GET", "/")
            return connection.getresponse().status > 0
        return False


@contextmanager
def program(
    name: str, command: Sequence[str], folder: Path, environment: Mapping[str, str] | None = None
) -> Iterator[Program]:
    """Run a program for as long as the block does."""
    started = Program(name, command, folder, environment or {})
    try:
        yield started
    finally:
        started.stop()


@dataclass(frozen=True, slots=True)
class Measured:
    """A command that ran to its end, by the operating system's own accounting."""

    wall_seconds: float
    cpu_seconds: float
    peak_mebibytes: float
    output: str


def measured(command: Sequence[str], folder: Path, environment: Mapping[str, str] | None = None) -> Measured:
    """Run a command to its end.

    Raises:
        Broken: it did not end well.
    """
    output = folder / "command.log"
    began_at = CLOCK.monotonic()
    with output.open("wb") as out:
        child = subprocess.Popen(
            tied_to_parent(command), cwd=ROOT, env={**clean_environment(), **(environment or {})},
            stdin=subprocess.DEVNULL, stdout=out, stderr=out,
        )  # fmt: skip
    _, status, usage = os.wait4(child.pid, 0)
    wall_seconds = CLOCK.monotonic() - began_at
    child.returncode = os.waitstatus_to_exitcode(status)
    text = output.read_text(errors="replace")
    if child.returncode != 0:
        raise Broken(f"{command[0]} ended with {child.returncode}: {' / '.join(text.splitlines()[-3:])}")
    return Measured(wall_seconds, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024, text)


def python(*arguments: str) -> list[str]:
    """Return a command of our own environment."""
    return [sys.executable, *arguments]


def found(name: str, how_to_install: str) -> str:
    """Return the path of a program, of our own environment or of the PATH.

    Raises:
        Missing: it is not there.
    """
    path = shutil.which(name, path=str(Path(sys.executable).parent)) or shutil.which(name)
    if path is None:
        raise Missing(how_to_install)
    return path


def wait_until(condition: Callable[[], bool], what: str, seconds: float = START_SECONDS) -> None:
    """Return once the condition holds; raise Broken when it does not in time."""
    deadline = CLOCK.monotonic() + seconds
    while not condition():
        if CLOCK.monotonic() > deadline:
            raise Broken(f"not within {seconds:.0f} s: {what}")
        CLOCK.sleep(0.02)


def clean_environment() -> dict[str, str]:
    """Our environment without the product's settings, which could lead anywhere."""
    ours = (
        "TRANSPORT_",
        "DATABASE_",
        "ZOOM_",
        "RECEIVER_",
        "WEBHOOK_",
        "KAFKA_",
        "CHAT_",
        "ARCHIVE_",
        "AWS_",
        "LOG_",
        "SPOOL_",
    )
    kept = {name: value for name, value in os.environ.items() if not name.startswith(ours)}
    return {**kept, "PYTHONPATH": str(ROOT)}


def percentile(values: Sequence[float], share: float) -> float:
    """Return the value that this share of them does not exceed."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]
