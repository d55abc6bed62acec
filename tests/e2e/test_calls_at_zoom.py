"""Starting a call at the simulated Zoom, over real HTTP, and playing it there."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from infra.errors import ConfigurationError
from infra.hosts import AllowList
from infra.zoom.client import ZoomClient
from infra.zoom.simulator import RemoteSimulator, SimulatorServer, build_call
from infra.zoom.simulator.held import held_as
from infra.zoom.simulator.hosts import BASIC, HOSTS
from tests.fakes.clock import FakeClock
from tests.unit.portal.calls.calls_world import CLIENT, FREELANCER, CallsWorld
from tests.unit.portal.harness import Portal


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def server(clock: FakeClock) -> Iterator[SimulatorServer]:
    with closing(SimulatorServer(clock=clock).start()) as server:
        yield server


@pytest.fixture
def world(tmp_path: Path, clock: FakeClock, server: SimulatorServer) -> Iterator[CallsWorld]:
    engine = Portal.opened(tmp_path)
    client = ZoomClient(
        client_id=server.credentials.client_id,
        client_secret=server.credentials.client_secret,
        account_id=server.credentials.account_id,
        api_url=server.api_url,
        oauth_url=server.oauth_url,
        hosts=AllowList([server.url]),
        clock=clock,
    )
    world = CallsWorld(tmp_path, engine, HOSTS, clock=clock, at=client)
    yield world
    client.close()
    engine.dispose()


def _meetings(server: SimulatorServer) -> list[str]:
    return [str(one.meeting_id) for one in server.rest.arranging.meetings()]


def test_a_call_stands_at_zoom_as_it_should(world: CallsWorld, server: SimulatorServer) -> None:
    """Recorded in the cloud, begun by its host, a number of its own, both parties registered, its call in the agenda."""
    told = world.start().get_json()

    (meeting,) = server.rest.arranging.meetings()
    settings = meeting.document["settings"]
    assert (settings["auto_recording"], settings["join_before_host"], settings["use_pmi"]) == ("cloud", False, False)
    assert meeting.document["agenda"].endswith(told["call_id"])
    assert next(one.join_url for one in meeting.registrants.values()) == told["join_url"]
    assert f"/s/{meeting.meeting_id}?zak=" in told["host_url"]
    assert "zak" not in json.dumps([one.value.decode() for one in world.transport.records["calls.registered"]])


def test_a_host_without_a_licence_means_plain_links(world: CallsWorld, server: SimulatorServer) -> None:
    """Where the plan knows no registration, the two share one link, and it works."""
    for host in HOSTS:
        found = server.rest.hosts.user(host)
        assert found is not None
        found.kind = BASIC

    told = world.start().get_json()

    (meeting,) = server.rest.arranging.meetings()
    assert (told["join_url"], told["personal"]) == (meeting.join_url, False)
    assert world.join(told["call_id"], CLIENT).get_json()["join_url"] == meeting.join_url


@pytest.mark.parametrize("place", range(4))
@pytest.mark.parametrize("fault", ["503", "429", "429-concurrent", "done-503"])
def test_zoom_may_fail_at_any_request(world: CallsWorld, server: SimulatorServer, fault: str, place: int) -> None:
    """The same key then starts the call, once; afterwards Zoom holds one meeting."""
    server.rest.faults.extend(["ok"] * place + [fault])

    first = world.start()
    world.clock.advance(61)
    again = world.start()

    assert first.status_code in (201, 503), first.text
    assert again.status_code in (200, 201), again.text
    world.clock.advance(600)
    world.desk.sweep.run()
    assert _meetings(server) == [again.get_json()["host_url"].split("/s/")[1].partition("?")[0]]
    assert [one.call_id for one in world.registered()] == [again.get_json()["call_id"]]


def test_a_hosts_hundred_calls_a_day_are_the_next_hosts(world: CallsWorld, server: SimulatorServer) -> None:
    """Zoom's limit is a host's own; when all have reached it, the answer says until when."""
    for host in HOSTS[:2]:
        server.rest.arranging.use_up(host)
    first = world.start()
    server.rest.arranging.use_up(HOSTS[2])

    second = world.start("key-2")

    (meeting,) = server.rest.arranging.meetings()
    assert (first.status_code, meeting.host.email) == (201, HOSTS[2])
    assert (second.status_code, second.get_json()["type"]) == (503, "urn:zoom-call-pipeline:problem:no-host-free")
    assert int(second.headers["Retry-After"]) >= 60


def test_a_scope_that_is_missing_is_for_the_operators(world: CallsWorld, server: SimulatorServer) -> None:
    """502 without a secret, and no host is kept."""
    server.rest.faults.append("400:4711")

    answer = world.start()

    assert (answer.status_code, world.leased()) == (502, {})


def test_a_started_call_can_be_played(world: CallsWorld, server: SimulatorServer, clock: FakeClock) -> None:
    """In its own meeting: the host is the pool's, the guest comes by the client's link."""
    world.start(other_participant_name="Dana")
    (number,) = _meetings(server)
    with closing(RemoteSimulator(server.url)) as remote:
        held = remote.arranged(number)
        nothing = remote.arranged("81000000000")
    assert held is not None
    assert nothing is None

    call = held_as(build_call("clean", 1, clock.now(), 1000), held)

    objects = [event.object for event in call.events if event.object]
    guests = [one["participant"] for one in objects if one.get("participant", {}).get("id") == ""]
    (registration,) = world.registered()
    assert {str(one["id"]) for one in objects} == {number}
    assert {one["host_id"] for one in objects} == {held.host_id}
    assert {(one["registrant_id"], one["user_name"]) for one in guests} == {(registration.client_registrant_id, "Dana")}
    assert call.registration is None
    assert FREELANCER not in json.dumps(objects)


def test_a_simulator_that_is_not_there_is_said(server: SimulatorServer) -> None:
    """With how to start it."""
    server.close()

    with closing(RemoteSimulator(server.url)) as remote, pytest.raises(ConfigurationError, match="serve"):
        remote.arranged("1")


def test_an_operator_sweeps_by_hand(tmp_path: Path, server: SimulatorServer) -> None:
    """`python -m portal sweep` says what it did; exit code 1 when something is left to the next."""
    Portal.opened(tmp_path).dispose()
    environment = {
        "DATABASE_URL": f"sqlite:///{tmp_path / 'portal.db'}",
        "TRANSPORT_URL": f"sqlite:///{tmp_path / 'log.db'}",
        "ARCHIVE_BUCKET": "recordings",
        "CALL_PAGE_URL": "https://marketplace.example/calls/{call_id}",
        "PORTAL_AUDIT_KEY": "an audit key for tests, 32 characters and more",
        "ZOOM_CLIENT_ID": server.credentials.client_id,
        "ZOOM_CLIENT_SECRET": "".join(server.credentials.client_secret),
        "ZOOM_OAUTH_ACCOUNT_ID": server.credentials.account_id,
        "ZOOM_API_URL": server.api_url,
        "ZOOM_OAUTH_URL": server.oauth_url,
        "ZOOM_HOSTS": server.url,
        "ZOOM_HOST_USERS": ",".join(HOSTS),
    }
    fine = _run(environment)
    server.rest.faults.append("503")
    outage = _run(environment)
    without = _run({**environment, "ZOOM_CLIENT_ID": "", "ZOOM_CLIENT_SECRET": "", "ZOOM_OAUTH_ACCOUNT_ID": ""})

    assert (fine.returncode, outage.returncode, without.returncode) == (0, 1, 2), fine.stderr
    assert fine.stdout.strip().endswith("0 failed")
    assert outage.stdout.strip().endswith("1 failed")
    assert "ZOOM_CLIENT_ID" in without.stderr


def _run(environment: dict[str, str]) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "-m", "portal", "sweep"],
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
