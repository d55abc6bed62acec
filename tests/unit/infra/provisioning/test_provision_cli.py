"""The command's own parts: policies as files, and the embedded log's one step."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from infra.errors import ConfigurationError
from infra.provisioning.cli import all_steps, provision
from infra.provisioning.policies import policy_documents
from infra.provisioning.steps import Step
from infra.settings import provision_settings


def first_step(path: Path) -> Step:
    environment = {"TRANSPORT_URL": f"sqlite:///{path}", "ARCHIVE_BUCKET": "the-archive"}
    return next(iter(all_steps(provision_settings(environment))))


def test_policies_are_written_when_a_folder_is_named(tmp_path: Path) -> None:
    """One file per program, with what is printed else."""
    command, environment = ["policies", "--to", str(tmp_path / "iam")], {"ARCHIVE_BUCKET": "the-archive"}

    result = CliRunner().invoke(provision, command, env=environment, catch_exceptions=False)

    assert result.exit_code == 0
    written = {path.stem: json.loads(path.read_text()) for path in (tmp_path / "iam").iterdir()}
    assert written == policy_documents("the-archive")
    printed = CliRunner().invoke(provision, ["policies"], env=environment, catch_exceptions=False)
    assert json.loads(printed.stdout) == written


def test_the_embedded_log_gets_its_topics_when_it_has_none(tmp_path: Path) -> None:
    """It needs nothing else."""
    step = first_step(tmp_path / "log.db")

    assert step.state == "differs"
    assert step.make is not None
    step.make()
    assert first_step(tmp_path / "log.db").state == "fine"


def test_everything_wrong_is_said_at_once_when_settings_are_missing() -> None:
    """The operator fixes them in one go."""
    with pytest.raises(ConfigurationError, match=r"TRANSPORT_URL.*ARCHIVE_BUCKET"):
        provision_settings({})
