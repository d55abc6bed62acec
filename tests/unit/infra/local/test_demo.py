"""The demo empties its folder, and nobody else's."""

from pathlib import Path

import pytest

from infra.errors import ConfigurationError
from infra.local.demo import empty_folder


def test_a_folder_of_somebody_else_is_kept(tmp_path: Path) -> None:
    """A slip in `--folder` must not cost a home folder."""
    (tmp_path / "thesis.txt").touch()

    with pytest.raises(ConfigurationError, match="not an earlier demo's"):
        empty_folder(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.txt"]


def test_a_file_is_kept(tmp_path: Path) -> None:
    """It is told as what it is: not a folder."""
    file = tmp_path / "file"
    file.touch()

    with pytest.raises(ConfigurationError, match="cannot be emptied"):
        empty_folder(file)
    assert file.exists()


@pytest.mark.parametrize("mark", ["s3", "log.db"])
def test_an_earlier_demos_folder_is_emptied(tmp_path: Path, mark: str) -> None:
    """Also one that was made before there was a mark of its own."""
    (tmp_path / mark).touch()
    (tmp_path / "receiver.log").touch()

    empty_folder(tmp_path)

    assert [path.name for path in tmp_path.iterdir()] == [".demo"]


def test_a_demo_that_ended_early_can_be_repeated(tmp_path: Path) -> None:
    """The mark is there before anything else."""
    folder = tmp_path / "var" / "demo"
    empty_folder(folder)
    (folder / "postgres.log").touch()

    empty_folder(folder)

    assert [path.name for path in folder.iterdir()] == [".demo"]
