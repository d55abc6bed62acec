"""Child processes that never outlive us, each with its output in a file."""

import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

STOP_SECONDS = 20.0  # the slowest of ours finishes what it has in hand within 10 s

# Ends with its parent, also when the parent is killed: PR_SET_PDEATHSIG survives exec. A preexec_fn would do the same
# between fork and exec of a process that has threads, which Python warns about.
_TIED_TO_PARENT = (
    "import ctypes, os, signal, sys\n"
    "sys.platform == 'linux' and ctypes.CDLL(None).prctl(1, signal.SIGTERM)\n"
    "os.getppid() == int(sys.argv[1]) or sys.exit(1)\n"
    "os.execvp(sys.argv[2], sys.argv[2:])\n"
)


def tied_to_parent(command: Sequence[str]) -> list[str]:
    """Return a command that runs `command`, and has Linux end it when the thread that starts it ends."""
    return [sys.executable, "-I", "-S", "-c", _TIED_TO_PARENT, str(os.getpid()), *command]


class Child:
    """One child process. Start it from the main thread: it ends with the thread that started it."""

    def __init__(self, name: str, command: Sequence[str], environment: Mapping[str, str], log: Path) -> None:
        self.name = name
        self.log = log
        with log.open("ab") as output:
            self._process = subprocess.Popen(
                tied_to_parent(command),
                env=dict(environment),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
            )

    @property
    def exit_code(self) -> int | None:
        """None while it runs."""
        return self._process.poll()

    @property
    def pid(self) -> int:
        return self._process.pid

    def ask_to_stop(self) -> None:
        """Send SIGTERM; harmless when it has ended."""
        self._process.terminate()

    def kill(self) -> None:
        """End it as a crash would; harmless when it has ended."""
        self._process.kill()
        self._process.wait()

    def stop(self) -> None:
        """End it: SIGTERM, then, when it does not end in time, SIGKILL."""
        self._process.terminate()
        try:
            self._process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def last_words(self, lines: int = 3) -> str:
        """The last lines it wrote."""
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-lines:])
