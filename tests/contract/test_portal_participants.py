"""What the portal's SQL promises its participants, on SQLite and on PostgreSQL."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from http import HTTPStatus
from pathlib import Path

import pytest

from infra.database.engine import migrate, open_database
from tests.databases import KINDS, database_of
from tests.unit.portal.harness import PUBLIC_URL, Browser, Portal
from tests.unit.portal.played_call import CALL, CLIENT, FREELANCER, STRANGER, decide, put_call, put_usual_files

pytestmark = pytest.mark.xdist_group("postgres")
AT_ONCE = 8


@pytest.fixture(params=KINDS)
def portal(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Portal]:
    """One with a call that can be watched."""
    if request.param == "sqlite":
        yield from played(Portal(tmp_path))
        return
    with database_of(request.getfixturevalue("postgres_url")) as url:
        engine = open_database(url)
        migrate(engine)
        yield from played(Portal(tmp_path, engine=engine))


def played(portal: Portal) -> Iterator[Portal]:
    put_call(portal.engine)
    put_usual_files(portal.engine, portal.store)
    yield portal
    portal.close()


def test_the_whole_way(portal: Portal) -> None:
    """In by a code, the recording's link, a report, and what became of it."""
    browser = portal.browser_of(CLIENT)
    files = browser.ask("GET", "/recordings").get_json()["recordings"]
    link = browser.ask("POST", f"/recordings/{files[0]['recording_id']}/link")
    first, again = (browser.send({"reason": "other", "text": "Ünd 🎨"}) for _ in range(2))
    decide(portal.engine, "dismissed", portal.clock.now())

    assert [file["kind"] for file in files] == ["video", "audio", "captions", "transcript"]
    assert link.status_code == HTTPStatus.OK
    assert (first.status_code, again.status_code) == (HTTPStatus.SEE_OTHER, HTTPStatus.SEE_OTHER)
    assert [one["state"] for one in browser.ask("GET", "/reports").get_json()["reports"]] == ["closed"]
    assert [row[1] for row in portal.audited()] == [
        "session.offered", "session.opened", "recording.link_given", "call.reported"
    ]  # fmt: skip


def test_of_many_who_bring_one_code_one_gets_in(portal: Portal) -> None:
    """However close together they come."""
    code = portal.ask("POST", f"/api/calls/{CALL}/sessions", json={"viewer": FREELANCER}).get_json()["code"]

    def enter(_: int) -> int:
        return Browser(portal.app.test_client(), CALL).get(f"?code={code}").status_code

    with ThreadPoolExecutor(AT_ONCE) as threads:
        answers = sorted(threads.map(enter, range(AT_ONCE)))

    assert answers == [HTTPStatus.SEE_OTHER, *[HTTPStatus.UNAUTHORIZED] * (AT_ONCE - 1)]


def test_a_report_that_comes_many_times_at_once_is_noted_once(portal: Portal) -> None:
    """One row, one audit row, one identity on the topic, and every sender is told that it was received."""
    told = {"viewer": CLIENT, "reason": "other", "text": "Once."}

    def report(_: int) -> tuple[int, str]:
        answer = portal.app.test_client().post(
            f"/api/calls/{CALL}/reports",
            base_url=PUBLIC_URL,
            json=told,
            headers={"Authorization": "Bearer " + portal.token},
        )
        return answer.status_code, answer.get_json()["report_id"]

    with ThreadPoolExecutor(AT_ONCE) as threads:
        answers = list(threads.map(report, range(AT_ONCE)))

    assert {status for status, _ in answers} <= {HTTPStatus.CREATED, HTTPStatus.OK}
    assert len({report_id for _, report_id in answers}) == 1
    assert len({dict(record.headers)["ce_id"] for record in portal.transport.records["call-reports"]}) == 1
    assert [row[1] for row in portal.audited()] == ["call.reported"]


@pytest.mark.parametrize("viewer_id", [STRANGER, "o'brien; --", "ünï"])
def test_ids_are_only_ever_ids(portal: Portal, viewer_id: str) -> None:
    """Whatever they are made of: not a participant."""
    answer = portal.ask("GET", f"/api/calls/{CALL}", query_string={"viewer": viewer_id})

    assert answer.status_code == HTTPStatus.NOT_FOUND


@pytest.mark.parametrize("call_id", ["%00", "a%00b", "%ff", "x" * 300])
def test_a_call_id_that_no_database_holds(portal: Portal, call_id: str) -> None:
    """No such call, on both kinds alike."""
    by_program = portal.ask("GET", f"/api/calls/{call_id}", query_string={"viewer": CLIENT})
    by_browser = portal.client.get(f"/calls/{call_id}?code=x")

    assert (by_program.status_code, by_browser.status_code) == (HTTPStatus.NOT_FOUND, HTTPStatus.UNAUTHORIZED)
