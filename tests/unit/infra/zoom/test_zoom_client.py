"""What we ask Zoom's REST API, and how we read its answers."""

import json
from pathlib import Path
from typing import Any

import pytest
import urllib3

from infra.errors import PermanentError, TransientError
from infra.hosts import AllowList
from infra.secret import Secret
from infra.zoom.client import ZoomClient, encoded_uuid
from tests.fakes.clock import FakeClock
from tests.fakes.http_pool import FakePool

UUID = "/ajXp112QmuoKj4854875=="
CLIENT_SECRET = "the-client-secret"
RECORDING = {
    "uuid": UUID,
    "id": 85392858403,
    "recording_files": [{"id": "f1", "file_type": "MP4", "file_size": 7, "download_url": "https://zoom.us/rec/f1"}],
    "participant_audio_files": [{"id": "f2", "file_type": "M4A", "file_size": 8}],
    "download_access_token": "the.download.token",
}


class Zoom:
    """A client over scripted answers."""

    def __init__(self, hosts: tuple[str, ...] = ("zoom.us",)) -> None:
        self.pool = FakePool()
        self.clock = FakeClock()
        self.client = ZoomClient(
            client_id="the-client",
            client_secret=Secret(CLIENT_SECRET),
            account_id="the account",
            api_url="https://api.zoom.us/v2/",
            oauth_url="https://zoom.us/oauth/token",
            hosts=AllowList(hosts),
            clock=self.clock,
            pool=self.pool,
        )

    def token(self, text: str = "access-1", **more: object) -> None:
        self.pool.answer(200, {"access_token": text, "token_type": "bearer", "expires_in": 3600, **more})

    def asked(self) -> list[str]:
        return [
            sent.url.removeprefix("https://").partition("?")[0].partition("/meetings")[0] for sent in self.pool.sent
        ]


@pytest.fixture
def zoom() -> Zoom:
    return Zoom()


def test_recordings_gives_files_and_their_token(zoom: Zoom) -> None:
    """Files of both lists come with the one token that opens them."""
    zoom.token()
    zoom.pool.answer(200, RECORDING)

    found = zoom.client.recordings(UUID)

    assert found is not None
    assert (found.session_id, found.meeting_id) == (UUID, "85392858403")
    assert [(file.file_id, file.size_bytes) for file in found.files] == [("f1", 7), ("f2", 8)]
    assert found.download_access_token == "the.download.token"
    assert "the.download.token" not in repr(found)


def test_recordings_asks_as_zoom_wants_it(zoom: Zoom) -> None:
    """The uuid is encoded twice, the token is sent as a header, OAuth's form is an account's."""
    zoom.token()
    zoom.pool.answer(200, RECORDING)

    zoom.client.recordings(UUID)

    oauth, rest = zoom.pool.sent
    assert (oauth.method, oauth.body) == ("POST", "grant_type=account_credentials&account_id=the+account")
    assert oauth.headers["Authorization"] == "Basic dGhlLWNsaWVudDp0aGUtY2xpZW50LXNlY3JldA=="
    assert rest.url == (
        "https://api.zoom.us/v2/meetings/%252FajXp112QmuoKj4854875%253D%253D/recordings"
        "?include_fields=download_access_token&ttl=21600"
    )
    assert rest.headers["Authorization"] == "Bearer access-1"


@pytest.mark.parametrize("code", [3001, 3301])
def test_recordings_gives_none_when_zoom_has_none(zoom: Zoom, code: int) -> None:
    """No such meeting and no recording are an answer, not an error."""
    zoom.token()
    zoom.pool.answer(404, {"code": code, "message": "…"})

    assert zoom.client.recordings(UUID) is None


@pytest.mark.parametrize("file", ["get_meeting_recordings__zoomnet", "get_meeting_recordings__summary_timeline_2024"])
@pytest.mark.shared
def test_recordings_reads_what_zoom_really_answers(zoom: Zoom, shared: Path, file: str) -> None:
    """Recorded answers give every file they list."""
    answer: dict[str, Any] = json.loads((shared / "zoom" / "api" / f"{file}.json").read_bytes())
    zoom.token()
    zoom.pool.answer(200, answer)

    found = zoom.client.recordings(answer["uuid"])

    assert found is not None
    assert len(found.files) == len(answer["recording_files"]) + len(answer.get("participant_audio_files", []))
    assert found.download_access_token == answer.get("download_access_token")


def test_token_is_kept_for_55_minutes(zoom: Zoom) -> None:
    """One token serves many questions, and is replaced before it expires."""
    zoom.token()
    for _ in range(3):
        zoom.pool.answer(200, RECORDING)
    zoom.token("access-2")
    zoom.pool.answer(200, RECORDING)

    zoom.client.recordings(UUID)
    zoom.clock.advance(3299)
    zoom.client.recordings(UUID)
    zoom.client.recordings(UUID)
    zoom.clock.advance(1)
    zoom.client.recordings(UUID)

    assert zoom.asked() == ["zoom.us/oauth/token", *["api.zoom.us/v2"] * 3, "zoom.us/oauth/token", "api.zoom.us/v2"]
    assert zoom.pool.sent[-1].headers["Authorization"] == "Bearer access-2"


def test_token_is_replaced_when_zoom_refuses_it(zoom: Zoom) -> None:
    """A voided token costs one more question, not an error."""
    zoom.token()
    zoom.pool.answer(401, {"code": 124, "message": "Invalid access token."})
    zoom.token("access-2")
    zoom.pool.answer(200, RECORDING)

    assert zoom.client.recordings(UUID) is not None
    assert zoom.pool.sent[-1].headers["Authorization"] == "Bearer access-2"


def test_recordings_is_given_up_when_a_fresh_token_is_refused_too(zoom: Zoom) -> None:
    """Two refusals are an answer; the text holds Zoom's code and no secret."""
    for token in ("access-1", "access-2"):
        zoom.token(token)
        zoom.pool.answer(401, {"code": 124, "message": "Invalid access token access-2."})

    with pytest.raises(PermanentError, match="401, code 124") as caught:
        zoom.client.recordings(UUID)

    assert "access" not in str(caught.value)


@pytest.mark.parametrize(("status", "code"), [(400, 4711), (403, 200), (404, 2300), (302, None)])
def test_recordings_is_given_up_when_zoom_refuses(zoom: Zoom, status: int, code: int | None) -> None:
    """Missing scopes, unknown paths and redirects are for a person."""
    zoom.token()
    zoom.pool.answer(status, {"code": code})

    with pytest.raises(PermanentError, match=str(code or "no code")):
        zoom.client.recordings(UUID)


@pytest.mark.parametrize(
    ("header", "seconds"),
    [("3", 3.0), ("2026-01-01T13:00:00Z", 3600.0), ("2026-01-01T12:00:30", 30.0), ("2025-12-31T00:00:00Z", 0.0)],
)
def test_recordings_waits_as_long_as_zoom_asks_when_limited(zoom: Zoom, header: str, seconds: float) -> None:
    """The per-second limit says seconds, the daily one an instant."""
    zoom.token()
    zoom.pool.answer(429, {"code": 429}, {"Retry-After": header, "X-RateLimit-Type": "QPS"})

    with pytest.raises(TransientError) as caught:
        zoom.client.recordings(UUID)

    assert caught.value.retry_after_seconds == seconds


@pytest.mark.parametrize("header", [None, "tomorrow", "²"])
def test_recordings_is_for_later_when_the_limit_gives_no_time(zoom: Zoom, header: str | None) -> None:
    """Without a readable Retry-After the caller's own schedule counts."""
    zoom.token()
    zoom.pool.answer(429, {"code": 429}, {"Retry-After": header} if header else {})

    with pytest.raises(TransientError) as caught:
        zoom.client.recordings(UUID)

    assert caught.value.retry_after_seconds is None


@pytest.mark.parametrize("trouble", [503, urllib3.exceptions.ProtocolError("broken")])
def test_recordings_is_for_later_when_zoom_is_down(zoom: Zoom, trouble: int | Exception) -> None:
    """5xx and broken connections pass."""
    zoom.token()
    zoom.pool.fail(trouble) if isinstance(trouble, Exception) else zoom.pool.answer(trouble, b"<html>")

    with pytest.raises(TransientError):
        zoom.client.recordings(UUID)


@pytest.mark.parametrize(
    "answer", [{"access_token": ""}, {"access_token": 7}, {"access_token": "a", "expires_in": "soon"}]
)
def test_token_is_refused_when_it_is_unusable(zoom: Zoom, answer: dict[str, object]) -> None:
    """What answers at ZOOM_OAUTH_URL may be no OAuth at all."""
    zoom.pool.answer(200, answer)

    with pytest.raises(PermanentError, match="ZOOM_OAUTH_URL"):
        zoom.client.recordings(UUID)


def test_credentials_are_named_and_hidden_when_zoom_refuses_them(zoom: Zoom) -> None:
    """The operator learns which settings to look at, and reads none of their values."""
    zoom.pool.answer(400, {"reason": f"Bad request {CLIENT_SECRET}"})

    with pytest.raises(PermanentError, match="ZOOM_CLIENT_SECRET") as caught:
        zoom.client.recordings(UUID)

    assert CLIENT_SECRET not in str(caught.value)


def test_nothing_is_sent_when_the_host_is_not_allowed() -> None:
    """Credentials leave only for listed hosts."""
    zoom = Zoom(hosts=("zoomgov.com",))

    with pytest.raises(PermanentError, match=r"zoom\.us"):
        zoom.client.recordings(UUID)

    assert zoom.pool.sent == []


@pytest.mark.parametrize("answer", [{"recording_files": "none"}, {"recording_files": [{"id": [1]}]}])
def test_recordings_is_given_up_when_the_answer_is_unreadable(zoom: Zoom, answer: dict[str, object]) -> None:
    """An answer of another shape is said to be one."""
    zoom.token()
    zoom.pool.answer(200, answer)

    with pytest.raises(PermanentError, match="we can read"):
        zoom.client.recordings(UUID)


def test_recordings_is_given_up_when_the_answer_is_larger_than_any_real_one(zoom: Zoom) -> None:
    """Memory is bounded, whoever answers."""
    zoom.token()
    zoom.pool.answer(200, b" " * (8 * 1024 * 1024 + 1))

    with pytest.raises(PermanentError, match="larger"):
        zoom.client.recordings(UUID)


def test_encoded_uuid_is_encoded_twice() -> None:
    """Slashes, plus and equals signs all arrive."""
    assert encoded_uuid("a/b+c==") == "a%252Fb%252Bc%253D%253D"
