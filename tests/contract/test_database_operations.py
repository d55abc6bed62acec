"""What operators ask of the database, on SQLite and on PostgreSQL: the same answers."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import Engine, insert, select

from infra.database.engine import migrate, open_database, reading, writing
from infra.database.status_queries import DeadEffects, Effects, StatusQueries
from infra.database.tables import audit, effects, handled, progress
from infra.transport import TopicPartition
from processors.runtime.brake import Brake, BrakedError
from processors.runtime.dead_list import Wanted, find_dead
from processors.runtime.redrive import Undertaker
from processors.runtime.skips import Skips
from processors.runtime.upkeep import Upkeep, prune_effects, prune_handled
from processors.runtime.watch import Watch
from schemas.topics import WEBHOOKS
from tests.databases import KINDS, database_of
from tests.fakes.clock import FakeClock
from tests.fakes.metrics import RecordingMetrics
from tests.fakes.transport import FakeTransport
from tests.unit.processors.runtime.bench import Obedient

pytestmark = pytest.mark.xdist_group("postgres")
NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
PLACE = TopicPartition(WEBHOOKS.name, 0)


@pytest.fixture(params=KINDS)
def engine(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Engine]:
    """A migrated database of either kind."""
    if request.param == "sqlite":
        yield from opened(f"sqlite:///{tmp_path / 'processors.db'}")
        return
    with database_of(request.getfixturevalue("postgres_url")) as url:
        yield from opened(url)


def opened(url: str) -> Iterator[Engine]:
    engine = open_database(url)
    migrate(engine)
    yield engine
    engine.dispose()


def effect(engine: Engine, number: int, **values: object) -> None:
    row = {
        "effect_id": f"effect-{number}",
        "processor": "obedient",
        "state_key": "1",
        "kind": "publish_event",
        "target": "stream",
        "command": "{}",
        "status": "pending",
        "due_at": datetime(1970, 1, 1, tzinfo=UTC),
        "attempts": 0,
        "created_at": NOON - timedelta(minutes=1),
    }
    with writing(engine) as connection:
        connection.execute(insert(effects).values({**row, **values}))


def test_effects_are_counted_alike(engine: Engine) -> None:
    """By the screen and by the gauges."""
    effect(engine, 1)
    effect(engine, 2, status="dead", error="refused 100 %")
    effect(engine, 3, due_at=NOON + timedelta(hours=1), attempts=1)
    with writing(engine) as connection:
        row = {"processor": "obedient", "topic": PLACE.topic, "partition": 0, "read_until": NOON - timedelta(hours=1)}
        connection.execute(insert(progress).values(**row))
    clock, metrics, queries = FakeClock(NOON), RecordingMetrics(), StatusQueries(engine)

    Upkeep(engine, Obedient(), clock, metrics, Watch("obedient", clock, metrics)).run_once()

    assert queries.effects("obedient", NOON) == Effects(1, NOON - timedelta(minutes=1), 1, 0)
    assert queries.dead_effects() == [DeadEffects("obedient", "publish_event", "refused 100 %", 1)]
    assert metrics.gauge("processor_lag_seconds", processor="obedient") == 3600
    assert metrics.gauge("processor_due_age_seconds", processor="obedient") == 60
    assert metrics.gauge("processor_effects_dead", processor="obedient") == 1


def test_a_session_without_recording_is_found(engine: Engine) -> None:
    """By what was published about it."""
    for number, session in enumerate(("lost", "missing")):
        command = f'{{"type": "call.ended", "data": "{{\\"session_id\\": \\"{session}\\"}}"}}'
        effect(engine, number, processor="call_events", command=command, status="done")
    command = '{"type": "call.recording_missing", "data": "{\\"session_id\\": \\"missing\\"}"}'
    effect(engine, 9, processor="call_events", command=command, status="done")

    assert StatusQueries(engine).sessions_without_archive(NOON - timedelta(days=1), NOON) == 1


def test_a_dead_effect_is_redriven_once_and_audited(engine: Engine) -> None:
    """In one transaction with its note."""
    effect(engine, 1, status="dead", error="refused")
    clock = FakeClock(NOON)
    transport = FakeTransport(clock)
    undertaker = Undertaker(engine, transport, clock, actor="tester", reason="")  # type: ignore[arg-type]
    (dead,) = find_dead(engine, transport, Wanted())  # type: ignore[arg-type]

    outcomes = [undertaker.redrive(dead, transport.producer()) for _ in range(2)]

    assert outcomes == ["redriven", "gone"]
    with reading(engine) as connection:
        assert connection.execute(select(audit.c.action)).scalars().all() == ["dead-letter redriven"]


def test_the_brake_and_what_is_skipped_are_kept(engine: Engine) -> None:
    """Where it stands, and the latest range."""
    brake = Brake(engine, "obedient", FakeClock(NOON))
    with pytest.raises(BrakedError):
        brake.trip("a bug", PLACE, 7)
    skips = Skips(engine, "obedient")
    skips.add(PLACE, range(1, 2))
    skips.add(PLACE, range(7, 9))

    standing = brake.standing()

    assert standing is not None
    assert (standing.place, standing.next_offset) == (PLACE, 7)
    assert skips.all() == {PLACE: range(7, 9)}


def test_what_was_handled_long_ago_is_forgotten(engine: Engine) -> None:
    """And nothing else."""
    row = {"processor": "obedient", "key": "k"}
    with writing(engine) as connection:
        old = [{**row, "event_id": f"{number}", "handled_at": NOON} for number in range(1200)]
        connection.execute(insert(handled), [*old, {**row, "event_id": "new", "handled_at": NOON + timedelta(days=1)}])

    assert prune_handled(engine, "obedient", NOON + timedelta(hours=1)) == 1200
    with reading(engine) as connection:
        assert connection.execute(select(handled.c.event_id)).scalars().all() == ["new"]


def test_effects_that_were_over_long_ago_are_forgotten_and_dead_ones_are_not(engine: Engine) -> None:
    """What people were told, links included, is not kept for good; what a person has to look at is."""
    row = {
        "processor": "obedient", "state_key": "k", "kind": "publish_event", "target": "t", "command": "{}",
        "due_at": NOON, "attempts": 0, "created_at": NOON,
    }  # fmt: skip
    ended = [
        ("done", NOON),
        ("superseded", NOON),
        ("dead", NOON),
        ("done", NOON + timedelta(days=1)),
        ("pending", None),
    ]
    with writing(engine) as connection:
        for number, (status, finished_at) in enumerate(ended):
            values = {**row, "effect_id": f"{number}", "status": status, "finished_at": finished_at}
            connection.execute(insert(effects).values(**values))

    assert prune_effects(engine, "obedient", NOON + timedelta(hours=1)) == 2
    with reading(engine) as connection:
        left = connection.execute(select(effects.c.effect_id).order_by(effects.c.effect_id)).scalars().all()
        assert left == ["2", "3", "4"]
