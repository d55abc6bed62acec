"""Problem documents (RFC 9457): what is said to a program whose request was refused.

`type` is a URN that never changes its meaning; `detail` says what to do. Neither holds anything of the request.
A person whose browser asks for a page gets the same as a page.
"""

import traceback
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

import structlog
from flask import Flask, jsonify, render_template, request
from flask.typing import ResponseReturnValue
from marshmallow import ValidationError
from werkzeug.exceptions import HTTPException

from infra.errors import PermanentError, TransientError
from schemas.errors import InvalidEvent

MEDIA_TYPE = "application/problem+json"
HTML = "text/html"
API = "/api/"  # what is below is for programs, whatever they say they accept
RETRY_SECONDS = 5  # after a 503 of a part that does not answer: as the log's and the database's own first retries
_URN = "urn:zoom-call-pipeline:problem"

# What a page says above the detail; the rest have their status' own phrase.
_HEADINGS = {
    HTTPStatus.UNAUTHORIZED: "Please open this page from the marketplace again",
    HTTPStatus.FORBIDDEN: "This is not for you to open",
    HTTPStatus.NOT_FOUND: "There is nothing here for you",
    HTTPStatus.GONE: "This is no longer available",
    HTTPStatus.TOO_MANY_REQUESTS: "That was a little too fast",
    HTTPStatus.INTERNAL_SERVER_ERROR: "Something went wrong on our side",
    HTTPStatus.SERVICE_UNAVAILABLE: "Please try again in a moment",
}

log = structlog.get_logger(__name__)


class Problem(Exception):
    """What the request is refused with. `slug` ends the problem's type; `more` are further members of the document."""

    def __init__(
        self,
        status: HTTPStatus,
        slug: str,
        detail: str,
        *,
        headers: Mapping[str, str] | None = None,
        more: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__(detail)
        self.status = status
        self.slug = slug
        self.detail = detail
        self.headers = dict(headers or {})
        self.more = dict(more or {})

    def answer(self) -> ResponseReturnValue:
        """Return the response: a page where a browser asked for one."""
        if wants_page():
            title = _HEADINGS.get(self.status, self.status.phrase)
            return render_template("problem.html", title=title, detail=self.detail), self.status, self.headers
        response = jsonify(
            {
                "type": f"{_URN}:{self.slug}",
                "title": self.status.phrase,
                "status": int(self.status),
                "detail": self.detail,
                **self.more,
            }
        )
        response.content_type = MEDIA_TYPE
        response.headers.update(self.headers)
        return response, self.status


def wants_page() -> bool:
    """Whether a person's browser asks: it names HTML, and the path is not a program's."""
    return not request.path.startswith(API) and any(kind == HTML for kind, _ in request.accept_mimetypes)


def register(app: Flask) -> None:
    """Answer every refusal of the application with a problem document."""
    app.register_error_handler(Problem, lambda problem: problem.answer())
    app.register_error_handler(ValidationError, _invalid)
    app.register_error_handler(InvalidEvent, _invalid_event)
    app.register_error_handler(TransientError, _later)
    app.register_error_handler(PermanentError, _refused)
    app.register_error_handler(HTTPException, _http)
    app.register_error_handler(Exception, _bug)


def _invalid(error: ValidationError) -> ResponseReturnValue:
    """Name the fields and what is wrong with them, never what they hold."""
    return Problem(
        HTTPStatus.UNPROCESSABLE_ENTITY,
        "invalid",
        "The request has fields that are missing or wrong: see errors.",
        more={"errors": error.normalized_messages()},  # type: ignore[no-untyped-call]
    ).answer()


def _invalid_event(error: InvalidEvent) -> ResponseReturnValue:
    return Problem(HTTPStatus.UNPROCESSABLE_ENTITY, "invalid", str(error)).answer()


def _later(error: TransientError) -> ResponseReturnValue:
    log.warning("request.put_off", reason=str(error))
    wait = {"Retry-After": str(RETRY_SECONDS)}
    detail = "Something that this needs does not answer at the moment: try again."
    return Problem(HTTPStatus.SERVICE_UNAVAILABLE, "unavailable", detail, headers=wait).answer()


def _refused(error: PermanentError) -> ResponseReturnValue:
    log.error("request.refused_behind", reason=str(error))
    detail = "Something behind this refused it; trying again does not help, and the operators' log says why."
    return Problem(HTTPStatus.BAD_GATEWAY, "refused-behind", detail).answer()


def _http(error: HTTPException) -> ResponseReturnValue:
    status = HTTPStatus(error.code or 500)
    headers = {name: value for name, value in error.get_headers() if name in ("Allow", "Retry-After")}
    slug = status.phrase.lower().replace(" ", "-")
    return Problem(status, slug, error.description or status.description, headers=headers).answer()


def _bug(error: Exception) -> ResponseReturnValue:
    """Say where it happened, not what was in the frames: they hold people's data."""
    place = traceback.extract_tb(error.__traceback__)[-1]
    log.error("request.failed", error_type=type(error).__name__, file=place.filename, line=place.lineno)
    return Problem(HTTPStatus.INTERNAL_SERVER_ERROR, "bug", "A bug; the operators' log says where.").answer()
