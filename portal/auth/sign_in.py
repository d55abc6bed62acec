"""Signing in and out: by the identity provider, or by a one-time link on this machine."""

import hmac
from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

from flask import Blueprint, make_response, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from itsdangerous import BadSignature, URLSafeTimedSerializer
from werkzeug import Response

from infra.clock import Clock
from infra.identity import Begun, Identity, IdentityProvider, NotVouched
from infra.secret import Secret
from portal.audit import Audit, Entry
from portal.auth.guard import Guard
from portal.auth.limits import RateLimit
from portal.auth.sessions import Role, Sessions, pseudonym
from portal.problems import Problem

TRIES_PER_MINUTE = 20  # of one address: a person needs one or two, a team behind one proxy a few
_ATTEMPT_SECONDS = 600  # at the provider: passwords, second factors
_SALT = "sign-in"


@dataclass(frozen=True, slots=True)
class Roles:
    """Where the provider says what somebody may do: a claim (dots lead into objects), and its two values."""

    claim: str = "roles"
    analyst: str = "analyst"
    lead: str = "lead"

    def of(self, claims: Mapping[str, Any]) -> Role | None:
        """Return the role, the higher of two; None for somebody who has none here."""
        found: Any = claims
        for part in self.claim.split("."):
            found = found.get(part) if isinstance(found, Mapping) else None
        values = {found} if isinstance(found, str) else set(map(str, found)) if isinstance(found, list) else set()
        return "lead" if self.lead in values else "analyst" if self.analyst in values else None


@dataclass(frozen=True, slots=True)
class SignIn:
    """What the pages are made of. Without a provider there are one-time links alone."""

    sessions: Sessions
    guard: Guard
    audit: Audit
    clock: Clock
    key: Secret
    public_url: str
    provider: IdentityProvider | None = None
    roles: Roles = Roles()

    @property
    def back(self) -> str:
        """Where the provider sends people back to: to be registered there."""
        return f"{self.public_url}/sign-in/back"

    @property
    def attempt_cookie(self) -> str:
        return f"{self.guard.cookie}-attempt"


def make_blueprint(sign_in: SignIn) -> Blueprint:
    """Return the pages under /sign-in, and /sign-out."""
    blueprint = Blueprint("sign_in", __name__)
    limit = RateLimit(TRIES_PER_MINUTE, sign_in.clock)
    serializer = URLSafeTimedSerializer(sign_in.key.encode(), salt=_SALT)

    @blueprint.before_request
    def check() -> None:
        sign_in.guard.check_place()

    @blueprint.get("/sign-in")
    def page() -> ResponseReturnValue:
        target = _own_path(request.args.get("next", ""))
        if sign_in.guard.who() is not None:
            return redirect(target, HTTPStatus.SEE_OTHER)
        return render_template("sign_in.html", has_provider=sign_in.provider is not None, target=target)

    @blueprint.get("/sign-in/start")
    def start() -> ResponseReturnValue:
        limit.ask(request.remote_addr or "")
        begun = _provider(sign_in).begin(sign_in.back)
        attempt = [begun.state, begun.nonce, begun.verifier, _own_path(request.args.get("next", ""))]
        response = redirect(begun.url, HTTPStatus.SEE_OTHER)
        sign_in.guard.remember(response, _text(serializer.dumps(attempt)), sign_in.attempt_cookie, _ATTEMPT_SECONDS)
        return response

    @blueprint.get("/sign-in/back")
    def back() -> ResponseReturnValue:
        limit.ask(request.remote_addr or "")
        begun, target = _attempt(sign_in, serializer)
        try:
            identity = _provider(sign_in).identify(request.args.get("code", ""), begun, sign_in.back)
        except NotVouched as error:
            raise _anew("The identity provider did not vouch for you.") from error
        analyst = pseudonym(sign_in.key, identity.issuer, identity.subject)
        response = _enter(sign_in, analyst, _role(sign_in, analyst, identity), target)
        sign_in.guard.remember(response, "", sign_in.attempt_cookie, 0)
        return response

    @blueprint.get("/sign-in/once/<token>")
    def once(token: str) -> ResponseReturnValue:
        """A page with a button: what fetches links to look at them must not use this one up."""
        return render_template("sign_in_once.html", token=token)

    @blueprint.post("/sign-in/once/<token>")
    def use(token: str) -> ResponseReturnValue:
        limit.ask(request.remote_addr or "")
        sign_in.guard.check_origin()
        found = None if sign_in.provider else sign_in.sessions.use_link(token)
        if found is None:
            detail = "This link was used before, or is too old: python -m portal sign-in prints another."
            raise Problem(HTTPStatus.GONE, "link-used", detail)
        return _enter(sign_in, *found, url_for("reviews.queue"))

    @blueprint.post("/sign-out")
    def out() -> ResponseReturnValue:
        refusal = sign_in.guard.admit()
        if refusal is None and (analyst := sign_in.guard.who()):
            sign_in.audit.append(Entry(analyst.id, "signed_out", analyst.id))
        response = redirect(url_for("sign_in.page"), HTTPStatus.SEE_OTHER)
        sign_in.guard.forget(response)
        return response

    return blueprint


def _enter(sign_in: SignIn, analyst: str, role: Role, target: str) -> Response:
    sign_in.audit.append(Entry(analyst, "signed_in", analyst, f"as {role}"))
    response = make_response(redirect(target, HTTPStatus.SEE_OTHER))
    sign_in.guard.remember(response, sign_in.sessions.begin(analyst, role))
    return response


def _role(sign_in: SignIn, analyst: str, identity: Identity) -> Role:
    role = sign_in.roles.of(identity.claims)
    if role is None:
        sign_in.audit.append(Entry(analyst, "refused", "sign-in", "no role"))
        detail = "You are known, but have no role here: who gives out roles at the identity provider can help."
        raise Problem(HTTPStatus.FORBIDDEN, "no-role", detail)
    return role


def _attempt(sign_in: SignIn, serializer: URLSafeTimedSerializer) -> tuple[Begun, str]:
    """Return the attempt that this browser began, if what comes back is the answer to it."""
    try:
        state, nonce, verifier, target = serializer.loads(
            request.cookies.get(sign_in.attempt_cookie, ""), max_age=_ATTEMPT_SECONDS
        )
    except BadSignature as error:
        raise _anew("This browser did not begin this sign-in, or did so too long ago.") from error
    if not hmac.compare_digest(state.encode(), request.args.get("state", "").encode()):
        raise _anew("This is the answer to another sign-in.")
    return Begun("", state, nonce, verifier), target


def _provider(sign_in: SignIn) -> IdentityProvider:
    if sign_in.provider is None:
        raise Problem(HTTPStatus.NOT_FOUND, "not-found", "There is no identity provider: sign in by a one-time link.")
    return sign_in.provider


def _anew(what: str) -> Problem:
    return Problem(HTTPStatus.BAD_REQUEST, "sign-in-failed", f"{what} Begin anew at /sign-in.")


def _own_path(target: str) -> str:
    """The path to go on to: one of ours, or the queue. `//host` and backslashes lead elsewhere in a browser."""
    is_ours = target.startswith("/") and not target.startswith("//") and "\\" not in target and target.isprintable()
    return target if is_ours else url_for("reviews.queue")


def _text(signed: str | bytes) -> str:
    return signed.decode() if isinstance(signed, bytes) else signed
