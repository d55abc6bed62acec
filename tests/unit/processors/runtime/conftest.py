"""The bench, one a test."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.unit.processors.runtime.bench import Bench


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    bench = Bench(tmp_path)
    yield bench
    bench.engine.dispose()
