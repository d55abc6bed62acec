"""The audit: who touched people's recordings and flags, and why. Append-only, and every row vouches for all before it.

A row's digest is an HMAC over the digest before it and its own content, with a key that is not in the database: who can
write to the table still cannot make a row that fits. Who cuts rows off the end leaves a chain that fits, so the newest
position and digest are kept in a file too: the head. Actors and subjects are ids, never names.
"""

import hmac
import json
from dataclasses import asdict, dataclass
from datetime import datetime
from hashlib import sha256
from pathlib import Path

from sqlalchemy import Connection, Engine, insert, select, text

from infra.clock import Clock
from infra.database.engine import after_commit, writing
from infra.database.tables import portal_audit
from infra.secret import Secret
from portal.audit_head import Head
from schemas.envelope import format_time

GENESIS = "0" * 64  # the digest before the first row
_LOCK = 0x41756474  # "Audt": the number of our PostgreSQL advisory lock

# Made once: nobody else writes meanwhile, so they are to be quick.
_TAKE_LOCK = text("SELECT pg_advisory_xact_lock(:lock)")
_LAST = select(portal_audit.c.position, portal_audit.c.digest).order_by(portal_audit.c.position.desc()).limit(1)
_APPEND = insert(portal_audit)


@dataclass(frozen=True, slots=True)
class Entry:
    """Who did what to which call or flag, and why. `reason` is what they typed, or empty."""

    actor: str
    action: str
    subject: str
    reason: str = ""


class Audit:
    """One writer at a time. Safe to share between threads and processes."""

    def __init__(self, engine: Engine, key: Secret, head: Path, clock: Clock) -> None:
        self._engine = engine
        self._key = key.encode()
        self._head = Head(head)
        self._clock = clock

    def append(self, entry: Entry) -> None:
        """Write a row, durably: only when this has returned may the deed be done.

        Raises:
            TransientError: it, or the head, could not be written; the deed must not be done.
            PermanentError: rows that the head knows of are gone; nothing may be done before somebody has looked.
        """
        with writing(self._engine, durable=True) as connection:
            self.append_in(connection, entry)

    def append_in(self, connection: Connection, entry: Entry) -> None:
        """Write a row in the caller's transaction, with the deed that it tells of; the head follows its commit."""
        if connection.dialect.name == "postgresql":  # SQLite has one writer by itself
            connection.execute(_TAKE_LOCK, {"lock": _LOCK})
        found = connection.execute(_LAST).first()
        self._head.check(0 if found is None else found.position, "" if found is None else found.digest)
        position, previous = (found.position + 1, found.digest) if found else (1, GENESIS)
        at = self._clock.now()
        own = digest(self._key, previous, position, at, entry)
        row = {"position": position, "at": at, **asdict(entry), "digest": own}
        connection.execute(_APPEND, row)
        after_commit(connection, lambda: self._head.move_to(position, own))


def digest(key: bytes, previous: str, position: int, at: datetime, entry: Entry) -> str:
    """Return the digest of a row that follows the one with the digest `previous`."""
    content = [previous, position, format_time(at), entry.actor, entry.action, entry.subject, entry.reason]
    return hmac.new(key, json.dumps(content, ensure_ascii=False).encode(), sha256).hexdigest()
