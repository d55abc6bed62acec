"""Reports on their way to trust and safety: durably on topic `call-reports`, then noted here for who made them.

Nothing else changes for anybody: in a call of two, a hint that it was reported names the reporter.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from http import HTTPStatus
from typing import Any, Literal

from sqlalchemy import Engine, select
from sqlalchemy.dialects import postgresql, sqlite

from infra.clock import Clock
from infra.database.engine import reading, writing
from infra.database.tables import call_reports, portal_flags
from infra.transport import Producer
from portal.audit import Audit, Entry
from portal.participants.gate import Visitor
from portal.problems import Problem
from schemas.calls import Report, envelope_of
from schemas.identity import fact_id
from schemas.topics import REPORTS

SOURCE = "/zoom-call-pipeline/portal"
PUBLISH_SECONDS = 5.0  # a person waits for it
_FINAL = ("confirmed", "dismissed")  # decisions that end a case; the others go on looking

State = Literal["received", "closed"]


@dataclass(frozen=True, slots=True)
class Filed:
    """A report that was received. `is_new`: not sent before."""

    report_id: str
    reason: str
    reported_at: datetime
    state: State = "received"
    is_new: bool = True


class Reports:
    """Takes reports, and tells their makers what became of them. Safe to share between threads."""

    def __init__(self, engine: Engine, producer: Producer, audit: Audit, clock: Clock) -> None:
        self._engine = engine
        self._producer = producer
        self._audit = audit
        self._clock = clock

    def file(self, visitor: Visitor, told: Mapping[str, Any]) -> Filed:
        """Take a report; the same one again is the same report, and published once more at most.

        It is on the topic before it is noted here: a crash in between loses nothing, and the reporter, who got no
        answer, sends it again.

        Raises:
            Problem: the recording has expired, and with it the time to report.
            TransientError: log or database do not take it now; nothing is promised.
        """
        now = self._clock.now()
        if visitor.call.expires_at is not None and now >= visitor.call.expires_at:
            raise Problem(HTTPStatus.GONE, "reports-over", "It is too late to report this call: its recording is gone.")
        row = _row(visitor, told, now)
        known = self._find(row["report_id"])
        if known is not None:
            return known
        self._publish(visitor, row)
        self._note(row)
        return Filed(row["report_id"], row["reason"], now)

    def of(self, call_id: str, reporter_id: str) -> list[Filed]:
        """Return a person's own reports about a call, the latest first."""
        mine = (call_reports.c.call_id == call_id, call_reports.c.reporter_id == reporter_id)
        query = select(call_reports).where(*mine).order_by(call_reports.c.reported_at.desc(), call_reports.c.report_id)
        with reading(self._engine) as connection:
            rows = connection.execute(query).all()
        closed_at = self._closed_at(call_id) if rows else None
        return [
            Filed(row.report_id, row.reason, row.reported_at, _state(row.reported_at, closed_at), is_new=False)
            for row in rows
        ]

    def _find(self, report_id: str) -> Filed | None:
        with reading(self._engine) as connection:
            row = connection.execute(select(call_reports).where(call_reports.c.report_id == report_id)).first()
        if row is None:
            return None
        state = _state(row.reported_at, self._closed_at(row.call_id))
        return Filed(row.report_id, row.reason, row.reported_at, state, is_new=False)

    def _publish(self, visitor: Visitor, row: Mapping[str, Any]) -> None:
        told = {
            name: row[name] for name in ("report_id", "call_id", "reporter", "reason", "text", "second", "reported_at")
        }
        envelope = envelope_of(Report(meeting_id=visitor.call.meeting_id, **told), SOURCE)
        self._producer.produce(
            REPORTS.name,
            key=envelope.key,
            headers=envelope.headers(),
            value=envelope.data,
            timeout_seconds=PUBLISH_SECONDS,
        )

    def _note(self, row: Mapping[str, Any]) -> None:
        """Note it once, with its audit row; whoever sent the same at the same moment noted it already."""
        with writing(self._engine, durable=True) as connection:
            upsert = postgresql.insert if connection.dialect.name == "postgresql" else sqlite.insert
            new = upsert(call_reports).values(row).on_conflict_do_nothing().returning(call_reports.c.report_id)
            if connection.execute(new).first() is not None:
                actor = f"service:{row['filed_by']}" if row["filed_by"] else row["reporter_id"]
                on_behalf = f", for {row['reporter_id']}" if row["filed_by"] else ""
                ticket = "" if row["ticket"] is None else f", ticket {row['ticket']}"
                reason = f"report {row['report_id']}{on_behalf}{ticket}"
                self._audit.append_in(connection, Entry(actor, "call.reported", row["call_id"], reason))

    def _closed_at(self, call_id: str) -> datetime | None:
        """When trust and safety last decided about this call for good."""
        with reading(self._engine) as connection:
            rows = connection.execute(select(portal_flags.c.document).where(portal_flags.c.call_id == call_id)).all()
        decisions = (one for row in rows for one in json.loads(row.document)["decisions"])
        ends = [datetime.fromisoformat(one["occurred_at"]) for one in decisions if one["decision"] in _FINAL]
        return max(ends, default=None)


def _row(visitor: Visitor, told: Mapping[str, Any], now: datetime) -> dict[str, Any]:
    """The report's id is over what was reported, by whom and how: never over when."""
    call_id, ticket = visitor.call.call_id, told.get("ticket")
    reporter = visitor.role if ticket is None else "support"
    content = [told["reason"], told["text"], told["second"]]
    return {
        "report_id": fact_id("report", call_id, visitor.viewer_id, reporter, ticket, *content),
        "call_id": call_id,
        "reporter_id": visitor.viewer_id,
        "reporter": reporter,
        "filed_by": visitor.service or "",
        "ticket": ticket,
        "reason": told["reason"],
        "text": told["text"],
        "second": told["second"],
        "reported_at": now,
    }


def _state(reported_at: datetime, closed_at: datetime | None) -> State:
    return "closed" if closed_at is not None and closed_at >= reported_at else "received"
