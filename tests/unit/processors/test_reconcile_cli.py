"""`python -m processors reconcile`: what it says, and with which exit code."""

import json
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from sqlalchemy import insert

from infra.clock import SystemClock
from infra.database.engine import migrate, open_database, writing
from infra.database.tables import checkpoints
from infra.errors import ConfigurationError
from infra.settings import transport_settings
from infra.transport.connect import connect
from processors.call_events import CallEvents
from processors.cli import cli
from processors.runtime.inbox import Inbox
from tests.unit.processors import zoom_call as call
from tests.unit.processors.zoom_call import MEETING, SESSION

Run = Callable[..., Result]


@pytest.fixture
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """A log and a migrated database of its own, and no Zoom."""
    settings = {
        "TRANSPORT_URL": f"sqlite:///{tmp_path / 'log.db'}",
        "DATABASE_URL": f"sqlite:///{tmp_path / 'processors.db'}",
        "ARCHIVE_BUCKET": "recordings",
        "AWS_DEFAULT_REGION": "us-east-1",
    }
    for name in ("ZOOM_CLIENT_ID", "ZOOM_CLIENT_SECRET", "ZOOM_OAUTH_ACCOUNT_ID", "ZOOM_APP_ID"):
        monkeypatch.delenv(name, raising=False)
    for name, value in settings.items():
        monkeypatch.setenv(name, value)
    engine = open_database(settings["DATABASE_URL"])
    migrate(engine)
    engine.dispose()
    transport = connect(transport_settings(settings), SystemClock())
    transport.create_topics()
    transport.close()
    return settings


@pytest.fixture
def run(settings: dict[str, str]) -> Run:
    """Run the command; errors on purpose come out as exceptions."""
    return lambda *arguments: CliRunner().invoke(cli, ["reconcile", *arguments])


def test_it_says_what_it_cannot_look_at(run: Run) -> None:
    """Without Zoom's credentials that is no fault: exit code 0, and the rest is looked at."""
    told = run()

    assert told.exit_code == 0, told.output
    assert told.stdout.count("not looked at:") == 3
    assert "ZOOM_CLIENT_SECRET" in told.stdout
    assert "objects: 0 looked at" in told.stdout


def test_the_report_is_one_document_as_json(run: Run) -> None:
    """On stdout alone; progress is on stderr."""
    told = run("--json", "--since", "6h", "--dry-run")

    document = json.loads(told.stdout)
    assert (document["dry_run"], document["needs_a_person"], document["events_lost"]) == (True, False, 0)
    assert "objects from" in told.stderr


def test_it_ends_with_1_when_somebody_has_to_look(run: Run, settings: dict[str, str]) -> None:
    """Such as a call of long ago without an end."""
    began = SystemClock().now() - timedelta(hours=40)
    started = call.started((began - call.T0).total_seconds())
    engine = open_database(settings["DATABASE_URL"])
    Inbox(engine, CallEvents(timedelta(days=1)), SystemClock()).take(started, MEETING)
    engine.dispose()

    told = run("--since", "3d")

    assert told.exit_code == 1, told.output
    assert f"never ended: session {SESSION}" in told.stdout


@pytest.mark.parametrize("since", ["yesterday", "0d", "2100-01-01"])
def test_a_period_that_is_none_is_refused(run: Run, since: str) -> None:
    """With exit code 2, before anything is looked at."""
    refused = run("--since", since)

    assert refused.exit_code == 2
    assert "an instant is written as" in refused.output or "not before" in refused.output


def test_settings_are_asked_for_all_at_once(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each that is missing is named."""
    for name in ("TRANSPORT_URL", "ARCHIVE_BUCKET"):
        monkeypatch.delenv(name)

    error = run().exception

    assert isinstance(error, ConfigurationError)
    assert all(name in str(error) for name in ("TRANSPORT_URL", "ARCHIVE_BUCKET"))


def test_a_finished_run_leaves_no_checkpoints(run: Run, settings: dict[str, str]) -> None:
    """Those of other runs stay."""
    engine = open_database(settings["DATABASE_URL"])
    other = {"run": "reconcile 9d now", "step": "period", "result": "{}", "finished_at": SystemClock().now()}
    with writing(engine) as connection:
        connection.execute(insert(checkpoints).values(**other))

    run()

    with writing(engine) as connection:
        assert [row.run for row in connection.execute(checkpoints.select())] == ["reconcile 9d now"]
    engine.dispose()
