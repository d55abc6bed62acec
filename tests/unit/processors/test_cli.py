"""`python -m processors`: what goes wrong on purpose is one sentence, what an operator does is told."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from infra.clock import SystemClock
from infra.database.engine import migrate, open_database
from infra.errors import ConfigurationError
from processors.cli import cli, main
from processors.registry import PROCESSORS
from processors.runtime.brake import Brake, BrakedError

REGISTER = [
    "calls", "register", "--meeting-id", "850 0000 0001", "--order", "order-7", "--conversation", "conversation-7",
    "--freelancer", "ida", "--client", "ben", "--join-url", "https://zoom.us/j/85000000001?pwd=do-not-show-me",
]  # fmt: skip


@pytest.fixture(scope="module")
def migrated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A database at this program's revision, to be copied: migrating takes longer than any of these tests."""
    path = tmp_path_factory.mktemp("migrated") / "processors.db"
    engine = open_database(f"sqlite:///{path}")
    migrate(engine)
    engine.dispose()
    return path


@pytest.fixture
def run(migrated: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Result]:
    """Run a command on a log and a migrated database of its own; errors on purpose come out as exceptions."""
    shutil.copy(migrated, tmp_path / "processors.db")
    monkeypatch.setenv("TRANSPORT_URL", f"sqlite:///{tmp_path / 'log.db'}")
    monkeypatch.setenv("DATABASE_URL", f"sqlite:///{tmp_path / 'processors.db'}")
    monkeypatch.setenv("ZOOM_ACCOUNT_IDS", "account-1")
    return lambda *arguments: CliRunner().invoke(cli, arguments)


def test_help_names_every_command(run: Callable[..., Result]) -> None:
    """With a line about each."""
    told = run("--help")

    assert told.exit_code == 0
    assert all(f"  {name} " in told.output for name in ("run", "resume", "expire", "calls"))


@pytest.mark.parametrize("arguments", [(), ("--all", "call_events"), ("nobody",)])
def test_run_asks_which(run: Callable[..., Result], arguments: tuple[str, ...]) -> None:
    """Names or --all, one of them; a name that nobody has is refused with those that are."""
    refused = run("run", *arguments)

    assert refused.exit_code == 2
    assert "name the processors" in refused.output or all(name in refused.output for name in PROCESSORS)


def test_run_says_all_that_is_missing(run: Callable[..., Result]) -> None:
    """Before it opens anything."""
    with pytest.raises(ConfigurationError, match=r"CALL_PAGE_URL.*ARCHIVE_BUCKET|ARCHIVE_BUCKET.*CALL_PAGE_URL"):
        raise run("run", "--all").exception or AssertionError


def test_an_error_on_purpose_is_one_sentence(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Exit code 2 and no traceback."""
    monkeypatch.delenv("DATABASE_URL", raising=False)
    monkeypatch.setattr("sys.argv", ["processors", "resume", "call_events"])

    with pytest.raises(SystemExit) as caught:
        main()

    assert caught.value.code == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("error: DATABASE_URL is not set")


def test_an_old_database_is_refused_with_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A database that was never migrated is not touched."""
    monkeypatch.setenv("DATABASE_URL", f"sqlite:///{tmp_path / 'empty.db'}")

    refused = CliRunner().invoke(cli, ["resume", "call_events"])

    assert isinstance(refused.exception, ConfigurationError)
    assert "python -m infra migrate" in str(refused.exception)


def test_resume_releases_the_brake(run: Callable[..., Result], tmp_path: Path) -> None:
    """Once; then there is nothing to release."""
    engine = open_database(f"sqlite:///{tmp_path / 'processors.db'}")
    with pytest.raises(BrakedError):
        Brake(engine, "call_events", SystemClock()).trip("a test says so")
    engine.dispose()

    assert run("resume", "call_events").output == "call_events may start again: restart the process that runs it\n"
    assert run("resume", "call_events").output == "call_events was not stopped\n"


def test_a_registration_is_told_by_its_call_id_alone(run: Callable[..., Result]) -> None:
    """The same meeting and order are the same call; the join link is not repeated."""
    first, again = run(*REGISTER), run(*REGISTER)

    assert first.exit_code == 0, first.exception
    assert first.output.startswith("registered call ")
    assert first.output == again.output
    assert "do-not-show-me" not in first.output


def test_registering_needs_an_account(run: Callable[..., Result], monkeypatch: pytest.MonkeyPatch) -> None:
    """Where ZOOM_ACCOUNT_IDS does not name exactly one, --account must."""
    monkeypatch.setenv("ZOOM_ACCOUNT_IDS", "a,b")

    refused = run(*REGISTER)

    assert isinstance(refused.exception, ConfigurationError)
    assert "--account" in str(refused.exception)
    assert run(*REGISTER, "--account", "b").exit_code == 0


def test_reporting_an_unknown_call_is_refused(run: Callable[..., Result]) -> None:
    """It says how to find those that are known."""
    refused = run("calls", "report", "--call", "nobody", "--reporter", "client", "--reason", "other")

    assert "calls list" in str(refused.exception) or "is not one of" in refused.output


def test_listing_nothing_is_no_error(run: Callable[..., Result]) -> None:
    """A new database knows no calls."""
    listed = run("calls", "list")

    assert (listed.exit_code, listed.output) == (0, "")
