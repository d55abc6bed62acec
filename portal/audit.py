"""The audit: who touched people's recordings and flags, and why. Append-only, and every row vouches for all before it.

A row's digest is an HMAC over the digest before it and its own content, with a key that is not in the database: who can
write to the table still cannot make a row that fits. Who cuts rows off the end leaves a chain that fits, so the newest
position and digest are kept in a file too: the head. Actors and subjects are ids, never names.
"""

import hmac
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from hashlib import sha256
from pathlib import Path
from threading import Lock

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


@dataclass(slots=True, eq=False)
class _Waiting:
    """An entry on its way into the table; then what kept it out, if anything did."""

    entry: Entry
    ended: bool = False
    error: BaseException | None = None


class Audit:
    """One writer at a time. Safe to share between threads and processes.

    Entries that come while others are being written are written together, in the next transaction.
    """

    def __init__(self, engine: Engine, key: Secret, head: Path, clock: Clock) -> None:
        self._engine = engine
        self._key = key.encode()
        self._head = Head(head)
        self._clock = clock
        self._waiting: list[_Waiting] = []
        self._waiting_lock = Lock()
        self._turn = Lock()

    def append(self, entry: Entry) -> None:
        """Write a row, durably: only when this has returned may the deed be done.

        Raises:
            TransientError: it, or the head, could not be written; the deed must not be done.
            PermanentError: rows that the head knows of are gone; nothing may be done before somebody has looked.
        """
        mine = _Waiting(entry)
        with self._waiting_lock:
            self._waiting.append(mine)
        with self._turn:
            if not mine.ended:  # else it was written in another's turn
                with self._waiting_lock:
                    batch, self._waiting = self._waiting, []
                self._append_all(batch)
        if mine.error is not None:
            raise mine.error

    def append_in(self, connection: Connection, *entries: Entry) -> None:
        """Write rows in the caller's transaction, with the deed that they tell of; the head follows its commit."""
        if connection.dialect.name == "postgresql":  # SQLite has one writer by itself
            connection.execute(_TAKE_LOCK, {"lock": _LOCK})
        found = connection.execute(_LAST).first()
        self._head.check(0 if found is None else found.position, "" if found is None else found.digest)
        position, last = (found.position, found.digest) if found else (0, GENESIS)
        at = self._clock.now()
        rows = []
        for entry in entries:
            position += 1
            last = digest(self._key, last, position, at, entry)
            rows.append({"position": position, "at": at, **asdict(entry), "digest": last})
        connection.execute(_APPEND, rows)
        after_commit(connection, lambda: self._head.move_to(position, last))

    def _append_all(self, batch: Sequence[_Waiting]) -> None:
        try:
            with writing(self._engine, durable=True) as connection:
                self.append_in(connection, *(one.entry for one in batch))
        except BaseException as error:  # noqa: BLE001 # it is raised where each was appended
            for one in batch:
                one.error = error
        for one in batch:
            one.ended = True


def digest(key: bytes, previous: str, position: int, at: datetime, entry: Entry) -> str:
    """Return the digest of a row that follows the one with the digest `previous`."""
    content = [previous, position, format_time(at), entry.actor, entry.action, entry.subject, entry.reason]
    return hmac.new(key, json.dumps(content, ensure_ascii=False).encode(), sha256).hexdigest()
