"""The clocks of the lab: its own, and one for the product that jumps when the lab says so."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

from infra.clock import SystemClock

CLOCK = SystemClock()


class JumpingClock(SystemClock):
    """The machine's clock, its wall time set forward or back by the seconds that a file holds; no file means none.

    `monotonic` and `sleep` are the machine's own: a clock that somebody sets does not change how long a second lasts.
    """

    def __init__(self, path: Path) -> None:
        self._path = path

    def now(self) -> datetime:
        """The machine's time and the jump."""
        return datetime.now(UTC) + timedelta(seconds=jump_of(self._path))  # noqa: TID251 - a clock is what this is


def jump_of(path: Path) -> float:
    """Return how far the clocks are set."""
    try:
        return float(path.read_text() or 0)
    except FileNotFoundError:
        return 0.0


def set_jump(path: Path, seconds: float) -> None:
    """Set every clock that reads the file, at once."""
    beside = path.with_suffix(".new")
    beside.write_text(str(seconds))
    beside.replace(path)
