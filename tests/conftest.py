"""What every test may use: the owner's material, and real parts that are skipped by one sentence where they are missing."""

import os
from pathlib import Path

import pytest

SHARED = Path(__file__).resolve().parents[2] / "shared"


def missing(reason: str) -> None:
    """Skip with one sentence; in CI a missing real part is a failure."""
    if os.environ.get("CI") == "true":
        pytest.fail(reason)
    pytest.skip(reason)


@pytest.fixture(scope="session")
def shared() -> Path:
    """The owner's material beside the project."""
    if not SHARED.is_dir():
        missing("../shared is not here: this test reads the owner's recorded Zoom bodies")
    return SHARED
