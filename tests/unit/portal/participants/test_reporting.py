"""Reports: to trust and safety alone, once each, and without a trace for anybody else."""

import json
from datetime import timedelta
from http import HTTPStatus
from typing import Any

import pytest

from infra.errors import TransientError
from schemas.calls import MAX_REPORT_CHARACTERS, load_report
from schemas.topics import REPORTS
from tests.unit.portal.harness import Portal
from tests.unit.portal.played_call import (
    CALL,
    CLIENT,
    ENDED_AT,
    FREELANCER,
    STRANGER,
    decide,
    put_call,
    put_usual_files,
)

PATH = f"/api/calls/{CALL}/reports"
TOLD = {"viewer": CLIENT, "reason": "off_platform", "text": "Asked me to pay elsewhere.", "second": 95}


@pytest.fixture(autouse=True)
def call(portal: Portal) -> None:
    put_call(portal.engine)
    put_usual_files(portal.engine, portal.store)


def reported(portal: Portal) -> list[Any]:
    return [load_report(json.loads(record.value)) for record in portal.transport.records[REPORTS.name]]


def own(portal: Portal, viewer_id: str) -> list[dict[str, Any]]:
    reports: list[dict[str, Any]] = portal.ask("GET", PATH, query_string={"viewer": viewer_id}).get_json()["reports"]
    return reports


def test_a_report_reaches_trust_and_safety(portal: Portal) -> None:
    """Everything that was told, on the topic of reports and in its envelope."""
    answer = portal.ask("POST", PATH, json=TOLD)

    (report,) = reported(portal)
    (record,) = portal.transport.records[REPORTS.name]
    assert answer.status_code == HTTPStatus.CREATED
    assert answer.get_json() == {
        "report_id": report.report_id,
        "state": "received",
        "reason": "off_platform",
        "reported_at": "2026-01-01T12:00:00+00:00",
    }
    assert (report.call_id, report.meeting_id, report.reporter) == (CALL, "811", "client")
    assert (report.reason, report.text, report.second) == ("off_platform", TOLD["text"], 95)
    assert (record.key, dict(record.headers)["ce_type"]) == (b"811", b"call.reported")


def test_nobody_else_notices(portal: Portal) -> None:
    """Everything that the other person can see is the same byte for byte, and every other topic is untouched."""
    browser = portal.browser_of(FREELANCER)
    paths = ("", "/recordings", "/reports")

    def everything_seen() -> list[bytes]:
        by_program = [
            portal.ask("GET", f"/api/calls/{CALL}{path}", query_string={"viewer": FREELANCER}) for path in paths
        ]
        return [answer.data for answer in (browser.get(), *(browser.ask("GET", path) for path in paths), *by_program)]

    before = everything_seen()
    portal.ask("POST", PATH, json=TOLD)

    assert everything_seen() == before
    assert list(portal.transport.records) == [REPORTS.name]


def test_the_same_report_is_one_report(portal: Portal) -> None:
    """Sent again, at any later time, with blanks or other line ends: published and noted once, answered alike."""
    first = portal.ask("POST", PATH, json={**TOLD, "text": "One.\nTwo."})
    portal.clock.advance(3600)
    again = portal.ask("POST", PATH, json={**TOLD, "text": " One.\r\nTwo.\n"})

    assert (first.status_code, again.status_code) == (HTTPStatus.CREATED, HTTPStatus.OK)
    assert again.get_json() == first.get_json()
    assert len(reported(portal)) == len(own(portal, CLIENT)) == 1


@pytest.mark.parametrize(
    "other", [{"viewer": FREELANCER}, {"reason": "other"}, {"text": "More."}, {"second": None}, {"ticket": "T-1"}]
)
def test_another_report_is_another(portal: Portal, other: dict[str, Any]) -> None:
    """By somebody else, for another reason, with other words, about another moment, through support."""
    portal.ask("POST", PATH, json=TOLD)
    portal.ask("POST", PATH, json={**TOLD, **other})

    assert len({one.report_id for one in reported(portal)}) == 2


def test_support_reports_on_behalf(portal: Portal) -> None:
    """With a ticket and the scope for it; whom it is for sees it as their own, and the ticket is on record."""
    support, marketplace = portal.token_with(["reports:support"]), portal.token_with(["reports"])
    with_ticket = {**TOLD, "ticket": "T-4711"}

    assert portal.ask("POST", PATH, token=marketplace, json=with_ticket).status_code == HTTPStatus.FORBIDDEN
    assert portal.ask("POST", PATH, token=support, json=TOLD).status_code == HTTPStatus.FORBIDDEN
    assert portal.ask("POST", PATH, token=support, json=with_ticket).status_code == HTTPStatus.CREATED
    (report,) = reported(portal)
    assert report.reporter == "support"
    assert [one["report_id"] for one in own(portal, CLIENT)] == [report.report_id]
    assert portal.audited()[-1] == (
        "service:reports:support", "call.reported", CALL, f"report {report.report_id}, for {CLIENT}, ticket T-4711"
    )  # fmt: skip


def test_nobody_reports_for_a_stranger(portal: Portal) -> None:
    """404, nothing is published, and it is on record."""
    answer = portal.ask("POST", PATH, json={**TOLD, "viewer": STRANGER})

    assert (answer.status_code, reported(portal)) == (HTTPStatus.NOT_FOUND, [])
    assert portal.audited()[-1][1:] == ("participant.refused", CALL, f"report for {STRANGER}")


def test_the_log_is_away(portal: Portal) -> None:
    """503, nothing is promised; sent again later it is received, once."""
    portal.producer.fail(TransientError("the log does not answer"))
    refused = portal.ask("POST", PATH, json=TOLD)
    before = own(portal, CLIENT)
    portal.producer.fail(None)

    assert (refused.status_code, before) == (HTTPStatus.SERVICE_UNAVAILABLE, [])
    assert portal.ask("POST", PATH, json=TOLD).status_code == HTTPStatus.CREATED
    assert len(reported(portal)) == 1


def test_a_crash_before_it_was_noted(portal: Portal, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is published already: sent again it is published once more, under the same identity, which counts once."""
    with monkeypatch.context() as broken:
        broken.setattr(portal.audit, "append_in", lambda *_: (_ for _ in ()).throw(TransientError("killed")))
        crashed = portal.ask("POST", PATH, json=TOLD)
    portal.clock.advance(10)
    portal.ask("POST", PATH, json=TOLD)

    first, second = portal.transport.records[REPORTS.name]
    assert crashed.status_code == HTTPStatus.SERVICE_UNAVAILABLE
    assert dict(first.headers)["ce_id"] == dict(second.headers)["ce_id"]
    assert len(own(portal, CLIENT)) == 1


def test_the_hundred_and_eightieth_day(portal: Portal) -> None:
    """Until the recording expires, long after it could be watched; and also while the call has not ended."""
    portal.clock.advance((ENDED_AT + timedelta(days=180) - portal.clock.now()).total_seconds() - 1)
    browser = portal.browser_of(CLIENT)
    last = browser.send({"reason": "other"})
    portal.clock.advance(1)
    late = portal.ask("POST", PATH, json=TOLD)

    assert (last.status_code, late.status_code) == (HTTPStatus.SEE_OTHER, HTTPStatus.GONE)
    assert "Report a problem" not in browser.get().text
    put_call(portal.engine, ended_at=None)
    assert portal.ask("POST", PATH, json=TOLD).status_code == HTTPStatus.CREATED


@pytest.mark.parametrize(
    ("decision", "hours", "state"),
    [
        ("confirmed", 1, "closed"),
        ("dismissed", 1, "closed"),
        ("escalated", 1, "received"),
        ("dismissed", -1, "received"),
    ],
)
def test_what_became_of_it(portal: Portal, decision: str, hours: int, state: str) -> None:
    """Closed once trust and safety decided for good after it came; what was decided is not told."""
    portal.ask("POST", PATH, json=TOLD)
    decide(portal.engine, decision, portal.clock.now() + timedelta(hours=hours))

    assert [one["state"] for one in own(portal, CLIENT)] == [state]
    assert decision not in portal.browser_of(CLIENT).get().text


@pytest.mark.parametrize(
    ("wrong", "field"),
    [
        ({"reason": "boredom"}, "reason"),
        ({"text": "x" * (MAX_REPORT_CHARACTERS + 1)}, "text"),
        ({"text": "a\x00b"}, "text"),
        ({"text": "\ud800"}, "text"),
        ({"text": 5}, "text"),
        ({"second": -1}, "second"),
        ({"second": 1.5}, "second"),
        ({"second": 2**40}, "second"),
        ({"ticket": ""}, "ticket"),
        ({"severity": 5}, "severity"),
    ],
)
def test_a_report_that_cannot_be_taken(portal: Portal, wrong: dict[str, Any], field: str) -> None:
    """It says which field, and nothing is published."""
    answer = portal.ask("POST", PATH, json={**TOLD, **wrong})

    assert (answer.status_code, list(answer.get_json()["errors"])) == (HTTPStatus.UNPROCESSABLE_ENTITY, [field])
    assert reported(portal) == []


def test_a_browser_reports_for_itself(portal: Portal) -> None:
    """With the page's token; in nobody else's name, and not without the token."""
    browser = portal.browser_of(CLIENT)
    plain = {name: value for name, value in TOLD.items() if name != "viewer"}

    assert browser.ask("POST", "/reports", json={**plain, "viewer": FREELANCER}).status_code == 422
    assert browser.ask("POST", "/reports", json={**plain, "ticket": "T-1"}).status_code == 422
    without = browser.client.post(f"{browser.api}/reports", base_url="https://calls.example", json=plain)
    assert without.status_code == HTTPStatus.FORBIDDEN
    assert browser.ask("POST", "/reports", json=plain).status_code == HTTPStatus.CREATED
    assert portal.audited()[-1][:3] == (CLIENT, "call.reported", CALL)
