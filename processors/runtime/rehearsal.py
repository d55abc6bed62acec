"""The dry run of a replay: decide in memory, write nothing, and compare with what was asked for in truth.

Two questions are asked of the same records. On the states as they are: what would a replay ask for that is not there?
From nothing: what does this version make of the range, and what was asked for then that it would not ask for any more?
Told words and timers are followed; effects that happened report back what they reported then. A state that began before
the range cannot be built from it, so such keys are left out of the second question and counted.
"""

import heapq
import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import Engine, select

from infra.database.engine import reading
from infra.database.tables import effects, handled, states
from infra.transport import Transport
from processors.base import Event, Processor
from processors.commands import Command, Tell, WakeAt, effect_id
from processors.runtime.codec import dump, load, plain
from processors.runtime.replay import Span, failed_at, records_of, routed
from schemas.errors import InvalidEvent, PipelineError

_BATCH = 500  # ids in one question: SQLite takes 32,766 values, PostgreSQL 65,535


@dataclass(slots=True)
class Rehearsed:
    """What a replay would do. Effects as "kind target"; `changed` are there under the same key with other content."""

    records: int = 0
    unusable: int = 0
    would_ask: list[str] = field(default_factory=list)
    there: int = 0
    changed: list[str] = field(default_factory=list)
    added: list[str] = field(default_factory=list)
    no_longer: list[str] = field(default_factory=list)
    begun_before: int = 0


def rehearse(engine: Engine, transport: Transport, processor: Processor[Any], span: Span) -> Rehearsed:
    """Say what a replay would do differently; nothing is written.

    Raises:
        TransientError: log or database do not answer.
        PermanentError: a decision failed in a way that nobody foresaw; the text says at which record.
    """
    found = Rehearsed()
    known = _Known(engine, processor)
    on_stored = _Stage(processor, known, from_nothing=False)
    from_nothing = _Stage(processor, known, from_nothing=True)
    for record in records_of(transport, processor, span):
        found.records += 1
        from_nothing.catch_up(record.timestamp)
        try:
            for event, key in routed(processor, record):
                on_stored.take(event, key)
                from_nothing.take(event, key)
        except InvalidEvent:
            found.unusable += 1
        except PipelineError:
            raise
        except Exception as error:
            raise failed_at(record, error) from error
    from_nothing.catch_up(span.end)
    _compare(found, known, on_stored, from_nothing, span)
    return found


class _Known:
    """What the database holds of one processor."""

    def __init__(self, engine: Engine, processor: Processor[Any]) -> None:
        self._engine = engine
        self._processor = processor

    def state(self, key: str) -> Any:
        query = select(states.c.document).where(states.c.processor == self._processor.name, states.c.key == key)
        with reading(self._engine) as connection:
            document = connection.execute(query).scalar()
        return None if document is None else load(self._processor.state_type, document)

    def effects(self, ids: Iterable[str]) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for batch in _batches(ids):
            with reading(self._engine) as connection:
                rows = connection.execute(select(effects).where(effects.c.effect_id.in_(batch))).all()
            found |= {row.effect_id: row for row in rows}
        return found

    def asked_for(self, keys: Iterable[str], span: Span) -> Iterator[Any]:
        """The effects of these states that were asked for within the span."""
        mine = (effects.c.processor == self._processor.name, effects.c.status.not_in(("superseded", "dropped")))
        within = (effects.c.created_at >= span.begin, effects.c.created_at < span.end)
        for batch in _batches(keys):
            with reading(self._engine) as connection:
                yield from connection.execute(select(effects).where(*mine, *within, effects.c.state_key.in_(batch)))

    def begun_before(self, keys: Iterable[str], span: Span) -> set[str]:
        earlier = (handled.c.processor == self._processor.name, handled.c.handled_at < span.begin)
        found: set[str] = set()
        for batch in _batches(keys):
            query = select(handled.c.key).where(*earlier, handled.c.key.in_(batch)).distinct()
            with reading(self._engine) as connection:
                found |= set(connection.execute(query).scalars())
        return found


class _Stage:
    """Decides in memory. `asked` is what was asked for, by effect id: the state's key and the command."""

    def __init__(self, processor: Processor[Any], known: _Known, *, from_nothing: bool) -> None:
        self._processor = processor
        self._known = known
        self._from_nothing = from_nothing
        self._seen: set[tuple[str, str]] = set()
        self._waiting: list[tuple[datetime, int, Event, str]] = []
        self.states: dict[str, Any] = {}
        self.asked: dict[str, tuple[str, Command]] = {}

    def take(self, event: Event, key: str) -> None:
        if (event.id, key) in self._seen:
            return
        self._seen.add((event.id, key))
        if key not in self.states:
            self.states[key] = None if self._from_nothing else self._known.state(key)
        decision = self._processor.decide(event, self.states[key])
        self.states[key] = decision.state
        for command in decision.commands:
            one = effect_id(self._processor.name, command)
            if one not in self.asked:
                self.asked[one] = (key, command)
                if self._from_nothing:
                    self._follow(one, command, key, event.recorded_at)

    def catch_up(self, until: datetime) -> None:
        """Let the timers and results come that are due by then."""
        while self._waiting and self._waiting[0][0] <= until:
            _, _, event, key = heapq.heappop(self._waiting)
            self.take(event, key)

    def _follow(self, one: str, command: Command, key: str, asked_at: datetime) -> None:
        if isinstance(command, Tell):
            row = self._known.effects([one]).get(one)
            at = asked_at if row is None or row.finished_at is None else row.finished_at
            event = Event(one, f"told.{command.name}", at, command.data)
            heapq.heappush(self._waiting, (at, len(self.asked), event, command.state_key))
        elif isinstance(command, WakeAt):
            event = Event(one, f"timer.{command.name}", command.at, command.data)
            heapq.heappush(self._waiting, (command.at, len(self.asked), event, key))
        elif command.reports_back and (row := self._known.effects([one]).get(one)) is not None and row.finished_at:
            said = {"result": json.loads(row.result)} if row.status == "done" else {"error": row.error}
            data = {"command": plain(command), **said}
            event = Event(one, f"{row.status}.{row.kind}", row.finished_at, data)
            if row.status in ("done", "dead"):
                heapq.heappush(self._waiting, (row.finished_at, len(self.asked), event, key))


def _compare(found: Rehearsed, known: _Known, on_stored: _Stage, from_nothing: _Stage, span: Span) -> None:
    there = known.effects(on_stored.asked)
    found.would_ask = [_named(command) for one, (_, command) in on_stored.asked.items() if one not in there]
    earlier = known.begun_before(from_nothing.states, span)
    found.begun_before = len(earlier)
    compared = {one: command for one, (key, command) in from_nothing.asked.items() if key not in earlier}
    there = known.effects(compared)
    found.there = len(there)
    found.added = [_named(command) for one, command in compared.items() if one not in there]
    found.changed = [_named(compared[one]) for one, row in there.items() if row.command != dump(compared[one])]
    keys = from_nothing.states.keys() - earlier
    found.no_longer = [
        f"{row.kind} {row.target}" for row in known.asked_for(keys, span) if row.effect_id not in compared
    ]


def _named(command: Command) -> str:
    return f"{command.kind} {command.target}"


def _batches(names: Iterable[str]) -> Iterator[list[str]]:
    ordered = sorted(names)
    return (ordered[at : at + _BATCH] for at in range(0, len(ordered), _BATCH))
