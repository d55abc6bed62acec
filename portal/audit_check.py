"""Check the audit whole, and hand it out: for auditors, who have the key and the head."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Engine, select

from infra.database.engine import reading
from infra.database.tables import portal_audit
from infra.secret import Secret
from portal.audit import GENESIS, Entry, digest
from portal.audit_head import Head
from schemas.envelope import format_time

_BATCH = 1000  # rows in memory at a time
_BEFORE_ALL = -(2**62)  # whatever position somebody gave a row


@dataclass(frozen=True, slots=True)
class Row:
    """One entry as it is stored."""

    position: int
    at: datetime
    entry: Entry
    digest: str

    def document(self) -> dict[str, Any]:
        """Return it as `export` writes it; what the digest is over is all there."""
        return {
            "position": self.position,
            "at": format_time(self.at),
            "actor": self.entry.actor,
            "action": self.entry.action,
            "subject": self.entry.subject,
            "reason": self.entry.reason,
            "digest": self.digest,
        }


@dataclass(frozen=True, slots=True)
class Verdict:
    """`problem` says what is wrong and where; None when the audit is whole. `rows` were checked."""

    rows: int
    problem: str | None


def rows_of(engine: Engine) -> Iterator[Row]:
    """Yield every entry, by position. Raises TransientError when the database fails."""
    query, last = select(portal_audit).order_by(portal_audit.c.position).limit(_BATCH), _BEFORE_ALL
    while True:
        with reading(engine) as connection:
            rows = connection.execute(query.where(portal_audit.c.position > last)).all()
        for row in rows:
            yield Row(row.position, row.at, Entry(row.actor, row.action, row.subject, row.reason), row.digest)
        if len(rows) < _BATCH:
            return
        last = rows[-1].position


def verify(engine: Engine, key: Secret, head: Head) -> Verdict:
    """Say whether the audit is whole: nothing edited, added, taken out, put elsewhere, or cut off its end.

    Raises:
        TransientError: the database or the head cannot be read.
    """
    known = head.read()  # first: rows that come meanwhile are newer than it
    previous, count, is_head_there = GENESIS, 0, False
    for row in rows_of(engine):
        if row.position != count + 1:
            return Verdict(count, f"after entry {count} comes {row.position}: entries are missing")
        if row.digest != digest(key.encode(), previous, row.position, row.at, row.entry):
            return Verdict(count, f"entry {row.position} was changed, or what stood before it: its digest does not fit")
        is_head_there = is_head_there or known == (row.position, row.digest)
        previous, count = row.digest, row.position
    return Verdict(count, _end_problem(known, count, is_head_there=is_head_there))


def _end_problem(known: tuple[int, str] | None, count: int, *, is_head_there: bool) -> str | None:
    if known is None:
        return "there is no head file, so a cut tail could not be found: see PORTAL_AUDIT_HEAD" if count else None
    if known[0] > count:
        return f"the head knows of {known[0]} entries, the table has {count}: its tail was cut off"
    return None if is_head_there else f"the head's entry {known[0]} is another one here: the table was exchanged"
