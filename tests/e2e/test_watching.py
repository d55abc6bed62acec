"""Watching a call, on the running system: from the link that `make run` prints to the recording's bytes, and a report."""

import re
import urllib.request
from collections.abc import Iterator
from http.cookiejar import CookieJar
from pathlib import Path

import pytest

from infra.local.ports import free_ports
from tests.contract.s3_fixtures import require_seaweedfs
from tests.e2e.test_run import Run, wait_for

SHOWN_SECONDS = 60.0  # two on an idle machine: the archive, the outcome, the portal's row


class Browser:
    """Keeps cookies and follows redirects, and no more."""

    def __init__(self) -> None:
        self.cookies = CookieJar()
        self._opener = urllib.request.build_opener(urllib.request.HTTPCookieProcessor(self.cookies))
        self._opener.addheaders = [("Accept", "text/html")]

    def get(self, url: str, data: bytes | None = None) -> tuple[str, bytes, str]:
        """Return where it came out, the body, and its type."""
        with self._opener.open(url, data, timeout=30) as answer:
            return answer.url, answer.read(), answer.headers["Content-Type"]


@pytest.fixture
def running(tmp_path: Path) -> Iterator[Run]:
    require_seaweedfs()
    run = Run(tmp_path / "run", *free_ports(3))
    yield run
    run.end()


@pytest.mark.s3
@pytest.mark.timeout(300)
def test_a_participant_watches_and_reports(running: Run) -> None:
    """The printed command gives a link; it opens the page; the player is led to the whole file; the report is received."""
    running.wait_until_ready()
    assert "freelancer   http://127.0.0.1:" in running.said
    (call_id, viewer) = re.findall(r"infra\.local link (\S+) (\S+)", running.said)[0]
    browser = Browser()
    page_url, page, _ = browser.get(running.command("infra.local", "link", call_id, viewer).strip())

    def shows_player() -> bool:
        return b"<video" in browser.get(page_url)[1]

    wait_for("the recording to be shown", shows_player, SHOWN_SECONDS)
    page = browser.get(page_url)[1].decode()
    origin = page_url.partition("/calls/")[0]
    play, track = (re.findall(rf'<{tag} [^>]*src="([^"]+)"', page)[0] for tag in ("source", "track"))
    led_to, video, kind = browser.get(origin + play)
    words = browser.get(origin + track)[1].decode()
    settings = (running.folder / "environment").read_text()
    token = re.findall(r'name="csrf_token" value="(\w+)"', page)[0]
    form = f"csrf_token={token}&reason=off_platform&text=Asked+me+to+pay+elsewhere.&moment=1%3A35".encode()
    received = browser.get(f"{page_url}/reports", form)[1].decode()

    assert "code=" not in page_url
    assert led_to.startswith(re.findall(r"AWS_ENDPOINT_URL_S3='?([^'\n]+)", settings)[0] + "/")
    assert kind == "video/mp4"
    assert video[4:8] == b"ftyp"
    assert words.startswith("WEBVTT")
    assert "Your reports" in received
    reports = running.command("infra", "topics", "read", "call-reports", "--from-beginning")
    assert call_id in reports
    assert "call.reported" not in running.command("infra", "topics", "read", "call-events", "--from-beginning")
