"""Running: two threads a processor that start, stop and fail together, and leave the others alone."""

import sqlite3
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace

import pytest
from sqlalchemy import event

from infra.clock import SystemClock
from infra.errors import TransientError
from processors.runtime.runner import run
from processors.runtime.worker import _GRACE_SECONDS
from tests.unit.processors.runtime.bench import Bench, ListConsumer, Obedient, ask, publish

WAIT_SECONDS = 20.0  # everything here takes milliseconds on an idle machine


class Other(Obedient):
    """Another processor on the same log."""

    name = "other"


class Running:
    """`run` in a thread of its own, as a process would have it."""

    def __init__(self, bench: Bench, *processors: Obedient) -> None:
        self.stop = threading.Event()
        self.failures: list[str] = []
        self._world = replace(bench.world(), clock=SystemClock())
        self._processors = processors or (bench.processor,)
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def _run(self) -> None:
        self.failures = run(self._processors, self._world, self.stop)

    def end(self) -> None:
        """Ask it to stop and wait for that."""
        self.stop.set()
        self.join()

    def join(self) -> None:
        """Wait until it ends by itself."""
        self._thread.join(WAIT_SECONDS)
        assert not self._thread.is_alive(), "it did not end"


def wait_for(what: str, seen: Callable[[], object]) -> None:
    """Look until it is so, at a deadline."""
    clock = SystemClock()
    deadline = clock.monotonic() + WAIT_SECONDS
    while not seen():
        assert clock.monotonic() < deadline, f"waited in vain for {what}"
        clock.sleep(0.01)


@pytest.fixture
def start(bench: Bench) -> Iterator[Callable[..., Running]]:
    """Start processors; all of them are ended with the test."""
    started: list[Running] = []

    def begin(*processors: Obedient) -> Running:
        started.append(Running(bench, *processors))
        return started[-1]

    yield begin
    for one in started:
        one.end()


def test_an_effect_follows_its_record(bench: Bench, start: Callable[..., Running]) -> None:
    """Consumer and worker work side by side until they are told to stop."""
    bench.processor.orders["one"] = [publish(1)]
    bench.add("one")

    running = start()
    wait_for("the effect", lambda: bench.outside.performed)
    running.end()

    assert (running.failures, bench.consumer.committed) == ([], 1)


def test_a_braked_processor_does_not_start(bench: Bench, start: Callable[..., Running]) -> None:
    """It says what to do, reads nothing, and the others run."""
    brake = bench.brake()
    with pytest.raises(Exception, match="resume obedient"):
        brake.trip("a test says so")
    bench.add("one")

    other = Other()
    running = start(bench.processor, other)
    wait_for("the other to read", bench.heard)
    running.end()

    (reason,) = running.failures
    assert "python -m processors resume obedient" in reason


def test_it_ends_by_itself_when_none_is_left(bench: Bench, start: Callable[..., Running]) -> None:
    """The process does not stay behind as a shell; the brake's reason is what it ends with."""
    bench.processor.chokes_on["bad"] = RuntimeError
    for _ in range(5):
        bench.add("bad")

    running = start()
    running.join()

    (reason,) = running.failures
    assert "unexpected exceptions" in reason


def test_what_nobody_foresaw_ends_the_processor_with_its_kind(bench: Bench, start: Callable[..., Running]) -> None:
    """A consumer that breaks is no reason to go on half: the worker ends with it."""

    def poll() -> None:
        raise ZeroDivisionError

    bench.consumer.on_poll = poll

    running = start()
    running.join()

    assert running.failures == ["obedient ended by ZeroDivisionError: see the log"]


def test_one_poisoned_effect_stops_no_other(bench: Bench, start: Callable[..., Running]) -> None:
    """While one hangs and one breaks, the rest is performed."""
    hanging = threading.Event()
    bench.outside.work = lambda command: hanging.wait(WAIT_SECONDS) if command == ask(1, "hangs") else None
    bench.outside.errors[ask(1, "breaks").key] = [RuntimeError()]
    bench.processor.orders["one"] = [ask(1, "hangs"), ask(1, "breaks"), *(ask(1, f"{n}") for n in range(20))]
    bench.add("one")

    running = start()
    wait_for("the others", lambda: len(bench.outside.performed) == 20)
    hanging.set()
    wait_for("the one that hung", lambda: len(bench.outside.performed) == 21)
    running.end()

    assert running.failures == []


def test_a_stop_waits_for_what_is_in_hand(bench: Bench, start: Callable[..., Running]) -> None:
    """An effect under way is finished and recorded; what is not yet begun stays for the next process."""
    begun, go_on = threading.Event(), threading.Event()

    def work(_: object) -> None:
        begun.set()
        go_on.wait(WAIT_SECONDS)

    bench.outside.work = work
    bench.processor.orders["one"] = [ask(1), ask(2)]
    bench.add("one")
    running = start()
    assert begun.wait(WAIT_SECONDS)

    running.stop.set()
    go_on.set()
    running.end()

    assert bench.outside.performed == [ask(1)]
    assert bench.statuses() == ["done", "pending"]


def test_a_stop_does_not_wait_for_ever(bench: Bench) -> None:
    """What hangs is left after the grace time; its lease runs out and another process performs it."""
    hanging = threading.Event()
    bench.outside.work = lambda _: hanging.wait(WAIT_SECONDS)
    bench.processor.orders["one"] = [ask(1)]
    bench.hear("one")
    stop = threading.Event()
    stopping = threading.Thread(target=bench.worker.run, args=(stop,))
    stopping.start()
    wait_for("the effect to begin", lambda: bench.outside.tried)

    stop.set()
    wait_for("its end", lambda: bench.clock.advance(_GRACE_SECONDS + 1) or not stopping.is_alive())
    stopping.join(WAIT_SECONDS)

    assert not stopping.is_alive()
    assert bench.statuses() == ["leased"]
    hanging.set()
    wait_for("the thread to end", lambda: bench.statuses() == ["done"])


def test_the_worker_goes_on_when_the_database_comes_back(bench: Bench, start: Callable[..., Running]) -> None:
    """An outage while effects are looked for, or while their end is written, is waited out."""
    outages = iter(range(6))

    @event.listens_for(bench.engine, "before_cursor_execute")
    def refuse(_connection: object, _cursor: object, statement: str, *_: object) -> None:
        if "FROM effects" in statement and next(outages, None) is not None:
            raise sqlite3.OperationalError("disk I/O error")

    bench.processor.orders["one"] = [publish(1)]
    bench.add("one")
    running = start()
    wait_for("the effect", lambda: bench.outside.performed)
    running.end()

    assert running.failures == []


def test_two_processors_have_their_own_effects(bench: Bench, start: Callable[..., Running]) -> None:
    """The same record asked for by both is performed for both, and neither sees the other's state."""
    other = Other()
    bench.processor.orders["one"] = [publish(1)]
    other.orders["one"] = [publish(1)]
    bench.add("one")
    bench.transport.consumer = lambda *_: ListConsumer(bench.consumer.records)  # type: ignore[method-assign, assignment]

    running = start(bench.processor, other)
    wait_for("both effects", lambda: len(bench.outside.performed) == 2)
    running.end()

    assert running.failures == []
    assert bench.statuses() == ["done", "done"]


def test_a_transient_error_of_the_start_ends_it(bench: Bench, start: Callable[..., Running]) -> None:
    """Whoever starts processes starts it again; it does not hang half-open."""

    def consumer(*_: object) -> ListConsumer:
        raise TransientError("the log does not answer")

    bench.transport.consumer = consumer  # type: ignore[method-assign]

    running = start()
    running.join()

    assert running.failures == ["the log does not answer"]
