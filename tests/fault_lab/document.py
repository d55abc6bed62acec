"""docs/reliability.md: the last row of every scenario and how it was made; the text around them is written by hand."""

import re
from collections.abc import Sequence
from pathlib import Path

from infra.clock import SystemClock
from tests.benchmarks import machine
from tests.fault_lab.lab import Result
from tests.fault_lab.table import markdown, rows

PATH = Path(__file__).resolve().parents[2] / "docs" / "reliability.md"
_BEGIN, _END = "<!-- the table -->\n", "<!-- the end of the table -->\n"
_ROW, _ORIGIN = re.compile(r"^\| (\d+) "), re.compile(r"^- Rows? ([\d, ]+): (.*)$")


def keep(results: Sequence[Result], command: str, path: Path = PATH) -> None:
    """Replace the rows of the scenarios that were run, each with how it was made, and leave the others as they are."""
    head, _, rest = path.read_text().partition(_BEGIN)
    written, _, tail = rest.partition(_END)
    lines, origins = _read(written)
    circumstances = f"`{command}`, {SystemClock().now():%Y-%m-%d}, {machine.description()}"
    for cells in rows(results):
        number = int(cells[0].split()[0])
        lines[number] = cells
        origins[number] = circumstances
    table = markdown([lines[number] for number in sorted(lines)])
    path.write_text(f"{head}{_BEGIN}{table}\n\n{_told(origins)}{_END}{tail}")


def _read(written: str) -> tuple[dict[int, Sequence[str]], dict[int, str]]:
    lines: dict[int, Sequence[str]] = {}
    origins: dict[int, str] = {}
    for line in written.splitlines():
        if row := _ROW.match(line):
            lines[int(row[1])] = [cell.strip() for cell in line.strip("|").split("|")]
        elif origin := _ORIGIN.match(line):
            origins |= dict.fromkeys(map(int, origin[1].split(",")), origin[2])
    return lines, origins


def _told(origins: dict[int, str]) -> str:
    said = []
    for text in dict.fromkeys(origins[number] for number in sorted(origins)):
        numbers = [str(number) for number in sorted(origins) if origins[number] == text]
        said.append(f"- Row{'s' if len(numbers) > 1 else ''} {', '.join(numbers)}: {text}\n")
    return "".join(said)
