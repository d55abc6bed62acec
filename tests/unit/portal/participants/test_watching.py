"""What the two people of a call may watch, from when, until when, and what is on record of it."""

from collections.abc import Callable
from datetime import timedelta
from http import HTTPStatus
from typing import Any

import pytest

from infra.errors import TransientError
from tests.fakes.object_store import failing_on
from tests.unit.portal.harness import Browser, Portal
from tests.unit.portal.played_call import (
    CALL,
    CLIENT,
    ENDED_AT,
    FREELANCER,
    OTHER_CALL,
    SESSION,
    STARTED_AT,
    STRANGER,
    happened,
    mark_expired,
    put_call,
    put_file,
    put_usual_files,
    usual_events,
)

RECORDINGS = f"/api/calls/{CALL}/recordings"
AS_CLIENT = {"viewer": CLIENT}


def at(portal: Portal, moment: Any) -> None:
    portal.clock.advance((moment - portal.clock.now()).total_seconds())


def listed(portal: Portal) -> Any:
    return portal.ask("GET", RECORDINGS, query_string=AS_CLIENT).get_json()


def video_of(portal: Portal) -> str:
    return next(one["recording_id"] for one in listed(portal)["recordings"] if one["kind"] == "video")


def give_link(portal: Portal, recording_id: str | None = None) -> Any:
    return portal.ask("POST", f"{RECORDINGS}/{recording_id or video_of(portal)}/link", query_string=AS_CLIENT)


@pytest.fixture
def watched(portal: Portal) -> Portal:
    """A portal with one call that ended two hours ago, and everything of it in the archive."""
    put_call(portal.engine)
    put_usual_files(portal.engine, portal.store)
    return portal


def test_what_participants_are_shown(watched: Portal) -> None:
    """Video, audio, captions and transcript; never chats, summaries, or where anything lies."""
    answer = watched.ask("GET", RECORDINGS, query_string=AS_CLIENT)

    told = answer.get_json()
    assert (told["state"], told["is_complete"]) == ("ready", True)
    assert [one["kind"] for one in told["recordings"]] == ["video", "audio", "captions", "transcript"]
    assert told["access_until"] == "2026-04-01T10:00:00+00:00"
    assert SESSION.encode().hex() not in answer.text
    assert "calls/" not in answer.text


def test_what_is_not_shown_cannot_be_asked_for(watched: Portal) -> None:
    """A chat's name gives no link, and its text cannot be read on the page."""
    from hashlib import sha256  # noqa: PLC0415 - how the names are made is nobody's business but this test's

    chat = next(key for key in watched.store.objects if "-chat" in key)
    name = sha256(chat.encode()).hexdigest()[:32]
    browser = watched.browser_of(CLIENT)

    assert give_link(watched, name).status_code == HTTPStatus.NOT_FOUND
    for what in ("play", "save", "captions", "transcript"):
        assert browser.get(f"/recordings/{name}/{what}").status_code == HTTPStatus.NOT_FOUND


@pytest.mark.parametrize(
    ("ended", "events", "state"),
    [
        (False, usual_events()[:1], "before_end"),
        (False, usual_events()[:4], "before_end"),
        (True, usual_events()[:5], "being_prepared"),
        (True, usual_events(), "being_prepared"),
        (True, [*usual_events()[:5], happened("call.recording_missing", ENDED_AT, zoom_says="none")], "missing"),
    ],
)
def test_while_there_is_nothing_to_watch(portal: Portal, ended: bool, events: list[dict[str, Any]], state: str) -> None:
    """The list is empty and says why, and the page says it in words."""
    put_call(portal.engine, ended_at=ENDED_AT if ended else None, events=events)

    told = listed(portal)

    assert (told["state"], told["recordings"]) == (state, [])
    assert "<video" not in portal.browser_of(CLIENT).get().text


def test_files_of_a_call_that_goes_on(portal: Portal) -> None:
    """Somebody came back: until the call ends again there is nothing to watch, whatever is archived."""
    put_call(portal.engine, ended_at=None)
    put_usual_files(portal.engine, portal.store)

    assert (listed(portal)["state"], listed(portal)["recordings"]) == ("before_end", [])


def test_a_part_that_is_still_on_its_way(portal: Portal) -> None:
    """What is there can be watched; that it is not all is said."""
    put_call(portal.engine)
    put_file(portal.engine, portal.store, "audio")

    assert (listed(portal)["state"], listed(portal)["is_complete"]) == ("ready", False)
    assert "still being prepared" in portal.browser_of(CLIENT).get().text


def test_a_recording_that_was_taken_away(watched: Portal) -> None:
    """Before its time, by a person: nothing to watch, and it says so."""
    for key in list(watched.store.objects):
        mark_expired(watched.engine, key)

    assert (listed(watched)["state"], listed(watched)["recordings"]) == ("removed", [])


def test_the_ninetieth_day(watched: Portal) -> None:
    """A second before its end everything opens; then nothing does, by no way."""
    browser, recording_id = watched.browser_of(CLIENT), video_of(watched)
    at(watched, ENDED_AT + timedelta(days=90, seconds=-1))
    last = give_link(watched, recording_id)
    watched.clock.advance(1)
    late = watched.browser_of(CLIENT)

    assert last.status_code == HTTPStatus.OK
    assert "seconds=1&" in last.get_json()["url"] + "&"
    for answer in (
        give_link(watched, recording_id),
        watched.ask("GET", RECORDINGS, query_string=AS_CLIENT),
        late.ask("GET", "/recordings"),
        late.get(f"/recordings/{recording_id}/play"),
        late.get(f"/recordings/{recording_id}/captions"),
    ):
        assert answer.status_code == HTTPStatus.GONE
    assert browser.get(f"/recordings/{recording_id}/play").status_code == HTTPStatus.UNAUTHORIZED
    assert "could be watched until" in late.get().text


@pytest.mark.parametrize("path", ["", "/recordings", "/recordings/{video}/link", "/reports"])
def test_a_stranger_finds_nothing(watched: Portal, path: str) -> None:
    """Not a participant: 404 whatever is asked, as for a call that does not exist; and it is on record."""
    path = path.format(video=video_of(watched))
    method = "POST" if path.endswith("link") else "GET"
    before = len(watched.audited())

    there = watched.ask(method, f"/api/calls/{CALL}{path}", query_string={"viewer": STRANGER})
    nowhere = watched.ask(method, f"/api/calls/nowhere{path}", query_string={"viewer": STRANGER})

    assert (there.status_code, there.data) == (HTTPStatus.NOT_FOUND, nowhere.data)
    assert [row[:3] for row in watched.audited()[before:]] == [("service:everything", "participant.refused", CALL)]


@pytest.mark.parametrize("path", ["", "/recordings", "/recordings/{video}/link"])
def test_a_browser_of_another_call_finds_nothing(watched: Portal, path: str) -> None:
    """A session opens its own call alone."""
    put_call(watched.engine, OTHER_CALL)
    elsewhere = watched.browser_of(CLIENT, OTHER_CALL)
    method = "POST" if path.endswith("link") else "GET"
    other = Browser(elsewhere.client, CALL)

    assert other.ask(method, path.format(video=video_of(watched))).status_code == HTTPStatus.UNAUTHORIZED


def test_a_file_of_another_call_is_not_opened(watched: Portal) -> None:
    """Its name is known, and yet it is not among those of this call."""
    put_call(watched.engine, OTHER_CALL)
    put_file(watched.engine, watched.store, "video", call_id=OTHER_CALL)
    theirs = watched.ask("GET", f"/api/calls/{OTHER_CALL}/recordings", query_string=AS_CLIENT).get_json()

    assert give_link(watched, theirs["recordings"][0]["recording_id"]).status_code == HTTPStatus.NOT_FOUND


def test_a_program_names_its_viewer(watched: Portal) -> None:
    """A token alone is nobody's participant."""
    answer = watched.ask("GET", RECORDINGS)

    assert (answer.status_code, list(answer.get_json()["errors"])) == (HTTPStatus.UNPROCESSABLE_ENTITY, ["viewer"])


def test_a_link_lives_as_long_as_the_recording_and_a_little(watched: Portal) -> None:
    """From the segment's start to the end of its session, and 15 minutes: 31:52 + 15:00."""
    told = give_link(watched).get_json()

    assert f"seconds={31 * 60 + 52 + 15 * 60}" in told["url"]
    assert "version=v1" in told["url"]
    assert told["expires_at"] == "2026-01-01T12:46:52+00:00"


@pytest.mark.parametrize(
    ("events", "start"),
    [
        (usual_events(), None),
        (usual_events(), "not a time"),
        (usual_events(), (ENDED_AT - timedelta(hours=9)).isoformat()),
        (usual_events()[:4], STARTED_AT.isoformat()),
    ],
)
def test_a_link_never_lives_longer_than_four_hours(
    portal: Portal, events: list[dict[str, Any]], start: str | None
) -> None:
    """However long the recording is, and when its length is not known."""
    put_call(portal.engine, events=events)
    put_file(portal.engine, portal.store, "video", recording_start=start)

    assert f"seconds={4 * 3600}" in give_link(portal).get_json()["url"]


def test_a_link_ends_with_the_access(watched: Portal) -> None:
    """Ten minutes before the ninetieth day is over, it lives ten minutes."""
    recording_id = video_of(watched)
    at(watched, ENDED_AT + timedelta(days=90, minutes=-10))

    assert "seconds=600" in give_link(watched, recording_id).get_json()["url"]


def test_the_earlier_of_two_ends_counts(portal: Portal) -> None:
    """Archive and portal learn of a call's end by different ways: while they differ, the stricter one stands."""
    put_call(portal.engine)
    put_file(portal.engine, portal.store, "video", access_until=portal.clock.now() + timedelta(seconds=30))

    assert "seconds=30" in give_link(portal).get_json()["url"]


def test_who_got_a_link_is_on_record(watched: Portal) -> None:
    """Who, of which call, which file, until when; the link itself is not."""
    recording_id = video_of(watched)
    told = give_link(watched, recording_id).get_json()
    watched.browser_of(FREELANCER).get(f"/recordings/{recording_id}/play")

    client, freelancer = [row for row in watched.audited() if row[1] == "recording.link_given"]
    assert client == (
        CLIENT,
        "recording.link_given",
        CALL,
        f"video {recording_id} for playing, until 2026-01-01T12:46:52.000Z, by service:everything",
    )
    assert freelancer[0] == FREELANCER
    assert told["url"] not in str(watched.audited())


Break = Callable[[Portal, pytest.MonkeyPatch], None]


def _no_audit(portal: Portal, patch: pytest.MonkeyPatch) -> None:
    def fail(_: object) -> None:
        raise TransientError("the database does not take it")

    patch.setattr(portal.audit, "append", fail)


def _no_store(portal: Portal, patch: pytest.MonkeyPatch) -> None:
    portal.store.before = failing_on("has", TransientError("the store does not answer"))


@pytest.mark.parametrize("broken", [_no_audit, _no_store])
def test_no_record_no_link(watched: Portal, monkeypatch: pytest.MonkeyPatch, broken: Break) -> None:
    """While the audit cannot be written, or the store does not answer, nothing is given: 503, and nothing is signed."""
    recording_id, browser = video_of(watched), watched.browser_of(CLIENT)
    broken(watched, monkeypatch)
    signed: list[str] = []
    monkeypatch.setattr(watched.store, "link", lambda *_: signed.append("a link"))

    answers = [give_link(watched, recording_id), browser.get(f"/recordings/{recording_id}/play")]

    assert [answer.status_code for answer in answers] == [HTTPStatus.SERVICE_UNAVAILABLE] * 2
    assert signed == []


def test_an_object_that_is_gone(watched: Portal) -> None:
    """Somebody removed it behind our back: 410 rather than a player that says nothing, and no link on record."""
    recording_id = video_of(watched)
    watched.store.objects.clear()

    assert give_link(watched, recording_id).status_code == HTTPStatus.GONE
    assert "recording.link_given" not in str(watched.audited())


def test_what_happened_in_the_call(watched: Portal) -> None:
    """State and timeline, corrected and in order, without names."""
    told = watched.ask("GET", f"/api/calls/{CALL}", query_string=AS_CLIENT).get_json()

    assert (told["role"], told["state"], told["recording_state"]) == ("client", "ended", "ready")
    assert [one["type"] for one in told["timeline"]][:3] == ["call.created", "call.started", "call.participant_joined"]
    assert (told["ended_at"], told["reports_until"]) == ("2026-01-01T10:00:00+00:00", "2026-06-30T10:00:00+00:00")
    assert set(told["timeline"][2]) == {"type", "occurred_at", "is_host"}


def test_a_start_that_was_corrected_is_told_once(portal: Portal) -> None:
    """The last word on it stands; a reopening is a start of its own."""
    earlier, again = STARTED_AT - timedelta(minutes=1), ENDED_AT + timedelta(minutes=1)
    events = [
        *usual_events(),
        happened("call.started", earlier, reopened=False),
        happened("call.started", again, reopened=True),
    ]
    put_call(portal.engine, ended_at=None, events=events)

    told = portal.ask("GET", f"/api/calls/{CALL}", query_string=AS_CLIENT).get_json()

    starts = [one["occurred_at"] for one in told["timeline"] if one["type"] == "call.started"]
    assert starts == [earlier.isoformat(), again.isoformat()]
