"""The relay: the spool empties into the log in order, whatever the log refuses and whenever it dies."""

import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from infra.errors import PermanentError, TransientError
from infra.transport.spool import Spool
from schemas.envelope import Envelope, Headers
from schemas.topics import QUARANTINE, WEBHOOKS
from tests.fakes.clock import FakeClock
from tests.fakes.metrics import RecordingMetrics
from tests.fakes.transport import FakeProducer, FakeTransport
from webhook_receiver import drain
from webhook_receiver.relay import Relay


class PickyProducer(FakeProducer):
    """Asks `rule` about topic and value before it takes a record; the rule raises what the log would."""

    def __init__(self, transport: FakeTransport, clock: FakeClock) -> None:
        super().__init__(transport.records, clock)
        self.rule: Callable[[str, bytes], None] = lambda topic, value: None

    def produce(self, topic: str, *, key: bytes | None, headers: Headers, value: bytes, timeout_seconds: float) -> None:
        self.rule(topic, value)
        super().produce(topic, key=key, headers=headers, value=value, timeout_seconds=timeout_seconds)


class World:
    """A relay between a real spool and a log in memory."""

    def __init__(self, path: Path) -> None:
        self.clock, self.metrics = FakeClock(), RecordingMetrics()
        self.transport = FakeTransport(self.clock)
        self.log = PickyProducer(self.transport, self.clock)
        self.spool = Spool(path, self.clock)
        self.relay = self.new_relay()

    def new_relay(self, *, topics_are_there: bool = True) -> Relay:
        return Relay(self.spool, self.log, self.metrics, self.clock, lambda: topics_are_there)

    def put(self, value: bytes, key: bytes | None = b"key", topic: str = WEBHOOKS.name) -> None:
        envelope = Envelope(
            id=value.decode(), source="/zoom", type="us.zoom.x", data=value, extensions={"zoomsecret": "ab"}
        )
        self.spool.put(topic, key=key, headers=envelope.headers(), value=value, timeout_seconds=5)

    def drain(self) -> None:
        while self.relay.step():
            pass

    def arrived(self, topic: str = WEBHOOKS.name) -> list[bytes]:
        return [record.value for record in self.transport.records[topic]]


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    made = World(tmp_path / "receiver.db")
    yield made
    made.spool.close()


def test_records_arrive_whole_and_in_order(world: World) -> None:
    """What waits goes to its topic with key and headers, first in first out by key, and the spool is empty."""
    for number in range(20):
        world.put(b"%d" % number, key=b"%d" % (number % 3))

    world.drain()

    arrived = world.transport.records[WEBHOOKS.name]
    for key in range(3):
        assert [int(record.value) for record in arrived if record.key == b"%d" % key] == list(range(key, 20, 3))
    assert dict(arrived[0].headers)["ce_id"] == arrived[0].value
    assert world.spool.state().records == 0
    assert world.metrics.counted("webhook_relayed_total", to="log") == 20


def test_records_wait_when_the_log_is_down(world: World) -> None:
    """An outage loses nothing, is probed with one record at a time, and is over as soon as the log answers."""
    tried: list[bytes] = []

    def down(topic: str, value: bytes) -> None:
        tried.append(value)
        raise TransientError("down")

    world.put(b"1")
    world.put(b"2", key=b"other")
    world.log.rule = down
    during = [world.relay.step() for _ in range(3)]
    available = world.metrics.gauge("webhook_log_available")
    world.log.rule = lambda topic, value: None
    world.drain()

    assert during == [False] * 3
    assert (tried, available) == ([b"1"] * 3, 0)
    assert world.arrived() == [b"1", b"2"]
    assert world.metrics.gauge("webhook_log_available") == 1


def test_order_is_kept_when_the_log_fails_in_between(world: World) -> None:
    """No later record of a key passes one that failed."""
    fails = iter([False, False, True, False, True])

    def shaky(topic: str, value: bytes) -> None:
        if next(fails, False):
            raise TransientError("shaky")

    for number in range(6):
        world.put(b"%d" % number)
    world.log.rule = shaky
    for _ in range(6):
        world.drain()

    assert world.arrived() == [b"0", b"1", b"2", b"3", b"4", b"5"]


def test_record_goes_to_the_quarantine_when_refused_for_good(world: World) -> None:
    """One bad record stops no other; it is kept with the reason, redrivable."""

    def refuses(topic: str, value: bytes) -> None:
        if topic == WEBHOOKS.name and value == b"bad":
            raise PermanentError("too large")

    for value in (b"1", b"bad", b"2"):
        world.put(value)
    world.log.rule = refuses
    with capture_logs() as lines:
        world.drain()

    (record,) = world.transport.records[QUARANTINE.name]
    envelope = Envelope.from_record(record.headers, record.value)
    assert (record.value, envelope.extensions) == (b"bad", {"quarantinereason": "refused_by_log", "zoomsecret": "ab"})
    assert world.arrived() == [b"1", b"2"]
    assert world.spool.state().records == 0
    assert world.metrics.counted("webhook_relayed_total", to="quarantine") == 1
    assert [line["event"] for line in lines] == ["relay.quarantined", "spool.emptied"]


@pytest.mark.parametrize("topic", [WEBHOOKS.name, QUARANTINE.name])
def test_record_is_kept_aside_when_the_quarantine_refuses_it_too(world: World, topic: str) -> None:
    """It stops no other, is counted, and is tried once more by the next process."""

    def refuses(topic: str, value: bytes) -> None:
        if value == b"bad":
            raise PermanentError("not allowed")

    world.put(b"bad", topic=topic)
    world.put(b"good")
    world.log.rule = refuses
    world.drain()
    aside, arrived = world.spool.state().aside, world.arrived()
    world.log.rule = lambda topic, value: None
    world.relay = world.new_relay()
    world.drain()

    assert (aside, arrived) == (1, [b"good"])
    assert world.metrics.counted("webhook_relayed_total", to="aside") == 1
    assert b"bad" in world.arrived(topic)
    assert world.spool.state().aside == 0


def test_record_waits_when_the_quarantine_is_down(world: World) -> None:
    """Refused here and not answered there: it stays where it is safe."""

    def refuses(topic: str, value: bytes) -> None:
        raise PermanentError("refused") if topic == WEBHOOKS.name else TransientError("down")

    world.put(b"bad")
    world.log.rule = refuses

    assert world.relay.step() is False
    assert world.spool.state().records == 1


def test_nothing_is_sent_twice_when_deleting_fails(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """A full disk may stop a delete: it is tried again before anything else is sent."""
    remove = world.spool.remove
    fails = iter([True, True])

    def failing(offsets: list[int]) -> None:
        if next(fails, False):
            raise TransientError("full")
        remove(offsets)

    monkeypatch.setattr(world.spool, "remove", failing)
    world.put(b"1")
    steps = [world.relay.step() for _ in range(3)]

    assert steps == [False, False, False]
    assert world.arrived() == [b"1"]
    assert world.spool.state().records == 0


def test_nothing_is_sent_when_the_topics_may_be_missing(world: World) -> None:
    """A fresh cluster refuses everything until its topics are made: that is not for good."""
    world.put(b"1")

    assert world.new_relay(topics_are_there=False).step() is False
    assert world.spool.state().records == 1


def test_stop_brings_what_it_can_and_leaves_the_rest(world: World) -> None:
    """Within the grace time the relay goes on; then it ends, and what is left stays in the spool."""
    for number in range(3):
        world.put(b"%d" % number)
    taken = threading.Event()

    def slow(topic: str, value: bytes) -> None:
        taken.set()
        world.clock.advance(3)

    world.log.rule = slow
    world.relay.start()
    taken.wait(10)
    world.relay.stop(grace_seconds=4)

    left = world.spool.state().records
    assert 0 < len(world.arrived()) <= 3
    assert len(world.arrived()) + left == 3


def test_relay_goes_on_when_it_met_a_bug(world: World) -> None:
    """A bug is told and tried again: the thread that would end is the only one that empties the spool."""
    met, over = threading.Event(), threading.Event()

    def buggy(topic: str, value: bytes) -> None:
        if not met.is_set():
            met.set()
            raise ZeroDivisionError
        over.set()

    world.put(b"1")
    world.log.rule = buggy
    world.relay.start()
    went_on = over.wait(10)
    world.relay.stop(grace_seconds=1)

    assert went_on
    assert world.arrived() == [b"1"]


def test_drain_ends_when_the_spool_is_empty(world: World) -> None:
    """Everything is in the log, and that is said."""
    for number in range(3):
        world.put(b"%d" % number)

    outcome = drain.run(world.relay, world.spool, world.clock)

    assert (outcome.empty, outcome.text) == (True, "the spool is empty")
    assert len(world.arrived()) == 3


def test_drain_says_what_stays_when_the_log_is_down(world: World) -> None:
    """After half a minute without progress it gives up, and says how much waits and for how long."""
    world.put(b"1")
    world.clock.advance(600)
    world.log.fail(TransientError("down"))

    outcome = drain.run(world.relay, world.spool, world.clock)

    assert not outcome.empty
    assert outcome.text == "1 records wait for the log, the oldest for 10 min"


def test_drain_says_what_no_topic_takes(world: World) -> None:
    """Records kept aside are no empty spool."""
    world.put(b"bad")
    world.log.fail(PermanentError("refused"))

    outcome = drain.run(world.relay, world.spool, world.clock)

    assert not outcome.empty
    assert outcome.text == "1 are kept aside because no topic takes them"
