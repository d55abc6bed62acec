"""Rows of the table: a figure with its spread, its bar, and whether it passed."""

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median

HEADINGS = ("what", "median", "min-max", "unit", "bar", "verdict", "note")


@dataclass(frozen=True, slots=True)
class Bar:
    """What a median must keep. `aim` is where we want to be; it decides nothing."""

    limit: float
    aim: float | None = None
    at_least: bool = False

    def passes(self, value: float) -> bool:
        return value >= self.limit if self.at_least else value <= self.limit

    def __str__(self) -> str:
        aim = "" if self.aim is None else f" (aim {number(self.aim)})"
        return f"{'>=' if self.at_least else '<='} {number(self.limit)}{aim}"


@dataclass(frozen=True, slots=True)
class Row:
    """One line: the values of the rounds, in `unit`. Without a bar it is reported only; without values it was not run."""

    what: str
    unit: str
    values: tuple[float, ...]
    bar: Bar | None = None
    note: str = ""
    broken: bool = False

    @property
    def verdict(self) -> str:
        if self.broken:
            return "FAIL"
        if not self.values:
            return "not run"
        if self.bar is None:
            return "reported"
        return "pass" if self.bar.passes(median(self.values)) else "FAIL"

    def cells(self) -> tuple[str, ...]:
        """The row's texts, in the order of HEADINGS."""
        middle = number(median(self.values)) if self.values else "-"
        spread = f"{number(min(self.values))}-{number(max(self.values))}" if len(self.values) > 1 else "-"
        bar = "-" if self.bar is None else str(self.bar)
        return (self.what, middle, spread, self.unit, bar, self.verdict, self.note)


def reported(what: str, unit: str, values: Sequence[float], note: str = "") -> Row:
    """Return a row that no bar judges."""
    return Row(what, unit, tuple(values), note=note)


def judged(what: str, unit: str, values: Sequence[float], bar: Bar, note: str = "") -> Row:
    """Return a row that passes or fails."""
    return Row(what, unit, tuple(values), bar, note)


def not_run(what: str, reason: str) -> Row:
    """Return the row of something that is missing here; `reason` says how to get it."""
    return Row(what, "-", (), note=reason)


def failed(what: str, reason: str) -> Row:
    """Return the row of something that was tried and did not work."""
    return Row(what, "-", (), note=reason, broken=True)


def ratios(ours: Sequence[float], theirs: Sequence[float]) -> list[float]:
    """Return our figure over theirs, round by round."""
    return [own / other for own, other in zip(ours, theirs, strict=True) if other]


def number(value: float) -> str:
    """Write a figure with three digits that mean something."""
    if abs(value) >= 100:
        return f"{value:,.0f}"
    return f"{value:.1f}" if abs(value) >= 10 else f"{value:.2f}"


def markdown(rows: Sequence[Row]) -> str:
    """Return the rows as a table for the documentation."""
    lines = [HEADINGS, tuple("---" for _ in HEADINGS), *(row.cells() for row in rows)]
    return "\n".join("| " + " | ".join(cell.replace("|", "/") for cell in line) + " |" for line in lines)


def plain(rows: Sequence[Row]) -> str:
    """Return the rows as a table for a terminal."""
    lines = [HEADINGS, *(row.cells() for row in rows)]
    widths = [max(len(line[column]) for line in lines) for column in range(len(HEADINGS) - 1)]
    return "\n".join(
        "  " + "  ".join([*(cell.ljust(width) for cell, width in zip(line, widths, strict=False)), line[-1]]).rstrip()
        for line in lines
    )
