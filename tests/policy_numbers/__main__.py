"""`python -m tests.policy_numbers [--quick]`: measure the flagging policy beside its peers, keep the table in the docs.

`--quick` takes fewer calls and leaves docs/trust-and-safety.md alone. Exit code 1 when a row fails.
"""

import argparse
import sys
from collections.abc import Iterator

from infra import logs
from processors.meeting_flagging import load_policy
from processors.meeting_flagging.blas import use_one_thread
from tests.benchmarks import machine
from tests.benchmarks.table import Row, plain
from tests.policy_numbers import calls, exact, lines, metadata, speed
from tests.policy_numbers.document import keep
from tests.policy_numbers.sources import Sources


def main() -> int:
    """Measure everything; return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m tests.policy_numbers", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="fewer calls; the document stays as it is")
    quick = parser.parse_args().quick
    logs.configure("ERROR")
    use_one_thread()
    circumstances = f"Policy `{load_policy().version}`. {machine.description()}"
    rows = list(_rows(quick=quick))
    print(f"\nFlagging policy, development numbers\n{plain(rows)}\n  {circumstances}")
    if not quick:
        keep(rows, circumstances)
    return int(any(row.verdict == "FAIL" for row in rows))


def _rows(*, quick: bool) -> Iterator[Row]:
    sources, policy = Sources(), load_policy()
    yield from lines.measure(sources, policy)
    yield from metadata.measure(policy, quick=quick)
    yield from calls.measure(sources, policy)
    yield from exact.measure(sources)
    yield from speed.measure(policy, quick=quick)


if __name__ == "__main__":
    sys.exit(main())
