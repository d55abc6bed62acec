"""The client's listings against the simulated Zoom over real HTTP."""

from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from datetime import date, timedelta

import pytest

from infra.errors import PermanentError
from infra.hosts import AllowList
from infra.secret import Secret
from infra.zoom import errors
from infra.zoom.client import ZoomClient
from infra.zoom.simulator import Player, SimulatorServer, build_call
from infra.zoom.simulator.library import SimulatedFile, SimulatedSession
from infra.zoom.simulator.listings import LoggedDelivery
from tests.fakes.clock import FakeClock


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def server(clock: FakeClock) -> Iterator[SimulatorServer]:
    with closing(SimulatorServer(clock=clock).start()) as server:
        yield server


@pytest.fixture
def client(server: SimulatorServer, clock: FakeClock) -> Iterator[ZoomClient]:
    client = ZoomClient(
        client_id=server.credentials.client_id,
        client_secret=server.credentials.client_secret,
        account_id=server.credentials.account_id,
        api_url=server.api_url,
        oauth_url=server.oauth_url,
        hosts=AllowList((server.url,)),
        clock=clock,
    )
    with closing(client):
        yield client


def publish(server: SimulatorServer, clock: FakeClock, number: int, days_ago: int = 0) -> SimulatedSession:
    """A recorded session of its own, held so many days ago."""
    session = build_call("clean", 1, clock.now() - timedelta(days=days_ago)).session
    instants = (session.started_at, session.ended_at)
    file = SimulatedFile(f"file-{number}", "CHAT", "TXT", "chat_file", *instants, text="00:00:01\tA:\thello\r\n")
    session = replace(session, session_id=f"/{number}+==", meeting_id=900_000_000 + number, files=(file,))
    server.publish(session)
    return session


def test_a_users_recordings_are_listed_over_months_and_pages(
    server: SimulatorServer, client: ZoomClient, clock: FakeClock
) -> None:
    """Five months and more than one page, each session once; the simulator refuses longer windows."""
    today = clock.now().date()
    old = [publish(server, clock, number, days_ago=number) for number in range(0, 150, 10)]
    new = [publish(server, clock, number) for number in range(1000, 1301)]

    found = list(client.user_recordings(old[0].host_id, today - timedelta(days=150), today))

    assert sorted(one.session_id for one in found) == sorted(one.session_id for one in old + new)
    assert all(one.files for one in found)


def test_a_user_is_refused_when_unknown(server: SimulatorServer, client: ZoomClient) -> None:
    """With Zoom's own code."""
    with pytest.raises(errors.UserNotFound, match="1001"):
        list(client.user_recordings("nobody", date(2026, 1, 1), date(2026, 1, 1)))


def test_a_past_meeting_is_found_by_uuid_and_by_id(
    server: SimulatorServer, client: ZoomClient, clock: FakeClock
) -> None:
    """The uuid has a slash in it."""
    session = publish(server, clock, 1)

    past = client.past_meeting(session.session_id)
    instances = client.past_instances(str(session.meeting_id))
    participants = list(client.past_participants(session.session_id))

    assert past is not None
    assert (past.meeting_id, past.participants) == (str(session.meeting_id), session.participants)
    assert [one.session_id for one in instances] == [session.session_id]
    assert len(participants) == session.participants
    assert participants[0].account_user_id == session.host_id


def test_a_meeting_and_its_recordings_settings_are_read(
    server: SimulatorServer, client: ZoomClient, clock: FakeClock
) -> None:
    """The join link stays hidden, the start link is not read at all."""
    session = publish(server, clock, 1)

    meeting, settings = client.meeting(str(session.meeting_id)), client.recording_settings(session.session_id)

    assert meeting is not None
    assert meeting.session_id == session.session_id
    assert "pwd=" not in repr(meeting)
    assert settings is not None
    assert (settings.share, settings.viewers_may_download) == ("internally", False)


def test_the_webhook_log_tells_what_was_not_delivered(
    server: SimulatorServer, client: ZoomClient, clock: FakeClock
) -> None:
    """Failed tries alone, unless all are asked for; no further back than seven days."""
    app_id, now = server.credentials.app_id, clock.now()
    for status in (200, 503, -1):
        server.rest.listings.log(
            LoggedDelivery("meeting.ended", status, f"r{status}", '{"event":"meeting.ended"}', now)
        )

    failed = list(client.webhook_log(app_id, now - timedelta(hours=1), now))
    everything = list(client.webhook_log(app_id, now - timedelta(hours=1), now, only_failed=False))

    assert [one.status for one in failed] == [503, -1]
    assert [one.request_id for one in everything] == ["r200", "r503", "r-1"]
    with pytest.raises(PermanentError, match="1502"):
        list(client.webhook_log(app_id, now - timedelta(days=8), now))
    with pytest.raises(PermanentError, match="1401"):
        list(client.webhook_log("another", now, now))


@pytest.mark.parametrize(
    ("fault", "kind"),
    [
        ("429-concurrent", errors.RateLimited),
        ("429-daily", errors.DailyLimitReached),
        ("400:4700", errors.ScopeMissing),
        ("400:12702", errors.TooLongAgo),
        ("400:300", errors.RequestInvalid),
        ("404:1010", errors.UserNotFound),
        ("400:3303", errors.RecordingUnfinished),
    ],
)
def test_refusals_are_typed_over_http(
    server: SimulatorServer, client: ZoomClient, fault: str, kind: type[Exception]
) -> None:
    """Each of Zoom's codes comes out as its own error."""
    server.rest.faults.append(fault)

    with pytest.raises(kind):
        client.recordings("x==")


def test_the_webhook_log_has_what_was_lost_on_its_way(
    server: SimulatorServer, client: ZoomClient, clock: FakeClock
) -> None:
    """Four tries of each lost delivery, its body as it would have come; what is not even logged leaves its files on REST."""
    call = build_call("clean", 1, clock.now())
    begun = clock.now()
    with closing(Player("http://127.0.0.1:9/nobody", Secret("x"), server, clock, timeout_seconds=0.1)) as player:
        lost = call.losing("meeting.ended").losing("recording.completed", logged=False)
        only_lost = replace(lost, deliveries=tuple(one for one in lost.deliveries if one.lost))
        outcomes = player.play([only_lost])

    logged = list(client.webhook_log(server.credentials.app_id, begun, clock.now() + timedelta(seconds=1)))
    assert [outcome.delivered for outcome in outcomes] == [False]
    assert [(one.event, one.status, one.retry_number) for one in logged] == [
        ("meeting.ended", -1, number) for number in range(4)
    ]
    assert logged[0].body.encode() == call.body(only_lost.deliveries[0], server.url)
    recordings = client.recordings(call.session.session_id)
    assert recordings is not None
    assert {file.file_type for file in recordings.files} >= {"MP4", "CHAT"}
