"""`/calls/{call_id}`: the page of a call, for the browsers of its two people. Everything on it works without scripts.

| request | what comes of it |
|---|---|
| `GET …?code=` | the code is taken for a session, and the page opened without it |
| `GET …` | the page |
| `GET …/recordings/{id}/play`, `…/save` | on record, then on to the link that the player reads |
| `GET …/recordings/{id}/captions`, `…/transcript` | on record, then the text: for the player, for reading |
| `POST …/reports` | the report is received, and the page shown with it |
"""

from http import HTTPStatus
from typing import Any

from flask import Blueprint, Response, make_response, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from marshmallow import ValidationError
from werkzeug.wrappers import Response as AnyResponse

from portal.audit import Entry
from portal.participants import captions, words
from portal.participants.gate import Gate, Visitor
from portal.participants.page import Form, Page
from portal.participants.sessions import Sessions
from portal.ports import Ports
from portal.problems import Problem
from portal.recordings.call import find_call
from portal.recordings.files import File, recording_of
from portal.recordings.links import Links
from portal.recordings.views import file_of, recording_now
from portal.reports.reports import Reports
from portal.reports.schemas import ReportAsked

_REPORT = ReportAsked()
_MESSAGES = {
    "reason": "Choose what it is about.",
    "text": "Tell it in 4,000 characters at most.",
    "second": "Write the moment as minutes and seconds, such as 12:30, or leave it empty.",
}


def blueprint(ports: Ports, gate: Gate, sessions: Sessions, links: Links, reports: Reports) -> Blueprint:
    """Return the routes."""
    routes = Blueprint("participants", __name__, url_prefix="/calls/<call_id>")

    def render(visitor: Visitor, form: Form) -> str:
        now = ports.clock.now()
        page = Page(
            visitor=visitor,
            recording=recording_of(ports.engine, visitor.call, now),
            reports=reports.of(visitor.call.call_id, visitor.viewer_id),
            form=form,
            now=now,
            downloads=ports.downloads,
        )
        return render_template("call.html", page=page, call=visitor.call, words=words)

    @routes.get("")
    def show_page(call_id: str) -> ResponseReturnValue:
        if "code" in request.args and request.method == "GET":
            return _enter(gate, sessions, ports, call_id)
        return render(gate.browser(call_id), Form())

    @routes.get("/recordings/<recording_id>/play")
    def play(call_id: str, recording_id: str) -> ResponseReturnValue:
        visitor, file = _file(gate, ports, call_id, recording_id)
        return redirect(str.__str__(links.give(visitor.call, file, visitor.viewer_id).url))

    @routes.get("/recordings/<recording_id>/save")
    def save(call_id: str, recording_id: str) -> ResponseReturnValue:
        visitor, file = _file(gate, ports, call_id, recording_id)
        if not ports.downloads:
            raise Problem(HTTPStatus.FORBIDDEN, "no-saving", "Recordings can be watched here, not saved.")
        return redirect(str.__str__(links.give(visitor.call, file, visitor.viewer_id, saving=True).url))

    @routes.get("/recordings/<recording_id>/captions")
    def show_captions(call_id: str, recording_id: str) -> ResponseReturnValue:
        _, text = _text(gate, ports, call_id, recording_id)
        return Response(text, mimetype=captions.MEDIA_TYPE)

    @routes.get("/recordings/<recording_id>/transcript")
    def show_transcript(call_id: str, recording_id: str) -> ResponseReturnValue:
        visitor, text = _text(gate, ports, call_id, recording_id)
        return render_template("transcript.html", call=visitor.call, lines=captions.lines_of(text))

    @routes.post("/reports")
    def report(call_id: str) -> ResponseReturnValue:
        visitor = gate.browser(call_id)
        form = {name: request.form.get(name, "") for name in ("reason", "text", "moment")}
        try:
            reports.file(visitor, _told(form))
        except ValidationError as error:
            problems = {name: _MESSAGES[name] for name in _fields(error)}
            return render(visitor, Form(**form, problems=problems)), HTTPStatus.UNPROCESSABLE_ENTITY
        return redirect(f"{url_for('.show_page', call_id=call_id)}#reports", HTTPStatus.SEE_OTHER)

    return routes


def _enter(gate: Gate, sessions: Sessions, ports: Ports, call_id: str) -> AnyResponse:
    """Take the code, and lead on to the page without it: it does not stay in the history, nor is it sent to anybody."""
    call = find_call(ports.engine, call_id)
    opened = None if call is None else sessions.open(call, request.args["code"])
    response = make_response(redirect(url_for(".show_page", call_id=call_id), HTTPStatus.SEE_OTHER))
    if opened is None:
        gate.browser(call_id)  # whoever goes back to the address that they came in by has a session
    else:
        gate.set_cookie(response, *opened)
    return response


def _file(gate: Gate, ports: Ports, call_id: str, recording_id: str) -> tuple[Visitor, File]:
    visitor = gate.browser(call_id)
    if request.method != "GET":
        raise Problem(HTTPStatus.METHOD_NOT_ALLOWED, "method-not-allowed", "Recordings are asked for with GET.")
    return visitor, file_of(recording_now(ports, visitor.call), recording_id)


def _text(gate: Gate, ports: Ports, call_id: str, recording_id: str) -> tuple[Visitor, str]:
    """Return the words of a recording, once it is on record who reads them."""
    visitor, file = _file(gate, ports, call_id, recording_id)
    if file.is_playable:
        raise Problem(HTTPStatus.NOT_FOUND, "no-such-recording", "There is nothing to read in this recording.")
    entry = Entry(visitor.viewer_id, "recording.text_read", call_id, f"{file.kind} {file.recording_id}")
    ports.audit.append(entry)
    text = captions.read_text(ports.store, file)
    if text is None:
        raise Problem(HTTPStatus.GONE, "recording-removed", "This text has been removed.")
    return visitor, text


def _told(form: dict[str, str]) -> dict[str, Any]:
    """Return the report that a form tells; raises ValidationError by the fields of the report."""
    told: dict[str, Any] = {"reason": form["reason"], "text": form["text"]}
    try:
        told["second"] = words.second_of(form["moment"])
    except ValueError as error:
        raise ValidationError({"second": ["Not a moment."]}) from error
    loaded: dict[str, Any] = _REPORT.load(told)
    return loaded


def _fields(error: ValidationError) -> list[str]:
    return [name for name in _MESSAGES if name in error.normalized_messages()]  # type: ignore[no-untyped-call]
