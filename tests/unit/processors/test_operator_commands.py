"""`resume --skip` and `replay` as a person types them, on the embedded log and SQLite."""

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from infra.clock import SystemClock
from infra.database.engine import migrate, open_database
from infra.errors import PermanentError
from infra.settings import TransportSettings
from infra.transport import TopicPartition
from infra.transport.connect import connect
from processors.cli import cli
from processors.runtime.brake import Brake, BrakedError
from processors.runtime.skips import Skips
from schemas.envelope import Envelope, format_time
from schemas.topics import WEBHOOKS

CLOCK = SystemClock()
PLACE = TopicPartition(WEBHOOKS.name, 0)
Run = Callable[..., Result]


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Runs a command where three starts of meetings lie in the log."""
    environment = {
        "TRANSPORT_URL": f"sqlite:///{tmp_path / 'log.db'}",
        "DATABASE_URL": f"sqlite:///{tmp_path / 'processors.db'}",
        "ARCHIVE_BUCKET": "recordings",
        "CALL_PAGE_URL": "https://marketplace.example/calls/{call_id}",
    }
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    engine = open_database(environment["DATABASE_URL"])
    migrate(engine)
    engine.dispose()
    transport = connect(TransportSettings(environment["TRANSPORT_URL"]), CLOCK)
    transport.create_topics()
    producer = transport.producer()
    for number in range(3):
        envelope = Envelope(id=f"{number}", source="/test", type="us.zoom.meeting.started", data=b"no JSON")
        headers = envelope.headers()
        producer.produce(WEBHOOKS.name, key=None, headers=headers, value=envelope.data, timeout_seconds=10)
    producer.close()
    transport.close()
    return lambda *arguments: CliRunner().invoke(cli, arguments)


def brake(folder: Path, place: TopicPartition | None, next_offset: int | None) -> None:
    engine = open_database(f"sqlite:///{folder / 'processors.db'}")
    with pytest.raises(BrakedError):
        Brake(engine, "call_events", CLOCK).trip("a test says so", place, next_offset)
    engine.dispose()


def test_skipping_says_which_and_releases_the_brake(run: Run, tmp_path: Path) -> None:
    """As many as there are, from where it stopped."""
    brake(tmp_path, PLACE, 1)

    said = run("resume", "call_events", "--skip", "5").output.splitlines()

    assert said[0] == "2 records of zoom.webhooks partition 0, offsets 1 to 2, go to the dead letters"
    assert said[1].startswith("call_events may start again")
    engine = open_database(f"sqlite:///{tmp_path / 'processors.db'}")
    assert Skips(engine, "call_events").all() == {PLACE: range(1, 3)}
    engine.dispose()


def test_there_is_nothing_to_skip_where_effects_braked(run: Run, tmp_path: Path) -> None:
    """It says where to look, and the brake stays on."""
    brake(tmp_path, None, None)

    refused = run("resume", "call_events", "--skip", "1")

    assert isinstance(refused.exception, PermanentError)
    assert "dead-letters list" in str(refused.exception)
    assert run("resume", "call_events").exit_code == 0


def test_a_replay_says_what_came_of_it(run: Run) -> None:
    """How many records, how many effects, and what could not be used."""
    begin, end = format_time(CLOCK.now() - timedelta(hours=1)), format_time(CLOCK.now() + timedelta(milliseconds=-1))

    dry = run("replay", "call_events", "--from", begin, "--to", end, "--dry-run").output
    done = run("replay", "call_events", "--from", begin, "--to", end).output

    assert "3 records in the range, 3 of them not usable; nothing was written" in dry
    assert "3 records decided again, 0 new effects asked for" in done


def test_a_replay_of_no_time_is_refused(run: Run) -> None:
    """With an example of how to write one."""
    refused = run("replay", "call_events", "--from", "yesterday", "--to", "today")

    assert refused.exit_code == 2
    assert "2026-01-31T18:00:00Z" in refused.output
