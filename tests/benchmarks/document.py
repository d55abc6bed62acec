"""docs/benchmarks.md: the last table of every group, each with the circumstances it was measured in."""

import re
from collections.abc import Sequence
from pathlib import Path

from tests.benchmarks.load import generator_name
from tests.benchmarks.run import CLOCK, ROOT
from tests.benchmarks.table import Row, markdown

PATH = ROOT / "docs" / "benchmarks.md"
BUSY_WARNING = "others were working on this machine: trust the ratios, not the absolute figures"
_HEAD = """# How fast, how big

Written by `make bench` (one group: `make bench-receiver`, `-archive`, `-latency`, `-runtime`, `-start`, `-portal`). Everything that is
compared is measured in the same run, in turns; figures are medians of the rounds, with the smallest and the largest, and
ratios are taken round by round. A row without a bar is reported only; "not run" says what is missing and how to get it.

- *No work*: the receiver's own server (granian, the bridge that reads bodies, Flask) around a view that answers 200 and does
  nothing else. *Bare Flask*: the same view on granian's WSGI mode, where slow clients hold threads.
- *CPU* is user and system time of the process and all its children; on a machine that others use it bends far less than
  times do. c is the number of connections that always have a request under way.
- The receiver is loaded from the same machine, with {bodies} signed bodies of 1.1 KB in rotation.
- On loopback the archiver's wall time mostly measures the S3 server.
"""


def keep(name: str, title: str, rows: Sequence[Row], circumstances: str, *, busy: bool) -> None:
    """Replace one group's section and leave the others as they are."""
    sections = _sections(PATH)
    measured_on = CLOCK.now().date().isoformat()
    warning = f"\n\n**Beware: {BUSY_WARNING}.**" if busy else ""
    load = f" Load: {generator_name()}." if name == "receiver" else ""
    sections[name] = f"## {title}\n\nMeasured {measured_on} on {circumstances}.{load}{warning}\n\n{markdown(rows)}\n"
    marked = "\n".join(f"<!-- {one} -->\n{text}" for one, text in sorted(sections.items(), key=_order))
    PATH.write_text(_HEAD.format(bodies=300) + "\n" + marked)


def _sections(path: Path) -> dict[str, str]:
    text = path.read_text() if path.exists() else ""
    parts = re.split(r"^<!-- (\w+) -->\n", text, flags=re.MULTILINE)[1:]
    return {name: body.rstrip("\n") + "\n" for name, body in zip(parts[::2], parts[1::2], strict=True)}


def _order(section: tuple[str, str]) -> int:
    return ("receiver", "archive", "latency", "runtime", "start", "portal").index(section[0])
