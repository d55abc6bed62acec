"""Many at once ask for calls, on both databases: one call a key, one call a host."""

from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier

import pytest
from sqlalchemy import Engine

from infra.database.engine import migrate, open_database
from tests.databases import KINDS, database_of
from tests.unit.portal.calls.calls_world import CallsWorld

AT_ONCE = 8


@pytest.fixture(params=KINDS)
def engine(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Engine]:
    if request.param == "sqlite":
        engine = open_database(f"sqlite:///{tmp_path / 'calls.db'}")
        migrate(engine)
        yield engine
        engine.dispose()
        return
    with database_of(request.getfixturevalue("postgres_url")) as url:
        engine = open_database(url)
        migrate(engine)
        yield engine
        engine.dispose()


def _together(world: CallsWorld, keys: list[str]) -> Counter[int]:
    barrier = Barrier(len(keys))

    def ask(key: str) -> int:
        client = world.app.test_client()
        headers = {"Authorization": "Bearer " + world.token, "Idempotency-Key": key}
        barrier.wait(30)
        return client.post("/api/calls", json=world.request(), headers=headers).status_code

    with ThreadPoolExecutor(len(keys)) as pool:
        return Counter(pool.map(ask, keys))


def test_one_key_is_one_call(engine: Engine, tmp_path: Path) -> None:
    """Whoever comes second waits for its turn or gets the first one's answer."""
    world = CallsWorld(tmp_path, engine)

    statuses = _together(world, ["the-key"] * AT_ONCE)

    assert statuses[201] == 1
    assert set(statuses) <= {200, 201, 409}
    assert len(world.made()) == 1
    world.check()


def test_a_host_is_given_once(engine: Engine, tmp_path: Path) -> None:
    """Of eight calls at once, five hosts take five; the others are told to wait, and leave nothing."""
    world = CallsWorld(tmp_path, engine, hosts=[f"host-{number}" for number in range(5)])

    statuses = _together(world, [f"key-{number}" for number in range(AT_ONCE)])

    assert statuses == {201: 5, 503: 3}
    assert len(world.leased()) == len(set(world.leased().values())) == len(world.made()) == 5
    world.clock.advance(600)
    assert world.desk.sweep.run().abandoned == 3
    world.check()
