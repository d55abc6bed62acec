"""A case's page, and what can be done there."""

from collections.abc import Callable
from datetime import UTC, datetime
from http import HTTPStatus

from flask import Blueprint, Response, g, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from markupsafe import Markup

from portal.ports import Ports
from portal.problems import Problem
from portal.reviews.board import Board
from portal.reviews.cases import Case
from portal.reviews.desk import Decided
from portal.reviews.holds import can_be_held
from portal.reviews.timeline import draw
from portal.reviews.transcripts import READABLE, captions, marked
from schemas.errors import PipelineError

_VERDICT = "verdict-"


def add(blueprint: Blueprint, ports: Ports, board: Board) -> None:
    """Add the pages of a case."""

    def page(case: Case, **more: object) -> str:
        return render_template(
            "reviews/case.html",
            case=case,
            timeline=draw(case.events, case.findings),
            colleagues=[one for one in ports.sign_in.sessions.present() if one != case.claimed_by],
            now=ports.clock.now(),
            is_mine=case.is_claimed_by(g.analyst.id),
            can_be_held=can_be_held(case),
            **more,
        )

    @blueprint.get("/<flag_id>")
    def case(flag_id: str) -> ResponseReturnValue:
        return page(board.desk.open(flag_id, g.analyst))

    @blueprint.post("/<flag_id>/quotes/<finding_id>")
    def quote(flag_id: str, finding_id: str) -> ResponseReturnValue:
        """Show a finding's quote; that it was looked at is written down first."""
        case = board.desk.view(flag_id, g.analyst, "quote.uncovered", finding_id)
        finding = case.finding(finding_id)
        if finding is None:
            raise Problem(HTTPStatus.NOT_FOUND, "no-finding", "The case has no such finding any more.")
        if not request.headers.get("HX-Request"):
            return page(case, uncovered=finding)
        return render_template("reviews/quote.html", finding=finding)

    @blueprint.post("/<flag_id>/transcript")
    def transcript(flag_id: str) -> ResponseReturnValue:
        case, archived = board.desk.view_claimed(flag_id, g.analyst, "transcript.uncovered")
        files = [file for file in archived if file.kind in READABLE]
        kinds = {file.kind for file in files}
        wanted = [file for file in files if file.kind != "captions" or "transcript" not in kinds]

        def draw_up() -> str:
            parts = [(file, marked(board.transcripts.lines(file), file, case.findings)) for file in wanted]
            return render_template("reviews/transcript.html", parts=parts)

        said = board.transcripts.drawn_up(wanted, case.findings, draw_up)
        if request.headers.get("HX-Request"):
            return said
        return page(board.desk.look(flag_id), transcript=Markup(said))  # noqa: S704 - our own template's

    @blueprint.post("/<flag_id>/recording")
    def recording(flag_id: str) -> ResponseReturnValue:
        opened = board.recordings.open(
            flag_id, g.analyst, request.form.get("finding", ""), request.form.get("reason", "")
        )
        if not request.headers.get("HX-Request"):
            return page(board.desk.look(flag_id), opened=opened, asked_to_play=True)
        return render_template("reviews/player.html", flag_id=flag_id, opened=opened)

    @blueprint.get("/<flag_id>/captions/<key>")
    def captions_of(flag_id: str, key: str) -> ResponseReturnValue:
        lines = board.recordings.captions(flag_id, g.analyst, key)
        if lines is None:
            raise Problem(HTTPStatus.NOT_FOUND, "no-captions", "There are no such captions.")
        return Response(captions(lines), content_type="text/vtt; charset=utf-8")

    @blueprint.post("/<flag_id>/decision")
    def decide(flag_id: str) -> ResponseReturnValue:
        board.desk.decide(flag_id, g.analyst, _decided())
        board.queue.forget()
        return redirect(url_for("reviews.case", flag_id=flag_id), HTTPStatus.SEE_OTHER)

    @blueprint.post("/<flag_id>/notes")
    def note(flag_id: str) -> ResponseReturnValue:
        board.desk.note(flag_id, g.analyst, request.form.get("text", ""))
        return redirect(url_for("reviews.case", flag_id=flag_id, _anchor="notes"), HTTPStatus.SEE_OTHER)

    @blueprint.post("/<flag_id>/hand-over")
    def hand_over(flag_id: str) -> ResponseReturnValue:
        to = request.form.get("to", "")
        if to not in ports.sign_in.sessions.present():
            raise Problem(HTTPStatus.CONFLICT, "not-there", "They are not signed in any more: choose somebody else.")
        board.desk.hand_over(flag_id, g.analyst, to)
        return redirect(url_for("reviews.case", flag_id=flag_id), HTTPStatus.SEE_OTHER)

    _add_holds(blueprint, ports, board, page)


def _add_holds(blueprint: Blueprint, ports: Ports, board: Board, page: Callable[..., str]) -> None:
    """Add what is done about holding a case's recordings; `page` draws the case up."""

    @blueprint.get("/<flag_id>/hold")
    def hold(flag_id: str) -> ResponseReturnValue:
        """What the store says of the holds, read back now; asked for by the page once it is there."""
        case = board.desk.look(flag_id)
        try:
            standing = board.holds.read_back(board.recordings.files(case))
        except PipelineError:
            standing = None
        template = "reviews/hold.html" if request.headers.get("HX-Request") else "reviews/hold_page.html"
        return render_template(template, case=case, standing=standing, now=ports.clock.now())

    @blueprint.post("/<flag_id>/hold")
    def place_hold(flag_id: str) -> ResponseReturnValue:
        """One that is refused for what was typed comes back with it."""
        reason, review_at = request.form.get("reason", ""), request.form.get("review_at", "")
        try:
            board.desk.hold(flag_id, g.analyst, reason, _day(review_at))
        except Problem as refused:
            case = board.desk.look(flag_id)
            if refused.status != HTTPStatus.UNPROCESSABLE_ENTITY or case.active_holds("manual"):
                raise  # there is no form on the page
            typed = {"reason": reason, "review_at": review_at, "refused": refused.detail}
            return page(case, typed=typed), refused.status
        return redirect(url_for("reviews.case", flag_id=flag_id, _anchor="hold"), HTTPStatus.SEE_OTHER)

    @blueprint.post("/<flag_id>/hold/release")
    def release_hold(flag_id: str) -> ResponseReturnValue:
        board.desk.release_hold(flag_id, g.analyst, request.form.get("reason", ""))
        return redirect(url_for("reviews.case", flag_id=flag_id, _anchor="hold"), HTTPStatus.SEE_OTHER)


def _decided() -> Decided:
    revision = request.form.get("revision", "")
    return Decided(
        revision=int(revision) if revision.isdecimal() else 0,
        decision=request.form.get("decision", ""),
        action=request.form.get("action") or None,
        note=request.form.get("note", ""),
        verdicts={
            name.removeprefix(_VERDICT): value
            for name, value in request.form.items()
            if name.startswith(_VERDICT) and value
        },
    )


def _day(text: str) -> datetime:
    try:
        return datetime.strptime(text, "%Y-%m-%d").replace(tzinfo=UTC)
    except ValueError as error:
        detail = "Name the day on which somebody looks at the hold again."
        raise Problem(HTTPStatus.UNPROCESSABLE_ENTITY, "invalid", detail) from error
