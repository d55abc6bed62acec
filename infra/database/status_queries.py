"""What `status` asks the database: brakes, progress, effects, dead letters that were seen to, calls without an archive."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Engine, case, func, select

from infra.database.engine import reading
from infra.database.tables import brakes, effects, progress, receipts, settled

Place = tuple[str, int]  # topic and partition


@dataclass(frozen=True, slots=True)
class Effects:
    """One processor's: how many are due, since when the oldest, how many were tried in vain and wait, how many run."""

    due: int
    due_since: datetime | None
    retrying: int
    running: int


@dataclass(frozen=True, slots=True)
class DeadEffects:
    """Effects that were given up alike."""

    processor: str
    kind: str
    reason: str
    count: int


class StatusQueries:
    """Every method raises TransientError when the database does not answer."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def brakes(self) -> Mapping[str, tuple[datetime, str]]:
        """Since when and why processors are stopped, by name."""
        with reading(self._engine) as connection:
            return {row.processor: (row.tripped_at, row.reason) for row in connection.execute(select(brakes))}

    def read_until(self, processor: str) -> Mapping[Place, datetime]:
        """Up to when a processor has read each partition that it has read at all."""
        query = select(progress).where(progress.c.processor == processor)
        with reading(self._engine) as connection:
            return {(row.topic, row.partition): row.read_until for row in connection.execute(query)}

    def effects(self, processor: str, now: datetime) -> Effects:
        """What of its effects is not at its end."""
        mine = effects.c.processor == processor
        pending = (mine, effects.c.status == "pending")
        since = case((effects.c.due_at > effects.c.created_at, effects.c.due_at), else_=effects.c.created_at)
        due = select(func.count(), func.min(since)).where(*pending, effects.c.due_at <= now)
        retrying = select(func.count()).where(*pending, effects.c.due_at > now, effects.c.attempts > 0)
        running = select(func.count()).where(mine, effects.c.status == "leased", effects.c.leased_until >= now)
        with reading(self._engine) as connection:
            count, oldest = connection.execute(due).one()
            return Effects(
                due=count,
                due_since=oldest,
                retrying=connection.execute(retrying).scalar_one(),
                running=connection.execute(running).scalar_one(),
            )

    def dead_effects(self) -> Sequence[DeadEffects]:
        """What was given up, the most frequent first."""
        group = (effects.c.processor, effects.c.kind, effects.c.error)
        count = func.count().label("count")
        query = select(*group, count).where(effects.c.status == "dead").group_by(*group).order_by(count.desc())
        with reading(self._engine) as connection:
            rows = connection.execute(query).all()
        return [DeadEffects(row.processor, row.kind, row.error or "unknown", row[3]) for row in rows]

    def settled(self, topic: str) -> set[tuple[int, int, datetime]]:
        """Partition, offset and time of the dead letters of a topic that a person has seen to."""
        query = select(settled).where(settled.c.topic == topic)
        with reading(self._engine) as connection:
            return {(row.partition, row.offset, row.recorded_at) for row in connection.execute(query)}

    def sessions_without_archive(self, begin: datetime, end: datetime) -> int:
        """How many sessions were published as ended in that time, with neither a file archived nor one found missing."""
        with reading(self._engine) as connection:
            ended = _published_sessions(connection, "call.ended", begin, end)
            missing = _published_sessions(connection, "call.recording_missing", begin, None)
            archived = set(connection.execute(select(receipts.c.session_id).distinct()).scalars())
        return len(ended - missing - archived)


def _published_sessions(connection: Connection, event_type: str, begin: datetime, end: datetime | None) -> set[str]:
    query = select(effects.c.command).where(
        effects.c.processor == "call_events",
        effects.c.kind == "publish_event",
        effects.c.created_at >= begin,
        effects.c.command.contains(f'"{event_type}"', autoescape=True),
    )
    if end is not None:
        query = query.where(effects.c.created_at < end)
    commands: list[dict[str, Any]] = [json.loads(text) for text in connection.execute(query).scalars()]
    return {str(json.loads(one["data"])["session_id"]) for one in commands if one["type"] == event_type}
