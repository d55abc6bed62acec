"""`python -m infra zoom check` as an operator runs it, against the simulated Zoom."""

from collections.abc import Iterator
from contextlib import closing

import pytest
from click.testing import CliRunner, Result

from infra.cli import cli
from infra.errors import PermanentError, TransientError
from infra.zoom.simulator import SimulatorServer
from infra.zoom.simulator.hosts import HOSTS


@pytest.fixture
def server() -> Iterator[SimulatorServer]:
    with closing(SimulatorServer().start()) as server:
        yield server


def _run(server: SimulatorServer, **other: str) -> Result:
    environment = {
        "ZOOM_CLIENT_ID": server.credentials.client_id,
        "ZOOM_CLIENT_SECRET": "".join(server.credentials.client_secret),
        "ZOOM_OAUTH_ACCOUNT_ID": server.credentials.account_id,
        "ZOOM_ACCOUNT_IDS": server.credentials.account_id,
        "ZOOM_HOST_USERS": ",".join(HOSTS),
        "ZOOM_API_URL": server.api_url,
        "ZOOM_OAUTH_URL": server.oauth_url,
        "ZOOM_HOSTS": server.url,
        **other,
    }
    return CliRunner().invoke(cli, ["zoom", "check"], env=environment)


def test_it_ends_with_0_when_zoom_is_set_up_right(server: SimulatorServer) -> None:
    """Every host has its lines; the ticks by hand do not count as wrong."""
    result = _run(server)

    assert result.exit_code == 0, result.output
    assert "WRONG" not in result.output
    assert all(f"{host}   it has a licence" in result.output for host in HOSTS)
    assert result.output.endswith("0 wrong, 3 to look at by hand\n")


def test_it_ends_with_1_when_one_thing_is_wrong(server: SimulatorServer) -> None:
    """One line says what, why, where; the others stay ok."""
    server.rest.hosts.set(HOSTS[1], "recording.host_pause_stop_recording", True)

    result = _run(server)

    (line,) = [line for line in result.output.splitlines() if line.startswith("WRONG")]
    assert result.exit_code == 1
    assert HOSTS[1] in line
    assert "recording.host_pause_stop_recording is on, must be off. Why: " in line
    assert "Where: Zoom's web portal" in line


def test_everything_can_be_wrong_at_once(server: SimulatorServer) -> None:
    """Nothing that is turned round is called right."""
    server.rest.misconfigure()

    result = _run(server, ZOOM_ACCOUNT_IDS="")

    fine = [line.split(maxsplit=1)[1] for line in result.output.splitlines() if line.startswith("ok")]
    assert result.exit_code == 1
    assert [line.split(maxsplit=1)[1] for line in fine] == [
        "the credentials are right", "cloud_recording:read:list_recording_files:admin", "it has a licence", "it has a licence",
    ]  # fmt: skip


def test_it_says_in_one_sentence_that_it_could_not_look(server: SimulatorServer) -> None:
    """Wrong credentials and an outage are no verdict about the account."""
    refused = _run(server, ZOOM_CLIENT_SECRET="another")
    server.rest.faults.append("503")
    outage = _run(server)

    assert isinstance(refused.exception, PermanentError)
    assert "ZOOM_CLIENT_SECRET" in str(refused.exception)
    assert isinstance(outage.exception, TransientError)
