"""`/api/calls/{call_id}/reports`: report a call, and see what became of one's own reports.

By a participant's browser; by a program with the scope `reports` on behalf of its `viewer`; by support with the scope
`reports:support` and a ticket.
"""

from http import HTTPStatus
from typing import Any

from flask import Blueprint, jsonify, request
from flask.typing import ResponseReturnValue
from marshmallow import ValidationError

from portal.api import Operation
from portal.auth.service_tokens import bearer_of
from portal.participants.gate import Gate, Visitor
from portal.recordings.schemas import ViewerQuery
from portal.reports.reports import Reports
from portal.reports.schemas import ReportAsked, ReportShown, ReportsShown

SCOPE, SUPPORT_SCOPE = "reports", "reports:support"
_PATH = "/api/calls/{call_id}/reports"
_ASKED, _QUERY, _SHOWN, _LIST = ReportAsked(), ViewerQuery(), ReportShown(), ReportsShown()

OPERATIONS = (
    Operation(
        "post", _PATH, "reportCall", "Report a call",
        "For trust and safety alone: nothing changes for the other person, and nothing is published. Until 180 days "
        "after the call. Sent again, it is the same report.",
        (SCOPE, SUPPORT_SCOPE), browser=True, body=_ASKED,
        answers={
            201: ("Received.", _SHOWN),
            200: ("Received before.", _SHOWN),
            410: ("180 days after the call: it is too late.", None),
        },
    ),
    Operation(
        "get", _PATH, "listReports", "The viewer's own reports",
        "Nobody sees another's.",
        (SCOPE,), browser=True, query=_QUERY, answers={200: ("They, and what became of them.", _LIST)},
    ),
)  # fmt: skip


def blueprint(gate: Gate, reports: Reports) -> Blueprint:
    """Return the routes."""
    routes = Blueprint("reports", __name__, url_prefix="/api/calls/<call_id>/reports")

    @routes.post("")
    def report_call(call_id: str) -> ResponseReturnValue:
        told = _ASKED.load(_body(gate, call_id))
        filed = reports.file(_reporter(gate, call_id, told.get("viewer"), told.get("ticket")), told)
        return jsonify(_SHOWN.dump(filed)), HTTPStatus.CREATED if filed.is_new else HTTPStatus.OK

    @routes.get("")
    def list_reports(call_id: str) -> ResponseReturnValue:
        visitor = gate.either(SCOPE, call_id, _QUERY.load(request.args).get("viewer"), "reports")
        return jsonify(_LIST.dump({"reports": reports.of(call_id, visitor.viewer_id)}))

    return routes


def _body(gate: Gate, call_id: str) -> Any:
    """Return the body once it is known that somebody who may report sent it: strangers learn nothing of its fields."""
    if bearer_of(request) is None:
        gate.browser(call_id)
    else:
        gate.check(SCOPE, SUPPORT_SCOPE)
    return request.get_json()


def _reporter(gate: Gate, call_id: str, viewer_id: str | None, ticket: str | None) -> Visitor:
    if bearer_of(request) is not None:
        return gate.either(SCOPE if ticket is None else SUPPORT_SCOPE, call_id, viewer_id, "report")
    if ticket is not None or viewer_id is not None:
        alone = ["A participant's own browser reports for nobody else, and has no ticket."]
        raise ValidationError({"ticket" if ticket is not None else "viewer": alone})
    return gate.browser(call_id)
