"""Keep the measured table in docs/trust-and-safety.md, between its two marks."""

from collections.abc import Sequence

from tests.benchmarks.table import HEADINGS, Row
from tests.policy_numbers.sources import ROOT

_PAGE = ROOT / "docs" / "trust-and-safety.md"
_BEGIN, _END = "<!-- Written by `make bench-policy`. -->", "<!-- End of what it wrote. -->"
_LEFT_OUT = HEADINGS.index("min-max")  # each row has one value


def keep(rows: Sequence[Row], circumstances: str) -> None:
    """Put the table in place of the one before."""
    page = _PAGE.read_text(encoding="utf-8")
    before, rest = page.split(_BEGIN)
    after = rest.split(_END)[1]
    lines = [_line(HEADINGS), _line(["---"] * len(HEADINGS)), *(_line(row.cells()) for row in rows)]
    table = "\n".join(lines).replace("| median |", "| measured |")
    _PAGE.write_text(f"{before}{_BEGIN}\n\n{table}\n\n{circumstances}\n\n{_END}{after}", encoding="utf-8")


def _line(cells: Sequence[str]) -> str:
    kept = [cell.strip() for place, cell in enumerate(cells) if place != _LEFT_OUT]
    return f"| {' | '.join(kept)} |"
