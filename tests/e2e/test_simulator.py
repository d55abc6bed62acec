"""The simulated Zoom over real HTTP: what it sends, retries and serves."""

import hmac
import json
from collections.abc import Iterator, Mapping
from contextlib import closing
from dataclasses import replace
from hashlib import sha256
from threading import Event
from typing import Any

import pytest
import urllib3

from infra.clock import Clock
from infra.errors import ConfigurationError, PermanentError, TransientError
from infra.hosts import AllowList
from infra.secret import Secret
from infra.zoom.client import ZoomClient
from infra.zoom.simulator import SCENARIOS, Player, SimulatorServer, build_call, signature
from infra.zoom.simulator.player import RETRIES_AT_SECONDS
from infra.zoom.simulator.tokens import Claims, mint
from infra.zoom.simulator.web import Answer, Request, WebServer, json_answer
from schemas.identity import read_occurrence
from tests.fakes.clock import FakeClock

SECRET = Secret("a-secret-of-the-tests")
VIDEO_BYTES = 300_000  # more than one of the simulator's blocks


class Receiver:
    """Records what arrives, after its signature; answers by script, then 200."""

    def __init__(self, clock: Clock) -> None:
        self.received: list[tuple[float, Request]] = []
        self.statuses: list[int] = []
        self.waits = Event()
        self.hangs = False
        self._clock = clock
        self._web = WebServer("127.0.0.1", 0, [self._answer])
        self._web.start()
        self.url = f"{self._web.url}/webhooks/zoom"

    @property
    def bodies(self) -> list[dict[str, Any]]:
        return [request.json() for _, request in self.received]

    def close(self) -> None:
        self.waits.set()
        self._web.close()

    def _answer(self, request: Request) -> Answer:
        timestamp = request.headers["x-zm-request-timestamp"]
        if request.headers["x-zm-signature"] != signature(SECRET, timestamp, request.body):
            return json_answer(401, {})
        body = request.json()
        if body["event"] == "endpoint.url_validation":
            return json_answer(200, _validated(body["payload"]["plainToken"]))
        self.received.append((self._clock.monotonic(), request))
        if self.hangs:
            self.hangs = False
            self.waits.wait(10)
        status = self.statuses.pop(0) if self.statuses else 200
        return Answer(status, {"Location": "/elsewhere"} if status == 302 else {})


def _validated(token: str) -> dict[str, str]:
    return {"plainToken": token, "encryptedToken": hmac.new(SECRET.encode(), token.encode(), "sha256").hexdigest()}


@pytest.fixture
def clock() -> FakeClock:
    """Zoom's minutes pass at once."""
    return FakeClock()


@pytest.fixture
def server(clock: FakeClock) -> Iterator[SimulatorServer]:
    with closing(SimulatorServer(clock=clock).start()) as server:
        yield server


@pytest.fixture
def receiver(clock: FakeClock) -> Iterator[Receiver]:
    with closing(Receiver(clock)) as receiver:
        yield receiver


@pytest.fixture
def player(receiver: Receiver, server: SimulatorServer, clock: FakeClock) -> Iterator[Player]:
    with closing(Player(receiver.url, SECRET, server, clock, time_scale=1.0)) as player:
        yield player


@pytest.fixture
def pool() -> Iterator[urllib3.PoolManager]:
    pool = urllib3.PoolManager(timeout=5.0, retries=False)
    yield pool
    pool.clear()


class Video:
    """One recorded video, with the URL and token of its webhook."""

    def __init__(self, server: SimulatorServer, clock: FakeClock, pool: urllib3.PoolManager) -> None:
        call = build_call("clean", 1, clock.now(), VIDEO_BYTES)
        completed = next(delivery for delivery in call.deliveries if call.events[delivery.event].files)
        server.publish(replace(call.session, files=call.events[completed.event].files))
        body = json.loads(call.body(completed, server.url))
        described = body["payload"]["object"]["recording_files"][0]
        self._id, self._url, self._token = described["id"], described["download_url"], body["download_token"]
        self._library, self._pool = server.library, pool

    @property
    def downloads(self) -> int:
        return self._library.downloads(self._id)

    def faults(self, *faults: str) -> None:
        self._library.set_faults(self._id, faults)

    def get(self, *, url: str | None = None, token: str | None = None, **headers: str) -> urllib3.BaseHTTPResponse:
        sent = {**_bearer(self._token if token is None else token), **headers}
        return self._pool.request("GET", url or self._url, headers=sent, redirect=False)

    def stream(self) -> tuple[int, Mapping[str, str], bool]:
        """Read piece by piece; return how much came, the headers, and whether it came whole."""
        got = 0
        with self._pool.request("GET", self._url, headers=_bearer(self._token), preload_content=False) as response:
            try:
                for piece in response.stream(10_000):
                    got += len(piece)
            except urllib3.exceptions.ProtocolError:
                return got, response.headers, False
        return got, response.headers, True


@pytest.fixture
def video(server: SimulatorServer, clock: FakeClock, pool: urllib3.PoolManager) -> Video:
    return Video(server, clock, pool)


class TestPlayer:
    """What the receiver sees."""

    def test_every_delivery_arrives_signed_and_in_order(
        self, player: Player, receiver: Receiver, clock: FakeClock
    ) -> None:
        """A clean call is eight webhooks, each once, with Zoom's headers."""
        call = build_call("clean", 1, clock.now(), VIDEO_BYTES)

        outcomes = player.play([call])

        assert all(outcome.delivered and outcome.statuses == (200,) for outcome in outcomes)
        assert [body["event"] for body in receiver.bodies] == [event.name for event in call.events]
        assert receiver.received[0][1].headers["content-type"] == "application/json; charset=utf-8"

    def test_delivery_comes_again_on_zooms_schedule_when_refused_with_5xx(
        self, player: Player, receiver: Receiver, clock: FakeClock
    ) -> None:
        """5, 25 and 85 minutes later: the same bytes under the same delivery id; then it is lost."""
        receiver.statuses = [503, 500, 503, 599]
        call = build_call("no-recording", 1, clock.now())
        first_only = replace(call, deliveries=call.deliveries[:1])

        (outcome,) = player.play([first_only])

        times = [at for at, _ in receiver.received]
        assert outcome.statuses == (503, 500, 503, 599)
        assert not outcome.delivered
        assert [at - times[0] for at in times[1:]] == pytest.approx(RETRIES_AT_SECONDS)
        assert len({(request.body, request.headers["x-zm-request-id"]) for _, request in receiver.received}) == 1

    def test_later_events_do_not_wait_for_a_retry(self, player: Player, receiver: Receiver, clock: FakeClock) -> None:
        """A refused event arrives after all that happened later."""
        receiver.statuses = [503]
        call = build_call("no-recording", 1, clock.now())

        player.play([call])

        assert [body["event"] for body in receiver.bodies][-1] == "meeting.started"
        assert len(receiver.bodies) == len(call.deliveries) + 1

    @pytest.mark.parametrize("status", [302, 400, 401, 404, 413, 429])
    def test_delivery_is_lost_when_refused_with_anything_else(
        self, player: Player, receiver: Receiver, clock: FakeClock, status: int
    ) -> None:
        """Neither a redirect nor a 4xx is tried again."""
        receiver.statuses = [status]
        call = build_call("no-recording", 1, clock.now())

        outcomes = player.play([call])

        assert outcomes[0].statuses == (status,)
        assert not outcomes[0].delivered
        assert len(receiver.received) == len(call.deliveries)

    def test_delivery_comes_again_when_the_answer_is_late(
        self, receiver: Receiver, server: SimulatorServer, clock: FakeClock
    ) -> None:
        """No answer in time counts as none."""
        receiver.hangs = True
        call = build_call("no-recording", 1, clock.now())

        with closing(Player(receiver.url, SECRET, server, clock, timeout_seconds=0.3)) as player:
            outcomes = player.play([call])

        assert outcomes[0].statuses == (None, 200)

    def test_copies_arrive_under_their_own_delivery_ids(
        self, player: Player, receiver: Receiver, clock: FakeClock
    ) -> None:
        """Two deliveries of one occurrence have one identity and two ids."""
        call = build_call("disorder", 1, clock.now(), VIDEO_BYTES)

        player.play([call])

        ids = [request.headers["x-zm-request-id"] for _, request in receiver.received]
        assert len(set(ids)) == len(ids) == len(call.deliveries)
        assert len({read_occurrence(body).id for body in receiver.bodies}) == len(call.events)

    def test_validation_passes_when_the_receiver_knows_the_secret(self, player: Player) -> None:
        """The challenge is answered; nothing is raised."""
        player.validate()

    def test_validation_says_what_is_wrong_when_the_secret_is_another(
        self, receiver: Receiver, server: SimulatorServer, clock: FakeClock
    ) -> None:
        """One sentence with the status and a hint, without the secret."""
        with (
            closing(Player(receiver.url, Secret("another"), server, clock)) as player,
            pytest.raises(ConfigurationError, match="401") as caught,
        ):
            player.validate()

        assert "another" not in str(caught.value)


class TestDownloads:
    """What the archive sees."""

    @pytest.mark.parametrize("name", [name for name in SCENARIOS if name != "no-recording"])
    def test_every_expected_file_is_served_as_promised(
        self, name: str, player: Player, receiver: Receiver, clock: FakeClock, pool: urllib3.PoolManager
    ) -> None:
        """After its faults are used up, each file has the size and digest that the scenario promises."""
        call = build_call(name, 1, clock.now(), VIDEO_BYTES)
        player.play([call])
        client_files = [file for body in receiver.bodies for file in _described(body)]
        token = mint(Claims(call.session.session_id, "", "", int(clock.now().timestamp()) + 60))

        digests = {sha256(_persistently(pool, file["download_url"], token)).hexdigest() for file in client_files}

        assert digests == {file.sha256 for file in call.expectation.files}
        assert {file["file_size"] for file in client_files if "file_size" in file} <= {
            file.size_bytes for file in call.expectation.files
        }

    def test_file_is_refused_without_its_token(self, video: Video, clock: FakeClock) -> None:
        """No token, another session's and an expired one: 401, and no fault is used up."""
        video.faults("503!")
        foreign = mint(Claims("another==", "", "", int(clock.now().timestamp()) + 60))

        refused = [video.get(token=token).status for token in ("", "nonsense", foreign)]
        clock.advance(86_400)
        refused.append(video.get().status)

        assert refused == [401] * 4
        assert video.downloads == 0

    @pytest.mark.parametrize(
        ("fault", "status", "header"),
        [
            ("html200", 200, ("Content-Type", "text/html;charset=utf-8")),
            ("401", 401, ("Content-Type", "application/json;charset=UTF-8")),
            ("429:7", 429, ("Retry-After", "7")),
            ("503", 503, ("Content-Type", "text/html;charset=utf-8")),
            ("size:5", 200, ("Content-Length", str(VIDEO_BYTES + 5))),
            ("size:-5", 200, ("Content-Length", str(VIDEO_BYTES - 5))),
        ],
    )
    def test_fault_happens_once_and_then_the_file_comes(
        self, video: Video, fault: str, status: int, header: tuple[str, str]
    ) -> None:
        """A fault is used up by one download."""
        video.faults(fault)

        bad, good = video.get(), video.get()

        assert (bad.status, bad.headers[header[0]]) == (status, header[1])
        assert (good.status, len(good.data)) == (200, VIDEO_BYTES)
        assert video.downloads == 2

    @pytest.mark.parametrize("fault", ["cut:60", "chunked:60"])
    def test_connection_breaks_before_the_end_when_cut(self, video: Video, fault: str) -> None:
        """The client gets 60 % and then an error, with and without Content-Length."""
        video.faults(fault)

        got, headers, whole = video.stream()

        assert not whole
        assert 0 < got <= VIDEO_BYTES * 0.6
        assert (headers.get("Content-Length") is None) == (fault == "chunked:60")

    def test_slow_file_waits_before_every_block(self, video: Video, clock: FakeClock) -> None:
        """Two blocks at four seconds each, by the simulator's clock."""
        video.faults("slow:4")
        before = clock.monotonic()

        size = len(video.get().data)

        assert size == VIDEO_BYTES
        assert clock.monotonic() - before == 8

    def test_redirect_leads_to_the_file_without_a_token(self, video: Video, server: SimulatorServer) -> None:
        """As Zoom's download servers do."""
        video.faults("redirect!")

        moved = video.get()
        whole = video.get(url=server.url + moved.headers["Location"], token="")

        assert (moved.status, whole.status, len(whole.data)) == (302, 200, VIDEO_BYTES)

    @pytest.mark.parametrize(
        ("asked", "start", "end"),
        [
            ("bytes=100-", 100, VIDEO_BYTES),
            ("bytes=299990-299994", 299_990, 299_995),
            ("bytes=0-9999999", 0, VIDEO_BYTES),
        ],
    )
    def test_range_is_honoured(self, video: Video, asked: str, start: int, end: int) -> None:
        """206 with Content-Range and exactly that part."""
        whole = video.get().data

        part = video.get(Range=asked)

        assert (part.status, part.data) == (206, whole[start:end])
        assert part.headers["Content-Range"] == f"bytes {start}-{end - 1}/{VIDEO_BYTES}"

    def test_range_beyond_the_end_is_416(self, video: Video) -> None:
        """And the answer says how large the file is."""
        answer = video.get(Range=f"bytes={VIDEO_BYTES}-")

        assert (answer.status, answer.headers["Content-Range"]) == (416, f"bytes */{VIDEO_BYTES}")

    def test_range_is_ignored_when_told_so(self, video: Video) -> None:
        """200 and the whole file, as many times as it is asked."""
        video.faults("norange!")

        answers = [video.get(Range="bytes=5-") for _ in range(2)]

        assert [(answer.status, len(answer.data)) for answer in answers] == [(200, VIDEO_BYTES)] * 2


class TestRest:
    """Our REST client against the simulated Zoom."""

    @pytest.mark.parametrize("name", ["clean", "two-segments", "recording-stopped"])
    def test_recordings_are_found_and_open_with_their_token(
        self, server: SimulatorServer, clock: FakeClock, player: Player, pool: urllib3.PoolManager, name: str
    ) -> None:
        """Whatever slashes the uuid holds: URL and token of one answer go together."""
        call = build_call(name, 1, clock.now(), VIDEO_BYTES)
        player.play([call])

        with closing(_client(server, clock)) as client:
            found = client.recordings(call.session.session_id)

        assert found is not None
        assert found.download_access_token
        urls = [file.download_url or "" for file in found.files]
        digests = {sha256(_get(pool, url, found.download_access_token).data).hexdigest() for url in urls}
        assert digests == {file.sha256 for file in call.expectation.files}

    def test_recordings_are_none_when_there_are_none(
        self, server: SimulatorServer, clock: FakeClock, player: Player
    ) -> None:
        """Neither for a meeting without recording nor for an unknown one, nor once it is deleted."""
        silent, recorded = (build_call(name, 1, clock.now(), VIDEO_BYTES) for name in ("no-recording", "clean"))
        player.play([silent, recorded])
        server.library.delete(recorded.session.session_id)

        with closing(_client(server, clock)) as client:
            found = [client.recordings(id_) for id_ in (silent.session.session_id, "x==", recorded.session.session_id)]

        assert found == [None, None, None]

    def test_recordings_survive_a_revoked_access_token(self, server: SimulatorServer, clock: FakeClock) -> None:
        """The client fetches another one."""
        with closing(_client(server, clock)) as client:
            client.recordings("x==")
            server.rest.revoke_access_tokens()

            assert client.recordings("x==") is None

    @pytest.mark.parametrize(("fault", "seconds"), [("429", 1.0), ("429-daily", 7200.0), ("503", None)])
    def test_recordings_are_for_later_when_zoom_is_busy(
        self, server: SimulatorServer, clock: FakeClock, fault: str, seconds: float | None
    ) -> None:
        """Both of Zoom's limits say how long."""
        server.rest.faults.append(fault)

        with closing(_client(server, clock)) as client, pytest.raises(TransientError) as caught:
            client.recordings("x==")

        assert caught.value.retry_after_seconds == seconds

    def test_credentials_are_refused_when_they_are_wrong(self, server: SimulatorServer, clock: FakeClock) -> None:
        """As Zoom's OAuth does."""
        with closing(_client(server, clock, secret="wrong")) as client, pytest.raises(PermanentError, match="401"):
            client.recordings("x==")

    def test_past_meeting_is_told(
        self, server: SimulatorServer, clock: FakeClock, player: Player, pool: urllib3.PoolManager
    ) -> None:
        """GET /past_meetings/{uuid}, the uuid encoded twice."""
        call = build_call("no-recording", 1, clock.now())
        player.play([call])
        credentials = server.credentials
        basic = urllib3.make_headers(basic_auth=credentials.client_id + ":" + credentials.client_secret)
        form = {"grant_type": "account_credentials", "account_id": credentials.account_id}
        token = pool.request_encode_body("POST", server.oauth_url, form, headers=basic, encode_multipart=False).json()[
            "access_token"
        ]

        answer = _get(pool, f"{server.api_url}/past_meetings/VaoTl%252BCQ38%252BLlTGqT6xT6w%253D%253D", token)

        assert (answer.status, answer.json()["participants_count"]) == (200, 2)


def _client(server: SimulatorServer, clock: Clock, secret: str | None = None) -> ZoomClient:
    return ZoomClient(
        client_id=server.credentials.client_id,
        client_secret=Secret(secret) if secret else server.credentials.client_secret,
        account_id=server.credentials.account_id,
        api_url=server.api_url,
        oauth_url=server.oauth_url,
        hosts=AllowList((server.url,)),
        clock=clock,
    )


def _described(body: dict[str, Any]) -> list[dict[str, Any]]:
    subject = body["payload"]["object"]
    return [*subject.get("recording_files", ()), *subject.get("participant_audio_files", ())]


def _bearer(token: str) -> dict[str, str]:
    return {"Authorization": "Bearer " + token}


def _get(pool: urllib3.PoolManager, url: str, token: str) -> urllib3.BaseHTTPResponse:
    return pool.request("GET", url, headers=_bearer(token), redirect=False)


def _persistently(pool: urllib3.PoolManager, url: str, token: str) -> bytes:
    """Download until nothing goes wrong any more: every built-in fault happens once."""
    last = b""
    for _ in range(5):
        try:
            last = _get(pool, url, token).data
        except urllib3.exceptions.ProtocolError:
            continue
    return last
