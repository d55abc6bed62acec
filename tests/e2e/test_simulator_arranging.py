"""Arranging meetings, over real HTTP: our client and the simulated Zoom, which keeps Zoom's rules and limits."""

from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from infra.errors import TransientError
from infra.hosts import AllowList
from infra.zoom import errors
from infra.zoom.client import ZoomClient
from infra.zoom.meetings import MeetingPlan
from infra.zoom.simulator import SimulatorServer, build_call
from infra.zoom.simulator.hosts import BASIC, HOSTS
from tests.fakes.clock import FakeClock

HOST, OTHER_HOST = HOSTS[0], HOSTS[1]
NOW = datetime(2026, 1, 1, 12, tzinfo=UTC)
PLAN = MeetingPlan("Call about order-17", "call 5c2e", NOW, 60, with_registrants=True)
ADDRESS = "client@calls.example"


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock(NOW)


@pytest.fixture
def server(clock: FakeClock) -> Iterator[SimulatorServer]:
    with closing(SimulatorServer(clock=clock).start()) as server:
        yield server


@pytest.fixture
def client(server: SimulatorServer, clock: FakeClock) -> Iterator[ZoomClient]:
    with closing(
        ZoomClient(
            client_id=server.credentials.client_id,
            client_secret=server.credentials.client_secret,
            account_id=server.credentials.account_id,
            api_url=server.api_url,
            oauth_url=server.oauth_url,
            hosts=AllowList((server.url,)),
            clock=clock,
        )
    ) as client:
        yield client


class TestMeetings:
    """Made, found again, changed, deleted."""

    def test_a_meeting_is_recorded_and_begins_with_its_host(self, client: ZoomClient, server: SimulatorServer) -> None:
        """The promises that the meeting itself can keep are in its settings."""
        meeting = client.meetings.create(HOST, PLAN)

        made = server.rest.arranging.find(meeting.meeting_id)
        assert made is not None
        settings = made.document["settings"]
        assert settings["auto_recording"] == "cloud"
        assert not any(settings[name] for name in ("use_pmi", "join_before_host", "waiting_room"))
        assert settings["encryption_type"] == "enhanced_encryption"
        assert not settings["registrants_confirmation_email"]
        assert not settings["continuous_meeting_chat"]["enable"]

    def test_a_meeting_is_found_by_its_agenda(self, client: ZoomClient) -> None:
        """A host's list tells of every meeting by id, agenda and link, and of no other host's."""
        meeting = client.meetings.create(HOST, PLAN)
        client.meetings.create(OTHER_HOST, PLAN)

        found = list(client.meetings.scheduled(HOST))

        assert [(one.meeting_id, one.agenda, one.join_url) for one in found] == [
            (meeting.meeting_id, "call 5c2e", meeting.join_url)
        ]

    def test_a_long_list_comes_whole(self, client: ZoomClient, server: SimulatorServer, clock: FakeClock) -> None:
        """Pages are followed to the end."""
        for _ in range(4):
            for _ in range(80):
                client.meetings.create(HOST, PLAN)
            clock.advance(86_400)

        assert len({one.meeting_id for one in client.meetings.scheduled(HOST)}) == 320

    def test_a_deleted_meeting_is_gone(self, client: ZoomClient) -> None:
        """Deleting twice is harmless."""
        meeting = client.meetings.create(HOST, PLAN)

        assert [client.meetings.delete(meeting.meeting_id) for _ in range(2)] == [True, False]
        assert client.meeting(meeting.meeting_id) is None
        with pytest.raises(errors.MeetingNotFound):
            client.meetings.start_link(meeting.meeting_id)

    def test_a_start_link_is_another_every_time_and_hides_itself(self, client: ZoomClient) -> None:
        """It carries the host's rights."""
        meeting = client.meetings.create(HOST, PLAN)

        links = [client.meetings.start_link(meeting.meeting_id) for _ in range(2)]

        assert links[0] != links[1]
        assert all("zak=" in link for link in links)
        assert "zak" not in f"{links[0]} {links[0]!r} {meeting!r}"

    def test_a_meeting_that_goes_on_says_so(self, client: ZoomClient, server: SimulatorServer) -> None:
        """Whether somebody is in it is asked for before a host is given to another call."""
        meeting = client.meetings.create(HOST, PLAN)
        made = server.rest.arranging.find(meeting.meeting_id)
        assert made is not None

        made.is_going_on = True

        found = client.meeting(meeting.meeting_id)
        assert found is not None
        assert found.is_going_on


class TestRegistrants:
    """Everybody's own link."""

    def test_everybody_has_a_link_of_their_own(self, client: ZoomClient) -> None:
        """The same person has the same one again; it hides itself in reprs."""
        meeting = client.meetings.create(HOST, PLAN)

        first, again = (client.meetings.register(meeting.meeting_id, "Dana", ADDRESS) for _ in range(2))
        other = client.meetings.register(meeting.meeting_id, "Ana", "freelancer@calls.example")

        assert meeting.takes_registrants
        assert first == again
        assert len({meeting.join_url, first.join_url, other.join_url}) == 3
        assert "tk=" not in repr(first)

    def test_a_person_is_registered_three_times_a_day_at_most(self, client: ZoomClient) -> None:
        """Zoom's own limit."""
        meeting = client.meetings.create(HOST, PLAN)
        for _ in range(3):
            client.meetings.register(meeting.meeting_id, "Dana", ADDRESS)

        with pytest.raises(errors.RegistrantLimitReached):
            client.meetings.register(meeting.meeting_id, "Dana", ADDRESS)
        assert client.meetings.register(meeting.meeting_id, "Ana", "freelancer@calls.example")

    def test_a_plan_without_registration_says_so_by_what_it_did(
        self, client: ZoomClient, server: SimulatorServer
    ) -> None:
        """Zoom takes the wish and does not do it; registering is then refused."""
        host = server.rest.hosts.user(HOST)
        assert host is not None
        host.kind = BASIC

        meeting = client.meetings.create(HOST, PLAN)

        assert not meeting.takes_registrants
        with pytest.raises(errors.RegistrationOff):
            client.meetings.register(meeting.meeting_id, "Dana", ADDRESS)

    def test_registration_can_be_given_up(self, client: ZoomClient) -> None:
        """Then the plain link is everybody's."""
        meeting = client.meetings.create(HOST, PLAN)

        client.meetings.take_no_registrants(meeting.meeting_id)

        found = client.meeting(meeting.meeting_id)
        assert found is not None
        assert not found.takes_registrants


class TestLimitsAndOutages:
    """Each has an error of its own."""

    def test_a_host_makes_100_meetings_a_day(self, client: ZoomClient, server: SimulatorServer) -> None:
        """The next one is told from other limits, and until when; another host still may; tomorrow it may again."""
        server.rest.arranging.use_up(HOST)

        with pytest.raises(errors.HostLimitReached) as caught:
            client.meetings.create(HOST, PLAN)

        assert caught.value.retry_after_seconds == 12 * 3600
        assert client.meetings.create(OTHER_HOST, PLAN)

    @pytest.mark.parametrize(
        ("fault", "kind"),
        [
            ("429", errors.RateLimited),
            ("429-daily", errors.DailyLimitReached),
            ("429-concurrent", errors.RateLimited),
            ("503", TransientError),
            ("400:4711", errors.ScopeMissing),
            ("404:1001", errors.UserNotFound),
            ("400:300", errors.RequestInvalid),
        ],
    )
    def test_what_is_refused_was_not_done(
        self, client: ZoomClient, server: SimulatorServer, fault: str, kind: type[Exception]
    ) -> None:
        """Every refusal is typed, and nothing is made."""
        server.rest.faults.append(fault)

        with pytest.raises(kind) as caught:
            client.meetings.create(HOST, PLAN)

        assert type(caught.value) is kind
        assert server.rest.arranging.meetings() == ()

    def test_an_answer_may_be_lost_with_the_meeting_made(self, client: ZoomClient, server: SimulatorServer) -> None:
        """An error that is no refusal tells nothing: the host's list does."""
        server.rest.faults.append("done-503")

        with pytest.raises(TransientError):
            client.meetings.create(HOST, PLAN)

        assert [one.agenda for one in client.meetings.scheduled(HOST)] == [PLAN.agenda]

    def test_a_host_that_is_not_there_is_named_so(self, client: ZoomClient) -> None:
        """A typing error in the pool is no outage."""
        with pytest.raises(errors.UserNotFound):
            client.meetings.create("nobody@calls.example", PLAN)


class TestAccount:
    """Who hosts, and how they are set up."""

    def test_users_and_settings_are_told(self, client: ZoomClient, server: SimulatorServer) -> None:
        """Licence and account by user; settings by their dotted name."""
        owner, host = client.account.owner(), client.account.user(HOST)
        server.rest.hosts.set(HOST, "recording.auto_recording", "none")

        assert owner.account_id == server.credentials.account_id
        assert (host.is_licensed, host.is_active) == (True, True)
        assert client.account.user_settings(HOST).get("recording.auto_recording") == "none"
        assert client.account.user_settings(HOST).get("recording.unheard_of") is None
        assert client.account.settings().get("recording.prevent_host_access_recording") is True
        assert "meeting:write:meeting:admin" in client.account.scopes()

    def test_a_host_without_recordings_lists_none(self, client: ZoomClient) -> None:
        """That is no error: it has only just been licensed."""
        assert list(client.user_recordings(HOST, NOW.date(), NOW.date())) == []


def test_a_recording_is_closed_for_viewers(client: ZoomClient, server: SimulatorServer, clock: FakeClock) -> None:
    """Zoom's own link shows it to nobody; what is not there yet cannot be closed."""
    call = build_call("clean", 1, clock.now(), 1000)
    session_id = call.session.session_id
    closed_before = client.close_recording(session_id)
    server.publish(call.session)
    unfinished = client.close_recording(session_id)
    for event in call.events:
        if event.files:
            server.publish(replace(call.session, files=event.files))

    closed = client.close_recording(session_id)

    found = client.recording_settings(session_id)
    assert (closed_before, unfinished, closed) == (False, False, True)
    assert found is not None
    assert (found.share, found.viewers_may_download) == ("none", False)
