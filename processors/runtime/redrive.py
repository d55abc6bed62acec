"""See to what lies dead: have it tried again, or drop it. Doing either twice does it once."""

from typing import Literal

from sqlalchemy import Connection, Engine, exists, insert, select, update

from infra.clock import Clock
from infra.database.engine import reading, writing
from infra.database.tables import effects, settled
from infra.transport import Producer, Record, Transport
from processors.commands import COMMANDS
from processors.runtime.audit import note
from processors.runtime.dead_list import Dead, original_headers, record_at, said_of

Outcome = Literal["redriven", "dropped", "overtaken", "gone"]

_NEWEST_ONLY = {kind for kind, command in COMMANDS.items() if command.newest_only}
_TIMEOUT_SECONDS = 10.0  # a person waits for it


class Undertaker:
    """Redrives and drops on behalf of one person, and has it in the audit. `reason` is why.

    Every method returns what came of it. "gone": retention took it, or somebody else has seen to it. "overtaken": only
    the newest content of its target counts, and there is a newer one. Each raises TransientError when log or database
    do not take it; running it again does the rest.
    """

    def __init__(self, engine: Engine, transport: Transport, clock: Clock, *, actor: str, reason: str) -> None:
        self._engine = engine
        self._transport = transport
        self._clock = clock
        self._actor = actor
        self._reason = reason

    def redrive(self, dead: Dead, producer: Producer) -> Outcome:
        """Put a record back at the end of the topic it came from, or make an effect due again as if it were new.

        Every group of the topic sees the record again under the same id: the one that dead-lettered it decides, the
        others have it in their record of what was handled and drop it.
        """
        if dead.what == "effect":
            return self._redrive_effect(dead)
        record = record_at(self._transport, dead.id)
        if record is None or self._is_settled(record):
            return "gone"
        producer.produce(
            said_of(record)["topic"],
            key=record.key,
            headers=original_headers(record),
            value=record.value,
            timeout_seconds=_TIMEOUT_SECONDS,
        )
        return self._settle(record, dead, "redriven")

    def drop(self, dead: Dead) -> Outcome:
        """Leave it undone for good; it is listed no more."""
        if dead.what == "effect":
            with writing(self._engine, durable=True) as connection:
                return self._end(connection, dead, "dropped", {"status": "dropped"})
        record = record_at(self._transport, dead.id)
        if record is None or self._is_settled(record):
            return "gone"
        return self._settle(record, dead, "dropped")

    def _redrive_effect(self, dead: Dead) -> Outcome:
        now = self._clock.now()
        anew = {"status": "pending", "due_at": now, "created_at": now, "attempts": 0, "failed_at": None, "error": None}
        with writing(self._engine, durable=True) as connection:
            if dead.kind in _NEWEST_ONLY and self._has_newer(connection, dead):
                return self._end(connection, dead, "overtaken", {"status": "superseded"})
            return self._end(connection, dead, "redriven", {**anew, "finished_at": None})

    def _has_newer(self, connection: Connection, dead: Dead) -> bool:
        newer = effects.alias("newer")
        query = select(effects.c.position).where(
            effects.c.effect_id == dead.id,
            exists().where(
                newer.c.processor == effects.c.processor,
                newer.c.target == effects.c.target,
                newer.c.position > effects.c.position,
                newer.c.status.in_(("pending", "leased", "done")),
            ),
        )
        return connection.execute(query).first() is not None

    def _end(self, connection: Connection, dead: Dead, outcome: Outcome, values: dict[str, object]) -> Outcome:
        mine = (effects.c.effect_id == dead.id, effects.c.status == "dead")
        if connection.execute(update(effects).where(*mine).values(**values)).rowcount != 1:
            return "gone"
        self._note(connection, dead, outcome)
        return outcome

    def _is_settled(self, record: Record) -> bool:
        mine = (
            settled.c.topic == record.topic,
            settled.c.partition == record.partition,
            settled.c.offset == record.offset,
            settled.c.recorded_at == record.timestamp,
        )
        with reading(self._engine) as connection:
            return connection.execute(select(settled.c.outcome).where(*mine)).first() is not None

    def _settle(self, record: Record, dead: Dead, outcome: Outcome) -> Outcome:
        place = {"topic": record.topic, "partition": record.partition, "offset": record.offset}
        row = {**place, "recorded_at": record.timestamp, "outcome": outcome, "settled_at": self._clock.now()}
        with writing(self._engine, durable=True) as connection:
            connection.execute(insert(settled).values(**row))
            self._note(connection, dead, outcome)
        return outcome

    def _note(self, connection: Connection, dead: Dead, outcome: Outcome) -> None:
        action = f"dead-letter {outcome}"
        note(connection, self._clock.now(), actor=self._actor, action=action, subject=dead.id, reason=self._reason)
