"""What the operating system knows: CPU and memory of a process and its children, and how busy the machine is."""

import os
import platform
from pathlib import Path

TICKS = os.sysconf("SC_CLK_TCK")
BUSY = 0.5  # load average per core from which figures are to be doubted


def tree(pid: int) -> list[int]:
    """Return the process and all that it started and that still run."""
    children: dict[int, list[int]] = {}
    for folder in Path("/proc").glob("[0-9]*"):
        fields = _stat(int(folder.name))
        if fields:
            children.setdefault(int(fields[1]), []).append(int(folder.name))
    found, open_ones = [], [pid]
    while open_ones:
        one = open_ones.pop()
        found.append(one)
        open_ones += children.get(one, [])
    return found


def cpu_seconds(pid: int) -> float:
    """Return the user and system time of the process, what runs under it, and what ran under it and was waited for."""
    return sum(sum(map(int, fields[11:15])) / TICKS for fields in map(_stat, tree(pid)) if fields)


def rss_mebibytes(pid: int) -> float:
    """Return the resident memory of this one process."""
    return _memory(pid, "VmRSS:")


def peak_mebibytes(pid: int) -> float:
    """Return the most resident memory that this one process ever had."""
    return _memory(pid, "VmHWM:")


def tree_rss_mebibytes(pid: int) -> float:
    """Return the resident memory of the process and its children; pages that they share count once (PSS)."""
    return sum(_proportional(one) for one in tree(pid))


def command_line(pid: int) -> list[str]:
    """Return the arguments that a process was started with; empty when it has ended."""
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().decode(errors="replace").split("\0")[:-1]
    except OSError:
        return []


def description() -> str:
    """Return one line about the machine and how busy it is."""
    one, five, _ = os.getloadavg()
    total = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    return (
        f"{os.cpu_count()} cores, {total:.0f} GiB, {platform.system()} {platform.release()}, "
        f"Python {platform.python_version()}; load average {one:.1f} (1 min), {five:.1f} (5 min) at the start"
    )


def is_busy() -> bool:
    """Whether others work on this machine so much that figures are to be doubted."""
    return os.getloadavg()[0] > BUSY * (os.cpu_count() or 1)


def _stat(pid: int) -> list[str]:
    """The fields of /proc/PID/stat from the state on; empty when the process has ended."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return []


def _memory(pid: int, name: str) -> float:
    try:
        return int(Path(f"/proc/{pid}/status").read_text().partition(name)[2].split()[0]) / 1024
    except (OSError, IndexError):
        return 0.0


def _proportional(pid: int) -> float:
    try:
        return int(Path(f"/proc/{pid}/smaps_rollup").read_text().partition("\nPss:")[2].split()[0]) / 1024
    except (OSError, IndexError):
        return 0.0
