"""How a participant's browser comes in: a code that works once within a minute, then a cookie for one viewer and one call.

Both are 256 random bits, and only their SHA-256 is kept.
"""

import hmac
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import sha256

from sqlalchemy import Connection, Engine, delete, insert, select

from infra.clock import Clock
from infra.database.engine import reading, writing
from infra.database.tables import viewer_codes, viewer_sessions
from infra.secret import Secret
from portal.audit import Audit, Entry
from portal.recordings.call import NUL, Call

CODE_SECONDS = 60  # the marketplace redirects the browser at once (issue of the portal)
SESSION = timedelta(hours=4)  # as long as the longest link; opening the page from the marketplace again takes one click
_RANDOM_BYTES = 32


@dataclass(frozen=True, slots=True)
class Code:
    """What opens the call's page once, until `expires_at`."""

    text: Secret
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class Session:
    """One browser of one viewer at one call. `csrf_token` is what its forms must bring along."""

    call_id: str
    viewer_id: str
    expires_at: datetime
    csrf_token: str

    def came_from_its_page(self, token: str) -> bool:
        """Whether this is the token that this session's own page holds."""
        return hmac.compare_digest(token.encode(errors="replace"), self.csrf_token.encode())


class Sessions:
    """Codes and sessions. Safe to share between threads. Every method raises TransientError when the database fails."""

    def __init__(self, engine: Engine, audit: Audit, clock: Clock) -> None:
        self._engine = engine
        self._audit = audit
        self._clock = clock

    def offer(self, call_id: str, viewer_id: str, asked_by: str) -> Code:
        """Make a code for a viewer who was found to be a participant, and write down which program asked for it."""
        text, now = _random(), self._clock.now()
        expires_at = now + timedelta(seconds=CODE_SECONDS)
        row = {"digest": _digest(text), "call_id": call_id, "viewer_id": viewer_id, "expires_at": expires_at}
        with writing(self._engine) as connection:
            _prune(connection, now)
            connection.execute(insert(viewer_codes).values(row))
            entry = Entry(f"service:{asked_by}", "session.offered", call_id, f"to {viewer_id}")
            self._audit.append_in(connection, entry)
        return Code(text, expires_at)

    def open(self, call: Call, code: str) -> tuple[Secret, Session] | None:
        """Take a code for a new session and what its cookie is to hold; None when it is not good, or not any more.

        Of several who bring the same code, one gets in. The session ends with the access to the recording, or, when that
        is over already, by itself: reports are taken for longer.
        """
        now = self._clock.now()
        mine = (viewer_codes.c.digest == _digest(code), viewer_codes.c.call_id == call.call_id)
        with reading(self._engine) as connection:
            found = connection.execute(select(viewer_codes.c.viewer_id, viewer_codes.c.expires_at).where(*mine)).first()
        if found is None or found.expires_at <= now:
            return None  # without a write: anybody can send codes that are none
        with writing(self._engine) as connection:
            taken = connection.execute(delete(viewer_codes).where(*mine)).rowcount
            if not taken:
                return None
            token, expires_at = _random(), _end(call, now)
            row = {"digest": _digest(token), "call_id": call.call_id, "viewer_id": found.viewer_id}
            connection.execute(insert(viewer_sessions).values(**row, opened_at=now, expires_at=expires_at))
            self._audit.append_in(connection, Entry(found.viewer_id, "session.opened", call.call_id))
        return token, Session(call.call_id, found.viewer_id, expires_at, _csrf_token(token))

    def find(self, call_id: str, token: str) -> Session | None:
        """Return the session that a cookie stands for; None when it is unknown, over, or of another call."""
        if NUL in call_id:
            return None
        mine = (viewer_sessions.c.digest == _digest(token), viewer_sessions.c.call_id == call_id)
        with reading(self._engine) as connection:
            row = connection.execute(select(viewer_sessions).where(*mine)).first()
        if row is None or row.expires_at <= self._clock.now():
            return None
        return Session(row.call_id, row.viewer_id, row.expires_at, _csrf_token(token))


def _end(call: Call, now: datetime) -> datetime:
    longest = now + SESSION
    return longest if call.access_until is None or call.access_until <= now else min(longest, call.access_until)


def _prune(connection: Connection, now: datetime) -> None:
    for table in (viewer_codes, viewer_sessions):
        connection.execute(delete(table).where(table.c.expires_at <= now))


def _random() -> Secret:
    return Secret(secrets.token_urlsafe(_RANDOM_BYTES))


def _digest(text: str) -> str:
    return sha256(text.encode(errors="replace")).hexdigest()


def _csrf_token(token: str) -> str:
    """Nobody without the cookie's value can make it, and it opens nothing by itself."""
    return sha256(b"csrf:" + token.encode(errors="replace")).hexdigest()
