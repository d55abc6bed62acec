"""Decide about one event for one key, in one transaction: state, effects and the mark that it was handled."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, Engine, bindparam, insert, literal_column, select, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import IntegrityError

from infra.clock import Clock
from infra.database.engine import writing
from infra.database.tables import effects, handled, states
from infra.errors import TransientError
from processors.base import Decision, Event, Processor
from processors.commands import Command, WakeAt, effect_id
from processors.runtime.codec import dump, load

# Due since a while, so that a clock that was ahead and is set right holds nothing up: an effect that waited until then would
# hold up what follows it on its target. More than Zoom's deliveries may be off without being refused (5 min).
_CLOCK_SLACK = timedelta(minutes=15)
_TRIES = 20  # of a decision that somebody else's kept overtaking; each try sees that one's result

# Built once: for SQLAlchemy, building a statement costs more than running it.
_THIS_STATE = (states.c.processor == bindparam("of"), states.c.key == bindparam("at"))
_HANDLED_HERE = (
    handled.c.processor == bindparam("of"), handled.c.key == bindparam("at"), handled.c.event_id == bindparam("event")
)  # fmt: skip
_LOOK_UP = select(
    select(literal_column("1")).where(*_HANDLED_HERE).scalar_subquery().label("handled"),
    select(states.c.version).where(*_THIS_STATE).scalar_subquery().label("version"),
    select(states.c.schema_version).where(*_THIS_STATE).scalar_subquery().label("form"),
    select(states.c.document).where(*_THIS_STATE).scalar_subquery().label("document"),
)
_FIRST_STATE = insert(states)
_NEXT_STATE = (
    update(states)
    .where(*_THIS_STATE, states.c.version == bindparam("known"))
    .values(
        version=states.c.version + 1,
        document=bindparam("new"),
        schema_version=bindparam("form"),
        updated_at=bindparam("now"),
    )
)
_HANDLED = insert(handled)
_SUPERSEDE = (
    update(effects)
    .where(effects.c.processor == bindparam("of"), effects.c.target == bindparam("slot"), effects.c.status == "pending")
    .where(effects.c.effect_id != bindparam("newest"))
    .values(status="superseded", finished_at=bindparam("now"))
)


ASKED_FOR = (  # what `effect_row` has
    "effect_id", "processor", "state_key", "kind", "target", "command", "status", "due_at", "attempts", "created_at",
)  # fmt: skip


def ask_for(insert: Any) -> Any:
    """New, or tried anew when the same effect had died; one that was asked for before stays as it is."""
    anew = {name: insert.excluded[name] for name in ("status", "due_at", "attempts", "command", "created_at")}
    return insert.on_conflict_do_update(
        index_elements=[effects.c.effect_id],
        set_={**anew, "error": None, "failed_at": None, "finished_at": None},
        where=effects.c.status == "dead",
    )


_ASK_FOR = {
    # SQLAlchemy else forgets the rowcount on PostgreSQL, and we count by it.
    name: ask_for(dialect.insert(effects)).execution_options(preserve_rowcount=True)
    for name, dialect in (("sqlite", sqlite), ("postgresql", postgresql))
}


class NewerState(TransientError):
    """A newer version of this program wrote the state: only that one can read it, so wait until it takes over."""


class Overtaken(Exception):
    """Another member decided about the same state in between; decide again."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of it: how many new effects, and the decision's reasons. `handled_before` is a double."""

    handled_before: bool
    effects: int
    reasons: tuple[str, ...] = ()


Asked = Callable[[Connection], None]  # what else is done in a transaction that asked for effects


class Inbox:
    """Makes decisions and stores them. Safe to share between threads and processes."""

    def __init__(
        self, engine: Engine, processor: Processor[Any], clock: Clock, *, asked: Asked = lambda _: None
    ) -> None:
        self._asked = asked
        self._engine = engine
        self._processor = processor
        self._clock = clock

    def take(self, event: Event, key: str, *, again: bool = False) -> Outcome:
        """Decide about a record's event in a transaction of its own, once however often it comes.

        With `again`, for a replay, it is decided although it was before.

        Raises:
            InvalidEvent: the processor cannot use it; nothing was written.
            TransientError: the database does not take it; nothing was written.
        """
        for _ in range(_TRIES):
            try:
                with writing(self._engine) as connection:
                    outcome = self._take(connection, event, key, again)
                    if outcome.effects:
                        self._asked(connection)
                    return outcome
            except (Overtaken, IntegrityError):
                continue
        raise TransientError("the state is written by others all the time")

    def decide(self, connection: Connection, event: Event, key: str) -> Outcome:
        """Decide about an effect's end inside the transaction that ends it: that transaction happens only once.

        Raises:
            Overtaken, IntegrityError: roll back and try again.
        """
        found = self._look_up(connection, event, key)
        return self._decide(connection, event, key, found.version, found.document)

    def _take(self, connection: Connection, event: Event, key: str, again: bool) -> Outcome:
        found = self._look_up(connection, event, key)
        if found.handled and not again:
            return Outcome(handled_before=True, effects=0)
        outcome = self._decide(connection, event, key, found.version, found.document)
        if not found.handled:
            row = {"processor": self._processor.name, "event_id": event.id, "key": key, "handled_at": self._clock.now()}
            connection.execute(_HANDLED, row)
        return outcome

    def _look_up(self, connection: Connection, event: Event, key: str) -> Any:
        found = connection.execute(_LOOK_UP, {"of": self._processor.name, "at": key, "event": event.id}).one()
        if found.form is not None:
            refuse_newer(found.form, self._processor)
        return found

    def _decide(
        self, connection: Connection, event: Event, key: str, version: int | None, document: str | None
    ) -> Outcome:
        state = None if document is None else load(self._processor.state_type, document)
        decision: Decision[Any] = self._processor.decide(event, state)
        self._store(connection, key, version, dump(decision.state))
        added = sum(self._ask_for(connection, key, command) for command in decision.commands)
        return Outcome(handled_before=False, effects=added, reasons=tuple(decision.reasons))

    def _store(self, connection: Connection, key: str, version: int | None, document: str) -> None:
        name, form, now = self._processor.name, self._processor.state_version, self._clock.now()
        if version is None:
            row = {"processor": name, "key": key, "version": 1, "schema_version": form, "document": document}
            connection.execute(_FIRST_STATE, {**row, "updated_at": now})
            return
        values = {"of": name, "at": key, "known": version, "new": document, "form": form, "now": now}
        if connection.execute(_NEXT_STATE, values).rowcount != 1:
            raise Overtaken

    def _ask_for(self, connection: Connection, key: str, command: Command) -> int:
        name, now = self._processor.name, self._clock.now()
        row = effect_row(name, effect_id(name, command), key, command, now)
        added = connection.execute(_ASK_FOR[connection.dialect.name], row).rowcount
        if added and command.newest_only:
            newest = {"of": name, "slot": command.target, "newest": row["effect_id"], "now": now}
            connection.execute(_SUPERSEDE, newest)
        return added


def effect_row(processor: str, effect: str, key: str, command: Command, now: datetime) -> dict[str, Any]:
    """Return the row of an effect that is asked for now."""
    return {
        "effect_id": effect,
        "processor": processor,
        "state_key": key,
        "kind": command.kind,
        "target": command.target,
        "command": dump(command),
        "status": "pending",
        "due_at": command.at if isinstance(command, WakeAt) else now - _CLOCK_SLACK,
        "attempts": 0,
        "created_at": now,
    }


def refuse_newer(schema_version: int, processor: Processor[Any]) -> None:
    """Raise NewerState for a state that this version cannot read."""
    if schema_version > processor.state_version:
        raise NewerState(f"a state was written by a newer version of {processor.name}, which must read it")
