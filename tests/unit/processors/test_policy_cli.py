"""`python -m processors policy`: JSON alone on stdout, refusals with file and line, and why a flag stands."""

import json
import os
import shutil
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from sqlalchemy import insert
from threadpoolctl import threadpool_info, threadpool_limits

from infra.clock import SystemClock
from infra.database.engine import migrate, open_database, writing
from infra.database.tables import states
from infra.errors import PermanentError
from infra.settings import processor_settings
from processors.cli import cli
from processors.composition import composed
from processors.meeting_flagging import SHIPPED, PolicyError
from processors.meeting_flagging.facts import FlagState, Published, ReportFact, flag_id_of
from processors.runtime.codec import dump
from schemas.errors import InvalidEvent

CHAT = "00:10:02\tIda:\twhat is your whatsapp, I will send the brief there\n00:10:09\tBen:\tdo you take zelle\n"
EXAMPLE = Path(__file__).parents[3] / "schemas/examples/meeting.flagged/v1/flagged.json"


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch) -> Callable[..., Result]:
    """Run a command with the shipped policy; errors on purpose come out as exceptions."""
    monkeypatch.delenv("POLICY_FOLDER", raising=False)
    return lambda *arguments, **more: CliRunner().invoke(cli, ["policy", *map(str, arguments)], **more)


@pytest.fixture
def broken(tmp_path: Path) -> Path:
    """The shipped policy with an example that fails."""
    folder = tmp_path / "broken"
    shutil.copytree(SHIPPED, folder)
    file = folder / "off_platform.yaml"
    file.write_text(file.read_text().replace("- paypal.me/somebody is where you can settle it", "- a quiet day"))
    return folder


def test_files_are_judged_on_one_thread_as_the_processors_judge_them(run: Callable[..., Result]) -> None:
    """So that the order of the model's sums, and with it a finding's last digits, is the same however many cores there are."""
    with threadpool_limits(2, user_api="blas"):
        run("check")

        threads = {one["num_threads"] for one in threadpool_info() if one["user_api"] == "blas"}

    assert threads == {1}


def test_check_tells_what_the_policy_holds(run: Callable[..., Result]) -> None:
    """The version and the rules by mode."""
    told = run("check")

    assert told.exit_code == 0, told.exception
    assert " rules live, " in told.output


@pytest.mark.parametrize("by", ["option", "setting"])
def test_check_refuses_with_file_and_line(
    run: Callable[..., Result], broken: Path, monkeypatch: pytest.MonkeyPatch, by: str
) -> None:
    """Named by --policy or by POLICY_FOLDER."""
    if by == "setting":
        monkeypatch.setenv("POLICY_FOLDER", str(broken))
    refused = run("check", *(["--policy", broken] if by == "option" else []))

    assert isinstance(refused.exception, PolicyError)
    assert str(refused.exception).startswith("off_platform.yaml:1 off_platform.payment: it misses its match line 3")


def test_test_names_every_failure(run: Callable[..., Result], broken: Path) -> None:
    """One line per example and channel, exit code 1; the shipped policy and corpus pass."""
    failed = run("test", "--policy", broken)

    assert failed.exit_code == 1
    assert failed.output.count("misses its match line 3") == 2
    assert "quiet day" not in failed.output
    assert run("test").exit_code == 0


def test_scan_writes_a_json_line_per_file(run: Callable[..., Result], tmp_path: Path) -> None:
    """Files in the order given; exit code 0 whether there is a flag or none."""
    (tmp_path / "a.chat.txt").write_text(CHAT)
    (tmp_path / "b.vtt").write_text("WEBVTT\n")
    told = run("scan", tmp_path / "a.chat.txt", tmp_path / "b.vtt", "--json")

    assert (told.exit_code, told.stderr) == (0, "")
    first, second = map(json.loads, told.stdout.splitlines())
    exact = [one["category"] for one in first["findings"] if not one["rule"].startswith("model.")]
    assert exact == ["off_platform", "off_platform"]
    assert first["flag"]["severity"] == 3
    assert (second["findings"], second["flag"]) == ([], None)


def test_scan_for_people_cannot_steer_the_terminal(run: Callable[..., Result], tmp_path: Path) -> None:
    """Control characters of what was said are not passed on."""
    (tmp_path / "a.txt").write_text("00:10:02\tIda:\tdo you take zelle \x1b[31m\n")
    told = run("scan", tmp_path / "a.txt")

    assert "off_platform.payment  Ida: do you take zelle" in told.output
    assert "\x1b" not in told.output


def test_eval_tells_shares(run: Callable[..., Result], tmp_path: Path) -> None:
    """As JSON for programs, as a table for people; neither holds the lines."""
    path = tmp_path / "rows.jsonl"
    path.write_text('{"text": "do you take zelle", "label": "off_platform"}\n{"text": "good morning", "label": "ok"}\n')

    assert json.loads(run("eval", path, "--json").stdout)["violation"]["f1"] == 1.0
    assert "recall                       1.000  95 %: 0.206 to 1.000" in run("eval", path).output
    assert "zelle" not in run("eval", path).output


def test_explain_reads_an_event(run: Callable[..., Result], tmp_path: Path) -> None:
    """From a file, and from standard input alike."""
    event = json.dumps(json.loads(EXAMPLE.read_text()))
    (tmp_path / "flag.json").write_text(event)
    told = run("explain", tmp_path / "flag.json")

    assert told.exit_code == 0, told.exception
    assert "off-platform.contact" in told.output
    assert run("explain", "-", input=event).output == told.output


@pytest.mark.parametrize(("text", "error"), [("{", PermanentError), ('{"flag_id": 5}', InvalidEvent)])
def test_explain_refuses_what_is_no_flag(run: Callable[..., Result], text: str, error: type[Exception]) -> None:
    """Not JSON, or of another shape."""
    assert isinstance(run("explain", "-", input=text).exception, error)


def test_explain_finds_a_flag_by_its_id(
    run: Callable[..., Result], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In the states of the processor; an unknown id is refused."""
    url = f"sqlite:///{tmp_path / 'processors.db'}"
    monkeypatch.setenv("DATABASE_URL", url)
    flag_id = flag_id_of("call-1")
    _keep(url, flag_id)

    told = run("explain", flag_id)
    assert told.exit_code == 0, told.exception
    assert f"flag {flag_id} revision 3 of call call-1" in told.output
    assert "report.participant flags by itself" in told.output
    assert "no such flag" in str(run("explain", "nothing").exception)


def _keep(url: str, flag_id: str) -> None:
    state = FlagState(meeting_id="850")
    told_at = datetime(2026, 11, 22, 16, 10, tzinfo=UTC)
    state.reports["r"] = ReportFact("call-1", "other", None, told_at)
    state.published[flag_id] = Published(3, "flagged", "digest", "call-1", None)
    row = {"processor": "meeting_flagging", "key": "850", "version": 1, "schema_version": 1, "document": dump(state)}
    engine = open_database(url)
    migrate(engine)
    with writing(engine) as connection:
        connection.execute(insert(states).values(**row, updated_at=told_at))
    engine.dispose()


def test_backtest_tells_what_a_new_policy_changes(run: Callable[..., Result], tmp_path: Path) -> None:
    """As JSON, and as lines with call, rule and time."""
    new = tmp_path / "new"
    shutil.copytree(SHIPPED, new)
    file = new / "off_platform.yaml"
    file.write_text(file.read_text().replace("mode: live", "mode: shadow"))
    (tmp_path / "calls").mkdir()
    (tmp_path / "calls" / "call-7.chat.txt").write_text(CHAT)
    told = run("backtest", "--new", new, tmp_path / "calls")

    assert told.exit_code == 0, told.exception
    assert "1 calls, flagged: 1 by the old policy, 0 by the new" in told.output
    assert "removed  call-7  severity 3 to 1" in told.output  # the model's notes are left
    assert "-off_platform.payment at 00:10:09.000" in told.output
    assert len(json.loads(run("backtest", "--new", new, tmp_path / "calls", "--json").stdout)["removed"]) == 1


def test_run_refuses_a_policy_that_fails_before_it_opens_anything(
    broken: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """So what runs under the policy before goes on alone: nothing was migrated, created or joined."""
    for name, value in {
        "POLICY_FOLDER": broken,
        "TRANSPORT_URL": f"sqlite:///{tmp_path / 'log.db'}",
        "DATABASE_URL": f"sqlite:///{tmp_path / 'processors.db'}",
        "ARCHIVE_BUCKET": "recordings",
        "CALL_PAGE_URL": "https://marketplace.example/calls/{call_id}",
    }.items():
        monkeypatch.setenv(name, str(value))

    with pytest.raises(PolicyError) as refused, composed(processor_settings(os.environ), SystemClock()):
        pytest.fail("it was not refused")

    assert str(refused.value).startswith("off_platform.yaml:1 ")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["broken"]
