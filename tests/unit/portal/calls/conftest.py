"""A portal that can start calls."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from infra.database.engine import migrate, open_database
from tests.unit.portal.calls.calls_world import CallsWorld


@pytest.fixture
def world(tmp_path: Path) -> Iterator[CallsWorld]:
    """Over a SQLite file of its own, with two hosts."""
    engine = open_database(f"sqlite:///{tmp_path / 'calls.db'}")
    migrate(engine)
    yield CallsWorld(engine)
    engine.dispose()
