"""What the log tells of the pipeline: the newest event, what nobody has read yet, what was set aside."""

from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta

from infra.database.status_queries import Place, StatusQueries
from infra.transport import Record, TopicPartition, Transport
from schemas.topics import QUARANTINE, TOPICS, all_topics

_JUST_AFTER = timedelta(milliseconds=1)  # the log's own precision
MOST_COUNTED = 500  # dead letters of one partition; more is said as "500 or more"


def processors() -> list[str]:
    """The names of all processors: those that have dead-letter topics of their own."""
    named = {topic.writers[0] for topic in all_topics() if topic.name.endswith(".dead-letter")}
    return sorted(named)


def last_record(transport: Transport, topic: str) -> Record | None:
    """Return the newest record of a topic; None when it holds none."""
    newest = [
        record
        for place, end in transport.end_offsets(topic).items()
        if end > 0
        for record in transport.read(place, end - 1, max_records=1)
    ]
    return max(newest, key=lambda record: record.timestamp, default=None)


def oldest_unread(transport: Transport, processor: str, read_until: Mapping[Place, datetime]) -> Record | None:
    """Return the oldest record that a processor has not taken; None when it is up to date."""
    names = [topic.name for topic in TOPICS if processor in topic.readers]
    unread = [
        record
        for name in names
        for place, end in transport.end_offsets(name).items()
        for record in _unread(transport, place, end, read_until.get((place.topic, place.partition)))
    ]
    return min(unread, key=lambda record: record.timestamp, default=None)


def dead_letters(transport: Transport, queries: StatusQueries) -> Mapping[str, int]:
    """Return how many records lie dead that nobody has seen to, by topic; none where there are none."""
    names = [name for name in transport.topics() if name.endswith(".dead-letter")]
    counts = {name: sum(1 for _ in _dead(transport, queries, name)) for name in names}
    return {name: count for name, count in counts.items() if count}


def quarantined(transport: Transport, since: datetime) -> int:
    """Return how many deliveries were put into quarantine since then."""
    ends = transport.end_offsets(QUARANTINE.name)
    return sum(end - transport.offset_at(place, since) for place, end in ends.items())


def _unread(transport: Transport, place: TopicPartition, end: int, read_until: datetime | None) -> Iterator[Record]:
    if end == 0:
        return
    offset = 0
    if read_until is not None:
        newest = transport.read(place, end - 1, max_records=1)
        if not newest or newest[0].timestamp <= read_until:
            return
        offset = transport.offset_at(place, read_until + _JUST_AFTER)
    yield from transport.read(place, offset, max_records=1)


def _dead(transport: Transport, queries: StatusQueries, topic: str) -> Iterator[Record]:
    settled = queries.settled(topic)
    for place, end in transport.end_offsets(topic).items():
        if end > 0:
            for record in transport.read(place, max(0, end - MOST_COUNTED), MOST_COUNTED):
                if (record.partition, record.offset, record.timestamp) not in settled:
                    yield record
