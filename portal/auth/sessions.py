"""Who is signed in: analysts and leads, each by a pseudonym. The database holds the tokens' SHA-256 alone."""

import hmac
import secrets
from dataclasses import dataclass
from datetime import timedelta
from hashlib import sha256
from typing import Literal, get_args

from sqlalchemy import Engine, bindparam, delete, insert, select, update

from infra.clock import Clock
from infra.database.engine import reading, writing
from infra.database.review_tables import analyst_sessions, sign_in_links
from infra.secret import Secret

Role = Literal["analyst", "lead"]
ROLES: tuple[Role, ...] = get_args(Role)

IDLE = timedelta(minutes=30)  # OWASP's session management cheat sheet: 15 to 30 minutes where little is at risk
ABSOLUTE = timedelta(hours=10)  # a working day; whoever sits there then signs in again
LINK_LIFE = timedelta(minutes=15)  # from the terminal into the browser
_NOTED_EVERY = timedelta(minutes=1)  # how exactly it is known when somebody was last there: a write a minute at most
_RANDOM_BYTES = 32
_PSEUDONYM_DIGITS = 12  # of 16: a million analysts would have one pair alike in about 500 tries

# Asked on every page, so made once: to make a statement takes as long as to run it.
_SESSION = select(
    analyst_sessions.c.analyst, analyst_sessions.c.role, analyst_sessions.c.created_at, analyst_sessions.c.seen_at
).where(analyst_sessions.c.digest == bindparam("digest"))
_PRESENT = (
    select(analyst_sessions.c.analyst)
    .where(analyst_sessions.c.seen_at > bindparam("since"))
    .distinct()
    .order_by(analyst_sessions.c.analyst)
)


@dataclass(frozen=True, slots=True)
class Analyst:
    """Who asks. `csrf` is what their forms carry: it hangs on the session's token, which no other site knows."""

    id: str
    role: Role
    csrf: str

    @property
    def is_lead(self) -> bool:
        return self.role == "lead"


class Sessions:
    """Safe to share between threads. Every method raises TransientError when the database fails."""

    def __init__(self, engine: Engine, clock: Clock) -> None:
        self._engine = engine
        self._clock = clock

    def begin(self, analyst: str, role: Role) -> Secret:
        """Sign somebody in; return the token that their browser shows from now on."""
        now, token = self._clock.now(), Secret(secrets.token_urlsafe(_RANDOM_BYTES))
        row = {"digest": _digest(token), "analyst": analyst, "role": role, "created_at": now, "seen_at": now}
        with writing(self._engine, durable=True) as connection:
            connection.execute(delete(analyst_sessions).where(analyst_sessions.c.created_at < now - ABSOLUTE))
            connection.execute(insert(analyst_sessions).values(row))
        return token

    def find(self, token: str) -> Analyst | None:
        """Return whose token it is; None once the session has ended by itself or by signing out."""
        now, digest = self._clock.now(), _digest(token)
        with reading(self._engine) as connection:
            row = connection.execute(_SESSION, {"digest": digest}).first()
        if row is None or now - row.created_at >= ABSOLUTE or now - row.seen_at >= IDLE:
            return None
        if now - row.seen_at >= _NOTED_EVERY:
            with writing(self._engine) as connection:
                seen = update(analyst_sessions).where(analyst_sessions.c.digest == digest)
                connection.execute(seen.values(seen_at=now))
        return Analyst(row.analyst, row.role, csrf_token(token))

    def end(self, token: str) -> None:
        """Sign out; harmless when that happened before."""
        with writing(self._engine, durable=True) as connection:
            connection.execute(delete(analyst_sessions).where(analyst_sessions.c.digest == _digest(token)))

    def present(self) -> list[str]:
        """Return who was there within the idle time: to whom a case can be handed over."""
        with reading(self._engine) as connection:
            return list(connection.execute(_PRESENT, {"since": self._clock.now() - IDLE}).scalars())

    def make_link(self, analyst: str, role: Role) -> Secret:
        """Return a token that signs this person in, once, within LINK_LIFE."""
        now, token = self._clock.now(), Secret(secrets.token_urlsafe(_RANDOM_BYTES))
        row = {"digest": _digest(token), "analyst": analyst, "role": role, "expires_at": now + LINK_LIFE}
        with writing(self._engine, durable=True) as connection:
            connection.execute(delete(sign_in_links).where(sign_in_links.c.expires_at <= now))
            connection.execute(insert(sign_in_links).values(row))
        return token

    def use_link(self, token: str) -> tuple[str, Role] | None:
        """Return whom the link signs in, and use it up; None for one that is unknown, used or too old."""
        mine = sign_in_links.c.digest == _digest(token)
        with writing(self._engine, durable=True) as connection:
            row = connection.execute(select(sign_in_links).where(mine)).first()
            used = connection.execute(delete(sign_in_links).where(mine)).rowcount  # of two at once one deletes it
        if row is None or not used or row.expires_at <= self._clock.now():
            return None
        return row.analyst, row.role


def csrf_token(token: str) -> str:
    """Return what a session's forms carry."""
    return hmac.new(token.encode(), b"csrf", sha256).hexdigest()


def pseudonym(key: Secret, issuer: str, subject: str) -> str:
    """Return an analyst's id: the same for the same person, and without the key nobody can tell whose."""
    told = f"analyst\n{issuer}\n{subject}".encode()
    return f"analyst-{hmac.new(key.encode(), told, sha256).hexdigest()[:_PSEUDONYM_DIGITS]}"


def _digest(token: str) -> str:
    return sha256(token.encode()).hexdigest()
