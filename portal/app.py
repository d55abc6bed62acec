"""The Flask application, made from its ports alone: no settings, no connection, no import effect."""

from http import HTTPStatus

from flask import Flask
from flask.typing import ResponseReturnValue

from portal import headers, openapi, problems
from portal.auth import sign_in
from portal.calls import views as calls
from portal.participants import area
from portal.ports import Ports
from portal.reviews import views as reviews

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
    return app


def _healthz() -> ResponseReturnValue:
    return "ok\n", HTTPStatus.OK, {"content-type": "text/plain"}
