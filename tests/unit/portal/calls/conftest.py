"""A portal that can start calls."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.unit.portal.calls.calls_world import CallsWorld
from tests.unit.portal.harness import Portal


@pytest.fixture
def world(tmp_path: Path) -> Iterator[CallsWorld]:
    """Over a SQLite file of its own, with two hosts."""
    engine = Portal.opened(tmp_path)
    yield CallsWorld(tmp_path, engine)
    engine.dispose()
