"""The Flask application, made from its ports alone: no settings, no connection, no import effect.

Zoom's deliveries are answered in front of Flask's own work: contexts, routing, signals and response objects cost as
much CPU as everything that is done with a delivery until it is durable, and none of it is needed for an answer without
a body. Flask answers whatever else comes.
"""

import traceback
from collections.abc import Callable, Iterable
from http import HTTPStatus
from typing import Any

import structlog
from flask import Flask
from flask.typing import ResponseReturnValue
from werkzeug.exceptions import HTTPException

from infra.serving.bridge import WsgiApp
from webhook_receiver.ports import Ports
from webhook_receiver.views import Answer, WebhookView

WEBHOOKS_PATH = "/webhooks/zoom"

_JSON = "application/json"
_NOTHING = "text/html; charset=utf-8"  # Flask names a type for no body, too

log = structlog.get_logger(__name__)


def create_app(ports: Ports) -> Flask:
    """Return the application with its two routes: `POST /webhooks/zoom` and `GET /healthz`."""
    app = Flask(__name__, static_folder=None)
    app.url_map.merge_slashes = False  # another path is 404, never a redirect: Zoom follows none
    app.add_url_rule(WEBHOOKS_PATH, "webhook", methods=["POST"], provide_automatic_options=False)  # else: 405
    app.add_url_rule("/healthz", "healthz", _healthz, methods=["GET"], provide_automatic_options=False)
    app.register_error_handler(HTTPException, _plain)
    app.register_error_handler(Exception, _bug)
    app.wsgi_app = _Deliveries(WebhookView(ports), app.wsgi_app)  # type: ignore[method-assign] # as Flask's docs do
    return app


class _Deliveries:
    """Middleware that answers `POST /webhooks/zoom` itself and hands on everything else."""

    def __init__(self, view: WebhookView, otherwise: WsgiApp) -> None:
        self._view = view
        self._otherwise = otherwise

    def __call__(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        if environ["REQUEST_METHOD"] != "POST" or environ["PATH_INFO"] != WEBHOOKS_PATH:
            return self._otherwise(environ, start_response)
        status, body = self._answer(environ)
        headers = [("Content-Type", _JSON if body else _NOTHING), ("Content-Length", str(len(body)))]
        start_response(f"{status.value} {status.phrase}", headers)
        return (body,)

    def _answer(self, environ: dict[str, Any]) -> Answer:
        try:
            return self._view(environ)
        except HTTPException as error:
            return HTTPStatus(error.code or HTTPStatus.INTERNAL_SERVER_ERROR), b""
        except Exception as error:  # noqa: BLE001 - any bytes get an answer; Zoom tries a 5xx again
            _log_bug(error)
            return HTTPStatus.INTERNAL_SERVER_ERROR, b""


def _healthz() -> ResponseReturnValue:
    """Tell that the process answers, whatever the log does."""
    return "ok\n", HTTPStatus.OK, {"content-type": "text/plain"}


def _plain(error: HTTPException) -> ResponseReturnValue:
    return "", error.code or HTTPStatus.INTERNAL_SERVER_ERROR, _allowed(error)


def _allowed(error: HTTPException) -> list[tuple[str, str]]:
    return [(name, value) for name, value in error.get_headers() if name == "Allow"]


def _bug(error: Exception) -> ResponseReturnValue:
    _log_bug(error)
    return "", HTTPStatus.INTERNAL_SERVER_ERROR


def _log_bug(error: Exception) -> None:
    """Say where it happened, not what was in the frames: they hold bodies."""
    place = traceback.extract_tb(error.__traceback__)[-1]
    log.error("request.failed", error_type=type(error).__name__, file=place.filename, line=place.lineno)
