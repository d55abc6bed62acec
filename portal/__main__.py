"""`python -m portal`: serve the portal, and look after its tokens. Exit code 2: something to change first, said in one line."""

import json
import os
import socket
import sys
from dataclasses import asdict
from typing import Any

import click
import structlog

from infra import admin, logs
from infra.clock import SystemClock
from infra.database.engine import check_revision, open_database
from infra.errors import ConfigurationError, TransientError
from infra.serving import server
from infra.settings import Address, PortalSettings, database_url, portal_settings, portal_url
from portal.audit_cli import audit
from portal.auth.service_tokens import SCOPES, ServiceTokens
from portal.auth.sessions import ROLES, Role, Sessions
from schemas.errors import PipelineError

log = structlog.get_logger("portal")


@click.group(invoke_without_command=True, context_settings={"help_option_names": ["-h", "--help"]})
@click.pass_context
def cli(context: click.Context) -> None:
    """Start calls, show recordings, take reports, review flags. Without a command: serve."""
    if context.invoked_subcommand is None:
        context.invoke(serve)


@cli.command()
def serve() -> None:
    """Answer until SIGTERM (the default)."""
    settings = portal_settings(os.environ)
    logs.configure(settings.log_level)
    bind = Address(*server.check_free("PORTAL_BIND", settings.bind))
    admin_listener = admin.listen("PORTAL_ADMIN_BIND", settings.admin_bind)
    log.info("portal.starting", address=str(bind), admin_address=str(Address(*server.address_of(admin_listener))))
    sys.exit(server.serve("portal", bind, lambda: _load(settings, admin_listener)))


@cli.command()
def sweep() -> None:
    """Finish or clear away what a crash left of started calls, and set hosts free, once; the server does it every minute."""
    from portal.wsgi import sweep_once  # noqa: PLC0415 - no client library before the fork of `serve`

    settings = portal_settings(os.environ)
    logs.configure(settings.log_level)
    swept = sweep_once(settings)
    click.echo(", ".join(f"{count} {name}" for name, count in asdict(swept).items()))
    sys.exit(1 if swept.failed else 0)


@cli.command("sign-in")
@click.option("--role", type=click.Choice(ROLES), default="analyst", show_default=True)
@click.option("--name", help="Whose pseudonym; tells apart who works on this machine.  [default: the role]")
def sign_in(role: Role, name: str | None) -> None:
    """Print a link that signs an analyst in once, where there is no identity provider."""
    engine = open_database(database_url(os.environ))
    check_revision(engine)
    token = Sessions(engine, SystemClock()).make_link(f"local-{name or role}", role)
    click.echo(portal_url(os.environ) + "/sign-in/once/" + "".join(token))


cli.add_command(audit)


@cli.group()
def tokens() -> None:
    """Service tokens: how the marketplace's programs come in."""


@tokens.command()
@click.argument("name")
@click.option("--scope", "scopes", multiple=True, required=True, type=click.Choice(SCOPES), help="Once for each.")
def create(name: str, scopes: tuple[str, ...]) -> None:
    """Make a token and print it: it cannot be shown again."""
    click.echo(str.__str__(_tokens().create(name, scopes)))


@tokens.command("list")
def list_() -> None:
    """Say which tokens there are, and what they are for; never the tokens themselves."""
    for token in _tokens().all():
        state = "revoked" if token.revoked_at else "good"
        click.echo(f"{token.name}  {state}  since {token.created_at:%Y-%m-%d}  {' '.join(sorted(token.scopes))}")


@tokens.command()
@click.argument("name")
def revoke(name: str) -> None:
    """Let a token open nothing from now on."""
    _tokens().revoke(name)
    click.echo(f"{name} opens nothing any more")


@cli.command("openapi")
def openapi() -> None:
    """Print what programs may ask, as OpenAPI 3.1: the text of schemas/published/portal.openapi.json."""
    try:
        from portal.openapi import document  # noqa: PLC0415 - it needs apispec, which production does not have

        click.echo(json.dumps(document(), ensure_ascii=False, indent=2))
    except ModuleNotFoundError as error:
        raise ConfigurationError(f"{error.name} is missing: install what developing needs (make test does)") from error


def _tokens() -> ServiceTokens:
    engine = open_database(database_url(os.environ))
    check_revision(engine)
    return ServiceTokens(engine, SystemClock())


def _load(settings: PortalSettings, admin_listener: socket.socket) -> Any:
    """Return the RSGI application. Runs in the worker, after the fork."""
    from portal.wsgi import build  # noqa: PLC0415 - no client library before the fork

    try:
        bridge, admin_app = build(settings)
    except TransientError as error:
        raise ConfigurationError(str(error)) from error  # the supervisor starts it again, until the database is there
    admin.serve(admin_listener, admin_app)
    log.info("portal.started", admin_address=str(Address(*server.address_of(admin_listener))))
    return bridge


def main() -> None:
    """Run a command; what goes wrong on purpose is one sentence and exit code 2."""
    try:
        cli(prog_name="python -m portal")
    except PipelineError as error:
        click.echo(f"portal: {error}", err=True)
        sys.exit(2)


if __name__ == "__main__":
    main()
