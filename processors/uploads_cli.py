"""`python -m processors uploads`: the archive's uploads that were begun and never finished."""

import os
import sys

import click

from infra.clock import SystemClock
from infra.database.engine import check_revision, open_database
from infra.settings import processor_settings
from infra.storage.s3 import S3Store
from processors.operators import printable
from processors.runtime.uploads import LeftUpload, clear_upload, left_uploads
from schemas.errors import PipelineError


@click.command()
@click.option("--abort", is_flag=True, help="Throw away those that nobody will go on with.")
def uploads(abort: bool) -> None:
    """List unfinished uploads older than a day. Exit code 1 when one could not be thrown away.

    One whose file is still to be archived is left alone: the next try goes on with it. The bucket's own rule throws
    all of them away after two days.
    """
    settings, clock = processor_settings(os.environ), SystemClock()
    engine = open_database(settings.database_url)
    check_revision(engine)
    store = S3Store(settings.archive_bucket, settings.s3_endpoint_url)
    try:
        found = left_uploads(store, engine, clock.now())
        for left in found:
            click.echo(printable(_line(left)))
        abandoned = [left for left in found if not left.in_progress]
        click.echo(f"{len(found)} unfinished, {len(abandoned)} of them abandoned")
        failed = 0
        for left in abandoned if abort else ():
            try:
                clear_upload(store, engine, left)
            except PipelineError as error:
                failed += 1
                click.echo(f"failed: {left.upload.key}: {error}", err=True)
    finally:
        store.close()
        engine.dispose()
    if abort:
        click.echo(f"{len(abandoned) - failed} thrown away")
    if failed:
        sys.exit(1)


def _line(left: LeftUpload) -> str:
    state = "in progress" if left.in_progress else "abandoned"
    return f"{left.upload.begun_at:%Y-%m-%d %H:%M} UTC  {state:11}  {left.upload.key}"
