"""A case: one flag with its call, who looks into it, and what was decided and noted before."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import datetime
from typing import Any

from sqlalchemy import BindParameter, Connection, Row, and_, bindparam, select

from infra.database.review_tables import review_claims, review_decisions, review_holds, review_notes
from infra.database.tables import portal_calls, portal_flags
from portal.reviews.queue import due_at
from schemas.identity import fact_id
from schemas.reviews import CLOSING, weight_of

HOLD_FROM_SEVERITY = 3  # and every report: their recordings are kept from when somebody first looks
NOTE_FROM_SEVERITY = 4

# Made once: to make a statement takes as long as to run it.
_FLAG_ID: BindParameter[str] = bindparam("flag_id")
_CLAIMED = and_(review_claims.c.flag_id == portal_flags.c.flag_id, review_claims.c.claimed_until > bindparam("now"))
_FLAG = (
    select(portal_flags, review_claims.c.analyst, review_claims.c.claimed_until)
    .outerjoin(review_claims, _CLAIMED)
    .where(portal_flags.c.flag_id == _FLAG_ID)
)
_CALL = select(portal_calls).where(portal_calls.c.call_id == bindparam("call_id"))
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
    found = find_flagged(connection, flag_id, now)
    if found is None:
        return None
    mine = {"flag_id": flag_id}
    call = connection.execute(_CALL, {"call_id": found.call_id}).first()
    return Case(
        **{one.name: getattr(found, one.name) for one in fields(found)},
        call=call,
        events=[] if call is None else json.loads(call.document)["events"],
        notes=connection.execute(_NOTES, mine).all(),
        holds=connection.execute(_HOLDS, mine).all(),
    )


def find_flagged(connection: Connection, flag_id: str, now: datetime) -> Flagged | None:
    """Return as much of the case as says who may do what with it; None when there is no such flag."""
    shown = connection.execute(_FLAG, {"flag_id": flag_id, "now": now}).first()
    if shown is None:
        return None
    flag = json.loads(shown.document)["flag"]
    decisions = connection.execute(_DECISIONS, {"flag_id": flag_id}).all()
    closing = next((one for one in reversed(decisions) if one.decision in CLOSING), None)
    seen = [] if closing is None else json.loads(closing.document)["findings"]
    findings, gone = _compared(flag["findings"], seen, is_first=closing is None)
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


def _compared(
    now: Sequence[Mapping[str, Any]], seen: Sequence[Mapping[str, Any]], *, is_first: bool
) -> tuple[list[Finding], list[Mapping[str, Any]]]:
    """The findings of now, marked where the last closing decision did not see them, and those that are gone since."""
    known = {finding_id(data) for data in seen}
    named: dict[str, Finding] = {}
    for data in now:
        name = finding_id(data)
        named.setdefault(name, Finding(name, data, is_new=not is_first and name not in known))
    return list(named.values()), [data for data in seen if finding_id(data) not in named]
