"""Records that a person has skipped: they go to the dead letters without being decided."""

from collections.abc import Collection, Mapping
from typing import Any

from sqlalchemy import Engine, select
from sqlalchemy.dialects import postgresql, sqlite

from infra.database.engine import reading, writing
from infra.database.tables import skips
from infra.transport import TopicPartition, Transport
from processors.runtime.codec import type_of


class Skips:
    """One processor's skipped ranges, one a partition: the latest. Every method raises TransientError when the database fails."""

    def __init__(self, engine: Engine, processor: str) -> None:
        self._engine = engine
        self._processor = processor

    def add(self, place: TopicPartition, offsets: range) -> None:
        """Skip these offsets of a partition, in every member that starts from now on."""
        key = {"processor": self._processor, "topic": place.topic, "partition": place.partition}
        bounds = {"from_offset": offsets.start, "until_offset": offsets.stop}
        with writing(self._engine, durable=True) as connection:
            dialect: Any = postgresql if connection.dialect.name == "postgresql" else sqlite
            statement = dialect.insert(skips).values(**key, **bounds)
            connection.execute(statement.on_conflict_do_update(index_elements=list(key), set_=bounds))

    def all(self) -> Mapping[TopicPartition, range]:
        """Return what to skip, by partition."""
        with reading(self._engine) as connection:
            rows = connection.execute(select(skips).where(skips.c.processor == self._processor)).all()
        return {TopicPartition(row.topic, row.partition): range(row.from_offset, row.until_offset) for row in rows}


def next_of_interest(
    transport: Transport, place: TopicPartition, offset: int, types: Collection[str | None], count: int
) -> tuple[range, int]:
    """Return the offsets from `offset` on that hold the next `count` records of these types, and how many there are."""
    begin, found = offset, 0
    while found < count and (records := transport.read(place, offset)):
        for record in records:
            offset = record.offset + 1
            found += type_of(record) in types
            if found == count:
                break
    return range(begin, offset), found
