"""`python -m portal audit`: is it whole, and what is in it."""

import json
import os
import sys

import click

from infra.clock import SystemClock
from infra.database.engine import check_revision, open_database
from infra.settings import audit_settings
from portal.audit import Audit, Entry
from portal.audit_check import rows_of, verify
from portal.audit_head import Head

_OPERATOR = "operator"


@click.group()
def audit() -> None:
    """Who touched recordings and flags, and why: check it, hand it out."""


@audit.command("verify")
def verify_() -> None:
    """Say whether it is whole. Exit code 1 when something was edited, is missing, or was cut off."""
    settings = audit_settings(os.environ)
    engine = open_database(settings.database_url)
    check_revision(engine)
    verdict = verify(engine, settings.key, Head(settings.head))
    if verdict.problem:
        click.echo(f"NOT WHOLE: {verdict.problem}; {verdict.rows} entries before that are good", err=True)
        sys.exit(1)
    click.echo(f"whole: {verdict.rows} entries, the newest as the head knows it")


@audit.command()
def export() -> None:
    """Write every entry as a line of JSON; that it was exported is an entry too."""
    settings = audit_settings(os.environ)
    engine = open_database(settings.database_url)
    check_revision(engine)
    Audit(engine, settings.key, settings.head, SystemClock()).append(Entry(_OPERATOR, "audit.exported", "audit"))
    for row in rows_of(engine):
        click.echo(json.dumps(row.document(), ensure_ascii=False))
