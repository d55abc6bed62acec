"""What every answer of the portal has in common."""

from dataclasses import replace
from http import HTTPStatus

import pytest
from flask.typing import ResponseReturnValue

from infra.errors import PermanentError, TransientError
from portal.app import create_app
from portal.problems import MEDIA_TYPE
from tests.unit.portal.harness import Portal

SECRET = "a name nobody may read"


@pytest.mark.parametrize(
    ("error", "status", "slug"),
    [
        (TransientError(SECRET), HTTPStatus.SERVICE_UNAVAILABLE, "unavailable"),
        (PermanentError(SECRET), HTTPStatus.BAD_GATEWAY, "refused-behind"),
        (ZeroDivisionError(SECRET), HTTPStatus.INTERNAL_SERVER_ERROR, "bug"),
    ],
)
def test_every_failure_is_a_problem_document(portal: Portal, error: Exception, status: HTTPStatus, slug: str) -> None:
    """With its kind, and without what was in the error."""

    def view() -> ResponseReturnValue:
        raise error

    portal.app.add_url_rule("/failing", "failing", view)

    answer = portal.client.get("/failing")

    document = answer.get_json()
    assert (answer.status_code, answer.content_type) == (status, MEDIA_TYPE)
    assert (document["status"], document["type"]) == (status, f"urn:zoom-call-pipeline:problem:{slug}")
    assert SECRET not in answer.text


def test_an_unknown_path_and_method_are_problem_documents(portal: Portal) -> None:
    """404, and 405 with what is allowed."""
    assert portal.client.get("/nothing").get_json()["status"] == HTTPStatus.NOT_FOUND
    answer = portal.client.post("/healthz")
    assert (answer.status_code, answer.get_json()["type"]) == (405, "urn:zoom-call-pipeline:problem:method-not-allowed")
    assert "GET" in answer.headers["Allow"]


@pytest.mark.parametrize("path", ["/healthz", "/nothing"])
def test_every_answer_is_kept_from_other_sites_and_caches(portal: Portal, path: str) -> None:
    """No inline script, no framing, no referrer, no copy in a cache."""
    headers = portal.client.get(path).headers

    assert "script-src 'self';" in headers["Content-Security-Policy"]
    assert "frame-ancestors 'none'" in headers["Content-Security-Policy"]
    assert "unsafe" not in headers["Content-Security-Policy"]
    assert (headers["Cache-Control"], headers["X-Content-Type-Options"]) == ("no-store", "nosniff")
    assert headers["Referrer-Policy"] == "no-referrer"


def test_a_person_gets_a_page_and_a_program_a_document(portal: Portal) -> None:
    """What names HTML is a browser; below /api/ there are programs alone. Both carry the same status and detail."""
    browser = {"Accept": "text/html,application/xhtml+xml,*/*;q=0.8"}
    page = portal.client.get("/nothing", headers=browser)
    document = portal.client.get("/api/nothing", headers=browser)

    assert (page.status_code, page.mimetype) == (HTTPStatus.NOT_FOUND, "text/html")
    assert "<h1>There is nothing here for you</h1>" in page.text
    assert (document.status_code, document.content_type) == (HTTPStatus.NOT_FOUND, MEDIA_TYPE)
    assert document.get_json()["detail"].replace("'", "&#39;") in page.text


@pytest.mark.parametrize("name", ["portal.css", "portal.svg"])
def test_what_pages_are_made_of_is_served(portal: Portal, name: str) -> None:
    """From the portal itself, and kept by the browser for a while."""
    answer = portal.client.get(f"/static/{name}")

    assert answer.status_code == HTTPStatus.OK
    assert "max-age" in answer.headers["Cache-Control"]
    answer.close()


def test_players_may_load_recordings_from_the_store_alone(portal: Portal) -> None:
    """The policy names the origin that links lead to, and our own for captions."""
    policy = portal.client.get("/healthz").headers["Content-Security-Policy"]

    assert "; media-src 'self' https://recordings.example; " in policy


def test_links_lead_below_the_public_address(portal: Portal) -> None:
    """Where that has a path, which the proxy in front takes off."""
    below = create_app(replace(portal.ports, public_url="https://marketplace.example/portal")).test_client()

    page = below.get("/calls/one", headers={"Accept": "text/html"})

    assert 'href="/portal/static/portal.css"' in page.text
