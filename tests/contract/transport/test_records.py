"""Records: in their order, as they were produced, at their place and their time, and errors that say what is wrong."""

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest

from infra.errors import PermanentError
from infra.transport import Producer, Record, TopicPartition, Transport
from infra.transport.base import record_bytes
from tests.contract.transport.tools import (
    CLOCK,
    Join,
    MakeTopic,
    a_topic,
    put,
    take,
    until,
    values,
)


def test_records_of_one_key_come_in_the_order_they_were_produced(
    make_topic: MakeTopic, producer: Producer, join: Join
) -> None:
    """Same key, same partition, same order."""
    topic = make_topic(3)
    for number in range(10):
        for key in ("a", "b", "c"):
            put(producer, topic, f"{key}{number}", key)

    records = take(join(topic), 30)

    for key in ("a", "b", "c"):
        of_key = [record for record in records if record.key == key.encode()]
        assert values(of_key) == [f"{key}{number}" for number in range(10)]
        assert len({record.partition for record in of_key}) == 1


def test_a_record_comes_back_as_it_was_produced(make_topic: MakeTopic, producer: Producer, join: Join) -> None:
    """Key or none, headers in order and doubled, and any bytes survive; the time is now, in UTC."""
    topic = make_topic()
    headers = (("ce_id", b"1"), ("ce_id", b"2"), ("empty", b""), ("raw", bytes(range(256))))
    before = datetime.now(UTC) - timedelta(seconds=2)  # noqa: TID251 - compares with the real clock

    producer.produce(topic, key=None, headers=headers, value=b"\x00\xff\xfe", timeout_seconds=5)
    producer.produce(topic, key=b"\xff", headers=(), value=b"", timeout_seconds=5)
    first, second = take(join(topic), 2)

    assert (first.topic, first.key, first.headers, first.value) == (topic, None, headers, b"\x00\xff\xfe")
    assert (second.key, second.headers, second.value) == (b"\xff", (), b"")
    assert before < first.timestamp < before + timedelta(minutes=1)
    assert first.timestamp.tzinfo is UTC


def test_everything_says_so_after_close(transport: Transport, make_topic: MakeTopic, join: Join) -> None:
    """Use after close is an error of the caller's; closing twice is not."""
    topic = make_topic()
    producer, consumer = transport.producer(), join(topic)
    put(producer, topic, "a")
    take(consumer, 1)  # now it has made every connection: kafka-python leaves one that is being made to the garbage
    producer.close()
    producer.close()
    consumer.close()
    consumer.close()

    assert producer.ready() is False
    with pytest.raises(PermanentError):
        producer.produce(topic, key=None, headers=(), value=b"b", timeout_seconds=5)
    with pytest.raises(PermanentError):
        consumer.poll(0)
    with pytest.raises(PermanentError):
        consumer.commit({TopicPartition(topic, 0): 1})


def test_an_unknown_topic_is_a_permanent_error(transport: Transport, producer: Producer) -> None:
    """Every door says at once that the topic does not exist; no request waits for it to appear."""
    topic = f"test-{uuid4()}"
    began_at = CLOCK.monotonic()

    with pytest.raises(PermanentError):
        producer.produce(topic, key=None, headers=(), value=b"a", timeout_seconds=5)
    with pytest.raises(PermanentError):
        transport.consumer("group", [topic])
    with pytest.raises(PermanentError):
        transport.partitions(topic)
    with pytest.raises(PermanentError):
        transport.end_offsets(topic)
    with pytest.raises(PermanentError):
        transport.read(TopicPartition(topic, 0), 0)
    assert CLOCK.monotonic() - began_at < 4


def test_an_unknown_partition_is_a_permanent_error(transport: Transport, make_topic: MakeTopic) -> None:
    """Reading where there is no partition is not the same as reading at the end."""
    topic = make_topic()

    with pytest.raises(PermanentError):
        transport.read(TopicPartition(topic, 7), 0)


def test_the_largest_record_fits_and_one_byte_more_does_not(
    make_topic: MakeTopic, producer: Producer, join: Join
) -> None:
    """Key, headers and value together count against the topic's limit."""
    topic = make_topic()
    headers = tuple((f"ce_{number}", b"h" * 100) for number in range(20))
    value = bytes(a_topic().max_record_bytes - record_bytes(b"key", headers, b""))

    producer.produce(topic, key=b"key", headers=headers, value=value, timeout_seconds=5)
    with pytest.raises(PermanentError):
        producer.produce(topic, key=b"key", headers=headers, value=value + b"x", timeout_seconds=5)
    (record,) = take(join(topic), 1)

    assert record_bytes(record.key, record.headers, record.value) == a_topic().max_record_bytes


def test_small_batches_over_several_partitions_lose_nothing(
    make_topic: MakeTopic, producer: Producer, join: Join
) -> None:
    """Every record comes once when a poll takes fewer than have been fetched."""
    topic = make_topic(6)
    with ThreadPoolExecutor(16) as pool:
        list(pool.map(lambda number: put(producer, topic, str(number), str(number)), range(600)))
    consumer = join(topic)
    records: list[Record] = []

    def all_came() -> bool:
        found = consumer.poll(0.1, 20)
        assert len(found) <= 20
        records.extend(found)
        return len(records) >= 600

    until(all_came, "600 records in small batches")
    assert sorted(map(int, values(records))) == list(range(600))


def test_reading_at_a_place_needs_no_group(transport: Transport, make_topic: MakeTopic, producer: Producer) -> None:
    """From the offset on, as many as asked for; nothing at the end or behind it."""
    topic = make_topic()
    place = TopicPartition(topic, 0)
    assert transport.read(place, 0) == []
    for number in range(5):
        put(producer, topic, str(number))

    assert values(transport.read(place, 0)) == ["0", "1", "2", "3", "4"]
    assert values(transport.read(place, 3)) == ["3", "4"]
    assert values(transport.read(place, 1, max_records=2)) == ["1", "2"]
    assert [record.offset for record in transport.read(place, 2)] == [2, 3, 4]
    assert transport.read(place, 5) == []
    assert transport.read(place, 50) == []


def test_an_instant_has_its_offset(transport: Transport, make_topic: MakeTopic, producer: Producer) -> None:
    """The first record produced then or later; the end where there is none, and in an empty partition."""
    topic = make_topic()
    place = TopicPartition(topic, 0)
    assert transport.offset_at(place, CLOCK.now()) == 0
    for number in range(3):
        put(producer, topic, str(number))
        CLOCK.sleep(0.005)  # seconds; a log keeps times in whole milliseconds
    times = [record.timestamp for record in transport.read(place, 0)]

    assert transport.offset_at(place, times[0] - timedelta(days=1)) == 0
    assert [transport.offset_at(place, at) for at in times] == [0, 1, 2]
    assert transport.offset_at(place, times[1] + timedelta(microseconds=1)) == 2
    assert transport.offset_at(place, times[2] + timedelta(milliseconds=1)) == 3


def test_end_offsets_count_what_was_produced(transport: Transport, make_topic: MakeTopic, producer: Producer) -> None:
    """The end of a partition is the offset of its next record."""
    topic = make_topic(2)
    ends = transport.end_offsets(topic)
    assert sorted(ends) == [TopicPartition(topic, number) for number in range(transport.partitions(topic))]
    assert set(ends.values()) == {0}
    for number in range(6):
        put(producer, topic, str(number), str(number))

    assert sum(transport.end_offsets(topic).values()) == 6


def test_topics_are_made_once(transport: Transport) -> None:
    """Making topics tells which were missing; doing it again makes none."""
    topics = [a_topic(), a_topic()]

    made = transport.create_topics(topics)
    again = transport.create_topics(topics)

    assert sorted(made) == sorted(topic.name for topic in topics)
    assert again == []
    assert {topic.name for topic in topics} <= set(transport.topics())


def test_many_threads_share_one_producer(transport: Transport, make_topic: MakeTopic, producer: Producer) -> None:
    """Each produce stores its own record, once."""
    topic = make_topic()

    with ThreadPoolExecutor(16) as pool:
        list(pool.map(lambda number: put(producer, topic, str(number)), range(160)))
    records = transport.read(TopicPartition(topic, 0), 0)

    assert sorted(map(int, values(records))) == list(range(160))
    assert [record.offset for record in records] == list(range(160))
    assert producer.ready() is True
