"""What lies dead: records in the dead-letter topics and effects that were given up, in one list."""

import hashlib
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from sqlalchemy import Engine, select

from infra.database.engine import reading
from infra.database.tables import effects, settled
from infra.transport import Record, TopicPartition, Transport

DEAD_LETTER_SUFFIX = ".dead-letter"  # of every topic that schemas.topics.dead_letter names
_MARK = "dead_letter_"  # what the headers of a dead letter begin with


@dataclass(frozen=True, slots=True)
class Dead:
    """One of them. `kind` is the event's or the command's type, `cause` equal for what failed alike."""

    id: str
    what: Literal["record", "effect"]
    processor: str
    kind: str
    cause: str
    reason: str
    meeting: str | None
    died_at: datetime


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which of them; what is None or empty does not matter."""

    ids: frozenset[str] = frozenset()
    processor: str | None = None
    cause: str | None = None
    kind: str | None = None
    meeting: str | None = None

    def takes(self, dead: Dead) -> bool:
        """Whether this is one of them; a cause may be given by its first digits."""
        return (
            (not self.ids or dead.id in self.ids)
            and self.processor in (None, dead.processor)
            and self.kind in (None, dead.kind)
            and self.meeting in (None, dead.meeting)
            and (self.cause is None or dead.cause.startswith(self.cause))
        )


def find_dead(engine: Engine, transport: Transport, wanted: Wanted) -> Iterator[Dead]:
    """Return what lies dead and nobody has seen to, records first, the oldest of each topic first.

    Raises:
        TransientError: the log or the database does not answer.
    """
    found = (*_dead_records(engine, transport), *_dead_effects(engine))
    return (dead for dead in found if wanted.takes(dead))


def record_at(transport: Transport, dead_id: str) -> Record | None:
    """Return the dead letter of this id; None when there is none any more."""
    topic, _, rest = dead_id.partition(":")
    partition, _, offset = rest.partition(":")
    if not (topic.endswith(DEAD_LETTER_SUFFIX) and partition.isdigit() and offset.isdigit()):
        return None
    if topic not in transport.topics() or int(partition) >= transport.partitions(topic):
        return None
    records = transport.read(TopicPartition(topic, int(partition)), int(offset), max_records=1)
    return records[0] if records and records[0].offset == int(offset) else None


def said_of(record: Record) -> Mapping[str, str]:
    """Return what was noted when the record was dead-lettered: reason, error, topic, partition, offset, group."""
    return {
        name.removeprefix(_MARK): raw.decode(errors="replace") for name, raw in record.headers if name.startswith(_MARK)
    }


def original_headers(record: Record) -> tuple[tuple[str, bytes], ...]:
    """Return the headers that the record came with, as they were."""
    return tuple((name, raw) for name, raw in record.headers if not name.startswith(_MARK))


def _dead_records(engine: Engine, transport: Transport) -> Iterator[Dead]:
    for topic in sorted(name for name in transport.topics() if name.endswith(DEAD_LETTER_SUFFIX)):
        done = _settled(engine, topic)
        for place, end in sorted(transport.end_offsets(topic).items()):
            for record in _records(transport, place, end):
                if (record.partition, record.offset, record.timestamp) not in done:
                    yield _of_record(record)


def _records(transport: Transport, place: TopicPartition, end: int) -> Iterator[Record]:
    offset = 0
    while offset < end and (records := transport.read(place, offset)):
        yield from records
        offset = records[-1].offset + 1


def _settled(engine: Engine, topic: str) -> set[tuple[int, int, datetime]]:
    with reading(engine) as connection:
        rows = connection.execute(select(settled).where(settled.c.topic == topic)).all()
    return {(row.partition, row.offset, row.recorded_at) for row in rows}


def _of_record(record: Record) -> Dead:
    said = said_of(record)
    kinds = [raw.decode(errors="replace") for name, raw in record.headers if name == "ce_type"]
    return Dead(
        id=f"{record.topic}:{record.partition}:{record.offset}",
        what="record",
        processor=said.get("group", "unknown"),
        kind=kinds[0] if kinds else "unknown",
        cause=said.get("error", "unknown"),
        reason=said.get("reason", "unknown"),
        meeting=None if record.key is None else record.key.decode(errors="replace"),
        died_at=record.timestamp,
    )


def _dead_effects(engine: Engine) -> Iterator[Dead]:
    query = select(effects).where(effects.c.status == "dead").order_by(effects.c.position)
    with reading(engine) as connection:
        rows = connection.execute(query).all()
    return map(_of_effect, rows)


def _of_effect(row: Any) -> Dead:
    reason = row.error or "unknown"
    alike = f"{row.kind}\n{re.sub(r'[0-9]+', '#', reason)}"  # counts, sizes and lines differ from one to the next
    return Dead(
        id=row.effect_id,
        what="effect",
        processor=row.processor,
        kind=row.kind,
        cause=hashlib.sha256(alike.encode()).hexdigest()[:12],
        reason=reason,
        meeting=row.state_key,  # a processor's states are kept by meeting
        died_at=row.finished_at or row.created_at,
    )
