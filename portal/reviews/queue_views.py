"""The queue's page, and what can be done from it."""

from datetime import datetime

from flask import Blueprint, g, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from werkzeug.exceptions import BadRequest

from portal.ports import Ports
from portal.reviews.board import Board
from portal.reviews.queue import PAGE, Filters, Place

_MAX_FILTER_CHARACTERS = 256  # as the ids that are looked for


def add(blueprint: Blueprint, ports: Ports, board: Board) -> None:
    """Add the queue's pages."""

    @blueprint.get("")
    def queue() -> ResponseReturnValue:
        filters = _filters()
        rows = board.queue.page(filters, g.analyst.id, _after())
        return render_template(
            "reviews/queue.html",
            rows=rows[:PAGE],
            following=rows[PAGE - 1].place if len(rows) > PAGE else None,
            filters=filters,
            counts=board.queue.counts(),
            now=ports.clock.now(),
            asked={name: value for name, value in request.args.items() if name != "after" and value},
        )

    @blueprint.post("/<flag_id>/claim")
    def claim(flag_id: str) -> ResponseReturnValue:
        board.desk.claim(flag_id, g.analyst)
        return redirect(url_for("reviews.case", flag_id=flag_id), 303)

    @blueprint.post("/<flag_id>/release")
    def release(flag_id: str) -> ResponseReturnValue:
        board.desk.release(flag_id, g.analyst)
        return redirect(url_for("reviews.queue"), 303)


def _filters() -> Filters:
    asked = {name: value[:_MAX_FILTER_CHARACTERS].replace("\x00", "").strip() for name, value in request.args.items()}
    severity = asked.get("severity", "")
    return Filters(
        category=asked.get("category", ""),
        rule=asked.get("rule", ""),
        source=asked.get("source", ""),
        language=asked.get("language", ""),
        severity=int(severity) if severity in ("1", "2", "3", "4", "5") else None,
        mine=bool(asked.get("mine")),
        search=asked.get("search", ""),
    )


def _after() -> Place | None:
    text = request.args.get("after", "")
    if not text:
        return None
    try:
        urgency, at, flag_id = text.split("~", 2)
        return Place(int(urgency), datetime.fromisoformat(at), flag_id)
    except ValueError as error:
        raise BadRequest("This is no place in the queue.") from error
