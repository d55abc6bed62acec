"""`python -m processors calls`: register, list and report calls by hand, until the portal does it."""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from uuid import uuid4

import click
from sqlalchemy import select

from infra.clock import SystemClock
from infra.database.engine import check_revision, open_database, reading
from infra.database.tables import states
from infra.errors import ConfigurationError, PermanentError
from infra.settings import account_ids, database_url, transport_settings
from infra.transport.connect import connect
from infra.transport.patient import produce_patiently
from processors.call_events import CallEvents, CallEventsState
from processors.runtime.codec import load
from schemas.calls import REPORT_REASONS, Registration, Report, envelope_of
from schemas.identity import fact_id
from schemas.topics import REGISTRATIONS, REPORTS, Topic

_SOURCE = "/zoom-call-pipeline/operators"


@dataclass(frozen=True, slots=True)
class KnownCall:
    """A registered call, as far as its events tell."""

    registration: Registration
    started_at: datetime | None
    ended_at: datetime | None
    is_open: bool


@click.group()
def calls() -> None:
    """Register, list and report calls by hand."""


@calls.command()
@click.option("--meeting-id", required=True, help="Zoom's number of the meeting.")
@click.option("--order", "order_id", required=True, help="The marketplace's order; its files are tagged with it.")
@click.option("--conversation", "conversation_id", required=True, help="Where in the chat the invitation goes.")
@click.option("--freelancer", "freelancer_id", required=True, help="The freelancer's id.")
@click.option("--freelancer-name", help="How the invitation names the freelancer.")
@click.option("--client", "client_id", required=True, help="The client's id.")
@click.option("--join-url", required=True, help="The link to join by; never the start link.")
@click.option(
    "--language", default="en", show_default=True, help="The invitation's: en, es, fr, de or pt; others get en."
)
@click.option("--account", "account_id", help="Zoom's account id; needed unless ZOOM_ACCOUNT_IDS is exactly one.")
def register(account_id: str | None, meeting_id: str, order_id: str, **more: str) -> None:
    """Register a call, so that its meeting's events belong to it. The same meeting and order are the same call."""
    account_id, meeting_id = account_id or _only_account(), meeting_id.replace(" ", "")
    call_id = fact_id("call", account_id, meeting_id, order_id)
    registration = Registration(
        call_id=call_id,
        meeting_id=meeting_id,
        account_id=account_id,
        order_id=order_id,
        registered_at=SystemClock().now(),
        **more,
    )
    _publish(REGISTRATIONS, registration)
    click.echo(f"registered call {call_id}")


@calls.command("list")
def list_calls() -> None:
    """List the registered calls, the newest first."""
    for call in sorted(_known_calls(), key=lambda one: one.registration.registered_at, reverse=True):
        one = call.registration
        state = "going on" if call.is_open else "ended" if call.ended_at else "not started"
        about = f"order {one.order_id}" if one.order_id else "no order"
        click.echo(f"{one.call_id}  meeting {one.meeting_id}  {about}  {state}  {_span(call)}".rstrip())


@calls.command()
@click.option("--call", "call_id", required=True, help="The call's id, as `calls list` shows it.")
@click.option(
    "--reporter", required=True, type=click.Choice(["freelancer", "client", "support"]), help="On whose behalf."
)
@click.option("--reason", required=True, type=click.Choice(REPORT_REASONS), help="What the report is about.")
@click.option("--text", default="", help="What happened, in the reporter's words.")
@click.option("--second", type=click.IntRange(min=0), help="Where in the recording, in seconds from its start.")
def report(call_id: str, reporter: str, reason: str, text: str, second: int | None) -> None:
    """Report a call on behalf of a participant."""
    known = {one.registration.call_id: one.registration for one in _known_calls()}
    if call_id not in known:
        raise PermanentError("no such call is registered: python -m processors calls list shows those that are")
    document = Report(
        report_id=str(uuid4()),
        call_id=call_id,
        meeting_id=known[call_id].meeting_id,
        reporter=reporter,
        reason=reason,
        text=text,
        second=second,
        reported_at=SystemClock().now(),
    )
    _publish(REPORTS, document)
    click.echo(f"reported call {call_id}")


def _only_account() -> str:
    accounts = account_ids(os.environ)
    if len(accounts) != 1:
        raise ConfigurationError("ZOOM_ACCOUNT_IDS is not exactly one account: say which with --account")
    return next(iter(accounts))


def _publish(topic: Topic, record: Registration | Report) -> None:
    envelope = envelope_of(record, _SOURCE)
    transport = connect(transport_settings(os.environ), SystemClock())
    try:
        transport.create_topics()
        producer = transport.producer()
        produce_patiently(producer, topic.name, envelope, SystemClock())
        producer.close()
    finally:
        transport.close()


def _known_calls() -> Iterator[KnownCall]:
    engine = open_database(database_url(os.environ))
    check_revision(engine)
    with reading(engine) as connection:
        rows = connection.execute(select(states.c.document).where(states.c.processor == CallEvents.name)).all()
    for row in rows:
        meeting = load(CallEventsState, row.document).meeting
        for registration in meeting.registrations.values():
            sessions = meeting.sessions_of(registration.call_id)
            yield KnownCall(
                registration=registration,
                started_at=sessions[0].begins_at if sessions else None,
                ended_at=meeting.ended_at(registration.call_id),
                is_open=any(session.is_open for session in sessions),
            )


def _span(call: KnownCall) -> str:
    instants = [f"{at:%Y-%m-%d %H:%M} UTC" for at in (call.started_at, call.ended_at) if at]
    return " to ".join(instants)
