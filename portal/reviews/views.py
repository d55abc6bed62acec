"""The analysts' pages."""

from flask import Blueprint, render_template
from flask.typing import ResponseReturnValue

from portal.ports import Ports


def make_blueprint(ports: Ports) -> Blueprint:
    """Return the pages under /reviews: for analysts who are signed in, all of them."""
    blueprint = Blueprint("reviews", __name__, url_prefix="/reviews")
    blueprint.before_request(ports.sign_in.guard.admit)

    @blueprint.get("")
    def queue() -> ResponseReturnValue:
        return render_template("reviews/queue.html")

    return blueprint
