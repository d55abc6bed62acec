"""`python -m processors reconcile`: find what Zoom forgot to tell us, bring it, and say what a person has to look at."""

import json
import os
import re
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime, timedelta

import click

from infra.clock import Clock, SystemClock
from infra.database.engine import check_revision, open_database
from infra.errors import TransientError
from infra.settings import ReconcileSettings, reconcile_settings
from infra.storage.s3 import S3Store
from infra.transport.connect import connect
from infra.zoom.connect import open_zoom
from processors.operators import printable
from processors.runtime.reconcile.checkpoints import Checkpoints
from processors.runtime.reconcile.desk import Desk, Period
from processors.runtime.reconcile.findings import Report
from processors.runtime.reconcile.known import Database
from processors.runtime.reconcile.run import reconcile as reconcile_period

_SPAN = re.compile(r"(\d{1,4})([hd])")
_NOW = "now"
_GOES_ON = "the same command goes on where this one stopped"


@click.command()
@click.option(
    "--since", default="2d", show_default=True, help="An instant as 2026-11-20T00:00Z, or how long ago: 6h, 7d."
)
@click.option("--until", default=_NOW, show_default=True, help="An instant, or how long ago.")
@click.option("--dry-run", is_flag=True, help="Say what would be brought, bring nothing.")
@click.option("--json", "as_json", is_flag=True, help="The report as one JSON document.")
@click.option(
    "--every", "every_hours", type=click.FloatRange(min=0.1), help="Do it every so many hours, until SIGTERM."
)
def reconcile(since: str, until: str, dry_run: bool, as_json: bool, every_hours: float | None) -> None:
    """Ask Zoom what it forgot to tell us: events from its webhook log, ends of calls, recordings; and look at the archive.

    Progress goes to stderr, the report to stdout. Exit code 0: all is as it should be, or is again; 1: something in the
    report needs a person; 2: a setting is wrong or a part does not answer: the same command goes on where it stopped.
    """
    settings, clock = reconcile_settings(os.environ), SystemClock()
    _instant(since, clock), _instant(until, clock)  # before anything is opened
    if every_hours is None:
        report = _run(settings, clock, since, until, dry_run=dry_run)
        _show(report, as_json=as_json)
        sys.exit(1 if report.findings.needs_a_person else 0)
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    while not stop.is_set():
        try:
            _show(_run(settings, clock, since, until, dry_run=dry_run), as_json=as_json)
        except TransientError as error:
            click.echo(f"error: {error}", err=True)
        stop.wait(every_hours * 3600)


def _run(settings: ReconcileSettings, clock: Clock, since: str, until: str, *, dry_run: bool) -> Report:
    period = Period(_instant(since, clock), _instant(until, clock))
    if period.since >= period.until:
        raise click.UsageError("--since is not before --until")
    with _opened(settings, clock, f"reconcile {since} {until}", dry_run=dry_run) as (desk, checkpoints):
        try:
            return reconcile_period(desk, period, None if dry_run else checkpoints)
        except TransientError as error:
            wait = error.retry_after_seconds
            when = f" in {wait / 60:.0f} minutes" if wait else ""
            raise TransientError(f"{error}; {_GOES_ON}{when}", retry_after_seconds=wait) from error


@contextmanager
def _opened(
    settings: ReconcileSettings, clock: Clock, run: str, *, dry_run: bool
) -> Iterator[tuple[Desk, Checkpoints]]:
    with ExitStack() as open_parts:
        engine = open_database(settings.database_url)
        open_parts.callback(engine.dispose)
        check_revision(engine)
        transport = connect(settings.transport, clock)
        open_parts.callback(transport.close)
        producer = transport.producer()
        open_parts.callback(producer.close)
        store = S3Store(settings.archive_bucket, settings.s3_endpoint_url)
        open_parts.callback(store.close)
        zoom = open_zoom(settings.zoom, clock)
        if zoom is not None:
            open_parts.callback(zoom.close)
        desk = Desk(
            zoom=zoom,
            transport=transport,
            producer=producer,
            database=Database(engine),
            store=store,
            clock=clock,
            app_id=settings.zoom_app_id,
            account_ids=settings.account_ids,
            host_users=settings.zoom_host_users,
            dry_run=dry_run,
            say=lambda line: click.echo(printable(line), err=True),
        )
        yield desk, Checkpoints(engine, run, clock)


def _instant(text: str, clock: Clock) -> datetime:
    """Read an instant or a span back from now, as whole seconds: Zoom takes no finer ones."""
    now = clock.now().replace(microsecond=0) + timedelta(seconds=1)
    span = _SPAN.fullmatch(text)
    if text == _NOW:
        return now
    if span:
        return now - timedelta(**{{"h": "hours", "d": "days"}[span[2]]: int(span[1])})
    try:
        instant = datetime.fromisoformat(text)
    except ValueError as error:
        raise click.UsageError("an instant is written as 2026-11-20T00:00Z, a span as 6h or 7d") from error
    return (instant.replace(tzinfo=UTC) if instant.tzinfo is None else instant.astimezone(UTC)).replace(microsecond=0)


def _show(report: Report, *, as_json: bool) -> None:
    if as_json:
        click.echo(json.dumps(report.document(), ensure_ascii=False))
        return
    for line in report.lines():
        click.echo(printable(line))
