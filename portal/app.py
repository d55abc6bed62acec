"""The Flask application, made from its ports alone: no settings, no connection, no import effect."""

from collections.abc import Iterable
from http import HTTPStatus
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from flask import Flask
from flask.typing import ResponseReturnValue

from portal import headers, openapi, problems
from portal.auth import sign_in
from portal.calls import views as calls
from portal.participants import area
from portal.ports import Ports
from portal.reviews import views as reviews

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

MAX_BODY_BYTES = 64 * 1024  # the largest body is a report with 4,000 characters


def create_app(ports: Ports) -> Flask:
    """Return the application. Each area brings its own blueprint; refusals are problem documents."""
    app = Flask(__name__)
    app.config["MAX_CONTENT_LENGTH"] = MAX_BODY_BYTES
    app.add_url_rule("/healthz", "healthz", _healthz, methods=["GET"])
    headers.register(app, (ports.store.link_origin(),))
    problems.register(app)
    openapi.register(app)
    app.register_blueprint(calls.blueprint(ports))
    app.register_blueprint(sign_in.make_blueprint(ports.sign_in))
    app.register_blueprint(reviews.make_blueprint(ports, ports.reviews))
    area.register(app, ports)
    app.wsgi_app = _below(urlsplit(ports.public_url).path, app.wsgi_app)  # type: ignore[method-assign, assignment]  # Flask's way
    return app


def _below(prefix: str, app: "WSGIApplication") -> "WSGIApplication":
    """Let links lead below the path of our public address, which the proxy in front takes off."""

    def served(environ: "WSGIEnvironment", start_response: "StartResponse") -> Iterable[bytes]:
        return app({**environ, "SCRIPT_NAME": prefix}, start_response)

    return served


def _healthz() -> ResponseReturnValue:
    return "ok\n", HTTPStatus.OK, {"content-type": "text/plain"}
