"""`POST /api/calls` and `GET /api/calls/{call_id}/join`.

body wrong, or the key missing or reused      422, 400, 422
not allowed                                   403, with the rule and what would be possible
another request with the key is at work       409, Retry-After
no host free, Zoom's limits, an outage        503, Retry-After: repeat it with the same key
started / started before, with this key       201 / 200
"""

import math
import re
from http import HTTPStatus
from typing import Any

import structlog
from flask import Blueprint, g, jsonify, request
from flask.typing import ResponseReturnValue

from infra.errors import PermanentError, TransientError
from infra.zoom.errors import DailyLimitReached, RateLimited
from portal.audit import Audit, Entry
from portal.auth.service_tokens import requires_scope
from portal.calls.desk import CallDesk, HostElsewhere
from portal.calls.hints import hint
from portal.calls.pool import NoHostFree
from portal.calls.rules import RULE_TEXTS, WAY_TEXTS, Attempt, Role, Verdict, may_start
from portal.calls.schemas import KEY, CallStartedSchema, JoinSchema, StartCallSchema, ViewerSchema
from portal.calls.starting import request_digest
from portal.calls.store import CallStart, KeyBusy, KeyReused, State
from portal.ports import Ports
from portal.problems import RETRY_SECONDS, Problem

SCOPE = "calls"
_START, _STARTED, _VIEWER, _JOIN = StartCallSchema(), CallStartedSchema(), ViewerSchema(), JoinSchema()

log = structlog.get_logger(__name__)


def blueprint(ports: Ports) -> Blueprint:
    """Return the routes."""
    routes = Blueprint("calls", __name__, url_prefix="/api/calls")

    @routes.post("")
    @requires_scope(ports.tokens, SCOPE)
    def start() -> ResponseReturnValue:
        try:
            told, is_new = _start(_desk(ports), ports.audit)
        except Problem as problem:
            ports.metrics.count("portal_calls_total", outcome=problem.slug)
            raise
        except PermanentError:
            ports.metrics.count("portal_calls_total", outcome="refused-behind")
            raise
        ports.metrics.count("portal_calls_total", outcome="started" if is_new else "repeated")
        return jsonify(_STARTED.dump(told)), HTTPStatus.CREATED if is_new else HTTPStatus.OK

    @routes.get("/<call_id>/join")
    @requires_scope(ports.tokens, SCOPE)
    def join(call_id: str) -> ResponseReturnValue:
        desk = _desk(ports)
        viewer = _VIEWER.load(request.args)["viewer"]
        found = desk.registered(call_id)
        role = None if found is None else desk.role_of(found, viewer)
        if found is None or role is None:
            raise Problem(HTTPStatus.NOT_FOUND, "call-unknown", "This user has no such call.")
        if desk.is_over(found):
            raise Problem(HTTPStatus.GONE, "call-over", "Thirty days after it was started, nobody can join a call.")
        try:
            host_url = _host_url(desk, found, viewer, ports.audit) if role is Role.FREELANCER else None
        except HostElsewhere as error:
            text = "The host of this call is in another call: start a new one, or come back later."
            raise _later(HTTPStatus.CONFLICT, "host-busy", text, error.retry_after_seconds) from error
        except TransientError as error:
            raise _put_off(error) from error
        return jsonify(_JOIN.dump({**_links(desk, found, role), "role": role, "host_url": host_url}))

    return routes


def _start(desk: CallDesk, audit: Audit) -> tuple[dict[str, Any], bool]:
    """Start the call of the request; return what is told of it, and whether it is new. Raises Problem."""
    key = _key()
    asked = _START.load(request.get_json())
    _judge(asked, audit)
    document = _document(asked)
    try:
        begun = desk.starts.begin(g.service, key, request_digest(document), document)
        made = desk.maker.finish(begun)
    except KeyReused as error:
        text = "This Idempotency-Key came with another request before: take a new key for a new call."
        raise Problem(HTTPStatus.UNPROCESSABLE_ENTITY, "idempotency-key-reused", text) from error
    except KeyBusy as error:
        text = "A request with this Idempotency-Key is at work: repeat it a little later."
        raise _later(HTTPStatus.CONFLICT, "idempotency-key-busy", text, error.retry_after_seconds) from error
    except TransientError as error:
        raise _put_off(error) from error
    return _started(desk, made, audit), begun.state is not State.REGISTERED


def _desk(ports: Ports) -> CallDesk:
    if ports.calls is None:
        text = "This portal has no Zoom credentials, so it starts no calls: set ZOOM_CLIENT_ID and the others."
        raise Problem(HTTPStatus.SERVICE_UNAVAILABLE, "zoom-not-configured", text)
    return ports.calls


def _key() -> str:
    key = request.headers.get("Idempotency-Key", "")
    if not re.fullmatch(KEY, key):
        text = "Send an Idempotency-Key of 1 to 128 visible ASCII characters, another one for each call."
        raise Problem(HTTPStatus.BAD_REQUEST, "idempotency-key-missing", text)
    return key


def _judge(asked: dict[str, Any], audit: Audit) -> None:
    """Refuse what the rules refuse, on record."""
    order, service = asked["order"] or {}, asked["service"] or {}
    holds = bool(service.get("rising_talent"))
    verdict = may_start(Attempt(asked["role"], asked["level"], asked["surface"], order.get("state"), holds))
    if not verdict.is_allowed:
        audit.append(Entry(f"user:{asked['initiator']}", "call_refused", asked["conversation"], verdict.rule))
        raise _refusal(verdict)


def _refusal(verdict: Verdict) -> Problem:
    possible = [{"way": way, "text": WAY_TEXTS[way]} for way in verdict.possible]
    text = " ".join([RULE_TEXTS[verdict.rule], *(one["text"] for one in possible)])
    return Problem(HTTPStatus.FORBIDDEN, "call-not-allowed", text, more={"rule": verdict.rule, "possible": possible})


def _document(asked: dict[str, Any]) -> dict[str, Any]:
    """What is kept of a request that is allowed: the initiator is the freelancer."""
    return {
        "freelancer_id": asked["initiator"],
        "freelancer_name": asked["initiator_name"],
        "client_id": asked["other_participant"],
        "client_name": asked["other_participant_name"],
        "order_id": (asked["order"] or {}).get("id", ""),
        "service_id": (asked["service"] or {}).get("id"),
        "conversation_id": asked["conversation"],
        "language": asked["language"],
        "surface": asked["surface"],
        "level": asked["level"],
    }


def _started(desk: CallDesk, made: CallStart, audit: Audit) -> dict[str, Any]:
    try:
        host_url = _host_url(desk, made, made.document["freelancer_id"], audit)
    except TransientError as error:
        log.warning("host_link.missing", call_id=made.call_id, reason=str(error))
        host_url = None  # the call is started all the same; `join` gives the link when Zoom does
    return {
        **_links(desk, made, Role.FREELANCER),
        "host_url": host_url,
        "invitation_url": desk.maker.invitation_url(made),
        "created_at": made.created_at,
        "hint": hint(made.document["language"]),
    }


def _links(desk: CallDesk, start: CallStart, role: Role) -> dict[str, Any]:
    join_url, personal = desk.join_url(start, role)
    return {"call_id": start.call_id, "join_url": join_url, "personal": personal}


def _host_url(desk: CallDesk, start: CallStart, viewer: str, audit: Audit) -> str:
    """Fetch the host's link, and give it away only once that is on record."""
    link = desk.host_link(start)
    audit.append(Entry(f"user:{viewer}", "host_link_given", start.call_id))
    return "".join(link)


def _put_off(error: TransientError) -> Problem:
    """Say why a call cannot be started now, and when to come again: with the same key."""
    log.warning("call.put_off", reason=str(error))
    slug, text = "unavailable", "Something that this needs does not answer at the moment."
    if isinstance(error, NoHostFree):
        slug, text = "no-host-free", "All hosts are in calls, or have started their calls of the day."
    elif isinstance(error, DailyLimitReached):
        slug, text = "zoom-daily-limit", "Zoom's limit for today is reached."
    elif isinstance(error, RateLimited):
        slug, text = "zoom-busy", "Zoom asks for patience."
    text += " Repeat the request with the same Idempotency-Key."
    return _later(HTTPStatus.SERVICE_UNAVAILABLE, slug, text, error.retry_after_seconds)


def _later(status: HTTPStatus, slug: str, text: str, seconds: float | None) -> Problem:
    wait = RETRY_SECONDS if seconds is None else max(1, math.ceil(seconds))
    return Problem(status, slug, text, headers={"Retry-After": str(wait)})
