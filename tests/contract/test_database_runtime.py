"""What the runtime asks of its database, on SQLite and on PostgreSQL: nothing twice, nothing lost, whoever works at once."""

import json
import threading
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, func, select, text, update

from infra.database.engine import migrate, open_database, reading, writing
from infra.database.tables import effects, handled, progress, states
from infra.errors import TransientError
from infra.transport import Record
from processors.base import Event
from processors.runtime.brake import Brake, BrakedError
from processors.runtime.codec import load
from processors.runtime.inbox import Inbox
from processors.runtime.outbox import LEASE, Leased, Outbox
from processors.runtime.progress import Progress
from processors.runtime.together import Together
from tests.databases import KINDS, database_of, run_on
from tests.fakes.clock import FakeClock
from tests.property.runtime_world import PLACE, Collector, Facts

pytestmark = pytest.mark.xdist_group("postgres")
NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
MEMBERS = 4  # processes of one processor, each with an engine of its own
EVERYTHING = datetime(9999, 1, 1, tzinfo=UTC)  # every timer is due


@pytest.fixture(params=KINDS)
def url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """A migrated database of either kind."""
    if request.param == "sqlite":
        yield migrated(f"sqlite:///{tmp_path / 'processors.db'}")
        return
    with database_of(request.getfixturevalue("postgres_url")) as made:
        yield migrated(made)


def migrated(url: str) -> str:
    engine = open_database(url)
    migrate(engine)
    engine.dispose()
    return url


@pytest.fixture
def members(url: str) -> Iterator[Sequence[Engine]]:
    """What each of several processes has of the database."""
    engines = [open_database(url) for _ in range(MEMBERS)]
    yield engines
    for engine in engines:
        engine.dispose()


@pytest.fixture
def engine(members: Sequence[Engine]) -> Engine:
    return members[0]


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock(NOON)


def at_once(members: Sequence[Engine], work: Callable[[Engine], Any]) -> list[Any]:
    """Let all members work at the same time; return what each returned."""
    together = threading.Barrier(len(members))

    def start(engine: Engine) -> Any:
        together.wait(30)
        return work(engine)

    with ThreadPoolExecutor(len(members)) as threads:
        return list(threads.map(start, members))


def noted(number: int, key: str = "a") -> Event:
    return Event(id=f"{key}-{number}", type="number", recorded_at=NOON, data={"key": key, "number": number})


def facts(engine: Engine, key: str) -> Facts:
    with reading(engine) as connection:
        return load(Facts, connection.execute(select(states.c.document).where(states.c.key == key)).scalar_one())


def statuses(engine: Engine) -> Counter[str]:
    with reading(engine) as connection:
        return Counter(connection.execute(select(effects.c.status)).scalars())


def test_workers_at_once_perform_everything_once_and_in_order(members: Sequence[Engine], clock: FakeClock) -> None:
    """Each effect is leased by one of them; per target, one at a time and in the order of insertion."""
    inbox = Inbox(members[0], Collector(), clock)
    for number in range(12):
        inbox.take(noted(number, "abc"[number % 3]), "abc"[number % 3])
    seen: list[Leased] = []
    busy: set[str] = set()
    collisions: list[str] = []
    lock = threading.Lock()

    def work(engine: Engine) -> None:
        outbox = Outbox(engine, Collector.name, clock)
        idle = 0
        while idle < 3:
            leased = outbox.lease(2, EVERYTHING)
            idle = 0 if leased else idle + 1
            for one in leased:
                target = target_of(engine, one)
                with lock:
                    collisions.extend([target] if target in busy else [])
                    busy.add(target)
                    seen.append(one)
                with writing(engine) as connection:
                    with lock:
                        busy.discard(target)
                    assert outbox.finish(connection, one, "done")

    at_once(members, work)
    while left := Outbox(members[0], Collector.name, clock).lease(2, EVERYTHING):  # whoever was last may have left some
        for one in left:
            seen.append(one)
            with writing(members[0]) as connection:
                Outbox(members[0], Collector.name, clock).finish(connection, one, "done")

    counts = statuses(members[0])
    assert max(Counter(one.effect_id for one in seen).values()) == 1
    assert set(counts) <= {"done", "superseded"}
    assert counts["done"] == len(seen) >= 12 * 3  # published, woken and told; of chat messages only the newest
    assert collisions == []
    assert in_order(members[0], seen)


def target_of(engine: Engine, one: Leased) -> str:
    with reading(engine) as connection:
        return str(
            connection.execute(select(effects.c.target).where(effects.c.effect_id == one.effect_id)).scalar_one()
        )


def in_order(engine: Engine, seen: Sequence[Leased]) -> bool:
    """Whether of every target the effects were leased by their position."""
    with reading(engine) as connection:
        rows = connection.execute(select(effects.c.effect_id, effects.c.target, effects.c.position)).all()
    places = {row.effect_id: (row.target, row.position) for row in rows}
    by_target: dict[str, list[int]] = defaultdict(list)
    for one in seen:
        target, position = places[one.effect_id]
        by_target[target].append(position)
    return all(positions == sorted(positions) for positions in by_target.values())


def test_members_at_once_decide_about_one_key_without_losing_any(members: Sequence[Engine], clock: FakeClock) -> None:
    """Whoever was overtaken decides again, on what the other wrote."""
    numbers = iter(range(40))
    lock = threading.Lock()

    def work(engine: Engine) -> None:
        inbox = Inbox(engine, Collector(), clock)
        for _ in range(40 // MEMBERS):
            with lock:
                number = next(numbers)
            while not _taken(inbox, number):
                pass

    at_once(members, work)

    assert facts(members[0], "a").seen == list(range(40))
    assert facts(members[0], "a").revision == 40
    with reading(members[0]) as connection:
        assert connection.execute(select(func.count()).select_from(handled)).scalar_one() == 40


def _taken(inbox: Inbox, number: int) -> bool:
    """As the consumer does: what the database does not take now is tried again."""
    try:
        inbox.take(noted(number), "a")
    except TransientError:
        return False
    return True


def test_an_event_is_decided_once_when_all_members_take_it(members: Sequence[Engine], clock: FakeClock) -> None:
    """The others see that it is handled."""
    outcomes = at_once(members, lambda engine: Inbox(engine, Collector(), clock).take(noted(1), "a"))

    assert sorted(outcome.handled_before for outcome in outcomes) == [False, True, True, True]
    assert sum(outcome.effects for outcome in outcomes) == 4
    assert facts(members[0], "a").revision == 1


def test_members_at_once_decide_together_without_overtaking_each_other(
    members: Sequence[Engine], clock: FakeClock
) -> None:
    """Whatever order their batches have: one waits for another's, and decides about what that one left."""
    keys = "abcd"
    Together(members[0], Collector(), clock).take([(noted(0, key), key) for key in keys])
    numbers = iter(range(1, MEMBERS + 1))

    def work(engine: Engine) -> None:
        number = next(numbers)
        order = keys if number % 2 else keys[::-1]
        Together(engine, Collector(), clock).take([(noted(number, key), key) for key in order])

    at_once(members, work)

    assert [facts(members[0], key).seen for key in keys] == [[0, 1, 2, 3, 4]] * len(keys)


def test_events_are_decided_once_when_all_members_take_them_together(
    members: Sequence[Engine], clock: FakeClock
) -> None:
    """Doubles in one batch or in another's are told as such."""
    pairs = [(noted(number), "a") for number in (1, 2, 1)]
    outcomes = at_once(members, lambda engine: Together(engine, Collector(), clock).take(pairs))

    handled_before = [tuple(outcome.handled_before for outcome in taken) for taken in outcomes]
    assert sorted(handled_before) == [(False, False, True), *[(True, True, True)] * (MEMBERS - 1)]
    assert facts(members[0], "a").revision == 2


def test_what_is_asked_for_together_is_what_is_asked_for_alone(engine: Engine, clock: FakeClock) -> None:
    """Once each, the newest content of a slot alone, in the order of asking; what had died is tried anew."""
    together = Together(engine, Collector(), clock)
    together.take([(noted(number), "a") for number in (1, 2, 3)])
    assert statuses(engine) == {"pending": 10, "superseded": 2}
    with writing(engine) as connection:
        connection.execute(update(effects).where(effects.c.kind == "publish_event").values(status="dead", error="no"))
        connection.execute(update(effects).where(effects.c.status == "pending").values(status="done"))

    with writing(engine) as connection:
        again = Event("again", "number", NOON, {"key": "a", "number": 1})
        together.decide(connection, [(again, "a"), (again, "a")])

    assert statuses(engine) == {"pending": 2, "superseded": 3, "dead": 2, "done": 7}
    with reading(engine) as connection:
        published = select(effects.c.command).where(effects.c.kind == "publish_event").order_by(effects.c.position)
        commands = connection.execute(published).scalars().all()
    assert [json.loads(command)["event_id"] for command in commands] == ["a-1", "a-2", "a-3"]


def test_effects_that_end_together_are_done_each_with_its_result(engine: Engine, clock: FakeClock) -> None:
    """A lease that was lost among them is found out: then the caller writes none of them."""
    Inbox(engine, Collector(), clock).take(noted(1), "a")
    outbox = Outbox(engine, Collector.name, clock)
    leased = outbox.lease(10, EVERYTHING)
    lost = replace(leased[0], lease="another's")

    with writing(engine) as connection:
        assert not outbox.finish_all(connection, [(lost, None, "{}"), (leased[1], None, "{}")])
    with writing(engine) as connection:
        connection.execute(update(effects).values(status="leased", lease=leased[0].lease))
        ended = [(one, NOON if number else None, f'{{"number": {number}}}') for number, one in enumerate(leased)]
        assert outbox.finish_all(connection, ended)

    with reading(engine) as connection:
        rows = {row.effect_id: row for row in connection.execute(select(effects))}
    assert [rows[one.effect_id].result for one in leased] == [result for _, _, result in ended]
    assert {(row.status, row.finished_at, row.lease) for row in rows.values()} == {("done", NOON, None)}


def test_a_decision_on_an_old_state_is_made_again(postgres_url: str, clock: FakeClock) -> None:
    """Somebody wrote the state in between: the version tells. On SQLite nobody can, a writer is alone."""
    with database_of(postgres_url) as url:
        engine = open_database(migrated(url))
        Inbox(engine, Collector(), clock).take(noted(1), "a")
        seen: list[list[int]] = []

        class Overtaken(Collector):
            def decide(self, event: Event, state: Facts | None) -> Any:
                seen.append(list(state.seen) if state else [])
                if len(seen) == 1:
                    Inbox(engine, Collector(), clock).take(noted(2), "a")
                return super().decide(event, state)

        Inbox(engine, Overtaken(), clock).take(noted(3), "a")

        assert seen == [[1], [1, 2]]
        assert facts(engine, "a").seen == [1, 2, 3]
        engine.dispose()


def test_an_effect_that_died_is_tried_anew_when_asked_for_again(engine: Engine, clock: FakeClock) -> None:
    """One that is done stays done, and counts for nothing new."""
    inbox = Inbox(engine, Collector(), clock)
    inbox.take(noted(1), "a")
    with writing(engine) as connection:
        connection.execute(update(effects).where(effects.c.kind == "publish_event").values(status="dead", error="no"))
        connection.execute(update(effects).where(effects.c.kind != "publish_event").values(status="done"))

    with writing(engine) as connection:
        outcome = inbox.decide(connection, Event("again", "number", NOON, {"key": "a", "number": 1}), "a")

    assert outcome.effects == 2  # the one that had died, and the chat message of a new revision
    assert statuses(engine) == {"pending": 2, "done": 3}


def test_a_lost_lease_is_found_out(members: Sequence[Engine], clock: FakeClock) -> None:
    """A worker that was too slow cannot end what another has leased since."""
    Inbox(members[0], Collector(), clock).take(noted(1), "a")
    slow, quick = (Outbox(member, Collector.name, clock) for member in members[:2])
    (first, *_) = slow.lease(1, None)
    clock.advance(LEASE.total_seconds() + 1)
    (second, *_) = quick.lease(1, None)

    with writing(members[0]) as connection:
        late = slow.finish(connection, first, "done")
    with writing(members[1]) as connection:
        in_time = quick.finish(connection, second, "done")

    assert first.effect_id == second.effect_id
    assert (late, in_time) == (False, True)


def test_renewed_and_put_off_effects_wait(engine: Engine, clock: FakeClock) -> None:
    """A renewed lease holds on; what was put off is not due before its time."""
    Inbox(engine, Collector(), clock).take(noted(1), "a")
    outbox = Outbox(engine, Collector.name, clock)
    held, other, *rest = outbox.lease(8, None)
    clock.advance(LEASE.total_seconds() - 1)
    outbox.renew([held])
    for one in rest:
        outbox.put_off(one, clock.now() + timedelta(hours=1), "later", newest_only=False)
    clock.advance(2)

    assert outbox.put_off(other, clock.now() + timedelta(hours=1), "later", newest_only=False)
    assert not outbox.lease(8, None)


def test_progress_never_moves_back(members: Sequence[Engine], clock: FakeClock) -> None:
    """Whoever writes last, the furthest mark stands; timers wait while a partition was not read at all."""
    for engine, minutes in zip(members[:2], (5, 1), strict=True):
        marks = Progress(engine, "one", clock)
        marks.read(Record(PLACE.topic, PLACE.partition, 0, NOON + timedelta(minutes=minutes), None, (), b""))
        marks.write(durable=True)

    outbox = Outbox(members[0], "one", clock)

    assert outbox.read_until(1) == NOON + timedelta(minutes=5)
    assert outbox.read_until(2) is None
    with reading(members[0]) as connection:
        assert connection.execute(select(func.count()).select_from(progress)).scalar_one() == 1


def test_a_brake_that_two_trip_is_on_once(members: Sequence[Engine], clock: FakeClock) -> None:
    """It stays on for everybody until one person resumes it."""

    def trip(engine: Engine) -> None:
        with pytest.raises(BrakedError):
            Brake(engine, "one", clock).trip("a bug")

    at_once(members, trip)

    assert Brake(members[1], "one", clock).release() is True
    assert Brake(members[2], "one", clock).release() is False
    Brake(members[3], "one", clock).check()


def test_a_decision_cut_off_by_the_server_is_made_again(postgres_url: str, clock: FakeClock) -> None:
    """Killed inside its transaction it leaves nothing; the next try decides."""
    with database_of(postgres_url) as url:
        engine = open_database(migrated(url))
        cuts = iter([True])

        class Cut(Collector):
            def decide(self, event: Event, state: Facts | None) -> Any:
                if next(cuts, False):
                    others = "datname = current_database() AND pid <> pg_backend_pid()"
                    run_on(url, f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE {others}")  # noqa: S608 # a constant
                return super().decide(event, state)

        inbox = Inbox(engine, Cut(), clock)

        with pytest.raises(TransientError):
            inbox.take(noted(1), "a")

        assert statuses(engine) == {}
        assert inbox.take(noted(1), "a").handled_before is False
        assert facts(engine, "a").revision == 1
        engine.dispose()


def test_a_deadlock_can_be_tried_again(postgres_url: str, clock: FakeClock) -> None:
    """PostgreSQL ends one of the two, who may try again; the other goes on."""
    with database_of(postgres_url) as url:
        engine = open_database(migrated(f"{url}?options=-c%20deadlock_timeout%3D100ms"))
        for name in "ab":
            with pytest.raises(BrakedError):
                Brake(engine, name, clock).trip("")
        together = threading.Barrier(2)

        def cross(first: str, second: str) -> bool:
            try:
                with writing(engine) as connection:
                    lock = text("UPDATE brakes SET reason = 'crossed' WHERE processor = :name")
                    connection.execute(lock, {"name": first})
                    together.wait(30)
                    connection.execute(lock, {"name": second})
            except TransientError:
                return False
            return True

        with ThreadPoolExecutor(2) as threads:
            ends = list(threads.map(cross, "ab", "ba"))

        assert sorted(ends) == [False, True]
        engine.dispose()
