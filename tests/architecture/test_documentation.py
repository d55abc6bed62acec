"""Documentation that cannot drift: the README's tables and commands are held against the code."""

import os
import re
import subprocess
from pathlib import Path

import pytest

from infra.settings import (
    portal_settings,
    processor_settings,
    provision_settings,
    receiver_settings,
    reconcile_settings,
)
from schemas.topics import TOPICS

ROOT = Path(__file__).resolve().parents[2]
README = (ROOT / "README.md").read_text()
COMPLETE = {
    "TRANSPORT_URL": "sqlite:///log.db",
    "DATABASE_URL": "sqlite:///processors.db",
    "ARCHIVE_BUCKET": "recordings",
    "CALL_PAGE_URL": "https://marketplace.example/calls/{call_id}",
    "ZOOM_WEBHOOK_SECRETS": "secret",
    "PORTAL_AUDIT_KEY": 32 * "k",
}
# Read by boto3 itself, or by what starts the product on one machine.
OTHERS = {
    "AWS_ACCESS_KEY_ID",
    "AWS_SECRET_ACCESS_KEY",
    "AWS_DEFAULT_REGION",
    "AWS_SESSION_TOKEN",
    "AWS_REGION",
    "AWS_PROFILE",
}


class Remembering(dict[str, str]):
    """An environment that notes which names were asked for."""

    asked: set[str] = set()  # noqa: RUF012 # one for all of them: what any program asks for

    def get(self, name: str, default: str | None = None) -> str | None:  # type: ignore[override]
        self.asked.add(name)
        return super().get(name, default)


def read_names() -> set[str]:
    """Every environment variable that a program reads."""
    receiver_settings(Remembering(COMPLETE))
    processor_settings(Remembering(COMPLETE))
    provision_settings(Remembering(COMPLETE))
    reconcile_settings(Remembering(COMPLETE))
    portal_settings(Remembering(COMPLETE))
    return Remembering.asked


def first_columns() -> set[str]:
    """What stands as code in the first column of any table of the README."""
    cells = re.findall(r"^\|([^|]*)\|", README, flags=re.MULTILINE)
    return {code for cell in cells for code in re.findall(r"`([^`]+)`", cell)}


def targets() -> dict[str, str]:
    """The Makefile's targets, with what each promises."""
    return dict(re.findall(r"^([a-z-]+):[^#\n]*(?:## (.*))?$", (ROOT / "Makefile").read_text(), flags=re.MULTILINE))


@pytest.mark.parametrize("name", sorted(read_names()))
def test_a_setting_that_is_read_is_documented(name: str) -> None:
    """It has a row in the README's configuration table."""
    assert name in first_columns()


def test_a_setting_that_is_documented_is_read() -> None:
    """The README's tables name no environment variable that nobody reads."""
    documented = {name for name in first_columns() if re.fullmatch(r"[A-Z][A-Z0-9]*(_[A-Z0-9]+)+", name)}

    assert documented - read_names() <= OTHERS


@pytest.mark.parametrize("topic", [topic.name for topic in TOPICS])
def test_a_topic_is_documented(topic: str) -> None:
    """It has a row in the README's topics table."""
    assert topic in first_columns()


def test_a_documented_topic_exists() -> None:
    """What the README's topics table names is a topic: nothing was renamed behind its back."""
    (table,) = re.findall(r"^\|[^\n]*\b[Tt]opic\b[^\n]*\|\n\|[-| :]+\|\n((?:\|.*\n?)+)", README, flags=re.MULTILINE)
    named = re.findall(r"^\| *`([^`]+)`", table, flags=re.MULTILINE)

    assert set(named) == {topic.name for topic in TOPICS}


def test_the_readmes_make_targets_exist() -> None:
    """Every `make …` of the README, and the other way round: every target with a promise is `make help`'s to tell."""
    named = set(re.findall(r"(?:^|[`$ (])make ([a-z][a-z-]+)", README, flags=re.MULTILINE))

    assert {"run", "demo"} <= named
    assert named <= set(targets())


def test_help_names_every_target() -> None:
    """`make` alone says what there is: each target with its promise."""
    told = subprocess.run(["make", "-C", ROOT, "--no-print-directory"], capture_output=True, text=True, check=True)

    assert all(promise for promise in targets().values())
    assert all(f"make {target} " in f"{told.stdout} " for target in targets())


def test_ci_runs_what_a_person_runs() -> None:
    """`.ci/run` calls `make test`."""
    assert re.search(r"^\s*(exec )?make\b.*\btest\b", (ROOT / ".ci" / "run").read_text(), flags=re.MULTILINE)
    assert os.access(ROOT / ".ci" / "run", os.X_OK)


def test_the_readmes_modules_exist() -> None:
    """Every `python -m …` of the README names a program of ours."""
    named = set(re.findall(r"python -m ([a-z_.]+)", README)) - {"venv", "pip", "pytest"}

    assert named
    for module in named:
        path = ROOT.joinpath(*module.rstrip(".").split("."))
        assert (path / "__main__.py").is_file() or path.with_suffix(".py").is_file(), module
