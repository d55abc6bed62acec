"""`python -m tests.benchmarks [NAMES…] [--quick]`: measure, print the table, keep it in docs/benchmarks.md.

Without names everything is measured: about fifteen minutes. `--quick` takes a few seconds a row, says little, and leaves
the document alone. Exit code 1 when a row fails.
"""

import argparse
import resource
import sys
import tempfile
import traceback
from collections.abc import Callable, Iterator, Mapping
from importlib import import_module
from pathlib import Path

from infra import logs
from tests.benchmarks import document, machine
from tests.benchmarks.run import Missing, Run
from tests.benchmarks.table import Row, failed, not_run, plain

GROUPS: Mapping[str, str] = {
    "receiver": "Webhook receiver",
    "archive": "Archiver",
    "latency": "Webhook sent to chat message visible",
    "runtime": "Processor runtime",
    "start": "Cold start and memory",
    "portal": "Portal",
}


def main() -> int:
    """Measure the groups that were named; return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=", ".join(GROUPS))
    parser.add_argument("--quick", action="store_true", help="a few seconds a row; the document stays as it is")
    arguments = parser.parse_args()
    logs.configure("ERROR")
    resource.setrlimit(resource.RLIMIT_NOFILE, (resource.getrlimit(resource.RLIMIT_NOFILE)[1],) * 2)
    names = arguments.names or list(GROUPS)
    return max(_measured(name, quick=arguments.quick) for name in names)


def _measured(name: str, *, quick: bool) -> int:
    circumstances, busy = machine.description(), machine.is_busy()
    with tempfile.TemporaryDirectory(prefix="benchmarks-") as folder:
        rows = list(_rows(name, Run(Path(folder), quick)))
    print(f"\n{GROUPS[name]}\n{plain(rows)}\n  {circumstances}", flush=True)
    if busy:
        print(f"  ! {document.BUSY_WARNING}", flush=True)
    if not quick:
        document.keep(name, GROUPS[name], rows, circumstances, busy=busy)
    return int(any(row.verdict == "FAIL" for row in rows))


def _rows(name: str, run: Run) -> Iterator[Row]:
    """The rows of a group; what goes wrong costs the rows that were still to come, and is said."""
    measure: Callable[[Run], Iterator[Row]] = import_module(f"tests.benchmarks.{name}").measure
    try:
        yield from measure(run)
    except Missing as error:
        yield not_run(GROUPS[name], str(error))
    except Exception as error:  # noqa: BLE001 - the other groups must still be measured
        traceback.print_exc()
        yield failed(GROUPS[name], f"{type(error).__name__}: {error}")


if __name__ == "__main__":
    sys.exit(main())
