"""A portal with analysts."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.fakes.identity import FakeIdentityProvider
from tests.unit.portal.harness import Portal
from tests.unit.portal.reviews.review_world import World


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    """One registered call, flagged once, with its files in the archive."""
    portal = Portal(tmp_path, FakeIdentityProvider())
    made = World(portal)
    made.call()
    made.files()
    made.flag()
    yield made
    portal.close()
