"""docs/reliability.md keeps each scenario's last row, with how it was made, and is never written by a run of less."""

from pathlib import Path

from tests.fault_lab import document
from tests.fault_lab.judge import Harm
from tests.fault_lab.lab import Result, Scenario
from tests.fault_lab.table import HEADINGS, rows

EMPTY = "before\n\n<!-- the table -->\n<!-- the end of the table -->\n\nafter\n"


def result(number: int, seed: int, *, acknowledged: int = 10, lost: int = 0) -> Result:
    scenario = Scenario(number, f"name-{number}", f"title {number}", lambda _: None)
    harm = Harm(acknowledged=acknowledged, lost=lost)
    return Result(scenario, seed, harm, worst_ack_ms=100.0 * seed, recover_seconds=float(seed), remarks=())


def test_a_row_sums_its_seeds() -> None:
    """Counts are added up; of times the worst is told."""
    (row,) = rows([result(2, 3, lost=1), result(2, 1, lost=4)])

    assert row == ("2 title 2 (seeds 1, 3)", "20", "5", "0", "0", "0", "0", "0", "300", "3 s")
    assert len(row) == len(HEADINGS)


def test_rows_replace_those_of_their_scenario(tmp_path: Path) -> None:
    """The others stay, in the order of their numbers, each told with the command that made it."""
    path = tmp_path / "reliability.md"
    path.write_text(EMPTY)

    document.keep([result(10, 1), result(2, 1)], "make faults", path)
    document.keep([result(2, 1, acknowledged=77)], "python -m tests.fault_lab two", path)

    text = path.read_text()
    lines = [line for line in text.splitlines() if line.startswith("| ")]
    assert [line.split()[1] for line in lines[2:]] == ["2", "10"]
    assert "| 77 |" in lines[2]
    assert "- Row 2: `python -m tests.fault_lab two`" in text
    assert "- Row 10: `make faults`" in text
    assert text.startswith("before\n\n<!-- the table -->\n")
    assert text.endswith("<!-- the end of the table -->\n\nafter\n")
