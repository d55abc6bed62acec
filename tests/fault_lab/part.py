"""The product's programs as child processes that can be killed and started again, each with its output in a file."""

import os
import signal
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from infra.clock import SystemClock
from infra.local.process import Child

CLOCK = SystemClock()
KILL_SECONDS = 10.0  # the kernel needs milliseconds; a loaded machine is slower


class LabError(Exception):
    """The lab itself failed, or a part did what no scenario asked for; the text says what and where to look."""


class Part:
    """One program. Start it from the main thread: it ends with the thread that started it."""

    def __init__(self, name: str, arguments: Sequence[str], environment: Mapping[str, str], folder: Path) -> None:
        self.name = name
        self.arguments = list(arguments)
        self.environment = dict(environment)
        self.log = folder / f"{name}.log"
        self.starts = 0
        self._child: Child | None = None

    @property
    def exit_code(self) -> int | None:
        """None while it runs, and before its first start."""
        return None if self._child is None else self._child.exit_code

    @property
    def is_running(self) -> bool:
        return self._child is not None and self._child.exit_code is None

    @property
    def pid(self) -> int:
        if self._child is None:
            raise LabError(f"{self.name} was never started")
        return self._child.pid

    def start(self) -> None:
        """Start it, again where it has ended."""
        if self.is_running:
            return
        self._child = Child(self.name, [sys.executable, *self.arguments], self.environment, self.log)
        self.starts += 1

    def kill(self) -> None:
        """End it as a crash would; harmless when it has ended."""
        if self._child is not None:
            self._child.kill()

    def stop(self) -> None:
        """End it in order; harmless when it has ended."""
        if self._child is not None:
            self._child.stop()

    def ask_to_stop(self) -> None:
        """Have it end in order, and do not wait for it."""
        if self._child is not None:
            self._child.ask_to_stop()

    def pause(self) -> None:
        """Let it stand still, its connections open."""
        os.kill(self.pid, signal.SIGSTOP)

    def go_on(self) -> None:
        """End a pause."""
        os.kill(self.pid, signal.SIGCONT)

    def wait_for_end(self, seconds: float) -> int:
        """Return its exit code. Raises LabError when it does not end in time."""
        deadline = CLOCK.monotonic() + seconds
        while self.is_running:
            if CLOCK.monotonic() > deadline:
                raise LabError(f"{self.name} did not end within {seconds:.0f} s; see {self.log}")
            CLOCK.sleep(0.05)
        code = self.exit_code
        return -1 if code is None else code

    def last_words(self) -> str:
        """The end of its output."""
        return "" if self._child is None else self._child.last_words()
