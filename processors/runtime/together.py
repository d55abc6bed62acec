"""Decide about many events in one transaction: what `Inbox.take` does for each, at a fraction of its cost.

Nothing is written unless all of it is. Whatever stands in the way of one of them, a bug in its decision included,
therefore costs nothing but the time: the caller takes them one by one.

Each table is written by one statement, however many rows. On PostgreSQL the states are locked when they are read, in
the order of their keys: a member waits for another's batch for some milliseconds, and does not decide in vain.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Engine, bindparam, select, update

from infra.clock import Clock
from infra.database.bulk import DIALECTS, InsertMany, one_of
from infra.database.engine import writing
from infra.database.tables import effects, handled, states
from processors.base import Decision, Event, Processor
from processors.commands import Command, effect_id
from processors.runtime.codec import dump, load
from processors.runtime.inbox import ASKED_FOR, Asked, Outcome, Overtaken, ask_for, effect_row, refuse_newer


def _states_of(dialect: str) -> Any:
    return (
        select(states)
        .where(states.c.processor == bindparam("of"), one_of(states.c.key, "keys", dialect))
        .order_by(states.c.key)
        .with_for_update()  # SQLite has one writer and leaves it out
    )


def _supersede(dialect: str) -> Any:
    return (
        update(effects)
        .where(effects.c.processor == bindparam("of"), effects.c.status == "pending")
        .where(one_of(effects.c.target, "slots", dialect), ~one_of(effects.c.effect_id, "newest", dialect))
        .values(status="superseded", finished_at=bindparam("now"))
    )


def _store(insert: Any) -> Any:
    """Each state as the one after the version that was read, or as the first; a state that moved on stays as it is."""
    return insert.on_conflict_do_update(
        index_elements=[states.c.processor, states.c.key],
        set_={name: insert.excluded[name] for name in ("version", "schema_version", "document", "updated_at")},
        where=states.c.version == insert.excluded.version - 1,
    )


_STATES, _SUPERSEDE = ({dialect: make(dialect) for dialect in DIALECTS} for make in (_states_of, _supersede))
_STORE = InsertMany(states, states.c.keys(), ("key",), _store)
_ASK_FOR = InsertMany(effects, ASKED_FOR, ("effect_id",), ask_for)
_HANDLED = InsertMany(handled, handled.c.keys(), ("event_id", "key"), lambda insert: insert.on_conflict_do_nothing())


@dataclass(slots=True)
class _State:
    """A state while the batch decides about it."""

    version: int | None
    value: Any


class Together:
    """One processor's decisions, many at a time."""

    def __init__(
        self, engine: Engine, processor: Processor[Any], clock: Clock, *, asked: Asked = lambda _: None
    ) -> None:
        self._asked = asked
        self._engine = engine
        self._processor = processor
        self._name = processor.name
        self._clock = clock

    def take(self, pairs: Sequence[tuple[Event, str]]) -> list[Outcome]:
        """Decide about each event for its key, in this order; return what came of each.

        Raises:
            Exception: whatever one of the decisions or the database raised; nothing was written.
        """
        by_id = {(event.id, key): (event, key) for event, key in pairs}
        row = {"processor": self._name, "handled_at": self._clock.now()}
        marks = [{**row, "event_id": event_id, "key": key} for event_id, key in sorted(by_id)]
        with writing(self._engine) as connection:
            added = {(mark.event_id, mark.key) for mark in _HANDLED.execute(connection, marks)}
            new = [pair for pair in by_id if pair in added]
            decided = dict(zip(new, self.decide(connection, [by_id[pair] for pair in new]), strict=True))
            if any(outcome.effects for outcome in decided.values()):
                self._asked(connection)
        double = Outcome(handled_before=True, effects=0)
        return [decided.pop((event.id, key), double) for event, key in pairs]

    def decide(self, connection: Connection, pairs: Sequence[tuple[Event, str]]) -> list[Outcome]:
        """Decide about each event for its key inside the caller's transaction, whatever was handled before.

        Raises:
            Exception: as `take`; the caller rolls back.
        """
        known = self._states(connection, pairs)
        asked: dict[str, tuple[str, Command]] = {}
        outcomes = [self._decide(event, key, known[key], asked) for event, key in pairs]
        self._write_states(connection, known)
        self._ask_for(connection, asked)
        return outcomes

    def _states(self, connection: Connection, pairs: Sequence[tuple[Event, str]]) -> dict[str, _State]:
        keys = sorted({key for _, key in pairs})
        found = {key: _State(None, None) for key in keys}
        for row in connection.execute(_STATES[connection.dialect.name], {"of": self._name, "keys": keys}):
            refuse_newer(row.schema_version, self._processor)
            found[row.key] = _State(row.version, load(self._processor.state_type, row.document))
        return found

    def _decide(self, event: Event, key: str, state: _State, asked: dict[str, tuple[str, Command]]) -> Outcome:
        decision: Decision[Any] = self._processor.decide(event, state.value)
        state.value = decision.state
        before = len(asked)
        for command in decision.commands:
            asked.setdefault(effect_id(self._name, command), (key, command))
        return Outcome(handled_before=False, effects=len(asked) - before, reasons=tuple(decision.reasons))

    def _write_states(self, connection: Connection, decided: dict[str, _State]) -> None:
        row = {
            "processor": self._name,
            "schema_version": self._processor.state_version,
            "updated_at": self._clock.now(),
        }
        rows = [
            {**row, "key": key, "version": (state.version or 0) + 1, "document": dump(state.value)}
            for key, state in decided.items()
        ]
        if len(_STORE.execute(connection, rows)) != len(rows):
            raise Overtaken

    def _ask_for(self, connection: Connection, asked: dict[str, tuple[str, Command]]) -> None:
        now = self._clock.now()
        rows = [effect_row(self._name, one, key, command, now) for one, (key, command) in asked.items()]
        new = {row.effect_id for row in _ASK_FOR.execute(connection, rows)}
        newest = {
            command.target: one for one, (_, command) in asked.items() if one in new and command.newest_only
        }  # the last one asked for
        if newest:
            values = {"of": self._name, "now": now, "slots": list(newest), "newest": list(newest.values())}
            connection.execute(_SUPERSEDE[connection.dialect.name], values)
