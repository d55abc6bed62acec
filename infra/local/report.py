"""Show what came of the calls: a live table on a terminal while it comes, and the whole of it at the end."""

from collections.abc import Iterator, Sequence

from rich.console import Console
from rich.table import Table

from infra.local.observe import ArchivedObject, Observed
from infra.local.verdict import expected_events, problems
from infra.zoom.simulator import Call

_MEBIBYTE = 1024 * 1024


def progress_table(calls: Sequence[Call], seen: Sequence[Observed]) -> Table:
    """Return a table with a row per call: how much of what is expected is there."""
    table = Table("call", "chat", "public events", "archived", "findings", "")
    for call, one in zip(calls, seen, strict=True):
        table.add_row(
            call.scenario,
            f"{len(one.messages)}/{int(call.expectation.invitation)}",
            f"{sum(one.events.values())}/{expected_events(call).total()}",
            f"{len(one.objects)}/{len(call.expectation.files)}",
            f"{len(one.findings)}",
            "…" if any(problems(call, one)) else "done",
        )
    return table


def print_report(console: Console, calls: Sequence[Call], titles: Sequence[str], seen: Sequence[Observed]) -> None:
    """Print, call by call, what came out where, and what is wrong with it."""
    for number, (call, title, one) in enumerate(zip(calls, titles, seen, strict=True), 1):
        wrong = list(problems(call, one))
        console.print(
            f"\n{number}. {call.scenario}: {title}  [{'wrong' if wrong else 'ok'}]",
            style="bold",
            markup=False,
            highlight=False,
            soft_wrap=True,
        )
        for line in _lines(one):
            console.print(f"   {line}", markup=False, highlight=False, soft_wrap=True)
        for problem in wrong:
            console.print(f"   ! {problem}", style="red", markup=False, soft_wrap=True)


def _lines(seen: Observed) -> Iterator[str]:
    texts = [line for message in seen.messages for line in message.splitlines() if line.strip()]
    yield from _column("chat", texts or ["nothing: the marketplace does not know this meeting"])
    counts = [f"{kind.removeprefix('call.')} {count}" for kind, count in sorted(seen.events.items())]
    yield from _column("events", [f"{sum(seen.events.values())} on call-events: {', '.join(counts)}"])
    objects = [_object_line(found) for found in sorted(seen.objects.values(), key=lambda one: one.key)]
    yield from _column("archive", objects or ["nothing"])
    findings = [f"{rule} (severity {severity})" for rule, severity in seen.findings]
    yield from _column("flags", findings if seen.flags else ["none"])


def _column(name: str, lines: Sequence[str]) -> Iterator[str]:
    for place, line in enumerate(lines):
        yield f"{name if place == 0 else '':8} {line}"


def _object_line(found: ArchivedObject) -> str:
    kind = found.tags.get("kind", "?")
    tags = " ".join(
        f"{name}={found.tags[name]}" for name in ("retention", "hold", "participant-access-until") if name in found.tags
    )
    return f"{kind:10} {_size(found.size_bytes):>9}  sha256 {found.sha256[:12]}…  {tags}"


def _size(size_bytes: int) -> str:
    return f"{size_bytes / _MEBIBYTE:.1f} MiB" if size_bytes >= _MEBIBYTE else f"{size_bytes / 1024:.1f} KiB"
