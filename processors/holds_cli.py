"""`python -m processors holds`: what keeps recordings past their 180 days."""

import os
import sys

import click

from infra.clock import SystemClock
from infra.database.engine import check_revision, open_database
from infra.settings import processor_settings
from infra.storage.s3 import S3Store
from processors.operators import printable
from processors.runtime.holds import check_holds
from processors.runtime.receipts import Receipts


@click.group()
def holds() -> None:
    """Look after what keeps recordings past their 180 days."""


@holds.command()
def check() -> None:
    """See that every hold stands on its object, and put right what somebody else has changed; run it daily.

    Exit code 1 when a hold had to be put right, or does not stand: a person should know who touched it.
    """
    settings = processor_settings(os.environ)
    engine = open_database(settings.database_url)
    check_revision(engine)
    store = S3Store(settings.archive_bucket, settings.s3_endpoint_url)
    try:
        summary = check_holds(store, Receipts(engine), SystemClock())
    finally:
        store.close()
        engine.dispose()
    for key in summary.repaired:
        click.echo(printable(f"put right: {key}"))
    for key, reason in summary.failed.items():
        click.echo(printable(f"failed: {key}: {reason}"), err=True)
    held = summary.standing + len(summary.repaired)
    click.echo(f"{held} held, {len(summary.repaired)} put right, {len(summary.failed)} failed")
    if summary.without_object_lock:
        click.echo(f"{summary.without_object_lock} by their tag alone: the bucket has no Object Lock")
    if summary.repaired or summary.failed:
        sys.exit(1)
