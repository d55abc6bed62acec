"""`quarantine`: what the receiver set aside, and bringing it back."""

import os
from collections import Counter
from contextlib import closing
from datetime import datetime, timedelta

import click

from infra.clock import SystemClock
from infra.quarantine.redrive import Quarantined, redrive
from infra.quarantine.redrive import quarantined as find_quarantined
from infra.settings import account_ids, transport_settings
from infra.transport import Transport
from infra.transport.connect import connect

_reason_option = click.option("--reason", help="Only those that were set aside for this, such as outside_window.")
_hours_option = click.option("--hours", type=click.FloatRange(min=0), help="Only those of the last so many hours.")


@click.group()
def quarantine() -> None:
    """See to genuine deliveries that could not be used."""


@quarantine.command("list")
@_reason_option
@_hours_option
def list_quarantined(reason: str | None, hours: float | None) -> None:
    """Say how many lie in the quarantine, by reason."""
    with closing(connect(transport_settings(os.environ), SystemClock())) as transport:
        found = _found(transport, reason, hours)
    if not found:
        click.echo("nothing lies in the quarantine")
    for name, count in Counter(one.reason for one in found).most_common():
        times = sorted(one.record.timestamp for one in found if one.reason == name)
        click.echo(f"{count:6}  {name}  {times[0]:%Y-%m-%d %H:%M} to {times[-1]:%Y-%m-%d %H:%M} UTC")


@quarantine.command("redrive")
@_reason_option
@_hours_option
@click.option("--dry-run", is_flag=True, help="Say what would be brought, bring nothing.")
@click.option("--yes", is_flag=True, help="Do not ask.")
def redrive_quarantined(reason: str | None, hours: float | None, *, dry_run: bool, yes: bool) -> None:
    """Bring what is usable by today's settings to zoom.webhooks, once; what is not stays where it is.

    Mend the cause first: the clock for outside_window, ZOOM_ACCOUNT_IDS for foreign_account, the topic for refused_by_log.
    """
    clock, accounts = SystemClock(), account_ids(os.environ)
    with (
        closing(connect(transport_settings(os.environ), clock)) as transport,
        closing(transport.producer()) as producer,
    ):
        found = _found(transport, reason, hours)
        would = redrive(transport, producer, clock, found, accounts, dry_run=True)
        for why, count in would.unusable.most_common():
            click.echo(f"{count} stay: {why}")
        click.echo(f"{would.usable} can be brought to zoom.webhooks, {would.known} are there already")
        if dry_run or not would.usable:
            return
        if not yes:
            click.confirm("bring them?", abort=True)
        done = redrive(transport, producer, clock, found, accounts, dry_run=False)
    click.echo(f"{done.usable} brought")


def _found(transport: Transport, reason: str | None, hours: float | None) -> list[Quarantined]:
    since: datetime | None = None if hours is None else SystemClock().now() - timedelta(hours=hours)
    return list(find_quarantined(transport, since, reason))
