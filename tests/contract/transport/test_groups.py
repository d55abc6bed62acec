"""Consumer groups: who reads what, from where, and what happens when members come, go and die."""

from infra.transport import Producer, Record, TopicPartition, Transport
from tests.contract.transport.tools import (
    CLOCK,
    Join,
    MakeTopic,
    commit_all,
    owns,
    poll_at_once,
    put,
    started,
    take,
    until,
    values,
)


def test_a_group_goes_on_where_it_committed_and_others_are_not_moved(
    make_topic: MakeTopic, producer: Producer, join: Join
) -> None:
    """A committed offset is the next record to read, for that group alone."""
    topic = make_topic()
    for number in range(4):
        put(producer, topic, str(number))
    first = join(topic)
    records = take(first, 4)
    first.commit({records[1].place: records[1].offset + 1})
    first.close()

    assert values(take(join(topic), 2)) == ["2", "3"]
    assert values(take(join(topic, "other"), 4)) == ["0", "1", "2", "3"]


def test_records_are_delivered_again_when_a_member_dies_before_it_commits(
    url: str, make_topic: MakeTopic, producer: Producer, join: Join
) -> None:
    """What was polled but not committed belongs to the next owner, also when the first one was killed."""
    topic = make_topic()
    for number in range(3):
        put(producer, topic, str(number))
    member = started(
        """
        import sys
        from infra.clock import SystemClock
        from infra.settings import TransportSettings
        from infra.transport.connect import connect
        url, group, topic = sys.argv[1:]
        consumer = connect(TransportSettings(url), SystemClock()).consumer(group, [topic])
        count = 0
        while True:
            count += len(consumer.poll(0.1))
            if count == 3:
                print("polled", flush=True)
                count = 0
        """,
        url,
        f"group-{topic}",
        topic,
    )
    with member:
        assert member.stdout is not None
        assert member.stdout.readline() == "polled\n"
        waiting = join(topic)
        assert waiting.poll(0.5) == []
        member.kill()

    assert values(take(waiting, 3)) == ["0", "1", "2"]


def test_two_members_of_a_group_share_its_records(
    transport: Transport, make_topic: MakeTopic, producer: Producer, join: Join
) -> None:
    """Each record comes to one member, once."""
    topic = make_topic(4)
    members = [join(topic), join(topic)]
    shares = ([2, 2],) if transport.partitions(topic) == 4 else ([1, 0], [0, 1])

    def settled() -> bool:
        assert [list(found) for found in poll_at_once(*members)] == [[], []]
        return [len(member.assignment()) for member in members] in shares

    until(settled, "the partitions are shared")
    for number in range(40):
        put(producer, topic, str(number), key=str(number))
    records: list[Record] = []

    def all_came() -> bool:
        for member in members:
            found = member.poll(0.05)
            commit_all(member, found)
            records.extend(found)
        return len(records) >= 40

    until(all_came, "40 records at two members")
    records += [record for member in members for record in member.poll(0.3)]

    assert sorted(map(int, values(records))) == list(range(40))


def test_another_member_takes_over_at_once_when_one_closes(
    make_topic: MakeTopic, producer: Producer, join: Join
) -> None:
    """Closing leaves the group: nobody waits for a lease or a session to run out."""
    topic = make_topic()
    first, second = join(topic), join(topic)
    put(producer, topic, "a")
    commit_all(first, take(first, 1))
    second.poll(0.2)

    first.close()
    closed_at = CLOCK.monotonic()
    put(producer, topic, "b")
    records = take(second, 1)

    assert values(records)[-1] == "b"
    assert CLOCK.monotonic() - closed_at < 8  # seconds; a lease and a session last 10


def test_a_commit_for_a_partition_of_another_member_is_left_alone(
    make_topic: MakeTopic, producer: Producer, join: Join
) -> None:
    """A member cannot move the group in a partition that it does not own."""
    topic = make_topic()
    owner, other = join(topic), join(topic)
    put(producer, topic, "a")
    owned = {owner: 0, other: 0}

    def settled() -> bool:
        poll_at_once(owner, other)
        owned.update({member: len(member.assignment()) for member in (owner, other)})
        return sorted(owned.values()) == [0, 1]

    until(settled, "one of two members owns the partition")
    idle = owner if owned[owner] == 0 else other

    idle.commit({TopicPartition(topic, 0): 1})
    owner.close()
    other.close()

    assert values(take(join(topic), 1)) == ["a"]


def test_the_assignment_tells_whether_everything_was_polled(
    make_topic: MakeTopic, producer: Producer, join: Join
) -> None:
    """True only when no record is left in the partition, also right after one was produced."""
    topic = make_topic()
    place = TopicPartition(topic, 0)
    consumer = join(topic)
    assert consumer.assignment() in ({}, {place: True})
    owns(consumer)
    assert consumer.assignment() == {place: True}

    put(producer, topic, "a")
    put(producer, topic, "b")
    assert consumer.assignment() == {place: False}
    take(consumer, 1, max_records=1)
    assert consumer.assignment() == {place: False}
    take(consumer, 1, max_records=1)
    assert consumer.assignment() == {place: True}


def test_a_member_reads_again_from_where_it_seeks(make_topic: MakeTopic, producer: Producer, join: Join) -> None:
    """Seek moves this member alone; a place that it does not own is left alone."""
    topic = make_topic()
    for number in range(4):
        put(producer, topic, str(number))
    consumer = join(topic)
    take(consumer, 4)

    before = consumer.assignment()

    consumer.seek(TopicPartition(topic, 0), 2)
    consumer.seek(TopicPartition("elsewhere", 0), 2)

    assert before == {TopicPartition(topic, 0): True}
    assert consumer.assignment() == {TopicPartition(topic, 0): False}
    assert values(take(consumer, 2)) == ["2", "3"]
    assert consumer.assignment() == {TopicPartition(topic, 0): True}
