"""The Flask application, made from its ports alone: no settings, no connection, no import effect."""

import traceback
from http import HTTPStatus

import structlog
from flask import Flask
from flask.typing import ResponseReturnValue
from werkzeug.exceptions import HTTPException

from webhook_receiver.ports import Ports
from webhook_receiver.views import WebhookView, healthz

log = structlog.get_logger(__name__)


def create_app(ports: Ports) -> Flask:
    """Return the application with its two routes: `POST /webhooks/zoom` and `GET /healthz`."""
    app = Flask(__name__, static_folder=None)
    app.url_map.merge_slashes = False  # another path is 404, never a redirect: Zoom follows none
    app.add_url_rule("/webhooks/zoom", "webhook", WebhookView(ports), methods=["POST"], provide_automatic_options=False)
    app.add_url_rule("/healthz", "healthz", healthz, methods=["GET"], provide_automatic_options=False)
    app.register_error_handler(HTTPException, _plain)
    app.register_error_handler(Exception, _bug)
    return app


def _plain(error: HTTPException) -> ResponseReturnValue:
    return "", error.code or HTTPStatus.INTERNAL_SERVER_ERROR, _allowed(error)


def _allowed(error: HTTPException) -> list[tuple[str, str]]:
    return [(name, value) for name, value in error.get_headers() if name == "Allow"]


def _bug(error: Exception) -> ResponseReturnValue:
    """Say where it happened, not what was in the frames: they hold bodies. Zoom tries a 5xx again."""
    place = traceback.extract_tb(error.__traceback__)[-1]
    log.error("request.failed", error_type=type(error).__name__, file=place.filename, line=place.lineno)
    return "", HTTPStatus.INTERNAL_SERVER_ERROR
