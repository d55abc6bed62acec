"""Decide about many events in one transaction: what `Inbox.take` does for each, at a fraction of its cost.

Nothing is written unless all of it is. Whatever stands in the way of one of them, a bug in its decision included,
therefore costs nothing but the time: the caller takes them one by one.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Engine, bindparam, select

from infra.clock import Clock
from infra.database.engine import writing
from infra.database.tables import effects, handled, states
from processors.base import Decision, Event, Processor
from processors.commands import Command, effect_id
from processors.runtime.codec import dump, load
from processors.runtime.inbox import (
    ASK_FOR,
    FIRST_STATE,
    HANDLED,
    NEXT_STATE,
    SUPERSEDE,
    Outcome,
    Overtaken,
    effect_row,
    refuse_newer,
)

_STATES = select(states).where(
    states.c.processor == bindparam("of"), states.c.key.in_(bindparam("keys", expanding=True))
)
_SEEN = select(handled.c.event_id, handled.c.key).where(
    handled.c.processor == bindparam("of"), handled.c.event_id.in_(bindparam("events", expanding=True))
)
_ASKED = select(effects.c.effect_id, effects.c.status).where(effects.c.effect_id.in_(bindparam("ids", expanding=True)))


@dataclass(slots=True)
class _State:
    """A state while the batch decides about it."""

    version: int | None
    value: Any


class Together:
    """One processor's decisions, many at a time."""

    def __init__(self, engine: Engine, processor: Processor[Any], clock: Clock) -> None:
        self._engine = engine
        self._processor = processor
        self._name = processor.name
        self._clock = clock

    def take(self, pairs: Sequence[tuple[Event, str]]) -> list[Outcome]:
        """Decide about each event for its key, in this order; return what came of each.

        Raises:
            Exception: whatever one of the decisions or the database raised; nothing was written.
        """
        with writing(self._engine) as connection:
            seen = self._seen(connection, pairs)
            new = [pair for pair in dict.fromkeys((event.id, key) for event, key in pairs) if pair not in seen]
            by_id = {(event.id, key): (event, key) for event, key in pairs}
            decided = dict(zip(new, self.decide(connection, [by_id[pair] for pair in new]), strict=True))
            if new:
                row = {"processor": self._name, "handled_at": self._clock.now()}
                connection.execute(HANDLED, [{**row, "event_id": event_id, "key": key} for event_id, key in new])
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

    def _seen(self, connection: Connection, pairs: Sequence[tuple[Event, str]]) -> set[tuple[str, str]]:
        events = sorted({event.id for event, _ in pairs})
        return {(row.event_id, row.key) for row in connection.execute(_SEEN, {"of": self._name, "events": events})}

    def _states(self, connection: Connection, pairs: Sequence[tuple[Event, str]]) -> dict[str, _State]:
        keys = sorted({key for _, key in pairs})
        found = {key: _State(None, None) for key in keys}
        for row in connection.execute(_STATES, {"of": self._name, "keys": keys}):
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
        form, now = self._processor.state_version, self._clock.now()
        first = [
            {
                "processor": self._name,
                "key": key,
                "version": 1,
                "schema_version": form,
                "document": dump(state.value),
                "updated_at": now,
            }
            for key, state in decided.items()
            if state.version is None
        ]
        following = [
            {"of": self._name, "at": key, "known": state.version, "new": dump(state.value), "form": form, "now": now}
            for key, state in decided.items()
            if state.version is not None
        ]
        if first:
            connection.execute(FIRST_STATE, first)
        if following and connection.execute(NEXT_STATE, following).rowcount != len(following):
            raise Overtaken

    def _ask_for(self, connection: Connection, asked: dict[str, tuple[str, Command]]) -> None:
        if not asked:
            return
        standing = {row.effect_id: row.status for row in connection.execute(_ASKED, {"ids": sorted(asked)})}
        new = {one: asked[one] for one in asked if standing.get(one, "dead") == "dead"}
        if not new:
            return
        now = self._clock.now()
        rows = [effect_row(self._name, one, key, command, now) for one, (key, command) in new.items()]
        connection.execute(ASK_FOR[connection.dialect.name], rows)
        newest = {command.target: one for one, (_, command) in new.items() if command.newest_only}
        if newest:
            row = {"of": self._name, "now": now}
            connection.execute(SUPERSEDE, [{**row, "slot": target, "newest": one} for target, one in newest.items()])
