"""What stands before every page of the analysts: who asks, whether their role may, and that no other site asks for them."""

import hmac
from collections.abc import Callable
from functools import wraps
from http import HTTPStatus
from ipaddress import ip_address
from typing import Literal, ParamSpec
from urllib.parse import urlsplit

from flask import g, redirect, request, url_for
from flask.typing import ResponseReturnValue
from werkzeug import Response
from werkzeug.http import dump_cookie

from portal.audit import Audit, Entry
from portal.auth.sessions import ABSOLUTE, Analyst, Sessions
from portal.problems import Problem

CSRF_FIELD = "csrf"
_FORWARDING = ("forwarded", "via", "x-real-ip", "x-forwarded-")  # what proxies add; the last begins several names

P = ParamSpec("P")


def place_for(*, has_provider: bool, bind_host: str) -> "Place":
    """Return from where analysts may come: without an identity provider from this machine, if it alone can reach us."""
    if has_provider:
        return "anywhere"
    return "here" if is_loopback(bind_host) else "nowhere"


def is_loopback(host: str) -> bool:
    """Whether an address, or the name localhost, is this machine's own."""
    try:
        return host == "localhost" or ip_address(host).is_loopback
    except ValueError:
        return False


Place = Literal["anywhere", "here", "nowhere"]


class Guard:
    """Knows the browser's cookie, and from which `place` analysts may come: see `place_for`."""

    def __init__(self, sessions: Sessions, audit: Audit, public_url: str, place: Place) -> None:
        self._sessions = sessions
        self._audit = audit
        self._place = place
        self._site = urlsplit(public_url)
        self._is_secure = self._site.scheme == "https"
        # https://developer.mozilla.org/docs/Web/HTTP/Headers/Set-Cookie: the prefix keeps other hosts from setting it
        self.cookie = "__Host-analyst" if self._is_secure else "analyst"

    def admit(self) -> ResponseReturnValue | None:
        """Before every request of a blueprint: `g.analyst` is who asks; anybody else is sent to sign in.

        Raises:
            Problem: the request comes from another site, or from another machine where that is not allowed.
        """
        self.check_place()
        analyst = self.who()
        if analyst is None:
            return self._to_sign_in()
        g.analyst = analyst
        if request.method not in ("GET", "HEAD"):
            self._check_form(analyst)
        return None

    def who(self) -> Analyst | None:
        """Return who asks; None for a browser that nobody has signed in."""
        token = request.cookies.get(self.cookie, "")
        return self._sessions.find(token) if token else None

    def check_place(self) -> None:
        """Without an identity provider: let in what comes straight from this machine, under the portal's own name.

        Raises:
            Problem: 403; a proxy forwarded it, or a name leads here that is not the portal's (DNS rebinding).
        """
        if self._place == "anywhere":
            return
        if self._place == "nowhere":
            detail = "Analysts cannot sign in here: no identity provider is set (OIDC_ISSUER)."
            raise Problem(HTTPStatus.FORBIDDEN, "no-provider", detail)
        forwarded = any(name.lower().startswith(_FORWARDING) for name, _ in request.headers.items())
        here = is_loopback(request.remote_addr or "") and request.host == self._site.netloc
        if forwarded or not here:
            detail = "Without an identity provider only a browser on this machine is let in, straight to the portal's own address."
            raise Problem(HTTPStatus.FORBIDDEN, "not-local", detail)

    def check_origin(self) -> None:
        """Refuse what another site's page sends; raises Problem, 403.

        Our own forms come with the origin `null`, because our pages tell no referrer; browsers say in Sec-Fetch-Site
        whose page it was (https://www.w3.org/TR/fetch-metadata/).
        """
        origin, site = request.headers.get("Origin"), request.headers.get("Sec-Fetch-Site")
        own = (None, f"{self._site.scheme}://{self._site.netloc}")
        if site != "same-origin" if site is not None else origin not in own:
            raise Problem(HTTPStatus.FORBIDDEN, "other-site", "This came from another site's page.")

    def remember(self, response: Response, token: str, name: str | None = None, seconds: float | None = None) -> None:
        """Give the browser a cookie; the session's own unless another is named."""
        seconds = ABSOLUTE.total_seconds() if seconds is None else seconds
        cookie = dump_cookie(
            name or self.cookie,
            "".join(token),  # joined: a Secret hides itself in texts
            max_age=int(seconds),
            path="/",
            secure=self._is_secure,
            httponly=True,
            samesite="Lax",  # Strict would hide it from the way back from the identity provider
        )
        response.headers.add("Set-Cookie", cookie)

    def forget(self, response: Response) -> None:
        """End the session, here and in the browser."""
        self._sessions.end(request.cookies.get(self.cookie, ""))
        self.remember(response, "", seconds=0)

    def refuse(self, subject: str, what: str, problem: Problem) -> Problem:
        """Write down that somebody was refused; return the problem, to be raised."""
        self._audit.append(Entry(g.analyst.id, "refused", subject, what))
        return problem

    def lead_only(self, view: Callable[P, ResponseReturnValue]) -> Callable[P, ResponseReturnValue]:
        """Let leads in alone; a refusal is written down."""

        @wraps(view)
        def guarded(*args: P.args, **kwargs: P.kwargs) -> ResponseReturnValue:
            if not g.analyst.is_lead:
                detail = "This is for leads: ask one."
                raise self.refuse(request.path, "not a lead", Problem(HTTPStatus.FORBIDDEN, "leads-only", detail))
            return view(*args, **kwargs)

        return guarded

    def _check_form(self, analyst: Analyst) -> None:
        self.check_origin()
        given = request.form.get(CSRF_FIELD, "")
        if not hmac.compare_digest(given.encode(), analyst.csrf.encode()):
            detail = "This form is not of your present sign-in: go back, load the page again, and send it again."
            raise Problem(HTTPStatus.FORBIDDEN, "csrf", detail)

    def _to_sign_in(self) -> ResponseReturnValue:
        if request.method not in ("GET", "HEAD"):
            raise Problem(HTTPStatus.UNAUTHORIZED, "signed-out", "You are signed out: sign in, then do it again.")
        target = url_for("sign_in.page", next=request.full_path.rstrip("?"))
        if request.headers.get("HX-Request"):  # a part of a page: send the whole page there
            return "", HTTPStatus.UNAUTHORIZED, {"HX-Redirect": url_for("sign_in.page")}
        return redirect(target, HTTPStatus.SEE_OTHER)
