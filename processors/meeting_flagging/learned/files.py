"""The learned detector's files in a policy's folder: `learned/` with the model, its concepts and its vectors."""

import hashlib
from pathlib import Path

from processors.meeting_flagging.learned.concepts import read_concepts
from processors.meeting_flagging.learned.features import Reader
from processors.meeting_flagging.learned.model import CONCEPTS, MODEL, VECTORS, Model, read_model
from processors.meeting_flagging.learned.vectors import read_vectors


def load(folder: Path) -> Model:
    """Load the model of a policy's folder.

    Raises:
        ValueError: a file is not there, or not what it should be.
    """
    return read_model(_bytes(folder, MODEL), load_reader(folder))


def load_reader(folder: Path) -> Reader:
    """Load what the model reads by: concepts and vectors.

    Raises:
        ValueError: as for load.
    """
    vectors = read_vectors(_bytes(folder, VECTORS))
    return Reader(read_concepts(_bytes(folder, CONCEPTS).decode(), vectors.is_word), vectors)


def digest(folder: Path) -> str:
    """Return a hash of the learned detector's files; of none, where there are none."""
    total = hashlib.sha256()
    for path in sorted((folder / "learned").glob("*")):
        total.update(f"{path.name} ".encode() + hashlib.sha256(path.read_bytes()).digest())
    return total.hexdigest()


def _bytes(folder: Path, name: str) -> bytes:
    try:
        return (folder / "learned" / name).read_bytes()
    except OSError as error:
        raise ValueError(f"{name} cannot be read") from error
