"""A portal over an empty database, asked as a program would."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.unit.portal.harness import Portal


@pytest.fixture
def portal(tmp_path: Path) -> Iterator[Portal]:
    """One with a token for every scope."""
    made = Portal(tmp_path)
    yield made
    made.close()
