"""`python -m processors dead-letters`: what could not be decided or done, and what to do about it."""

import sys
from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from typing import Any, Literal

import click

from infra.errors import PermanentError
from infra.masking import mask_text
from processors.operators import Workplace, actor, confirmed, printable, workplace
from processors.runtime.dead_list import DEAD_LETTER_SUFFIX, Dead, Wanted, find_dead, record_at
from processors.runtime.dead_show import Page, effect_page, note_reveal, record_page
from processors.runtime.redrive import Outcome, Undertaker

By = Literal["cause", "type", "meeting"]
_PER_SECOND = 10.0  # redriven a second: a small part of what processors do, so that live events are not kept waiting
_OF: dict[By, Callable[[Dead], str]] = {
    "cause": lambda dead: dead.cause,
    "type": lambda dead: dead.kind,
    "meeting": lambda dead: dead.meeting or "none",
}


def _filters(command: Callable[..., Any]) -> Callable[..., Any]:
    for option in (
        click.option("--processor", help="Only this processor's."),
        click.option("--cause", help="Only this cause's, as `list` shows it; its first digits will do."),
        click.option("--type", "kind", help="Only this event type, or kind of effect."),
        click.option("--meeting", help="Only this meeting id's."),
    ):
        command = option(command)
    return command


@click.group("dead-letters")
def dead_letters() -> None:
    """Records that could not be decided and effects that were given up: list, show, redrive, drop."""


@dead_letters.command("list")
@_filters
@click.option("--by", type=click.Choice(["cause", "type", "meeting"]), default="cause", show_default=True)
@click.option("--each", is_flag=True, help="One line each, with the id that the other commands take.")
def list_dead(by: By, each: bool, **filters: str | None) -> None:
    """Say what lies dead, grouped."""
    with workplace() as place:
        found = list(find_dead(place.engine, place.transport, Wanted(frozenset(), **filters)))
    click.echo(_count(found, chosen=any(filters.values())))
    for line in map(_line, found) if each else _groups(found, by):
        click.echo(printable(line))


@dead_letters.command()
@click.argument("dead_id", metavar="ID")
@click.option("--reveal", is_flag=True, help="Show tokens, links, names and e-mail addresses too.")
@click.option("--reason", help="Why they must be seen; it is recorded with your name.")
def show(dead_id: str, reveal: bool, reason: str | None) -> None:
    """Show one of them, secrets and persons masked."""
    if reveal and not (reason or "").strip():
        raise click.UsageError("--reveal needs a --reason, which is recorded")
    with workplace() as place:
        page = _page(place, dead_id, reveal=reveal)
        if page is None:
            raise PermanentError("there is no such dead letter: python -m processors dead-letters list --each")
        if reveal:
            note_reveal(place.engine, place.clock, actor(), dead_id, reason or "")
    for name, text in page.items():
        click.echo(f"{name:24} {printable(text)}")


@dead_letters.command()
@click.argument("ids", nargs=-1)
@_filters
@click.option("--all", "everything", is_flag=True, help="Everything that lies dead.")
@click.option("--rate", type=click.FloatRange(min=0.1), default=_PER_SECOND, show_default=True, help="A second.")
@click.option("--dry-run", is_flag=True, help="Say what would be redriven, do nothing.")
@click.option("--yes", is_flag=True, help="Do not ask.")
def redrive(
    ids: tuple[str, ...], everything: bool, rate: float, dry_run: bool, yes: bool, **filters: str | None
) -> None:
    """Have them tried again: records go back to their topic under the same id, effects are due again.

    Doing it twice does it once. Mend the cause first: what fails again lies dead again.
    """
    wanted = _wanted(ids, filters, everything=everything)
    with workplace() as place:
        found = list(find_dead(place.engine, place.transport, wanted))
        if not _agreed(found, "redrive", chosen=not everything, dry_run=dry_run, yes=yes):
            return
        undertaker = Undertaker(place.engine, place.transport, place.clock, actor=actor(), reason="")
        producer = place.transport.producer()
        try:
            _each(place, found, 1 / rate, lambda dead: undertaker.redrive(dead, producer))
        finally:
            producer.close()


@dead_letters.command()
@click.argument("ids", nargs=-1)
@_filters
@click.option("--all", "everything", is_flag=True, help="Everything that lies dead.")
@click.option("--reason", required=True, help="Why they may stay undone for good; it is recorded with your name.")
@click.option("--dry-run", is_flag=True, help="Say what would be dropped, do nothing.")
@click.option("--yes", is_flag=True, help="Do not ask.")
def drop(ids: tuple[str, ...], everything: bool, reason: str, dry_run: bool, yes: bool, **filters: str | None) -> None:
    """Leave them undone for good. The records' bytes stay until their topic's retention."""
    if not reason.strip():
        raise click.UsageError("--reason is empty")
    wanted = _wanted(ids, filters, everything=everything)
    with workplace() as place:
        found = list(find_dead(place.engine, place.transport, wanted))
        if _agreed(found, "drop", chosen=not everything, dry_run=dry_run, yes=yes):
            undertaker = Undertaker(place.engine, place.transport, place.clock, actor=actor(), reason=reason)
            _each(place, found, 0.0, undertaker.drop)


def _wanted(ids: Sequence[str], filters: dict[str, str | None], *, everything: bool) -> Wanted:
    if everything == bool(ids or any(filters.values())):
        raise click.UsageError("say which: ids, --processor, --cause, --type, --meeting, or --all")
    return Wanted(frozenset(ids), **filters)


def _agreed(found: Sequence[Dead], deed: str, *, chosen: bool, dry_run: bool, yes: bool) -> bool:
    click.echo(_count(found, chosen=chosen))
    for line in _groups(found, "cause"):
        click.echo(printable(line))
    if dry_run or not found:
        click.echo("nothing was done" + (": a dry run" if dry_run else ""))
        return False
    return confirmed(f"{deed} {len(found)}?", yes=yes)


def _each(place: Workplace, found: Sequence[Dead], pause_seconds: float, do: Callable[[Dead], Outcome]) -> None:
    outcomes: Counter[Outcome] = Counter()
    try:
        for number, dead in enumerate(found):
            if number and pause_seconds:
                place.clock.sleep(pause_seconds)
            outcomes[do(dead)] += 1
    except KeyboardInterrupt:
        click.echo("stopped: the rest is as it was", err=True)
        sys.exit(130)  # what a shell says of a program that Ctrl-C ended
    finally:
        said = [f"{count} {_SAID[outcome]}" for outcome, count in sorted(outcomes.items())]
        click.echo(", ".join(said) or "nothing was done")


_SAID: dict[Outcome, str] = {
    "redriven": "redriven",
    "dropped": "dropped",
    "overtaken": "left alone: something newer shows in their place",
    "gone": "gone meanwhile",
}


def _page(place: Workplace, dead_id: str, *, reveal: bool) -> Page | None:
    if DEAD_LETTER_SUFFIX not in dead_id:
        return effect_page(place.engine, dead_id, reveal=reveal)
    record = record_at(place.transport, dead_id)
    return None if record is None else record_page(record, reveal=reveal)


def _count(found: Sequence[Dead], *, chosen: bool) -> str:
    """Say how many; `chosen`: of those that were asked for, beside which others may lie dead."""
    if not found:
        return "nothing of that lies dead" if chosen else "nothing lies dead"
    records = sum(dead.what == "record" for dead in found)
    counts = ((records, "record"), (len(found) - records, "effect"))
    said = " and ".join(f"{count} {what}{'' if count == 1 else 's'}" for count, what in counts if count)
    return f"{said} {'lies' if len(found) == 1 else 'lie'} dead"


def _groups(found: Sequence[Dead], by: By) -> list[str]:
    groups: defaultdict[str, list[Dead]] = defaultdict(list)
    for dead in found:
        groups[_OF[by](dead)].append(dead)
    lines = []
    for name, group in sorted(groups.items(), key=lambda item: -len(item[1])):
        first, last = min(group, key=lambda dead: dead.died_at), max(group, key=lambda dead: dead.died_at)
        processors = ",".join(sorted({dead.processor for dead in group}))
        kinds = ",".join(sorted({dead.kind for dead in group}))
        span = f"{first.died_at:%Y-%m-%d %H:%M} to {last.died_at:%Y-%m-%d %H:%M} UTC"
        lines.append(f"{len(group):6}  {name}  {processors}  {kinds}  {span}  {mask_text(last.reason)}")
    return lines


def _line(dead: Dead) -> str:
    return f"{dead.id}  {dead.died_at:%Y-%m-%d %H:%M} UTC  {dead.processor}  {dead.kind}  {dead.cause}  meeting={dead.meeting}  {mask_text(dead.reason)}"
