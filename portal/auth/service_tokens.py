"""Service tokens: named, scoped, revocable. The database holds their SHA-256 alone; a token has 256 random bits, so no
slower hash would make it harder to guess."""

import secrets
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import wraps
from hashlib import sha256
from http import HTTPStatus
from typing import ParamSpec

from flask import Request, g, request
from flask.typing import ResponseReturnValue
from sqlalchemy import Engine, insert, select, update
from sqlalchemy.exc import IntegrityError

from infra.clock import Clock
from infra.database.engine import reading, writing
from infra.database.tables import service_tokens
from infra.errors import ConfigurationError
from infra.secret import Secret
from portal.problems import Problem

SCOPES = ("calls", "recordings", "reports", "reports:support")
PREFIX = "zcp_"  # tells scanners for leaked secrets what they found
_RANDOM_BYTES = 32

P = ParamSpec("P")


@dataclass(frozen=True, slots=True)
class ServiceToken:
    """Who holds a token, and what for."""

    name: str
    scopes: frozenset[str]
    created_at: datetime
    revoked_at: datetime | None


class ServiceTokens:
    """The table of tokens. Safe to share between threads. Every method raises TransientError when the database fails."""

    def __init__(self, engine: Engine, clock: Clock) -> None:
        self._engine = engine
        self._clock = clock

    def create(self, name: str, scopes: Sequence[str]) -> Secret:
        """Make a token and return it: it can never be shown again.

        Raises:
            ConfigurationError: the name is taken, or a scope is unknown.
        """
        unknown = sorted(set(scopes) - set(SCOPES))
        if unknown or not scopes:
            raise ConfigurationError(f"unknown scope {', '.join(unknown) or '(none)'}: there are {', '.join(SCOPES)}")
        token = Secret(PREFIX + secrets.token_urlsafe(_RANDOM_BYTES))
        row = {
            "name": name,
            "digest": _digest(token),
            "scopes": " ".join(sorted(set(scopes))),
            "created_at": self._clock.now(),
        }
        try:
            with writing(self._engine, durable=True) as connection:
                connection.execute(insert(service_tokens).values(row))
        except IntegrityError as error:
            raise ConfigurationError(f"there is a token named {name} already: take another name") from error
        return token

    def revoke(self, name: str) -> None:
        """Let the token open nothing from now on; its name stays taken.

        Raises:
            ConfigurationError: there is no such token, or it was revoked before.
        """
        standing = (service_tokens.c.name == name, service_tokens.c.revoked_at.is_(None))
        with writing(self._engine, durable=True) as connection:
            found = connection.execute(
                update(service_tokens).where(*standing).values(revoked_at=self._clock.now())
            ).rowcount
        if not found:
            raise ConfigurationError(f"there is no token named {name} that could be revoked")

    def all(self) -> list[ServiceToken]:
        """Return every token, revoked ones included, by name."""
        with reading(self._engine) as connection:
            rows = connection.execute(select(service_tokens).order_by(service_tokens.c.name)).all()
        return [ServiceToken(row.name, frozenset(row.scopes.split()), row.created_at, row.revoked_at) for row in rows]

    def holder(self, token: str) -> ServiceToken | None:
        """Return whose token it is; None for one that is unknown or revoked.

        It is found by its hash, so how long that takes says nothing about any other token.
        """
        standing = (service_tokens.c.digest == _digest(token), service_tokens.c.revoked_at.is_(None))
        with reading(self._engine) as connection:
            row = connection.execute(select(service_tokens).where(*standing)).first()
        return None if row is None else ServiceToken(row.name, frozenset(row.scopes.split()), row.created_at, None)


def requires_scope(
    tokens: ServiceTokens, scope: str
) -> Callable[[Callable[P, ResponseReturnValue]], Callable[P, ResponseReturnValue]]:
    """Let only programs in whose token has this scope; `g.service` is then the token's name."""

    def decorate(view: Callable[P, ResponseReturnValue]) -> Callable[P, ResponseReturnValue]:
        @wraps(view)
        def guarded(*args: P.args, **kwargs: P.kwargs) -> ResponseReturnValue:
            g.service = holder_of(tokens, scope).name
            return view(*args, **kwargs)

        return guarded

    return decorate


def holder_of(tokens: ServiceTokens, *scopes: str) -> ServiceToken:
    """Return whose token came with the request.

    Raises:
        Problem: 401 when none did that is good, 403 when it has none of these scopes.
    """
    token = bearer_of(request)
    holder = tokens.holder(token) if token else None
    if holder is None:
        detail = "Send a service token that is not revoked as Authorization: Bearer …"
        raise Problem(HTTPStatus.UNAUTHORIZED, "unauthorized", detail, headers={"WWW-Authenticate": "Bearer"})
    if not holder.scopes.intersection(scopes):
        raise Problem(
            HTTPStatus.FORBIDDEN, "scope-missing", f"This token does not have the scope {' or '.join(scopes)}."
        )
    return holder


def bearer_of(asked: Request) -> str | None:
    """Return the token that came with a request; None when it brought no Authorization at all."""
    header = asked.headers.get("Authorization")
    if header is None:
        return None
    kind, _, token = header.partition(" ")
    return token.strip() if kind.lower() == "bearer" else ""


def _digest(token: str) -> str:
    return sha256(token.encode()).hexdigest()
