"""A case: one flag with its call, who looks into it, and what was decided and noted before."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import datetime
from functools import lru_cache
from typing import Any

from sqlalchemy import BindParameter, ColumnElement, Connection, Row, Table, and_, bindparam, exists, select

from infra.database.review_tables import review_claims, review_decisions, review_holds, review_notes
from infra.database.tables import portal_calls, portal_flags
from portal.reviews.queue import due_at
from schemas.identity import fact_id
from schemas.reviews import CLOSING, weight_of

HOLD_FROM_SEVERITY = 3  # and every report: their recordings are kept from when somebody first looks
NOTE_FROM_SEVERITY = 4

_KEPT = 32  # documents that were read last: with 12 findings 23 KB each as measured, so below 1 MB in all


def _any_in(table: Table) -> ColumnElement[bool]:
    """Whether the table has rows of the flag: what has none, as most flags, is not asked for it."""
    return exists().where(table.c.flag_id == portal_flags.c.flag_id)


# Made once: to make a statement takes as long as to run it. They name their columns: every further one takes time too.
_FLAG_ID: BindParameter[str] = bindparam("flag_id")
_f, _call = portal_flags.c, portal_calls.c
_CLAIMED = and_(review_claims.c.flag_id == _f.flag_id, review_claims.c.claimed_until > bindparam("now"))
_FLAG = (
    select(_f.call_id, _f.standing, _f.flagged_at, _f.flag_revision, _f.document)
    .add_columns(review_claims.c.analyst, review_claims.c.claimed_until)
    .add_columns(_any_in(review_decisions).label("has_decisions"))
    .outerjoin(review_claims, _CLAIMED)
    .where(_f.flag_id == _FLAG_ID)
)
_CASE = (
    _FLAG.add_columns(_call.order_id, _call.freelancer_id, _call.client_id, _call.document.label("call_document"))
    .add_columns(_any_in(review_notes).label("has_notes"), _any_in(review_holds).label("has_holds"))
    .outerjoin(portal_calls, _call.call_id == _f.call_id)
)
_DECISIONS = (
    select(review_decisions).where(review_decisions.c.flag_id == _FLAG_ID).order_by(review_decisions.c.position)
)
_NOTES = select(review_notes).where(review_notes.c.flag_id == _FLAG_ID).order_by(review_notes.c.position)
_HOLDS = select(review_holds).where(review_holds.c.flag_id == _FLAG_ID).order_by(review_holds.c.changed_at)


@dataclass(frozen=True, slots=True)
class Finding:
    """One finding, with a name of its own: the same in every revision that has it."""

    id: str
    data: Mapping[str, Any]
    is_new: bool

    @property
    def is_placed(self) -> bool:
        """Whether it has a place in a recording."""
        return self.data["start_seconds"] is not None and self.data["recording_start"] is not None


@dataclass(frozen=True, slots=True)
class Flagged:
    """A flag, what was decided about it, and who looks into it now. `gone`: findings that it had when it was closed."""

    flag_id: str
    call_id: str | None
    flag: Mapping[str, Any]
    standing: str
    flagged_at: datetime
    claimed_by: str | None
    claimed_until: datetime | None
    decisions: Sequence[Row[Any]]
    findings: Sequence[Finding]
    gone: Sequence[Mapping[str, Any]]

    @property
    def revision(self) -> int:
        return int(self.flag["revision"])

    @property
    def severity(self) -> int:
        return int(self.flag["severity"] or 0)

    @property
    def is_open(self) -> bool:
        return self.standing == "open"

    @property
    def is_escalated(self) -> bool:
        return self.is_open and bool(self.decisions) and self.decisions[-1].decision == "escalated"

    @property
    def is_reopened(self) -> bool:
        return self.is_open and any(one.decision in CLOSING for one in self.decisions)

    @property
    def due_at(self) -> datetime | None:
        return due_at(self.severity, self.flagged_at) if self.is_open else None

    @property
    def needs_hold(self) -> bool:
        """Whether its recordings must outlast the case."""
        return self.severity >= HOLD_FROM_SEVERITY or weight_of(self.flag).reports > 0

    @property
    def needs_note(self) -> bool:
        return self.severity >= NOTE_FROM_SEVERITY

    def is_claimed_by(self, analyst: str) -> bool:
        return self.claimed_by == analyst

    def finding(self, finding_id: str) -> Finding | None:
        return next((one for one in self.findings if one.id == finding_id), None)


@dataclass(frozen=True, slots=True)
class Case(Flagged):
    """Everything that a page about one flag shows. `call` is None for a meeting that nobody registered."""

    call: Row[Any] | None
    events: Sequence[Mapping[str, Any]]
    notes: Sequence[Row[Any]]
    holds: Sequence[Row[Any]]

    def active_holds(self, kind: str) -> list[Row[Any]]:
        return [hold for hold in self.holds if hold.active and hold.kind == kind]


def finding_id(data: Mapping[str, Any]) -> str:
    """Return the name of a finding: what it says and where, not how sure or grave it counts now."""
    parts = ("rule_id", "source", "session_id", "recording_start", "start_seconds", "speaker", "quote")
    return fact_id("finding", *(data[part] for part in parts))


def find_case(connection: Connection, flag_id: str, now: datetime) -> Case | None:
    """Return the case of a flag; None when there is no such flag."""
    shown = connection.execute(_CASE, {"flag_id": flag_id, "now": now}).first()
    if shown is None:
        return None
    found, mine = _flagged(connection, flag_id, shown), {"flag_id": flag_id}
    is_registered = shown.call_document is not None
    return Case(
        **{one.name: getattr(found, one.name) for one in fields(found)},
        call=shown if is_registered else None,
        events=json.loads(shown.call_document)["events"] if is_registered else [],
        notes=connection.execute(_NOTES, mine).all() if shown.has_notes else [],
        holds=connection.execute(_HOLDS, mine).all() if shown.has_holds else [],
    )


def find_flagged(connection: Connection, flag_id: str, now: datetime) -> Flagged | None:
    """Return as much of the case as says who may do what with it; None when there is no such flag."""
    shown = connection.execute(_FLAG, {"flag_id": flag_id, "now": now}).first()
    return None if shown is None else _flagged(connection, flag_id, shown)


def _flagged(connection: Connection, flag_id: str, shown: Row[Any]) -> Flagged:
    decisions = connection.execute(_DECISIONS, {"flag_id": flag_id}).all() if shown.has_decisions else []
    closing = next((one for one in reversed(decisions) if one.decision in CLOSING), None)
    flag, named = _read(shown.document)
    seen = [] if closing is None else json.loads(closing.document)["findings"]
    findings, gone = _compared(named, seen, is_first=closing is None)
    return Flagged(
        flag_id=flag_id,
        call_id=shown.call_id,
        flag=flag,
        standing=_standing(shown, decisions),
        flagged_at=shown.flagged_at,
        claimed_by=shown.analyst,
        claimed_until=shown.claimed_until,
        decisions=decisions,
        findings=findings,
        gone=gone,
    )


def _standing(shown: Row[Any], decisions: Sequence[Row[Any]]) -> str:
    """As the row says, unless this revision was closed here a moment ago."""
    is_closed = bool(decisions) and decisions[-1].decision in CLOSING
    is_same = bool(decisions) and decisions[-1].flag_revision == shown.flag_revision
    return "closed" if shown.standing == "open" and is_closed and is_same else str(shown.standing)


@lru_cache(_KEPT)
def _read(document: str) -> tuple[Mapping[str, Any], Mapping[str, Mapping[str, Any]]]:
    """The flag in a row's document, and its findings by their names; of two with one name the first."""
    flag = json.loads(document)["flag"]
    named: dict[str, Mapping[str, Any]] = {}
    for data in flag["findings"]:
        named.setdefault(finding_id(data), data)
    return flag, named


def _compared(
    now: Mapping[str, Mapping[str, Any]], seen: Sequence[Mapping[str, Any]], *, is_first: bool
) -> tuple[list[Finding], list[Mapping[str, Any]]]:
    """The findings of now, marked where the last closing decision did not see them, and those that are gone since."""
    known = {finding_id(data) for data in seen}
    findings = [Finding(name, data, is_new=not is_first and name not in known) for name, data in now.items()]
    return findings, [data for data in seen if finding_id(data) not in now]
