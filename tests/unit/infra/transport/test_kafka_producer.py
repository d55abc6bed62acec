"""The fence around kafka-python's producer: nothing hangs, nothing grows without end, nothing stays wedged."""

import threading
from collections.abc import Callable, Iterator
from typing import Any
from unittest.mock import Mock

import pytest
from kafka.errors import KafkaTimeoutError, MessageSizeTooLargeError

from infra.errors import PermanentError, TransientError
from infra.transport.breaker import FAILURES
from infra.transport.kafka_producer import IN_FLIGHT_BYTES, STALL_SECONDS, KafkaLogProducer
from schemas.topics import MAX_RECORD_BYTES
from tests.fakes.clock import FakeClock

WAIT_SECONDS = 5  # for another thread, which needs milliseconds


class FakeFuture:
    """A send's outcome: acknowledged, or nothing ever."""

    def __init__(self, acknowledged: bool) -> None:
        self._acknowledged = acknowledged

    def add_both(self, callback: Callable[..., None]) -> None:
        if self._acknowledged:
            callback()

    def get(self, timeout: float) -> None:
        if not self._acknowledged:
            raise KafkaTimeoutError


class FakeKafka:
    """A client that keeps what it was given, and acknowledges or fails as it is told."""

    def __init__(self) -> None:
        self.sent: list[Any] = []
        self.acknowledges = True
        self.error: Exception | None = None
        self.closed = threading.Event()

    def send(self, topic: str, value: bytes, key: bytes | None, headers: list[tuple[str, bytes]]) -> FakeFuture:
        if self.error is not None:
            raise self.error
        self.sent.append((topic, value, key, headers))
        return FakeFuture(self.acknowledges)

    def close(self, timeout: float) -> None:
        self.closed.set()


class FakeCluster:
    """Knows one topic; answers or not."""

    def __init__(self) -> None:
        self.answering = True

    def partitions(self, topic: str, within_ms: int) -> int:
        if topic != "topic":
            raise PermanentError(f"there is no topic {topic}")
        return 6

    def answers(self) -> bool:
        return self.answering


class StillClock(FakeClock):
    """Only `advance` moves it: threads that look again and again must not age the client."""

    def sleep(self, seconds: float) -> None:
        threading.Event().wait(0.001)


class Bench:
    """A producer with everything around it in the test's hand."""

    def __init__(self) -> None:
        self.clock = StillClock()
        self.cluster = FakeCluster()
        self.clients: list[FakeKafka] = []
        self.refuse_connections = False
        self.connect_error: Exception | None = None
        self.producer = KafkaLogProducer(self.cluster, self._make, self.clock)  # type: ignore[arg-type]

    def _make(self) -> FakeKafka:
        if self.refuse_connections:
            raise KafkaTimeoutError
        if self.connect_error is not None:
            raise self.connect_error
        self.clients.append(FakeKafka())
        return self.clients[-1]

    def produce(self, topic: str = "topic", value: bytes = b"value") -> None:
        self.producer.produce(topic, key=b"key", headers=(("name", b"1"),), value=value, timeout_seconds=1)

    def fail(self, times: int) -> None:
        for _ in range(times):
            with pytest.raises(TransientError):
                self.produce()
            self.look_out()

    def look_out(self) -> None:
        """Let the thread that looks out for the outage's end come to its result."""
        for thread in threading.enumerate():
            if thread.name == "kafka-look-out":
                thread.join(WAIT_SECONDS)


@pytest.fixture
def bench() -> Iterator[Bench]:
    made = Bench()
    yield made
    made.producer.close()


def test_a_record_reaches_the_client_as_it_was_given(bench: Bench) -> None:
    """Key, headers and value; the client is made once."""
    bench.produce()
    bench.produce()

    assert [client.sent for client in bench.clients] == [[("topic", b"value", b"key", [("name", b"1")])] * 2]


def test_an_outage_is_answered_at_once_after_a_few_failures(bench: Bench) -> None:
    """While one call probes, the others do not touch the client."""
    bench.produce()
    client = bench.clients[0]
    client.acknowledges = False
    bench.fail(FAILURES)
    sent = len(client.sent)
    refused = []
    original = client.send

    def send_while_others_try(*arguments: Any) -> FakeFuture:
        for _ in range(5):
            with pytest.raises(TransientError, match="acknowledges nothing"):
                bench.produce()
            refused.append(1)
        return original(*arguments)

    client.send = send_while_others_try  # type: ignore[method-assign]
    bench.fail(1)

    assert len(refused) == 5
    assert len(client.sent) == sent + 1


def test_the_outage_ends_with_the_first_acknowledgement(bench: Bench) -> None:
    """No waiting period is left over."""
    bench.produce()
    bench.clients[0].acknowledges = False
    bench.fail(FAILURES + 2)

    bench.clients[0].acknowledges = True
    bench.produce()
    bench.produce()

    assert len(bench.clients) == 1


def test_a_wedged_client_is_replaced_when_the_cluster_answers(bench: Bench) -> None:
    """It acknowledged nothing for longer than a fail-over takes: the next record goes through a new one."""
    bench.produce()
    bench.clients[0].acknowledges = False
    bench.clock.advance(STALL_SECONDS + 1)

    bench.fail(1)
    assert bench.clients[0].closed.wait(WAIT_SECONDS)
    bench.produce()

    assert len(bench.clients) == 2


def test_a_client_is_kept_when_the_cluster_does_not_answer(bench: Bench) -> None:
    """Then the client is not to blame."""
    bench.produce()
    asked = threading.Event()
    bench.cluster.answers = lambda: asked.set() or False  # type: ignore[method-assign]
    bench.clients[0].acknowledges = False
    bench.clock.advance(STALL_SECONDS + 1)

    bench.fail(1)
    assert asked.wait(WAIT_SECONDS)
    bench.clients[0].acknowledges = True
    bench.produce()

    assert len(bench.clients) == 1


def test_what_is_on_its_way_is_limited(bench: Bench) -> None:
    """The client itself would hold any amount."""
    bench.produce()
    client = bench.clients[0]
    client.acknowledges = False
    value = bytes(MAX_RECORD_BYTES // 2)
    for _ in range(3 * IN_FLIGHT_BYTES // len(value)):
        with pytest.raises(TransientError):
            bench.produce(value=value)
        bench.look_out()

    held = sum(len(value) for _, value, _, _ in client.sent)

    assert IN_FLIGHT_BYTES * 0.9 < held <= IN_FLIGHT_BYTES


def test_errors_of_the_caller_do_not_count_as_an_outage(bench: Bench) -> None:
    """Unknown topics and records that are too large leave the way open for others."""
    bench.produce()
    for _ in range(FAILURES + 1):
        with pytest.raises(PermanentError):
            bench.produce(topic="elsewhere")
        with pytest.raises(PermanentError):
            bench.produce(value=bytes(MAX_RECORD_BYTES + 1))
        bench.clients[0].error = MessageSizeTooLargeError()
        with pytest.raises(PermanentError):
            bench.produce()
        bench.clients[0].error = None

    bench.produce()

    assert len(bench.clients[0].sent) == 2


def test_connecting_is_tried_again_with_the_next_record(bench: Bench) -> None:
    """A cluster that was down at the start is found when it comes."""
    bench.refuse_connections = True
    bench.fail(2)
    assert bench.producer.ready() is False

    bench.refuse_connections = False
    bench.produce()

    assert bench.producer.ready() is True


def test_connecting_is_tried_again_after_an_error_nobody_expected(bench: Bench) -> None:
    """A start that ends in a bug's error is over all the same."""
    bench.connect_error = MemoryError()
    bench.fail(1)

    bench.connect_error = None
    bench.produce()

    assert len(bench.clients) == 1


def test_calls_probe_again_after_an_error_nobody_expected_in_the_look_out(bench: Bench) -> None:
    """A look-out that ends in a bug's error hands over to the next call, and the one after to a new look-out."""
    bench.produce()
    bench.clients[0].acknowledges = False
    answers = bench.cluster.answers
    bench.cluster.answers = Mock(side_effect=MemoryError)  # type: ignore[method-assign]
    bench.fail(FAILURES + 1)

    bench.cluster.answers = answers  # type: ignore[method-assign]
    bench.clients[0].acknowledges = True
    bench.produce()

    assert len(bench.clients[0].sent) == FAILURES + 3


def test_a_wedged_client_is_looked_at_again_after_an_error_nobody_expected(bench: Bench) -> None:
    """The watchdog's own failure does not end the watch."""
    bench.produce()
    bench.clients[0].acknowledges = False
    bench.clock.advance(STALL_SECONDS + 1)
    answers = bench.cluster.answers
    bench.cluster.answers = Mock(side_effect=MemoryError)  # type: ignore[method-assign]
    bench.fail(1)
    for thread in threading.enumerate():
        if thread.name == "kafka-watchdog":
            thread.join(WAIT_SECONDS)

    bench.cluster.answers = answers  # type: ignore[method-assign]
    bench.fail(1)

    assert bench.clients[0].closed.wait(WAIT_SECONDS)


def test_ready_says_whether_the_cluster_answers_now(bench: Bench) -> None:
    """The answer is at most a second old."""
    assert bench.producer.ready() is True
    bench.cluster.answering = False
    bench.clock.advance(1.1)

    assert bench.producer.ready() is False


def test_the_client_is_closed_with_the_producer(bench: Bench) -> None:
    """And nothing is produced any more."""
    bench.produce()
    bench.producer.close()

    assert bench.clients[0].closed.is_set()
    assert bench.producer.ready() is False
    with pytest.raises(PermanentError):
        bench.produce()
