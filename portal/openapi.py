"""The portal's OpenAPI 3.1 document: generated from the operations that each area declares, committed, and served.

It is served as it was committed, so that production needs no generator. A test holds the file against the code.
"""

import re
from collections.abc import Mapping
from importlib.resources import files
from itertools import chain
from typing import Any

from flask import Flask, Response
from flask.typing import ResponseReturnValue
from marshmallow import Schema

from portal.api import Operation
from portal.auth.service_tokens import SCOPES
from portal.calls import operations as calls
from portal.participants.gate import CSRF_HEADER, SAFE_METHODS
from portal.problems import MEDIA_TYPE
from portal.recordings import views as recordings
from portal.reports import views as reports

Json = dict[str, Any]

PATH = "/api/openapi.json"
FILE = "portal.openapi.json"
OPERATIONS: tuple[Operation, ...] = (*calls.OPERATIONS, *recordings.OPERATIONS, *reports.OPERATIONS)

_PROBLEM = {
    "type": "object",
    "description": "RFC 9457. `type` never changes its meaning; `errors` names the fields that are wrong.",
    "properties": {
        "type": {"type": "string", "pattern": "^urn:zoom-call-pipeline:problem:"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string"},
        "errors": {"type": "object"},
    },
    "required": ["type", "title", "status", "detail"],
}
_LATER = "Something that this needs does not answer, or this portal is not set up for it: see detail and Retry-After."
_SHARED: Mapping[int, str] = {
    401: "No token or session that is good.",
    429: "Too many requests in a minute: Retry-After.",
    502: "Something behind this refused it for good.",
    503: _LATER,
}
_FORBIDDEN = "The token has none of the scopes, or a browser's change does not come from its page."
_OF_PATHS = {404: "No such call for this person, or nothing of this name in it."}
_OF_INPUT = {422: "Fields are missing or wrong: see errors."}
_OF_BODIES = {400: "Not JSON, or a header is missing.", 413: "The body is over 64 KiB.", 415: "Not application/json."}


def register(app: Flask) -> None:
    """Serve the document, to anybody: it says nothing that the source does not."""
    text = files("schemas.published").joinpath(FILE).read_text(encoding="utf-8")

    @app.get(PATH)
    def openapi() -> ResponseReturnValue:
        return Response(text, mimetype="application/json")


def document() -> Json:
    """Return the document; the same every time. Needs apispec, which production does not have."""
    paths: dict[str, Json] = {PATH: {"get": _own()}}
    for operation in OPERATIONS:
        paths.setdefault(operation.path, {})[operation.method] = _operation(operation)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Zoom call pipeline: portal",
            "version": "1.0.0",
            "description": "For the marketplace's back end. Every refusal is a problem document (RFC 9457).",
        },
        "paths": paths,
        "components": {
            "schemas": {"Problem": _PROBLEM},
            "securitySchemes": {
                "service": {
                    "type": "http",
                    "scheme": "bearer",
                    "description": f"A service token; its scopes are of {', '.join(SCOPES)}.",
                },
                "browser": {
                    "type": "apiKey",
                    "in": "cookie",
                    "name": "call",
                    "description": "A participant's session at one call, whose cookie has a name of its own. "
                    f"Changes also bring the page's token as {CSRF_HEADER}.",
                },
            },
        },
    }


def _operation(operation: Operation) -> Json:
    scopes = " or ".join(f"`{scope}`" for scope in operation.scopes)
    described: Json = {
        "operationId": operation.name,
        "summary": operation.summary,
        "description": f"{operation.meaning} Scope: {scopes}.",
        "parameters": [
            *({"name": name, "in": "path", "required": True, "schema": _ID} for name in _names(operation.path)),
            *chain(_parameters(operation.headers, "header"), _parameters(operation.query, "query")),
        ],
        "responses": {str(status): answer for status, answer in sorted(_answers(operation).items())},
        "security": [{"service": []}, *([{"browser": []}] if operation.browser else [])],
    }
    if operation.body is not None:
        described["requestBody"] = {
            "required": True,
            "content": {"application/json": {"schema": _json(operation.body)}},
        }
    return described


_ID = {"type": "string", "minLength": 1, "maxLength": 256, "pattern": "^[^/]+$"}


def _answers(operation: Operation) -> dict[int, Json]:
    refusals: dict[int, str] = dict(_SHARED)
    if operation.scopes or operation.method.upper() not in SAFE_METHODS:
        refusals[403] = _FORBIDDEN
    for applies, more in (
        ("{" in operation.path, _OF_PATHS),
        (operation.query or operation.body, _OF_INPUT),
        (operation.body, _OF_BODIES),
    ):
        refusals |= more if applies else {}
    answers = {status: _answer(meaning, None) for status, meaning in refusals.items()}
    return answers | {status: _answer(*answer) for status, answer in operation.answers.items()}


def _answer(meaning: str, schema: Schema | None) -> Json:
    if schema is None:
        return {"description": meaning, "content": {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}}}
    return {"description": meaning, "content": {"application/json": {"schema": _growing(_json(schema))}}}


def _parameters(schema: Schema | None, place: str) -> list[Json]:
    if schema is None:
        return []
    fields = _json(schema)
    return [
        {"name": name, "in": place, "required": name in fields.get("required", ()), "schema": field}
        for name, field in fields["properties"].items()
    ]


def _names(path: str) -> list[str]:
    return re.findall(r"\{(\w+)\}", path)


def _json(schema: Schema) -> Json:
    from infra.contracts.json_schema import convert  # noqa: PLC0415 - its generator is for developing alone

    return {name: _plain(value) for name, value in convert(schema).items()}


def _plain(value: Any) -> Any:
    """Patterns as other languages write them: ours match from the start, and to Python's own end."""
    if isinstance(value, list):
        return [_plain(one) for one in value]
    if not isinstance(value, dict):
        return value
    known = {name: _plain(one) for name, one in value.items()}
    if isinstance(known.get("pattern"), str):
        known["pattern"] = "^" + known["pattern"].removeprefix("^").replace(r"\Z", "$")
    return known


def _growing(value: Any) -> Any:
    """Answers may grow: who reads them must not choke on a new field."""
    if isinstance(value, list):
        return [_growing(one) for one in value]
    if not isinstance(value, dict):
        return value
    return {name: _growing(one) for name, one in value.items() if name != "additionalProperties"}


def _own() -> Json:
    content = {"application/json": {"schema": {"type": "object"}}}
    return {
        "operationId": "describe",
        "summary": "This document",
        "responses": {"200": {"description": "OpenAPI 3.1.", "content": content}},
    }
