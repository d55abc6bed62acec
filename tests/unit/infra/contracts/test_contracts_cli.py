"""`python -m infra contracts`, where something is wrong."""

import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from infra.contracts import cli
from infra.errors import PermanentError
from schemas.errors import PipelineError

ROOT = Path(__file__).resolve().parents[4]
WITHOUT_APISPEC = "import sys; sys.modules['apispec'] = None; from infra.cli import main; main()"


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty project with one commit, that the command takes for its own."""
    who = ("-c", "user.name=A Test", "-c", "user.email=test@example.org", "-c", "commit.gpgsign=false")
    for arguments in (("init", "-q"), (*who, "commit", "-q", "--allow-empty", "-m", "begin")):
        subprocess.run(["git", *arguments], cwd=tmp_path, check=True)
    monkeypatch.setattr(cli, "ROOT", tmp_path)
    return tmp_path


def run(command: str) -> str:
    result = CliRunner().invoke(cli.contracts, [command])
    if isinstance(result.exception, PipelineError):
        raise result.exception
    assert result.exception is None
    return result.output


def test_check_names_the_files_that_differ(project: Path) -> None:
    """And the command that mends it."""
    run("write")
    (project / "docs" / "call-events.md").write_text("by hand")

    with pytest.raises(PermanentError, match=r"docs/call-events\.md; run python -m infra contracts write"):
        run("check")


def test_write_mends_everything(project: Path) -> None:
    """What was written is what check wants; written again, nothing changes."""
    assert "wrote schemas/published/asyncapi.json" in run("write")
    assert "as generated" in run("check")
    assert run("write").endswith(" 0 of them changed\n")


def test_write_refuses_when_it_would_break_a_published_document(project: Path) -> None:
    """Nothing is written, and every break is named."""
    name = "schemas/published/call.gone.v1.json"
    (project / "schemas" / "published").mkdir(parents=True)
    (project / name).write_text("{}")
    subprocess.run(["git", "add", "-A"], cwd=project, check=True)
    who = ("-c", "user.name=A Test", "-c", "user.email=test@example.org", "-c", "commit.gpgsign=false")
    subprocess.run(["git", *who, "commit", "-q", "-m", "publish"], cwd=project, check=True)

    with pytest.raises(PermanentError, match=r"call\.gone\.v1\.json: the document is gone"):
        run("write")

    assert [path.name for path in (project / "schemas" / "published").iterdir()] == ["call.gone.v1.json"]


def test_other_commands_work_when_apispec_is_missing() -> None:
    """Production has no apispec: only this command needs it, and says so in one sentence."""
    command = [sys.executable, "-c", WITHOUT_APISPEC, "contracts", "check"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)
    helped = subprocess.run([*command[:3], "--help"], cwd=ROOT, capture_output=True, timeout=60, check=False)

    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("error: apispec is missing: install")
    assert helped.returncode == 0
