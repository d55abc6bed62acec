"""The leads' page and the rules' records."""

from typing import Any

from flask import Blueprint, render_template
from flask.typing import ResponseReturnValue
from sqlalchemy import Select, select

from infra.database.engine import reading
from infra.database.review_tables import review_claims, review_decisions, review_holds
from infra.database.tables import portal_flags
from portal.ports import Ports
from portal.reviews.board import Board
from portal.reviews.statistics import records

_MOST = 200  # of each list: who has more has another problem than a list


def add(blueprint: Blueprint, ports: Ports, board: Board) -> None:
    """Add the pages."""
    guard = ports.sign_in.guard

    @blueprint.get("/leads")
    @guard.lead_only
    def leads() -> ResponseReturnValue:
        now = ports.clock.now()
        holds, claims = review_holds.c, review_claims.c
        manual = select(review_holds).where(holds.active, holds.kind == "manual").order_by(holds.review_at).limit(_MOST)
        claimed = select(review_claims).where(claims.claimed_until > now).order_by(claims.claimed_at).limit(_MOST)
        with reading(ports.engine) as connection:
            held = connection.execute(manual).all()
            return render_template(
                "reviews/leads.html",
                overdue=[hold for hold in held if hold.review_at <= now],
                held=[hold for hold in held if hold.review_at > now],
                escalated=connection.execute(_escalated()).all(),
                claimed=connection.execute(claimed).all(),
                waiting=board.outbox.waiting(),
                now=now,
            )

    @blueprint.get("/rules")
    def rules() -> ResponseReturnValue:
        return render_template("reviews/rules.html", records=records(ports.engine))


def _escalated() -> Select[Any]:
    """Open flags whose newest decision is to escalate, the gravest first."""
    decisions, flags = review_decisions.c, portal_flags.c
    newest = (
        select(decisions.decision)
        .where(decisions.flag_id == flags.flag_id)
        .order_by(decisions.position.desc())
        .limit(1)
        .scalar_subquery()
    )
    asked = select(decisions.flag_id).where(decisions.decision == "escalated")
    query = select(flags.flag_id, flags.severity, flags.flagged_at, flags.categories)
    return (
        query.where(flags.flag_id.in_(asked), flags.standing == "open", newest == "escalated")
        .order_by(flags.urgency, flags.flagged_at)
        .limit(_MOST)
    )
