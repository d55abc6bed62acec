"""The receiver's OpenAPI 3.1 description. Kept by hand here and nowhere else: routes and answers are tested against it."""

import json
from typing import Any

from infra.contracts.examples import EXAMPLES
from schemas.identity import URL_VALIDATION

Json = dict[str, Any]

OPENAPI_VERSION = "3.1.0"

_EMPTY = {"text/html": {"schema": {"type": "string", "maxLength": 0}}}  # Flask names a type for no body, too
_TOKEN = {"type": "string", "pattern": "^[A-Za-z0-9_-]{1,128}$"}
_HEX_64 = {"type": "string", "pattern": "^[0-9a-f]{64}$"}
_VALIDATION = {
    "type": "object",
    "description": "To a URL validation: the token, and its HMAC-SHA256 in hex, keyed with the Secret Token.",
    "properties": {"plainToken": _TOKEN, "encryptedToken": _HEX_64},
    "required": ["plainToken", "encryptedToken"],
    "additionalProperties": False,
}


def openapi_document() -> Json:
    """Return the description of the receiver's public address."""
    return {
        "openapi": OPENAPI_VERSION,
        "info": {
            "title": "Zoom call pipeline: webhook receiver",
            "version": "1.0.0",
            "description": "Where Zoom delivers its webhooks. Any other path is answered 404, any other method 405. "
            "`/readyz` and `/metrics` are on an address of their own (RECEIVER_ADMIN_BIND), for operators alone.",
        },
        "paths": {"/webhooks/zoom": {"post": _webhook()}, "/healthz": {"get": _health()}},
    }


def _webhook() -> Json:
    return {
        "operationId": "receiveWebhook",
        "summary": "Take one delivery",
        "description": "Answers 200 once the event is durable, within 3 s. "
        "Signed is `v0:{x-zm-request-timestamp}:{raw body}`; only a URL validation may come unsigned.",
        "parameters": [
            _header("x-zm-request-timestamp", "^[0-9]{1,15}$", "Unix time in seconds, or in milliseconds from 13 digits on."),
            _header("x-zm-signature", "^v0=[0-9a-f]{64}$", "`v0=` and the HMAC-SHA256 in hex, keyed with the Secret Token."),
            _header("x-zm-request-id", "^[!-~]{1,128}$", "Names the delivery; anything else is left out."),
        ],
        "requestBody": {"required": True, "content": {"application/json": _body()}},
        "responses": {
            "200": {
                "description": "Durable, or the answer to a URL validation. "
                "A genuine body that is not of Zoom's shape is kept as well, for a person to look at.",
                "content": {"application/json": {"schema": _VALIDATION}, **_EMPTY},
            },
            "400": {"description": "The token of a URL validation is not one that is safe to sign, or the body broke off."},
            "401": {"description": "Signature or timestamp wrong, missing or outside the window; it never says which."},
            "413": {"description": "The body is over the limit (WEBHOOK_MAX_BODY_BYTES)."},
            "503": {"description": "Not durable: neither the log nor the local spool took it in time. Zoom tries again after 5, 25 and 85 minutes."},
        },
    }  # fmt: skip


def _body() -> Json:
    """Any body may come: what is signed rightly is never refused for its shape."""
    started = json.loads(
        (EXAMPLES / "us.zoom.meeting.started" / "v1" / "id_as_number.json").read_text(encoding="utf-8")
    )
    validation = {
        "event": URL_VALIDATION,
        "event_ts": 1795356000000,
        "payload": {"plainToken": "qgg8vlvZRS6UYooatFL8Aw"},
    }
    return {
        "schema": {"description": 'As Zoom documents it: {"event", "event_ts", "payload"}.'},
        "examples": {"event": {"value": started}, "urlValidation": {"value": validation}},
    }


def _header(name: str, pattern: str, meaning: str) -> Json:
    schema = {"type": "string", "pattern": pattern}
    return {"name": name, "in": "header", "required": False, "description": meaning, "schema": schema}


def _health() -> Json:
    text = {"text/plain": {"schema": {"const": "ok\n"}}}
    return {
        "operationId": "health",
        "summary": "Tell that the process answers, whatever the log does",
        "responses": {"200": {"description": "It does.", "content": text}},
    }
