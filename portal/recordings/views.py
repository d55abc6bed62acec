"""`/api/calls/{call_id}`: the call, its recordings, and links to them, for its two participants.

By a program of the marketplace with the scope `recordings` that names its `viewer`, or by a participant's browser.

| asked | answer |
|---|---|
| for a call that is not the viewer's | 404, as if it did not exist |
| before the end, or while it is prepared | 200, nothing to watch yet, and which of the two |
| from the end until 90 days after | 200 |
| later | 410 |
"""

from http import HTTPStatus
from typing import Any
from urllib.parse import quote

from flask import Blueprint, jsonify, request
from flask.typing import ResponseReturnValue

from portal.api import Answers, Operation
from portal.participants.gate import Gate, Visitor
from portal.participants.sessions import Sessions
from portal.ports import Ports
from portal.problems import Problem
from portal.recordings.call import Call
from portal.recordings.files import File, Recording, recording_of
from portal.recordings.links import Links, access_over
from portal.recordings.schemas import (
    CallShown,
    LinkGiven,
    RecordingsShown,
    SessionAsked,
    SessionOffered,
    ViewerQuery,
)

SCOPE = "recordings"
_PATH = "/api/calls/{call_id}"
_FILE = f"{_PATH}/recordings/{{recording_id}}"
_QUERY, _SESSION = ViewerQuery(), SessionAsked()
_OFFERED, _CALL, _RECORDINGS, _LINK = SessionOffered(), CallShown(), RecordingsShown(), LinkGiven()

_OVER: Answers = {410: ("Ninety days after the call: it can no longer be watched.", None)}
OPERATIONS = (
    Operation(
        "post", f"{_PATH}/sessions", "offerSession", "Let a participant's browser in",
        "Returns an address that opens the call's page once, within a minute: redirect the signed-in viewer to it. "
        "The browser then has a session for this viewer and this call, for four hours at most.",
        (SCOPE,), body=_SESSION, answers={201: ("The code.", _OFFERED)},
    ),
    Operation(
        "get", _PATH, "showCall", "State and timeline of a call",
        "What its two people may know of it.",
        (SCOPE,), browser=True, query=_QUERY, answers={200: ("The call.", _CALL)},
    ),
    Operation(
        "get", f"{_PATH}/recordings", "listRecordings", "What there is to watch",
        "From the end of the call until 90 days after. Before that, and while it is being prepared, the list is empty.",
        (SCOPE,), browser=True, query=_QUERY, answers={200: ("What there is now.", _RECORDINGS), **_OVER},
    ),
    Operation(
        "post", f"{_FILE}/link", "giveLink", "A link for the viewer's player",
        "Opens one version of one file for the recording's length and 15 minutes, 4 hours at most, and never for longer "
        "than it can be watched. Who got it is on record before it is given.",
        (SCOPE,), browser=True, query=_QUERY,
        answers={200: ("The link.", _LINK), 410: ("It can no longer be watched, or has been removed.", None)},
    ),
)  # fmt: skip


def blueprint(ports: Ports, gate: Gate, sessions: Sessions, links: Links) -> Blueprint:
    """Return the routes."""
    routes = Blueprint("recordings", __name__, url_prefix="/api/calls/<call_id>")

    @routes.post("/sessions")
    def offer_session(call_id: str) -> ResponseReturnValue:
        gate.check(SCOPE)
        viewer_id = _SESSION.load(request.get_json())["viewer"]
        visitor = gate.service_for(SCOPE, call_id, viewer_id, "session")
        code = sessions.offer(call_id, visitor.viewer_id, visitor.service or "")
        text = str.__str__(code.text)
        offered = {
            "code": text,
            "url": f"{ports.public_url}/calls/{quote(call_id, safe='')}?code={text}",
            "expires_at": code.expires_at,
        }
        return jsonify(_OFFERED.dump(offered)), HTTPStatus.CREATED

    @routes.get("")
    def show_call(call_id: str) -> ResponseReturnValue:
        visitor = _visitor(gate, call_id, "call")
        return jsonify(_CALL.dump(shown(visitor, recording_of(ports.engine, visitor.call, ports.clock.now()))))

    @routes.get("/recordings")
    def list_recordings(call_id: str) -> ResponseReturnValue:
        call = _visitor(gate, call_id, "recordings").call
        recording = recording_now(ports, call)
        return jsonify(
            _RECORDINGS.dump(
                {
                    "state": recording.state,
                    "is_complete": recording.is_complete,
                    "access_until": call.access_until,
                    "recordings": recording.files,
                }
            )
        )

    @routes.post("/recordings/<recording_id>/link")
    def give_link(call_id: str, recording_id: str) -> ResponseReturnValue:
        visitor = _visitor(gate, call_id, "link")
        file = file_of(recording_now(ports, visitor.call), recording_id)
        link = links.give(visitor.call, file, visitor.viewer_id, service=visitor.service)
        return jsonify(_LINK.dump({"url": str.__str__(link.url), "expires_at": link.expires_at}))

    return routes


def shown(visitor: Visitor, recording: Recording) -> dict[str, Any]:
    """Return what a participant may know of the call, for CallShown."""
    call = visitor.call
    return {
        "call_id": call.call_id,
        "order_id": call.order_id,
        "role": visitor.role,
        "state": call.state,
        "recording_state": recording.state,
        "registered_at": call.registered_at,
        "ended_at": call.ended_at,
        "access_until": call.access_until,
        "reports_until": call.expires_at,
        "timeline": call.timeline(),
    }


def recording_now(ports: Ports, call: Call) -> Recording:
    """Return what there is to watch now; a Problem (410) when it can no longer be watched."""
    recording = recording_of(ports.engine, call, ports.clock.now())
    if recording.state == "over":
        raise access_over(call)
    return recording


def file_of(recording: Recording, recording_id: str) -> File:
    """Return the file of this name; a Problem (404) for one that is not shown to participants, or not of this call."""
    file = recording.find(recording_id)
    if file is None:
        raise Problem(HTTPStatus.NOT_FOUND, "no-such-recording", "There is no such recording of this call.")
    return file


def _visitor(gate: Gate, call_id: str, doing: str) -> Visitor:
    asked = _QUERY.load(request.args)
    return gate.either(SCOPE, call_id, asked.get("viewer"), doing)
