"""Several processes on one log, killed writers, and a broker that goes and comes back: what was promised is there."""

import threading
from pathlib import Path
from uuid import uuid4

import pytest

from infra.errors import TransientError
from infra.settings import TransportSettings
from infra.transport import Producer, TopicPartition, Transport
from infra.transport.connect import connect
from tests.contract.conftest import started_broker
from tests.contract.transport.tools import CLOCK, MakeTopic, a_topic, started, until, values

WRITER = """
    import sys
    from infra.clock import SystemClock
    from infra.settings import TransportSettings
    from infra.transport.connect import connect
    url, topic, name, count = sys.argv[1:]
    producer = connect(TransportSettings(url), SystemClock()).producer()
    for number in range(int(count)):
        producer.produce(topic, key=None, headers=(), value=f"{name}{number}".encode(), timeout_seconds=10)
        print(f"{name}{number}", flush=True)
    producer.close()
"""


@pytest.mark.parametrize("url", ["sqlite"], indirect=True)
def test_two_processes_write_one_embedded_log(url: str, transport: Transport, make_topic: MakeTopic) -> None:
    """Both processes' records are there, each one's in its order, at contiguous offsets."""
    topic = make_topic()

    writers = [started(WRITER, url, topic, name, "100") for name in ("a", "b")]
    for writer in writers:
        writer.communicate(timeout=60)
    records = transport.read(TopicPartition(topic, 0), 0)

    assert [record.offset for record in records] == list(range(200))
    for name in ("a", "b"):
        assert [value for value in values(records) if value[0] == name] == [f"{name}{number}" for number in range(100)]


@pytest.mark.parametrize("url", ["sqlite"], indirect=True)
def test_the_embedded_log_keeps_what_a_killed_writer_was_promised(
    url: str, transport: Transport, make_topic: MakeTopic
) -> None:
    """kill -9 of the writer loses nothing that produce returned for."""
    topic = make_topic()

    with started(WRITER, url, topic, "a", "1000000") as writer:
        assert writer.stdout is not None
        acknowledged = [writer.stdout.readline().strip() for _ in range(50)]
        writer.kill()
        acknowledged += [line.strip() for line in writer.stdout if line.endswith("\n")]
    records = transport.read(TopicPartition(topic, 0), 0, max_records=100_000)

    assert set(acknowledged) <= set(values(records))
    assert values(records) == [f"a{number}" for number in range(len(records))]


@pytest.mark.kafka
def test_a_broker_that_stops_and_starts_wedges_no_producer_and_loses_nothing(tmp_path: Path) -> None:
    """In the outage answers come at once; after it the next record is acknowledged within seconds; what was, is there."""
    broker = started_broker(tmp_path)
    transport = connect(TransportSettings(f"kafka://{broker.bootstrap_servers}"), CLOCK)
    (topic,) = transport.create_topics([a_topic(3)])
    producer = transport.producer()
    load = Load(producer, topic)
    try:
        until(lambda: len(load.acknowledged) > 50, "records acknowledged before the outage")
        broker.stop()
        until(lambda: load.refused > 200, "quick refusals in the outage")
        in_outage = len(load.acknowledged)
        broker.start()
        back_at = CLOCK.monotonic()
        until(lambda: len(load.acknowledged) > in_outage, "a record acknowledged after the outage")
        recovered_seconds = CLOCK.monotonic() - back_at
        until(lambda: len(load.acknowledged) > in_outage + 50, "records acknowledged again")
        load.stop()
        stored = everything(transport, topic)
    finally:
        load.stop()
        producer.close(1)
        broker.stop()

    assert set(load.acknowledged) <= set(stored)
    assert recovered_seconds < 5
    assert load.slowest_seconds < 4  # 1.5 s for the call and what two shared cores add


def everything(transport: Transport, topic: str) -> list[str]:
    """All values of a topic."""
    found = []
    for place, end in transport.end_offsets(topic).items():
        offset = 0
        while offset < end:
            records = transport.read(place, offset)
            found += values(records)
            offset = records[-1].offset + 1
    return found


class Load:
    """Threads that produce without a pause, as a receiver under traffic does."""

    def __init__(self, producer: Producer, topic: str) -> None:
        self.acknowledged: list[str] = []
        self.refused = 0
        self.slowest_seconds = 0.0
        self._producer = producer
        self._topic = topic
        self._ended = threading.Event()
        self._threads = [threading.Thread(target=self._run) for _ in range(4)]
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        self._ended.set()
        for thread in self._threads:
            thread.join()

    def _run(self) -> None:
        while not self._ended.wait(0.01):
            value = str(uuid4())
            began_at = CLOCK.monotonic()
            try:
                self._producer.produce(
                    self._topic, key=value.encode(), headers=(), value=value.encode(), timeout_seconds=1.5
                )
                self.acknowledged.append(value)
            except TransientError:
                self.refused += 1
            self.slowest_seconds = max(self.slowest_seconds, CLOCK.monotonic() - began_at)
