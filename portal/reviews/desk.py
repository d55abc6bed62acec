"""What analysts do with a case: claim it, decide about it, note something, hold its recordings.

Every deed is in the audit, in the same transaction, before anybody outside hears of it.
"""

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from http import HTTPStatus
from typing import Any, NoReturn, TypeVar

from sqlalchemy import Connection, Engine, Row, and_, bindparam, delete, insert, update
from sqlalchemy import case as either
from sqlalchemy.dialects import postgresql, sqlite

from infra.clock import Clock
from infra.database.engine import reading, writing
from infra.database.review_tables import review_claims, review_decisions, review_notes, review_verdicts
from portal.audit import Audit, Entry
from portal.auth.sessions import Analyst
from portal.problems import Problem
from portal.reviews.cases import Case, Flagged, find_case, find_flagged
from portal.reviews.holds import SOURCE, Holds, can_be_held, files_of
from portal.reviews.outbox import Outbox
from portal.reviews.words import ACTION_NAMES, VERDICT_NAMES
from schemas.envelope import Envelope
from schemas.events import REVIEWED, data_schema, encode
from schemas.identity import fact_id
from schemas.reviews import CLOSING, DECISIONS
from schemas.topics import DECISIONS as DECISIONS_TOPIC

LEASE = timedelta(minutes=20)  # of a claim; whatever its owner does with the case begins it anew
_RENEWED_EVERY = timedelta(minutes=1)  # when they only look: a write a minute at most
MAX_TEXT_CHARACTERS = 4000  # of a note or reason: as of a report
MIN_REASON_CHARACTERS = 10  # fewer say nothing to who reads the audit
LONGEST_HOLD = timedelta(days=365)  # until somebody must look at a manual hold again

Found = TypeVar("Found", bound=Flagged)


@dataclass(frozen=True, slots=True)
class Decided:
    """What an analyst says of a case. `verdicts` are by finding id; `revision` is the one that they saw."""

    revision: int
    decision: str
    action: str | None
    note: str
    verdicts: Mapping[str, str]


class Desk:
    """Safe to share between threads. Every method raises TransientError when the database fails, and Problem when the
    case is not in a state for it; a refusal is written down too."""

    def __init__(self, engine: Engine, audit: Audit, holds: Holds, outbox: Outbox, clock: Clock) -> None:
        self._engine = engine
        self._audit = audit
        self._holds = holds
        self._outbox = outbox
        self._clock = clock

    def look(self, flag_id: str) -> Case:
        """Return the case as it is; raises Problem, 404, when there is none."""
        with reading(self._engine) as connection:
            return _there(find_case(connection, flag_id, self._clock.now()))

    def open(self, flag_id: str, analyst: Analyst) -> Case:
        """Return the case for its page; whoever opens it first has its recordings held, where it needs that."""
        case = self.look(flag_id)
        if not (case.is_open and case.needs_hold and can_be_held(case)) or case.active_holds("case"):
            return case
        with suppress(_Unneeded), self._deed(flag_id, analyst, "hold.placed", "the case was opened") as deed:
            connection, now, fresh = deed
            if not fresh.is_open or fresh.active_holds("case"):
                raise _Unneeded  # somebody else was first: nothing is done, and nothing told
            self._holds.place(connection, fresh, analyst.id, now, kind="case", reason="the case is open")
        return self.look(flag_id)

    def claim(self, flag_id: str, analyst: Analyst) -> None:
        """Make the case this analyst's for LEASE."""
        with self._deed(flag_id, analyst, "case.claimed") as (connection, now, case):
            if not case.is_open:
                _refuse("claim: not open", "This case is closed: there is nothing to claim.")
            if case.claimed_by not in (None, analyst.id):
                _refuse("claim: taken", f"{case.claimed_by} is looking into this case now.")
            if case.is_escalated and not analyst.is_lead:
                _refuse("claim: escalated", "This case was escalated: a lead takes it from here.")
            _take(connection, flag_id, analyst.id, now)

    def release(self, flag_id: str, analyst: Analyst) -> None:
        """Let others have it. A lead may release anybody's."""
        with self._deed(flag_id, analyst, "case.released") as (connection, _, case):
            if not (case.is_claimed_by(analyst.id) or analyst.is_lead):
                _refuse("release: not theirs", "This case is not yours to release.")
            connection.execute(delete(review_claims).where(review_claims.c.flag_id == flag_id))

    def hand_over(self, flag_id: str, analyst: Analyst, to: str) -> None:
        """Make it somebody else's, for LEASE from now."""
        with self._deed(flag_id, analyst, "case.handed_over", f"to {to}") as (connection, now, case):
            if not (case.is_claimed_by(analyst.id) or analyst.is_lead):
                _refuse("hand over: not theirs", "This case is not yours to hand over.")
            _take(connection, flag_id, to, now)

    def note(self, flag_id: str, analyst: Analyst, text: str) -> None:
        """Tell the others something about the case."""
        text = _text(text, "note")
        if not text:
            _unfit("A note without words says nothing.")
        with self._deed(flag_id, analyst, "case.noted") as (connection, now, _):
            row = {"flag_id": flag_id, "analyst": analyst.id, "noted_at": now, "text": text}
            connection.execute(insert(review_notes).values(row))

    def decide(self, flag_id: str, analyst: Analyst, decided: Decided) -> None:
        """Write down what was decided, publish it, and let go of the case; a closing decision releases its hold."""
        decided = replace(decided, note=_text(decided.note, "note"))
        with self._deed(flag_id, analyst, f"case.{decided.decision}", decided.note) as (connection, now, case):
            _may_decide(case, analyst, decided)
            position = _write(connection, case, analyst, decided, now)
            _write_verdicts(connection, case, decided.verdicts, position)
            connection.execute(delete(review_claims).where(review_claims.c.flag_id == flag_id))
            if decided.decision in CLOSING and case.active_holds("case"):
                self._audit.append_in(connection, Entry(analyst.id, "hold.released", flag_id, "the case was closed"))
                self._holds.release(connection, case, analyst.id, now, "case")
            self._outbox.add(connection, DECISIONS_TOPIC.name, _reviewed(case, decided.decision, position, now))

    def hold(self, flag_id: str, analyst: Analyst, reason: str, review_at: datetime) -> None:
        """Hold its recordings until somebody releases them; on `review_at` that is asked for."""
        reason = reason_of(reason)
        with self._deed(flag_id, analyst, "hold.placed", reason) as (connection, now, case):
            if not can_be_held(case):
                _refuse("hold: no call", "Nobody registered this meeting: there is no call to hold.")
            if not now < review_at <= now + LONGEST_HOLD:
                _unfit("The review date must lie ahead, within a year.")
            self._holds.place(
                connection, case, analyst.id, now, kind="manual", reason=reason, review_at=review_at
            )  # fmt: skip

    def release_hold(self, flag_id: str, analyst: Analyst, reason: str) -> None:
        """End its manual hold: from then on the recordings go when their time is over."""
        reason = reason_of(reason)
        with self._deed(flag_id, analyst, "hold.released", reason) as (connection, now, case):
            if not case.active_holds("manual"):
                _refuse("release hold: none", "There is no hold to release.")
            self._holds.release(connection, case, analyst.id, now, "manual")

    def view(self, flag_id: str, analyst: Analyst, action: str, detail: str = "") -> Case:
        """Write down that something of the case is about to be seen, and return the case."""
        case = self.look(flag_id)
        self._audit.append(Entry(analyst.id, action, flag_id, detail))
        return case

    def view_claimed(
        self, flag_id: str, analyst: Analyst, action: str, detail: str = ""
    ) -> tuple[Flagged, list[Row[Any]]]:
        """The same, of what only the one may see who looks into an open case now, and the receipts of what the archive
        has of it; the claim begins anew."""
        now = self._clock.now()
        with reading(self._engine) as connection:
            case = _there(find_flagged(connection, flag_id, now))
            files = files_of(connection, case)
        with self._refusable(flag_id, analyst):
            if not case.is_open:
                _refuse(f"{action}: not open", "This case is closed: its recording stays closed too.")
            if not (case.is_claimed_by(analyst.id) and self._goes_on(case, now)):
                _refuse(f"{action}: not claimed", "Claim the case first: its recording opens for who looks into it.")
        self._audit.append(Entry(analyst.id, action, flag_id, detail))
        return case, files

    def _goes_on(self, case: Flagged, now: datetime) -> bool:
        """Begin the claim of who looks into the case anew; False when it has ended meanwhile."""
        if case.claimed_until is not None and case.claimed_until - now > LEASE - _RENEWED_EVERY:
            return True
        with writing(self._engine) as connection:
            mine = {"flag": case.flag_id, "by": case.claimed_by, "now": now, "until": now + LEASE}
            return connection.execute(_RENEW_CLAIM, mine).rowcount == 1

    @contextmanager
    def _deed(
        self, flag_id: str, analyst: Analyst, action: str, reason: str = ""
    ) -> Iterator[tuple[Connection, datetime, Case]]:
        """A deed's transaction. It begins with the deed's entry, which locks others out; so the case is as the deed before
        left it."""
        with self._refusable(flag_id, analyst), writing(self._engine, durable=True) as connection:
            now = self._clock.now()
            self._audit.append_in(connection, Entry(analyst.id, action, flag_id, reason))
            yield connection, now, _there(find_case(connection, flag_id, now))

    @contextmanager
    def _refusable(self, flag_id: str, analyst: Analyst) -> Iterator[None]:
        """Around a transaction: a refusal undoes it, and is written down itself."""
        try:
            yield
        except _Refused as refused:
            self._audit.append(Entry(analyst.id, "refused", flag_id, refused.what))
            raise Problem(HTTPStatus.CONFLICT, "case-not-ready", refused.detail) from refused


class _Unneeded(Exception):
    """There is nothing left to do."""


class _Refused(Exception):
    def __init__(self, what: str, detail: str) -> None:
        super().__init__(what)
        self.what, self.detail = what, detail


def _there(case: Found | None) -> Found:
    if case is None:
        raise Problem(HTTPStatus.NOT_FOUND, "no-case", "There is no such case.")
    return case


def _refuse(what: str, detail: str) -> NoReturn:
    raise _Refused(what, detail)


def _may_decide(case: Case, analyst: Analyst, decided: Decided) -> None:
    if decided.decision not in DECISIONS or not set(decided.verdicts.values()) <= set(VERDICT_NAMES):
        _unfit("This is none of the decisions that there are.")
    if not case.is_open:
        _refuse("decide: not open", "This case was closed already.")
    if not case.is_claimed_by(analyst.id):
        _refuse("decide: not claimed", "Claim the case first: somebody else may be looking into it.")
    if decided.revision != case.revision:
        _refuse("decide: changed", "The case has changed since you loaded it: look again, then decide.")
    if decided.decision == "confirmed" and decided.action not in ACTION_NAMES:
        _unfit("Say what is to be done: a confirmed case needs an action.")
    if case.needs_note and len(decided.note) < MIN_REASON_CHARACTERS:
        _unfit(f"From severity 4 a note of {MIN_REASON_CHARACTERS} characters or more is needed: say why.")


def reason_of(text: str) -> str:
    """Return a typed reason; raises Problem, 422, for one that says nothing."""
    reason = _text(text, "reason")
    if len(reason) < MIN_REASON_CHARACTERS:
        _unfit(f"Say why, in {MIN_REASON_CHARACTERS} characters or more: it stands in the audit.")
    return reason


def _text(text: str, name: str) -> str:
    text = " ".join(text.replace("\x00", "").split())
    if len(text) > MAX_TEXT_CHARACTERS:
        _unfit(f"The {name} is longer than {MAX_TEXT_CHARACTERS} characters.")
    return text


def _unfit(detail: str) -> NoReturn:
    raise Problem(HTTPStatus.UNPROCESSABLE_ENTITY, "invalid", detail)


def _take(connection: Connection, flag_id: str, analyst: str, now: datetime) -> None:
    """Write the claim; one that goes on keeps when it began."""
    row = {"flag_id": flag_id, "analyst": analyst, "claimed_at": now, "claimed_until": now + LEASE}
    connection.execute(_CLAIMS[connection.dialect.name], row)


def _claiming(insert: postgresql.Insert | sqlite.Insert) -> postgresql.Insert | sqlite.Insert:
    """Write a claim in place of the one before; `claimed_at` of a new row is now."""
    old, new = review_claims.c, insert.excluded
    goes_on = and_(old.analyst == new.analyst, old.claimed_until > new.claimed_at)
    began = either((goes_on, old.claimed_at), else_=new.claimed_at)
    fresh = {"analyst": new.analyst, "claimed_at": began, "claimed_until": new.claimed_until}
    return insert.on_conflict_do_update(index_elements=["flag_id"], set_=fresh)


# Made once: nobody else writes meanwhile, so they are to be quick.
_CLAIMS = {
    "postgresql": _claiming(postgresql.insert(review_claims)),
    "sqlite": _claiming(sqlite.insert(review_claims)),
}
_c = review_claims.c
_RENEW_CLAIM = (
    update(review_claims)
    .where(_c.flag_id == bindparam("flag"), _c.analyst == bindparam("by"), _c.claimed_until > bindparam("now"))
    .values(claimed_until=bindparam("until"))
)


def _write(connection: Connection, case: Case, analyst: Analyst, decided: Decided, now: datetime) -> int:
    row = {
        "flag_id": case.flag_id,
        "flag_revision": case.revision,
        "analyst": analyst.id,
        "decided_at": now,
        "flagged_at": case.flagged_at,
        "decision": decided.decision,
        "action": decided.action if decided.decision == "confirmed" else None,
        "note": decided.note,
        "document": json.dumps(dict(case.flag), ensure_ascii=False),
    }
    written = connection.execute(insert(review_decisions).values(row).returning(review_decisions.c.position))
    return int(written.scalar_one())


def _write_verdicts(connection: Connection, case: Case, verdicts: Mapping[str, str], position: int) -> None:
    rows = [
        {"decision": position, "finding": one.id, "rule_id": one.data["rule_id"], "verdict": verdicts[one.id]}
        for one in case.findings
        if one.id in verdicts
    ]
    if rows:
        connection.execute(insert(review_verdicts), rows)


def _reviewed(case: Case, decision: str, position: int, now: datetime) -> Envelope:
    """What others are told: what was decided, and not by whom."""
    told = {name: case.flag[name] for name in ("flag_id", "revision", "call_id", "meeting_id", "session_id")}
    return Envelope(
        id=fact_id(REVIEWED, case.flag_id, position),
        source=SOURCE,
        type=REVIEWED,
        data=encode(REVIEWED, {**told, "occurred_at": now, "decision": decision}).encode(),
        time=now,
        subject=case.flag["call_id"] or case.flag["session_id"],
        dataschema=data_schema(REVIEWED),
        partitionkey=case.flag["meeting_id"] or case.flag_id,
    )
