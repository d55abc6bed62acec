"""The page of a call: it says where things stand, and works without scripts."""

import re
from datetime import timedelta
from http import HTTPStatus
from pathlib import Path

import pytest

from portal.participants.captions import lines_of
from portal.participants.words import REASONS, left, second_of, size
from schemas.calls import REPORT_REASONS
from tests.unit.portal.harness import Portal
from tests.unit.portal.played_call import CLIENT, TRANSCRIPT, put_call, put_file, put_usual_files
from tests.unit.portal.test_app import MEDIA_TYPE


@pytest.fixture
def watched(portal: Portal) -> Portal:
    put_call(portal.engine)
    put_usual_files(portal.engine, portal.store)
    return portal


def sources(page: str, tag: str) -> list[str]:
    return re.findall(rf'<{tag} [^>]*src="([^"]+)"', page)


def test_the_player_is_led_to_the_recording(watched: Portal) -> None:
    """Its source is ours, and leads on to a link; nothing is loaded before somebody presses play."""
    browser = watched.browser_of(CLIENT)
    page = browser.get().text
    video = sources(page, "source")[0]

    followed = browser.get(video.removeprefix(browser.path))

    assert followed.status_code == HTTPStatus.FOUND
    assert followed.headers["Location"].startswith("https://recordings.example/calls/")
    assert followed.headers["Cache-Control"] == "no-store"
    assert page.count('preload="none"') == page.count("<video") + page.count("<audio") == 2
    assert "recordings.example" not in page


def test_the_words_come_from_the_portal_itself(watched: Portal) -> None:
    """As captions for the player, and to be read; each reading is on record."""
    browser = watched.browser_of(CLIENT)
    tracks = sources(browser.get().text, "track")
    captions = browser.get(tracks[0].removeprefix(browser.path))
    read = browser.get(tracks[1].removeprefix(browser.path).replace("/captions", "/transcript"))

    assert (captions.mimetype, captions.text) == ("text/vtt", TRANSCRIPT)
    assert "Inês Duarte: Shall we begin &amp; go on?" in read.text
    actions = [row[:2] for row in watched.audited()]
    assert actions[-2:] == [(CLIENT, "recording.text_read")] * 2


def test_words_that_are_gone_or_no_captions(watched: Portal) -> None:
    """410 for what was removed or is something else, 404 for what has no words."""
    browser = watched.browser_of(CLIENT)
    page = browser.get().text
    track, video = sources(page, "track")[0], sources(page, "source")[0]
    watched.store.objects.clear()

    assert browser.get(track.removeprefix(browser.path)).status_code == HTTPStatus.GONE
    assert (
        browser.get(video.removeprefix(browser.path).replace("/play", "/captions")).status_code == HTTPStatus.NOT_FOUND
    )


def test_saving_is_off_unless_it_is_on(watched: Portal) -> None:
    """No link to save by, and none is given to who makes one up."""
    browser = watched.browser_of(CLIENT)
    page = browser.get().text
    saving = sources(page, "source")[0].removeprefix(browser.path).replace("/play", "/save")

    assert "Save the" not in page
    assert 'controlslist="nodownload"' in page
    assert browser.get(saving).status_code == HTTPStatus.FORBIDDEN


def test_saving_when_it_is_on(tmp_path: Path) -> None:
    """The link is one that saves, under a name that says nothing about people."""
    portal = Portal(tmp_path, downloads=True)
    put_call(portal.engine)
    put_file(portal.engine, portal.store, "video")
    browser = portal.browser_of(CLIENT)
    page = browser.get().text
    (saving,) = re.findall(r'href="([^"]+/save)"', page)

    led_to = browser.get(saving.removeprefix(browser.path)).headers["Location"]

    assert "nodownload" not in page
    assert "disposition=attachment%3B+filename%3D%22call-recording.mp4%22" in led_to
    portal.close()


def test_what_happened_is_told_in_words(watched: Portal) -> None:
    """As people would say it; how Zoom goes about its files is its own business."""
    page = watched.browser_of(CLIENT).get().text

    assert "The host joined" in page
    assert "The call ended" in page
    assert re.findall(r"call\.(?!js)[a-z]\w+", page) == []


def test_days_left_are_told(watched: Portal) -> None:
    """In words, with the date, and as a gauge."""
    page = watched.browser_of(CLIENT).get().text

    assert "89 days left" in page
    assert "1 April 2026, 10:00 UTC" in page
    assert 'value="90"' in page


def test_a_report_is_received_and_shown(watched: Portal) -> None:
    """After sending, the page lists it; reloading sends nothing twice."""
    browser = watched.browser_of(CLIENT)

    sent = browser.send({"reason": "uncomfortable", "text": "<b>It was.</b>", "moment": "12:30"})
    page = browser.get().text

    assert (sent.status_code, sent.headers["Location"]) == (HTTPStatus.SEE_OTHER, f"{browser.path}#reports")
    assert "Your reports" in page
    assert "Received" in page
    assert "<b>It was.</b>" not in page


def test_a_report_with_something_wrong_comes_back_as_it_was(watched: Portal) -> None:
    """With what to change beside each field; what was written is not lost, and harmless."""
    sent = watched.browser_of(CLIENT).send({"reason": "", "text": "<script>alert(1)</script>", "moment": "soon"})

    assert sent.status_code == HTTPStatus.UNPROCESSABLE_ENTITY
    assert "Write the moment as minutes and seconds" in sent.text
    assert "&lt;script&gt;alert(1)" in sent.text
    both = watched.browser_of(CLIENT).send({"reason": "boredom", "moment": "1:30"})
    assert "Choose what it is about." in both.text
    assert 'value="1:30"' in both.text


@pytest.mark.parametrize("token", ["", "0" * 64, "é"])
def test_a_form_that_is_not_the_pages_own(watched: Portal, token: str) -> None:
    """Another site's form is refused, with a page that says what to do."""
    answer = watched.browser_of(CLIENT).send({"csrf_token": token, "reason": "other"})

    assert answer.status_code == HTTPStatus.FORBIDDEN
    assert "open the page again" in answer.text


def test_without_a_session_there_is_a_page_too(watched: Portal) -> None:
    """A person is told what to do; a program that asks for it gets a problem document."""
    asked = watched.app.test_client()

    page = asked.get("/calls/call-1", headers={"Accept": "text/html"})
    document = asked.get("/calls/call-1")

    assert (page.status_code, document.status_code) == (HTTPStatus.UNAUTHORIZED, HTTPStatus.UNAUTHORIZED)
    assert "Open the call in the marketplace again" in page.text
    assert document.content_type == MEDIA_TYPE


def test_the_page_needs_no_script_and_no_other_site(watched: Portal) -> None:
    """No inline script, style or handler, and nothing from elsewhere: what the policy forbids is not there."""
    page = watched.browser_of(CLIENT).get().text

    assert re.findall(r"<script(?![^>]*src=)", page) == []
    assert re.findall(r"\son\w+=|\sstyle=|<style", page) == []
    assert re.findall(r'(?:src|href|action)="(?!/|#|")', page) == []


def test_every_field_has_a_label(watched: Portal) -> None:
    """For those who hear the page, and for larger targets."""
    page = watched.browser_of(CLIENT).get().text

    named = set(re.findall(r'<label for="(\w+)"', page))
    fields = set(re.findall(r'<(?:input|select|textarea) id="(\w+)"', page))
    assert fields == named == {"reason", "text", "moment"}


def test_every_reason_has_words() -> None:
    """The form offers exactly what the topic takes."""
    assert set(REASONS) == set(REPORT_REASONS)


@pytest.mark.parametrize(
    ("text", "second"), [("", None), (" ", None), ("95", 95), ("1:35", 95), ("1:02:30", 3750), (" 0:05 ", 5)]
)
def test_a_moment_is_read_as_people_write_it(text: str, second: int | None) -> None:
    assert second_of(text) == second


@pytest.mark.parametrize("text", ["soon", "1:60", "-5", "1:2:3:4", "²", "1.5", "123456"])
def test_what_is_no_moment(text: str) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - it has no text
        second_of(text)


def test_sizes_and_times_as_people_read_them() -> None:
    assert [size(one) for one in (9, 18_000, 3_400_000, 2_500_000_000)] == ["1 kB", "18 kB", "3 MB", "2.5 GB"]
    assert left(timedelta(days=89, hours=22)) == "89 days left"
    assert left(timedelta(hours=47)) == "47 hours left"
    assert left(timedelta(minutes=119)) == "less than 2 hours left"


def test_lines_of_a_transcript() -> None:
    """With and without identifiers and hours; notes and empty cues are left out."""
    text = (
        "WEBVTT\n\nNOTE made by a machine\n\n00:05.000 --> 00:07.000\nHello\nthere\n\n2\n01:00:09.500 --> 01:00:10.000\n \n"
        "\n3\n00:01:30.000 --> 00:01:31.000\nYes.\n\n4\n01:00:11.000 --> 01:00:12.000\nNo.\n"
    )

    told = [(line.start, line.text) for line in lines_of(text)]
    assert told == [("00:05", "Hello there"), ("01:30", "Yes."), ("01:00:11", "No.")]
