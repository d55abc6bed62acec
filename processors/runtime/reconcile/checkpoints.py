"""Where an interrupted run goes on: one row for each step that is done, with what it found."""

import json
from dataclasses import asdict
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, Engine, delete, insert, select

from infra.clock import Clock
from infra.database.engine import reading, writing
from infra.database.tables import checkpoints
from processors.runtime.reconcile.findings import Findings

RESUMABLE_FOR = timedelta(hours=24)  # later, what the first steps saw is too old to build on
_PERIOD = "period"


class Checkpoints:
    """The steps of one run. Every method raises TransientError when the database fails."""

    def __init__(self, engine: Engine, run: str, clock: Clock) -> None:
        self._engine = engine
        self._run = run
        self._clock = clock

    def begin(self, since: datetime, until: datetime) -> tuple[datetime, datetime]:
        """Return the period of this run: that of the interrupted run it goes on with, else the one that is given."""
        known = self._find(_PERIOD)
        if known is not None:
            return datetime.fromisoformat(known["since"]), datetime.fromisoformat(known["until"])
        with writing(self._engine) as connection:
            connection.execute(delete(checkpoints).where(checkpoints.c.run == self._run))
            self._write(connection, _PERIOD, {"since": since.isoformat(), "until": until.isoformat()})
        return since, until

    def done(self, step: str) -> Findings | None:
        """What a step found, if it is done."""
        known = self._find(step)
        return None if known is None else Findings(**known)

    def finish(self, step: str, findings: Findings) -> None:
        """Note that a step is done."""
        with writing(self._engine) as connection:
            connection.execute(delete(checkpoints).where(*self._row(step)))
            self._write(connection, step, asdict(findings))

    def clear(self) -> None:
        """The run is over: the next one begins anew."""
        with writing(self._engine) as connection:
            connection.execute(delete(checkpoints).where(checkpoints.c.run == self._run))

    def _find(self, step: str) -> Any:
        fresh = checkpoints.c.finished_at > self._clock.now() - RESUMABLE_FOR
        with reading(self._engine) as connection:
            text = connection.execute(select(checkpoints.c.result).where(*self._row(step), fresh)).scalar()
        return None if text is None else json.loads(text)

    def _row(self, step: str) -> tuple[Any, Any]:
        return checkpoints.c.run == self._run, checkpoints.c.step == step

    def _write(self, connection: Connection, step: str, result: dict[str, Any]) -> None:
        row = {"run": self._run, "step": step, "result": json.dumps(result), "finished_at": self._clock.now()}
        connection.execute(insert(checkpoints).values(**row))
