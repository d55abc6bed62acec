"""`python -m processors replay`: decide again about an old range of the topics."""

import os
from collections.abc import Sequence
from datetime import datetime

import click

from infra.masking import mask_text
from infra.settings import processor_settings
from processors.composition import made
from processors.operators import printable, workplace
from processors.registry import PROCESSORS
from processors.runtime.inbox import Inbox
from processors.runtime.rehearsal import Rehearsed, rehearse
from processors.runtime.replay import Replayed, Span, check_span
from processors.runtime.replay import replay as replay_span
from schemas.envelope import parse_time
from schemas.errors import InvalidEvent

_EXAMPLES = 10  # shown of each kind of difference


class _Instant(click.ParamType[datetime]):
    name = "TIME"

    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> datetime:
        try:
            return parse_time(value)
        except InvalidEvent as error:
            self.fail(f"{error}: write 2026-01-31T18:00:00Z", param, ctx)


@click.command()
@click.argument("name", type=click.Choice(sorted(PROCESSORS)))
@click.option("--from", "begin", type=_Instant(), required=True, help="The first instant, by arrival in the log.")
@click.option("--to", "end", type=_Instant(), required=True, help="The first instant that is too late.")
@click.option("--meeting", help="Only this meeting id's records.")
@click.option("--dry-run", is_flag=True, help="Say what would be different, write nothing.")
def replay(name: str, begin: datetime, end: datetime, meeting: str | None, dry_run: bool) -> None:
    """Decide again about an old range of the topics; what was done before is not done twice.

    Decisions are made on the states as they are. New effects are performed by the processor as it runs.
    """
    processor = made(name, processor_settings(os.environ))
    span = Span(begin, end, meeting)
    with workplace() as place:
        check_span(span, processor.topics, place.clock)
        if dry_run:
            _say_rehearsed(rehearse(place.engine, place.transport, processor, span))
        else:
            inbox = Inbox(place.engine, processor, place.clock)
            _say_replayed(replay_span(place.transport, inbox, processor, span))


def _say_replayed(done: Replayed) -> None:
    click.echo(f"{done.records} records decided again, {done.effects} new effects asked for")
    if done.unusable:
        click.echo(f"{done.unusable} of them are not usable: see python -m processors dead-letters list")


def _say_rehearsed(found: Rehearsed) -> None:
    click.echo(f"{found.records} records in the range, {found.unusable} of them not usable; nothing was written")
    click.echo(f"a replay would ask for {len(found.would_ask)} new effects")
    _examples(found.would_ask)
    click.echo(
        f"built from nothing, this version asks for {found.there + len(found.added)} effects: {found.there} are there"
        f" ({len(found.changed)} with other content), {len(found.added)} are not"
    )
    _examples([f"other content: {line}" for line in found.changed])
    _examples([f"not there: {line}" for line in found.added])
    click.echo(f"{len(found.no_longer)} that were asked for in the range would not be any more")
    _examples(found.no_longer)
    if found.begun_before:
        click.echo(f"{found.begun_before} states began before the range and are not compared: choose an earlier --from")


def _examples(lines: Sequence[str]) -> None:
    for line in lines[:_EXAMPLES]:
        click.echo(f"  {printable(mask_text(line))}")
    if len(lines) > _EXAMPLES:
        click.echo(f"  and {len(lines) - _EXAMPLES} more")
