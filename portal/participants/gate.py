"""Who may ask about a call: one of its two people by the cookie of their browser, or a program of the marketplace for one.

Whoever is neither is answered 404, as if the call did not exist; a program that asks for a stranger is on record.
"""

from dataclasses import dataclass
from hashlib import sha256
from http import HTTPStatus

from flask import Response, request
from sqlalchemy import Engine

from infra.clock import Clock
from portal.audit import Audit, Entry
from portal.auth.limits import RateLimit
from portal.auth.service_tokens import ServiceTokens, bearer_of, holder_of
from portal.participants.sessions import Session, Sessions
from portal.problems import Problem
from portal.recordings.call import Call, Role, find_call

# Far above what people and their marketplace do: a stop for what went wrong, not a quota. In this process's memory.
PROGRAM_REQUESTS_PER_MINUTE = 6000  # of one service token: a hundred a second, as long as a minute
BROWSER_REQUESTS_PER_MINUTE = 240  # of one session: Safari asks for a video piece by piece, each time anew
CSRF_HEADER = "X-CSRF-Token"  # of what a page's own script sends; forms have the field csrf_token
SAFE_METHODS = ("GET", "HEAD")


@dataclass(frozen=True, slots=True)
class Visitor:
    """A participant who asks, or for whom a program does: `service` is its name, `session` the browser's."""

    call: Call
    viewer_id: str
    role: Role
    session: Session | None = None
    service: str | None = None


class Gate:
    """Lets participants in, and nobody else. Safe to share between threads."""

    def __init__(
        self,
        engine: Engine,
        tokens: ServiceTokens,
        sessions: Sessions,
        audit: Audit,
        clock: Clock,
        *,
        https: bool,
    ) -> None:
        self._engine = engine
        self._tokens = tokens
        self._sessions = sessions
        self._audit = audit
        self._programs = RateLimit(PROGRAM_REQUESTS_PER_MINUTE, clock)
        self._browsers = RateLimit(BROWSER_REQUESTS_PER_MINUTE, clock)
        self._https = https

    def check(self, *scopes: str) -> None:
        """Let a program with one of these scopes go on; a Problem for everybody else, before anything is looked at."""
        holder_of(self._tokens, *scopes)

    def service_for(self, scope: str, call_id: str, viewer_id: str, doing: str) -> Visitor:
        """Let in a program that has this scope and asks for a participant.

        Raises:
            Problem: it has not, it asks too often, or no such call has this participant.
        """
        service = holder_of(self._tokens, scope).name
        self._programs.ask(service)
        call = find_call(self._engine, call_id)
        role = None if call is None else call.role_of(viewer_id)
        if call is not None and role is None:
            self._audit.append(Entry(f"service:{service}", "participant.refused", call_id, f"{doing} for {viewer_id}"))
        if call is None or role is None:
            raise no_such_call()
        return Visitor(call, viewer_id, role, service=service)

    def browser(self, call_id: str) -> Visitor:
        """Let in the participant whose cookie came with the request.

        Raises:
            Problem: there is none, it is over, it asks too often, or a change does not come from the session's own page.
        """
        session = self._sessions.find(call_id, request.cookies.get(self._cookie(call_id), ""))
        call = None if session is None else find_call(self._engine, call_id)
        role = None if session is None or call is None else call.role_of(session.viewer_id)
        if session is None or call is None or role is None:
            raise _no_session()
        self._browsers.ask(session.csrf_token)
        if request.method not in SAFE_METHODS and not session.came_from_its_page(_brought_token()):
            detail = "This did not come from the call's own page: open the page again and send it from there."
            raise Problem(HTTPStatus.FORBIDDEN, "not-from-its-page", detail)
        return Visitor(call, session.viewer_id, role, session=session)

    def either(self, scope: str, call_id: str, viewer_id: str | None, doing: str) -> Visitor:
        """Let in a program that names its viewer, or a participant's browser."""
        if bearer_of(request) is None:
            return self.browser(call_id)
        if not viewer_id:
            detail = "Say for whom: a service token alone is nobody's participant."
            errors = {"viewer": ["Missing data for required field."]}
            self.check(scope)
            raise Problem(HTTPStatus.UNPROCESSABLE_ENTITY, "invalid", detail, more={"errors": errors})
        return self.service_for(scope, call_id, viewer_id, doing)

    def set_cookie(self, response: Response, token: str, session: Session) -> None:
        """Let the browser keep the session: out of scripts' reach, and not sent along by other sites' forms or images.

        Lax and not Strict: the marketplace's redirect must arrive with it.
        """
        response.set_cookie(
            self._cookie(session.call_id),
            str.__str__(token),
            expires=session.expires_at,
            path="/",
            secure=self._https,
            httponly=True,
            samesite="Lax",
        )

    def _cookie(self, call_id: str) -> str:
        """One name per call, so that two calls can be open side by side; `__Host-` keeps other hosts from setting it."""
        prefix = "__Host-" if self._https else ""
        return f"{prefix}call-{sha256(call_id.encode(errors='replace')).hexdigest()[:16]}"


def no_such_call() -> Problem:
    """Return the refusal for a call that is not there, or not there for this person."""
    return Problem(HTTPStatus.NOT_FOUND, "no-such-call", "There is no such call for this person.")


def _no_session() -> Problem:
    detail = "You see a call's page for a few hours after opening it. Open the call in the marketplace again."
    headers = {"WWW-Authenticate": "Bearer"}
    return Problem(HTTPStatus.UNAUTHORIZED, "unauthorized", detail, headers=headers)


def _brought_token() -> str:
    return request.headers.get(CSRF_HEADER) or request.form.get("csrf_token", "")
