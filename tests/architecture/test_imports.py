"""Who may import whom: the contracts of pyproject.toml hold, and would notice."""

import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = ("schemas", "webhook_receiver", "processors", "portal", "infra")
LINT = [str(Path(sys.executable).parent / "lint-imports"), "--no-cache"]


def lint(folder: Path) -> subprocess.CompletedProcess[str]:
    """Check the contracts over the packages of a folder."""
    return subprocess.run(
        LINT, cwd=folder, env={"PYTHONPATH": str(folder)}, capture_output=True, text=True, check=False
    )


def test_the_contracts_hold() -> None:
    """The tree as it stands keeps every contract."""
    checked = lint(ROOT)

    assert checked.returncode == 0, checked.stdout


@pytest.fixture(scope="module")
def copy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tree of its own with our contracts: module names and imports are all that counts."""
    folder = tmp_path_factory.mktemp("tree")
    (folder / "pyproject.toml").write_text((ROOT / "pyproject.toml").read_text())
    for package in PACKAGES:
        for path in (ROOT / package).rglob("*.py"):
            copied = folder / path.relative_to(ROOT)
            copied.parent.mkdir(parents=True, exist_ok=True)
            copied.write_text(path.read_text())
    return folder


BREACHES = [
    ("schemas/topics.py", "import structlog", "schemas stay installable"),
    ("schemas/topics.py", "import infra.errors", "programs over infra"),
    ("infra/errors.py", "import processors.base", "programs over infra"),
    ("webhook_receiver/views.py", "import processors.registry", "programs over infra"),
    ("portal/app.py", "import processors.registry", "programs over infra"),
    ("portal/app.py", "import infra.transport.kafka", "adapters are chosen"),
    ("webhook_receiver/views.py", "import infra.database.engine", "the receiver uses no"),
    ("webhook_receiver/views.py", "import infra.settings", "settings are read"),
    ("webhook_receiver/publisher.py", "import infra.transport.kafka", "adapters are chosen"),
    ("processors/runtime/worker.py", "import infra.storage.s3", "adapters are chosen"),
    ("processors/call_events.py", "import infra.clock", "only the runtime"),
    ("processors/call_events.py", "import processors.chat_invitation", "the roots of processors"),
    ("processors/chat_invitation.py", "import processors.runtime.codec", "the roots of processors"),
    ("processors/cli.py", "import kafka", "kafka-python stays"),
    ("infra/archive/model.py", "import boto3", "boto3 stays"),
    ("infra/metrics.py", "import flask", "flask and granian"),
    ("processors/cli.py", "import sqlalchemy", "SQL is written"),
    ("processors/runtime/outbox.py", "import urllib3", "HTTP is spoken"),
]


def test_a_breach_is_noticed(copy: Path) -> None:
    """Every contract can fail: all of these breaches at once break all of them, each named."""
    for path, line, _ in BREACHES:
        with (copy / path).open("a") as file:
            file.write(f"\n{line}\n")

    told = re.sub(r"\s+", " ", lint(copy).stdout)

    for path, line, contract in BREACHES:
        name = next(name for name in contracts() if name.startswith(contract))
        assert f"{name} BROKEN" in told or f"{name}BROKEN" in told, contract
        importer = path.removesuffix(".py").replace("/", ".")
        assert f"{importer} -> {line.split()[1]}" in told, line


def contracts() -> list[str]:
    """The names of the contracts."""
    document = tomllib.loads((ROOT / "pyproject.toml").read_text())
    return [contract["name"] for contract in document["tool"]["importlinter"]["contracts"]]


def test_every_contract_has_its_breach() -> None:
    """A contract that no breach tries is one that may not work."""
    tried = tuple(contract for _, _, contract in BREACHES)

    assert [name for name in contracts() if not name.startswith(tried)] == []


@pytest.mark.parametrize(
    "code",
    ["import time\ntime.sleep(1)", "import time\ntime.time()", "import datetime\ndatetime.datetime.now(datetime.UTC)", "import os\nos.getenv('A')"],
)  # fmt: skip
def test_ruff_knows_what_is_banned(code: str) -> None:
    """Time comes from a Clock, settings from infra.settings."""
    ruff = [str(Path(sys.executable).parent / "ruff"), "check", "--select", "TID251", "--no-cache", "-"]

    checked = subprocess.run(
        [*ruff, "--stdin-filename", "processors/calls.py"],
        cwd=ROOT,
        input=code,
        capture_output=True,
        text=True,
        check=False,
    )

    assert "TID251" in checked.stdout
