"""How far a group has read each partition, in time: what its timers wait for."""

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Engine
from sqlalchemy.dialects import postgresql, sqlite

from infra.clock import Clock
from infra.database.engine import writing
from infra.database.tables import progress
from infra.transport import Record, TopicPartition

_EVERY = timedelta(seconds=1)  # how old what timers know may be
# A record gets its time stamp before it is in the log: the receiver waits up to 2.3 s for that (design 5), so an idle
# partition counts as read only up to a little before now.
_IN_FLIGHT = timedelta(seconds=3)


def _upsert(dialect: Any) -> Any:
    row = dialect.insert(progress)
    return row.on_conflict_do_update(
        index_elements=[progress.c.processor, progress.c.topic, progress.c.partition],
        set_={"read_until": row.excluded.read_until},
        where=progress.c.read_until < row.excluded.read_until,
    )


_UPSERT = {"sqlite": _upsert(sqlite), "postgresql": _upsert(postgresql)}


class Progress:
    """One member's marks. Belongs to one thread."""

    def __init__(self, engine: Engine, processor: str, clock: Clock) -> None:
        self._engine = engine
        self._processor = processor
        self._clock = clock
        self._marks: dict[TopicPartition, datetime] = {}
        self._written_at: datetime | None = None

    def is_due(self) -> bool:
        """Whether the marks that timers see have grown old."""
        return self._written_at is None or self._clock.now() - self._written_at >= _EVERY

    def read(self, record: Record) -> None:
        """This record, and so everything before it in its partition, has been taken."""
        self._mark(record.place, record.timestamp)

    def idle(self, places: Iterable[TopicPartition], asked_at: datetime) -> None:
        """There was nothing left to read in these partitions at some instant after `asked_at`."""
        for place in places:
            self._mark(place, asked_at - _IN_FLIGHT)

    def write(self, *, durable: bool) -> None:
        """Let timers see the marks. With `durable` it is also the flush that makes all decisions before it survive a power cut.

        Raises:
            TransientError: the database does not take it.
        """
        row = {"processor": self._processor}
        rows = [
            {**row, "topic": place.topic, "partition": place.partition, "read_until": read_until}
            for place, read_until in self._marks.items()
        ]
        if rows:
            with writing(self._engine, durable=durable) as connection:
                connection.execute(_UPSERT[connection.dialect.name], rows)
        self._marks.clear()
        self._written_at = self._clock.now()

    def _mark(self, place: TopicPartition, read_until: datetime) -> None:
        self._marks[place] = max(self._marks.get(place, read_until), read_until)
