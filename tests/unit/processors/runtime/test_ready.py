"""What is leased inside the transactions that ask for effects, and what becomes of it when the worker stops."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from infra.database.engine import writing
from processors.runtime.outbox import Outbox
from processors.runtime.ready import Ready
from tests.unit.processors.runtime.bench import Bench, ask, chat, publish, wake

THREADS = 2


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    bench = Bench(tmp_path)
    yield bench
    bench.engine.dispose()


@pytest.fixture
def outbox(bench: Bench) -> Outbox:
    return Outbox(bench.engine, bench.processor.name, bench.clock)


@pytest.fixture
def ready(outbox: Outbox) -> Ready:
    ready = Ready(outbox, THREADS)
    ready.open()
    return ready


def commit(bench: Bench, ready: Ready) -> None:
    """End a transaction of the runtime."""
    with writing(bench.engine) as connection:
        ready.lease_due(connection)


def fail_to_commit(bench: Bench, ready: Ready) -> None:
    with writing(bench.engine) as connection:
        ready.lease_due(connection)
        raise ZeroDivisionError


def test_a_committed_transaction_hands_over_what_is_due(bench: Bench, ready: Ready) -> None:
    """Timers are not: they wait for what the inputs say."""
    bench.processor.orders["one"] = [ask(1), wake(minutes=-60)]
    bench.hear("one")

    commit(bench, ready)

    assert ready.news.is_set()
    assert [one.kind for one in ready.begin()] == [ask(1).kind]
    assert sorted(bench.statuses()) == ["leased", "pending"]


def test_a_transaction_that_fails_hands_over_nothing(bench: Bench, ready: Ready) -> None:
    """What it leased is rolled back with it, and due for the next."""
    bench.processor.orders["one"] = [ask(1)]
    bench.hear("one")

    with pytest.raises(ZeroDivisionError):
        fail_to_commit(bench, ready)

    assert not ready.news.is_set()
    assert bench.statuses() == ["pending"]
    commit(bench, ready)
    assert len(ready.begin()) == 1


def test_without_a_worker_nothing_is_leased(bench: Bench, outbox: Outbox) -> None:
    """A replay, a test or a stopped member decides, and leaves the work to others."""
    bench.processor.orders["one"] = [ask(1)]
    bench.hear("one")
    ready = Ready(outbox, THREADS)

    commit(bench, ready)

    assert bench.statuses() == ["pending"]


def test_no_more_than_the_threads_are_leased_of_what_takes_long(bench: Bench, ready: Ready) -> None:
    """Until effects are known to be quick, others may be free for them; what is left is looked for as soon as one ends."""
    bench.processor.orders["one"] = [ask(1, f"session-{number}") for number in range(5)]
    bench.hear("one")

    commit(bench, ready)
    begun = list(ready.begin())
    commit(bench, ready)

    assert (len(begun), sorted(bench.statuses())) == (THREADS, ["leased"] * 2 + ["pending"] * 3)
    assert ready.is_more()
    ready.news.clear()
    assert ready.follow(begun[0]) is None
    assert ready.news.is_set()
    ready.look(None)
    assert len(ready.begin()) == 1


def test_quick_effects_are_leased_ahead(bench: Bench, ready: Ready) -> None:
    """Each thread goes on with the next one without asking the database."""
    for _ in range(40):
        ready.took(0.001)
    bench.processor.orders["one"] = [ask(1, f"session-{number}") for number in range(5)]
    bench.hear("one")

    commit(bench, ready)
    first, second = ready.begin()

    assert bench.statuses() == ["leased"] * 5
    assert not ready.is_more()
    following = [ready.follow(first), ready.follow(second)]
    assert len({one.state_key + one.effect_id for one in following if one is not None}) == 2
    assert len(ready.all()) == 3
    assert len(ready.held()) == 2


def test_the_end_of_one_hands_over_the_next_on_its_target(bench: Bench, ready: Ready, outbox: Outbox) -> None:
    """In one transaction; while the first was under way, the second was not to be had."""
    bench.processor.orders["one"] = [ask(1), ask(2)]
    bench.hear("one")
    commit(bench, ready)
    (first,) = ready.begin()

    with writing(bench.engine) as connection:
        assert outbox.finish(connection, first, "done")
        ready.lease_due(connection)

    following = ready.follow(first)
    assert following is not None
    assert bench.statuses() == ["done", "leased"]


def test_what_is_not_begun_at_a_stop_is_given_back(bench: Bench, ready: Ready) -> None:
    """Also what a transaction leased that was under way then."""
    bench.processor.orders["one"] = [ask(1)]
    bench.hear("one")
    commit(bench, ready)
    bench.processor.orders["two"] = [publish(1)]
    bench.hear("two")

    with writing(bench.engine) as connection:
        ready.lease_due(connection)
        assert ready.all()
    ready.close()

    assert bench.statuses() == ["pending", "pending"]
    assert ready.begin() == []


def test_a_transaction_that_outlives_the_worker_gives_back(
    bench: Bench, ready: Ready, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The worker closed between the lease and the commit."""
    bench.processor.orders["one"] = [chat(1)]
    bench.hear("one")

    with writing(bench.engine) as connection:
        ready.lease_due(connection)
        monkeypatch.setattr(ready, "_open", False)

    assert bench.statuses() == ["pending"]
