"""`zoom`: how Zoom is set up."""

import os
import sys
from contextlib import closing

import click

from infra.clock import SystemClock
from infra.errors import ConfigurationError
from infra.settings import zoom_check_settings
from infra.zoom.checking import Line, check
from infra.zoom.connect import open_zoom

_MARKS = {"ok": "ok   ", "wrong": "WRONG", "look": "look "}


@click.group()
def zoom() -> None:
    """Look at Zoom's side."""


@zoom.command("check")
def check_command() -> None:
    """Say whether Zoom is set up as the promises need it, a line for each thing: WRONG with the reason and the place to
    change it; look where Zoom's API does not tell it, for a person to tick off. Changes nothing. Exit code 1: something
    is wrong."""
    settings = zoom_check_settings(os.environ)
    client = open_zoom(settings.zoom, SystemClock())
    if client is None:
        raise ConfigurationError("ZOOM_CLIENT_ID, ZOOM_CLIENT_SECRET and ZOOM_OAUTH_ACCOUNT_ID are not set")
    with closing(client):
        found = [
            _said(line)
            for line in check(
                client.account,
                hosts=settings.host_users,
                accounts=settings.account_ids,
                oauth_account=settings.zoom.oauth_account_id or "",
            )
        ]
    counts = {verdict: sum(line.verdict == verdict for line in found) for verdict in _MARKS}
    click.echo(f"{counts['ok']} ok, {counts['wrong']} wrong, {counts['look']} to look at by hand")
    sys.exit(1 if counts["wrong"] else 0)


def _said(line: Line) -> Line:
    reason = f". Why: {line.why}. Where: {line.where}" if line.why else ""
    click.echo(f"{_MARKS[line.verdict]}  {line.subject:22} {line.text}{reason}")
    return line
