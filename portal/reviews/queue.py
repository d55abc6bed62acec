"""The queue: open flags, the gravest first and then the oldest. A page of it costs the same however long it is."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from threading import Lock
from typing import Any

from sqlalchemy import ColumnElement, Engine, Row, Select, and_, bindparam, case, func, or_, select, tuple_

from infra.clock import Clock
from infra.database.engine import reading
from infra.database.review_tables import review_claims, review_decisions
from infra.database.tables import Instant, portal_calls, portal_flags
from schemas.reviews import CLOSING, TIME_LIMITS

PAGE = 50  # rows that a person looks through before they ask for more
_REMEMBERED_SECONDS = 5.0  # how old the counts may be: they are of the whole queue
_QUERIES = 64  # as many ways of looking at the queue are asked at a time

_f, _c, _d = portal_flags.c, review_claims.c, review_decisions.c
_SPACED = {"category": _f.categories, "rule": _f.rules, "source": _f.sources, "language": _f.languages}


@dataclass(frozen=True, slots=True)
class Filters:
    """What somebody wants to see. `search` is an order, a user, a meeting or a call, closed ones included."""

    category: str = ""
    rule: str = ""
    source: str = ""
    language: str = ""
    severity: int | None = None
    mine: bool = False
    search: str = ""


@dataclass(frozen=True, slots=True)
class Place:
    """Where a page of the queue ended; the next goes on after it."""

    urgency: int
    flagged_at: datetime
    flag_id: str


@dataclass(frozen=True, slots=True)
class Waiting:
    """One row of the queue. `due_at` is None where there is no time limit, or nothing to be done any more."""

    flag_id: str
    standing: str
    severity: int
    flagged_at: datetime
    due_at: datetime | None
    order_id: str | None
    meeting_id: str | None
    categories: Sequence[str]
    sources: Sequence[str]
    languages: Sequence[str]
    claimed_by: str | None
    last_decision: str | None

    @property
    def place(self) -> Place:
        return Place(5 - self.severity, self.flagged_at, self.flag_id)


@dataclass(frozen=True, slots=True)
class Counts:
    """How much waits, of everything and of each kind; `overdue` is past its time."""

    open: int
    overdue: int
    severities: dict[int, int]
    options: dict[str, dict[str, int]]


def due_at(severity: int | None, flagged_at: datetime) -> datetime | None:
    """Return until when somebody should have decided; None where there is no limit."""
    limit = TIME_LIMITS.get(severity or 0)
    return None if limit is None else flagged_at + limit


def not_decided() -> ColumnElement[bool]:
    """Whether nobody has closed this revision here: the row itself hears of a decision a moment later."""
    newest = (
        select(_d.decision)
        .where(_d.flag_id == _f.flag_id, _d.flag_revision == _f.flag_revision)
        .order_by(_d.position.desc())
        .limit(1)
        .scalar_subquery()
    )
    return or_(newest.is_(None), newest.not_in(CLOSING))


class Queue:
    """Safe to share between threads. Every method raises TransientError when the database fails."""

    def __init__(self, engine: Engine, clock: Clock) -> None:
        self._engine = engine
        self._clock = clock
        self._lock = Lock()
        self._counted: tuple[float, Counts] | None = None

    def page(self, filters: Filters, analyst: str, after: Place | None = None) -> list[Waiting]:
        """Return the next PAGE rows, and one more if there are more."""
        query = _query(filters, analyst if filters.mine else None, after)
        with reading(self._engine) as connection:
            rows = connection.execute(query, {"now": self._clock.now()}).all()
        return [_waiting(row) for row in rows]

    def counts(self) -> Counts:
        """Return how much waits; a few seconds old at most. One counts anew, the others go on with what they have."""
        counted, now = self._counted, self._clock.monotonic()
        if counted is not None and now - counted[0] < _REMEMBERED_SECONDS:
            return counted[1]
        if not self._lock.acquire(blocking=counted is None) and counted is not None:
            return counted[1]
        try:
            if self._counted is counted:  # else somebody counted while this one waited
                self._counted = now, self._count()
            return (self._counted or (now, self._count()))[1]
        finally:
            self._lock.release()

    def forget(self) -> None:
        """Count anew the next time: something was decided."""
        self._counted = None

    def _count(self) -> Counts:
        now = self._clock.now()
        began = {f"due_{severity}": now - limit for severity, limit in TIME_LIMITS.items()}
        with reading(self._engine) as connection:
            kinds = connection.execute(_KINDS, began).all()
        severities: Counter[int] = Counter()
        options: dict[str, Counter[str]] = {name: Counter() for name in _SPACED}
        for kind in kinds:
            severities[kind.severity] += kind.open
            for name, column in _SPACED.items():
                for value in getattr(kind, column.name).split():
                    options[name][value] += kind.open
        return Counts(
            open=severities.total(),
            overdue=sum(kind.overdue for kind in kinds),
            severities=dict(severities),
            options={name: dict(sorted(found.items())) for name, found in options.items()},
        )


def _rows() -> Select[Any]:
    """The queue with its claims, calls and newest decisions; `now` is given when it is asked."""
    last = (
        select(_d.decision)
        .where(_d.flag_id == _f.flag_id)
        .order_by(_d.position.desc())
        .limit(1)
        .scalar_subquery()
        .label("last_decision")
    )
    claimed = and_(_c.flag_id == _f.flag_id, _c.claimed_until > bindparam("now", type_=Instant))
    columns = (
        _f.flag_id,
        _f.standing,
        _f.severity,
        _f.flagged_at,
        _f.meeting_id,
        _f.categories,
        _f.sources,
        _f.languages,
    )
    joined = portal_flags.outerjoin(review_claims, claimed).outerjoin(
        portal_calls, portal_calls.c.call_id == _f.call_id
    )
    return select(*columns, _c.analyst, portal_calls.c.order_id, last).select_from(joined)


def _kinds() -> Select[Any]:
    """How many open flags there are of each kind, and how many of them are past their time: few rows, of many."""
    limits = [and_(_f.severity == severity, _f.flagged_at < bindparam(f"due_{severity}")) for severity in TIME_LIMITS]
    columns = (_f.severity, *_SPACED.values())
    overdue = func.sum(case((or_(*limits), 1), else_=0)).label("overdue")
    query = select(*columns, func.count().label("open"), overdue)
    return query.where(_f.standing == "open", not_decided()).group_by(*columns)


_ROWS, _KINDS = _rows(), _kinds()  # made once: to make them takes as long as to run them


@lru_cache(_QUERIES)
def _query(filters: Filters, analyst: str | None, after: Place | None) -> Select[Any]:
    """What asks for a page; `analyst` for who wants to see what is theirs. Remembered, as `_ROWS` is."""
    place = (_f.urgency, _f.flagged_at, _f.flag_id)
    query = _ROWS.where(*_conditions(filters, analyst)).order_by(*place).limit(PAGE + 1)
    return query if after is None else query.where(tuple_(*place) > (after.urgency, after.flagged_at, after.flag_id))


def _conditions(filters: Filters, analyst: str | None) -> Iterator[ColumnElement[bool]]:
    if filters.search:
        yield _named(filters.search)
    else:
        yield _f.standing == "open"
        yield not_decided()
    for name, column in _SPACED.items():
        value = getattr(filters, name)
        if value:
            yield column.contains(f" {value} ", autoescape=True)
    if filters.severity is not None:
        yield _f.urgency == 5 - filters.severity
    if analyst is not None:
        yield _c.analyst == analyst


def _named(text: str) -> ColumnElement[bool]:
    calls = portal_calls.c
    named = or_(calls.order_id == text, calls.freelancer_id == text, calls.client_id == text, calls.meeting_id == text)
    found = select(calls.call_id).where(named)
    return or_(_f.call_id.in_(found), _f.call_id == text, _f.meeting_id == text, _f.flag_id == text)


def _waiting(row: Row[Any]) -> Waiting:
    is_open = row.standing == "open" and row.last_decision not in CLOSING
    return Waiting(
        flag_id=row.flag_id,
        standing=row.standing if is_open or row.standing != "open" else "closed",
        severity=row.severity or 0,
        flagged_at=row.flagged_at,
        due_at=due_at(row.severity, row.flagged_at) if is_open else None,
        order_id=row.order_id,
        meeting_id=row.meeting_id,
        categories=row.categories.split(),
        sources=row.sources.split(),
        languages=row.languages.split(),
        claimed_by=row.analyst,
        last_decision=row.last_decision,
    )
