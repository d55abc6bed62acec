"""The analysts' pages: the queue, a case, the leads' page, the rules' records."""

from flask import Blueprint

from portal.ports import Ports
from portal.reviews import case_views, lead_views, queue_views, words
from portal.reviews.board import Board


def make_blueprint(ports: Ports, board: Board) -> Blueprint:
    """Return the pages under /reviews: for analysts who are signed in, all of them."""
    blueprint = Blueprint("reviews", __name__, url_prefix="/reviews")
    blueprint.before_request(ports.sign_in.guard.admit)
    blueprint.app_context_processor(lambda: {"words": words})
    queue_views.add(blueprint, ports, board)
    case_views.add(blueprint, ports, board)
    lead_views.add(blueprint, ports, board)
    return blueprint
