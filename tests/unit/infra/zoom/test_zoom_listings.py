"""What the client asks Zoom beside a session's recordings, how it pages, and how it reads every recorded answer."""

import json
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from infra.errors import PermanentError
from infra.hosts import AllowList
from infra.secret import Secret
from infra.zoom.answers import (
    read_meeting,
    read_past_instance,
    read_past_meeting,
    read_past_participant,
    read_recording_settings,
    read_recordings,
)
from infra.zoom.client import ZoomClient
from infra.zoom.errors import DailyLimitReached, RateLimited, ScopeMissing, TooLongAgo, UserNotFound
from tests.fakes.clock import FakeClock
from tests.fakes.http_pool import FakePool

UUID = "/ajXp112QmuoKj4854875=="
USER = "host@example.com"
DAY = date(2026, 1, 1)


class Zoom:
    """A client over scripted answers, its token already given."""

    def __init__(self) -> None:
        self.pool = FakePool()
        self.clock = FakeClock()
        self.client = ZoomClient(
            client_id="the-client",
            client_secret=Secret("the-client-secret"),
            account_id="the account",
            api_url="https://api.zoom.us/v2",
            oauth_url="https://zoom.us/oauth/token",
            hosts=AllowList(("zoom.us",)),
            clock=self.clock,
            pool=self.pool,
        )
        self.pool.answer(200, {"access_token": "access", "token_type": "bearer", "expires_in": 3600})

    def asked(self) -> list[tuple[str, dict[str, str]]]:
        """Path and query of every REST call."""
        urls = [urlsplit(sent.url) for sent in self.pool.sent[1:]]
        return [(url.path, {name: values[0] for name, values in parse_qs(url.query).items()}) for url in urls]


@pytest.fixture
def zoom() -> Zoom:
    return Zoom()


def recorded(uuid: str) -> dict[str, Any]:
    return {"uuid": uuid, "id": 1, "recording_files": [{"id": f"file of {uuid}", "file_type": "MP4"}]}


def test_a_users_recordings_come_month_by_month_and_page_by_page(zoom: Zoom) -> None:
    """Every page of every window is asked for, once, in order."""
    zoom.pool.answer(200, {"meetings": [recorded("a")], "next_page_token": "t 1"})
    zoom.pool.answer(200, {"meetings": [recorded("b"), recorded("c")], "next_page_token": ""})
    zoom.pool.answer(200, {"meetings": [], "page_size": 0})

    found = [one.session_id for one in zoom.client.user_recordings(USER, DAY, date(2026, 2, 1))]

    assert found == ["a", "b", "c"]
    path = "/v2/users/host%40example.com/recordings"
    january = {"from": "2026-01-01", "to": "2026-01-31", "page_size": "300"}
    assert zoom.asked() == [
        (path, january),
        (path, {**january, "next_page_token": "t 1"}),
        (path, {"from": "2026-02-01", "to": "2026-02-01", "page_size": "300"}),
    ]


def test_pages_are_given_up_when_they_have_no_end(zoom: Zoom) -> None:
    """The same token twice would go on for ever."""
    for _ in range(3):
        zoom.pool.answer(200, {"meetings": [], "next_page_token": "again"})

    with pytest.raises(PermanentError, match="no end"):
        list(zoom.client.user_recordings(USER, DAY, DAY))


@pytest.mark.parametrize("meetings", [["a"], [{"id": 1, "recording_files": []}], [{"uuid": "a", "recording_files": 1}]])
def test_a_listing_is_given_up_when_it_is_unreadable(zoom: Zoom, meetings: list[object]) -> None:
    """An answer of another shape is said to be one."""
    zoom.pool.answer(200, {"meetings": meetings})

    with pytest.raises(PermanentError, match="we can read"):
        list(zoom.client.user_recordings(USER, DAY, DAY))


def test_past_meetings_are_asked_for_by_uuid(zoom: Zoom) -> None:
    """Encoded twice, as Zoom wants it; seven digits of a second and an offset are read."""
    zoom.pool.answer(200, {"uuid": UUID, "id": 7, "start_time": "2022-03-26T05:37:59.0000000+00:00"})

    found = zoom.client.past_meeting(UUID)

    assert found is not None
    assert (found.session_id, found.meeting_id) == (UUID, "7")
    assert found.start_at == datetime(2022, 3, 26, 5, 37, 59, tzinfo=UTC)
    assert zoom.asked()[0][0] == "/v2/past_meetings/%252FajXp112QmuoKj4854875%253D%253D"


def test_nothing_comes_back_when_zoom_has_nothing(zoom: Zoom) -> None:
    """No such meeting is an answer to each of these."""
    for _ in range(5):
        zoom.pool.answer(404, {"code": 3001, "message": "…"})
    client = zoom.client

    assert (client.past_meeting(UUID), client.meeting("7"), client.recording_settings(UUID)) == (None, None, None)
    assert client.past_instances("7") == ()
    assert list(client.past_participants(UUID)) == []


def test_participants_come_page_by_page(zoom: Zoom) -> None:
    """Names stay out of reprs; who only waited is told apart."""
    zoom.pool.answer(200, {"participants": [{"name": "Jill Chill", "status": "in_meeting"}], "next_page_token": "2"})
    zoom.pool.answer(200, {"participants": [{"user_id": "9", "status": "in_waiting_room"}]})

    found = list(zoom.client.past_participants(UUID))

    assert [(one.display_name, one.user_id, one.is_waiting) for one in found] == [
        ("Jill Chill", None, False),
        (None, "9", True),
    ]
    assert "Jill" not in repr(found)


def test_the_webhook_log_gives_what_was_not_delivered(zoom: Zoom) -> None:
    """Bodies come as they were sent, and stay out of reprs."""
    row = {"event": "meeting.ended", "status": -1, "request_id": "r", "retry_num": 3, "request_body": '{"a": 1}'}
    zoom.pool.answer(200, {"webhook_logs": [{**row, "date_time": "2022-09-09T08:11:387Z"}], "next_page_token": ""})

    (found,) = zoom.client.webhook_log("app/1", datetime(2026, 1, 1, tzinfo=UTC), datetime(2026, 1, 2, tzinfo=UTC))

    assert (found.event, found.status, found.request_id, found.retry_number) == ("meeting.ended", -1, "r", 3)
    assert found.body == '{"a": 1}'
    assert found.body not in repr(found)
    assert zoom.asked() == [
        (
            "/v2/marketplace/apps/app%2F1/webhook_logs",
            {"from": "2026-01-01T00:00:00Z", "to": "2026-01-02T00:00:00Z", "type": "2", "page_size": "300"},
        )
    ]


@pytest.mark.parametrize(
    ("status", "code", "kind"), [(404, 1001, UserNotFound), (400, 4700, ScopeMissing), (400, 12702, TooLongAgo)]
)
def test_refusals_are_typed(zoom: Zoom, status: int, code: int, kind: type[PermanentError]) -> None:
    """Whatever was asked."""
    zoom.pool.answer(status, {"code": code})

    with pytest.raises(kind):
        list(zoom.client.user_recordings(USER, DAY, DAY))


def test_all_callers_wait_when_zoom_limits_one(zoom: Zoom) -> None:
    """The next call of that label goes no earlier than Zoom allows, whoever makes it."""
    zoom.pool.answer(429, {"code": 429}, {"Retry-After": "2", "X-RateLimit-Type": "QPS"})
    zoom.pool.answer(200, recorded(UUID))
    with pytest.raises(RateLimited):
        zoom.client.recordings(UUID)
    limited_at = zoom.clock.monotonic()

    zoom.client.recordings(UUID)

    assert zoom.clock.monotonic() == limited_at + 2


@pytest.mark.parametrize(
    ("headers", "message", "seconds"),
    [
        ({"X-RateLimit-Type": "Daily-limit", "Retry-After": "2026-01-01T13:00:00Z"}, "", 3600.0),
        ({}, "You have reached the maximum daily rate limit for this API.", 12 * 3600.0),
        ({"X-RateLimit-Type": "Daily-limit"}, "", 12 * 3600.0),
    ],
)
def test_the_daily_limit_is_told_apart(zoom: Zoom, headers: dict[str, str], message: str, seconds: float) -> None:
    """By header or by Zoom's sentence; without a time it passes at midnight UTC. Nothing is asked meanwhile."""
    zoom.pool.answer(429, {"code": 429, "message": message}, headers)

    with pytest.raises(DailyLimitReached) as caught:
        zoom.client.recordings(UUID)
    with pytest.raises(RateLimited) as again:
        zoom.client.recordings(UUID)

    assert caught.value.retry_after_seconds == seconds
    assert again.value.retry_after_seconds == seconds
    assert len(zoom.asked()) == 1


READERS = {
    "create_meeting__nango": lambda body: [read_meeting(body["response"])],
    "get_meeting_recordings__summary_timeline_2024": lambda body: [read_recordings(body)],
    "get_meeting_recordings__zoomnet": lambda body: [read_recordings(body)],
    "get_meeting_recordings_settings__zoomnet": lambda body: [read_recording_settings(body)],
    "list_user_recordings__alchezoomy2": lambda body: list(map(read_recordings, body["meetings"])),
    "past_meeting__zoomnet": lambda body: [read_past_meeting(body)],
    "past_meeting_instances__zoomnet": lambda body: list(map(read_past_instance, body["meetings"])),
    "past_meeting_participants__zoomnet": lambda body: list(map(read_past_participant, body["participants"])),
}


@pytest.mark.shared
def test_every_recorded_answer_is_read(shared: Path) -> None:
    """Whatever its age and oddity; links, passcodes and persons stay out of reprs."""
    answers = {path.stem: json.loads(path.read_bytes()) for path in (shared / "zoom" / "api").glob("*.json")}

    read = {name: READERS[name](body) for name, body in answers.items() if name in READERS}

    assert set(answers) - set(read) == {"error_429__zoom-docs", "oauth_token_response__zoom-docs"}
    assert len(read["list_user_recordings__alchezoomy2"]) == 19
    shown = repr([read[name] for name in READERS if not name.startswith(("get_meeting_recordings__", "list_"))])
    assert [secret for secret in ("Kp0vCn", "pwd=", "zak=", "Jill", "975238724") if secret in shown] == []


@pytest.mark.shared
def test_every_recorded_limit_is_known(shared: Path) -> None:
    """Per second, per day, and two writes at once."""
    kinds = []
    for answer in json.loads((shared / "zoom" / "api" / "error_429__zoom-docs.json").read_bytes()):
        zoom = Zoom()
        zoom.pool.answer(answer["http_status"], answer["body"])
        with pytest.raises(RateLimited) as caught:
            zoom.client.recordings(UUID)
        kinds.append(type(caught.value))

    assert kinds == [RateLimited, DailyLimitReached, RateLimited]


@pytest.mark.shared
def test_the_recorded_token_is_used(shared: Path) -> None:
    """Zoom's own example of an OAuth answer opens REST."""
    zoom = Zoom()
    zoom.pool._answers.clear()
    token = json.loads((shared / "zoom" / "api" / "oauth_token_response__zoom-docs.json").read_bytes())
    zoom.pool.answer(200, token)
    zoom.pool.answer(200, recorded(UUID))

    zoom.client.recordings(UUID)

    assert zoom.pool.sent[-1].headers["Authorization"] == "Bearer " + token["access_token"]
