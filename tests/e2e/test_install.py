"""`make install` without the network: what is missing is one sentence."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[2] / "infra" / "local" / "install.sh"
TOOLS = ("sh", "rm", "mkdir", "touch", "ln")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A PATH with the shell's own tools and nothing else."""
    folder = tmp_path / "bin"
    folder.mkdir()
    for tool in TOOLS:
        found = shutil.which(tool)
        assert found is not None
        (folder / tool).symlink_to(found)
    return folder


def put(path: Path, name: str, script: str) -> None:
    """Put a program on the PATH."""
    program = path / name
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(0o755)


def install(tmp_path: Path, path: Path) -> subprocess.CompletedProcess[str]:
    (tmp_path / "work").mkdir(exist_ok=True)
    return subprocess.run(
        ["/bin/sh", SCRIPT, "requirements.lock"],
        cwd=tmp_path / "work",
        env={"PATH": str(path), "HOME": os.environ.get("HOME", "/")},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def sentence(done: subprocess.CompletedProcess[str]) -> str:
    """The one line that it ended with."""
    assert done.returncode == 1
    (line,) = done.stderr.splitlines()
    assert line.startswith("error: ")
    return line


def test_no_python_is_one_sentence(tmp_path: Path, path: Path) -> None:
    """It says which version is needed and where it comes from; nothing was made."""
    assert "Python 3.11 or newer" in sentence(install(tmp_path, path))
    assert not (tmp_path / "work" / ".venv").exists()


def test_an_old_python_is_one_sentence(tmp_path: Path, path: Path) -> None:
    """Pythons that fail the check of their version are as good as none, under whatever name they go."""
    for name in ("python", "python3", "python3.11"):
        put(path, name, "exit 1")

    assert "Python 3.11 or newer" in sentence(install(tmp_path, path))


def test_a_new_enough_python_is_found_among_old_ones(tmp_path: Path, path: Path) -> None:
    """`python3` may be too old while `python3.12` is there; a folder that cannot be made is one sentence too."""
    put(path, "python3", "exit 1")
    put(path, "python3.12", '[ "$1" = -m ] && exit 1; exit 0')

    assert "the virtual environment could not be made" in sentence(install(tmp_path, path))


def test_packages_that_cannot_be_fetched_are_one_sentence(tmp_path: Path, path: Path) -> None:
    """What could not be installed is named by its lock file."""
    put(
        path,
        "python3",
        'if [ "$2" = venv ]; then mkdir -p .venv/bin && ln -s "$0" .venv/bin/python; fi; [ "$2" != pip ]',
    )

    done = install(tmp_path, path)

    assert done.returncode == 1
    assert "error: the packages of requirements.lock could not be installed" in done.stderr


def test_an_environment_of_an_old_python_is_made_anew(tmp_path: Path, path: Path) -> None:
    """What is in .venv is used only when it is new enough."""
    old = tmp_path / "work" / ".venv" / "bin"
    old.mkdir(parents=True)
    put(old, "python", "exit 1")
    put(path, "python3", '[ "$1" = -m ] && exit 1; exit 0')

    sentence(install(tmp_path, path))

    assert not old.exists()
