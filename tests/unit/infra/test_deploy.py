"""The example units and settings under infra/deploy name nothing that is not there."""

import re
import shlex
from importlib.util import find_spec
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from infra.provisioning.grants import DEPLOYABLES
from infra.settings import (
    portal_settings,
    processor_settings,
    provision_settings,
    receiver_settings,
    reconcile_settings,
)
from processors.cli import cli
from processors.registry import PROCESSORS
from schemas.topics import TOPICS

ROOT = Path(__file__).resolve().parents[3]
DEPLOY = ROOT / "infra" / "deploy"
GUIDE = (ROOT / "docs" / "production.md").read_text()
TEMPLATE = (DEPLOY / "environment.template").read_text()
SERVICES = sorted(DEPLOY.glob("*.service"))
PYTHON = "/opt/zoom-call-pipeline/.venv/bin/python"
BOTO3 = {"AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_DEFAULT_REGION"}  # which boto3 reads by itself
REQUIRED = {
    "TRANSPORT_URL": "sqlite:///log.db",
    "DATABASE_URL": "sqlite:///processors.db",
    "ARCHIVE_BUCKET": "recordings",
    "CALL_PAGE_URL": "https://marketplace.example/calls/{call_id}",
    "ZOOM_WEBHOOK_SECRETS": "secret",
    "PORTAL_AUDIT_KEY": 32 * "k",
}


class Noting(dict[str, str]):
    """An environment that notes which names were asked for."""

    def __init__(self) -> None:
        super().__init__(REQUIRED)
        self.asked: set[str] = set()

    def get(self, name: str, default: str | None = None) -> str | None:  # type: ignore[override]
        self.asked.add(name)
        return super().get(name, default)


def read_names() -> set[str]:
    """Every variable that a program reads."""
    environ = Noting()
    for read in (receiver_settings, processor_settings, provision_settings, reconcile_settings, portal_settings):
        read(environ)
    return environ.asked


def template() -> dict[str, str]:
    """The template's variables, those commented out included."""
    return dict(re.findall(r"^#?([A-Z][A-Z0-9_]*)=(.*)$", TEMPLATE, flags=re.MULTILINE))


def lines(path: Path, name: str) -> list[str]:
    """The values that a unit gives to this name."""
    return re.findall(rf"^{name}=(.*)$", path.read_text(), flags=re.MULTILINE)


def command(path: Path) -> list[str]:
    """What a service starts: the module and its arguments."""
    (line,) = lines(path, "ExecStart")
    python, option, *rest = shlex.split(line)
    assert (python, option) == (PYTHON, "-m")
    return rest


def test_the_template_names_every_setting_and_no_other() -> None:
    """Whoever fills it in has met every setting, and none that nobody reads."""
    assert set(template()) == read_names() | BOTO3


def test_the_template_explains_every_setting() -> None:
    """A comment stands above each, or above the settings it stands with."""
    above = re.findall(r"^(.*)\n#?[A-Z][A-Z0-9_]*=", TEMPLATE, flags=re.MULTILINE)

    assert len(above) > 1
    assert "" not in above


def test_the_template_holds_no_secret() -> None:
    """What is secret is empty in it."""
    secret = {
        name: value for name, value in template().items() if re.search(r"SECRET|PASSWORD|TOKEN|KEY|DATABASE", name)
    }

    assert secret
    assert set(secret.values()) == {""}


@pytest.mark.parametrize("path", SERVICES, ids=lambda path: path.name)
def test_a_units_command_exists(path: Path) -> None:
    """The module is there, and the processors' command line knows the command and its options."""
    module, *arguments = command(path)

    assert find_spec(f"{module}.__main__") is not None
    if module == "processors":
        answer = CliRunner().invoke(cli, [*arguments, "--help"])
        assert answer.exit_code == 0, answer.output
    else:
        assert arguments == []


def test_the_template_unit_runs_every_processor() -> None:
    """Its first line starts exactly the processors that there are, and `run` takes each by its name."""
    text = (DEPLOY / "processor@.service").read_text()
    run = cli.commands["run"]
    names = next(parameter for parameter in run.params if parameter.name == "names")

    assert set(re.findall(r"processor@(\w+)", text.splitlines()[0])) == set(PROCESSORS)
    assert isinstance(names.type, click.Choice)
    assert set(names.type.choices) == set(PROCESSORS)


@pytest.mark.parametrize("path", SERVICES, ids=lambda path: path.name)
def test_a_units_settings_are_read(path: Path) -> None:
    """What a unit sets is a setting, and the files that it reads are those that the template names."""
    set_here = {line.partition("=")[0] for line in lines(path, "Environment")}
    files = [Path(line).name for line in lines(path, "EnvironmentFile")]
    named = [name for file in files for name in ([f"{one}.env" for one in PROCESSORS] if file == "%i.env" else [file])]

    assert set_here <= read_names()
    assert all(name in TEMPLATE for name in named)


@pytest.mark.parametrize("path", sorted(DEPLOY.glob("*.timer")), ids=lambda path: path.name)
def test_a_timer_has_its_service(path: Path) -> None:
    """It starts the service of its name, and says when."""
    assert path.with_suffix(".service") in SERVICES
    assert len(lines(path, "OnCalendar")) == 1


@pytest.mark.parametrize("role", sorted({*DEPLOYABLES, "operators"} - {"review_queue"}))
def test_the_guides_table_of_roles_is_that_of_the_topics(role: str) -> None:
    """What a role writes and reads there is what provisioning grants, dead letters aside."""
    ((written, read),) = re.findall(rf"^\| `{role}` \| ([^|]*) \| ([^|]*) \|$", GUIDE, flags=re.MULTILINE)

    assert set(re.findall(r"`([^`]+)`", written)) == {topic.name for topic in TOPICS if role in topic.writers}
    assert set(re.findall(r"`([^`]+)`", read)) == {topic.name for topic in TOPICS if role in topic.readers}


def test_the_guides_commands_exist() -> None:
    """Every module that it starts by `python -m` or by its shell function `as` is there."""
    named = set(re.findall(r"(?:python -m|^as \w+|`as \w+) ([a-z_]+)", GUIDE, flags=re.MULTILINE))

    assert {"infra", "processors", "webhook_receiver"} == named
