"""The table: a row for each scenario, with what must be zero in the middle."""

from collections.abc import Sequence
from itertools import groupby

from tests.fault_lab.lab import Result

HEADINGS = (
    "scenario", "events acknowledged", "lost", "sent but never acknowledged after Zoom's whole schedule",
    "genuine events answered 4xx and not in the quarantine", "effects missing", "effects doubled",
    "states that differ from an in-order run", "worst ack ms", "time to recover",
)  # fmt: skip
SHORT = (
    "scenario",
    "acked",
    "lost",
    "never acked",
    "4xx lost",
    "missing",
    "doubled",
    "differ",
    "worst ack ms",
    "recovered",
)


def row(results: Sequence[Result]) -> tuple[str, ...]:
    """Return one scenario's cells: sums over its seeds, the worst acknowledgement and the longest recovery."""
    first = results[0]
    seeds = ", ".join(str(result.seed) for result in results)
    harm = [sum(column) for column in zip(*(result.harm.columns for result in results), strict=True)]
    return (
        f"{first.scenario.number} {first.scenario.title} (seed{'s' if len(results) > 1 else ''} {seeds})",
        str(sum(result.harm.acknowledged for result in results)),
        *map(str, harm),
        f"{max(result.worst_ack_ms for result in results):,.0f}",
        f"{max(result.recover_seconds for result in results):.0f} s",
    )


def told(result: Result) -> str:
    """Return one run's cells in one line."""
    _, acknowledged, *harm, worst_ack_ms, recovered = row([result])
    return f"{acknowledged} acknowledged, harm {'/'.join(harm)}, worst ack {worst_ack_ms} ms, recovered in {recovered}"


def rows(results: Sequence[Result]) -> list[tuple[str, ...]]:
    """Return a row for each scenario."""
    ordered = sorted(results, key=lambda result: (result.scenario.number, result.seed))
    return [row(list(group)) for _, group in groupby(ordered, key=lambda result: result.scenario.number)]


def markdown(lines: Sequence[Sequence[str]]) -> str:
    """Return rows as a table for the documentation."""
    return "\n".join("| " + " | ".join(cells) + " |" for cells in (HEADINGS, ("---",) * len(HEADINGS), *lines))


def plain(lines: Sequence[Sequence[str]]) -> str:
    """Return rows as a table for a terminal."""
    everything = [SHORT, *lines]
    widths = [max(len(cells[column]) for cells in everything) for column in range(len(SHORT))]
    return "\n".join(
        "  ".join(
            cell.ljust(width) if column == 0 else cell.rjust(width)
            for column, (cell, width) in enumerate(zip(cells, widths, strict=True))
        )
        for cells in everything
    )
