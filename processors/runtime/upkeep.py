"""What a processor does beside its work: measure itself, report what hangs, drop what is older than it needs."""

import threading
from datetime import datetime, timedelta
from typing import Any

import structlog
from sqlalchemy import BindParameter, Delete, Engine, bindparam, case, delete, func, select, tuple_

from infra.clock import Clock
from infra.database.engine import reading, writing
from infra.database.tables import brakes, effects, handled, progress
from infra.errors import TransientError
from infra.metrics import Metrics
from processors.base import Processor
from processors.runtime.watch import Watch
from schemas.topics import TOPICS

log = structlog.get_logger(__name__)

_EVERY_SECONDS = 10.0  # Prometheus asks every 15 to 60 s
_PRUNE_SECONDS = 24 * 3600.0  # a day more or less of `handled` changes nothing
_BATCH_ROWS = 1000  # of `handled`, in a transaction of a few milliseconds
_KEPT_AT_LEAST = timedelta(days=45)
_BEYOND_TOPICS = timedelta(
    days=15
)  # a record may be redriven from its dead letters on their last day, 14, and read late

_OF: BindParameter[str] = bindparam("of")
_LAG = select(func.min(progress.c.read_until)).where(progress.c.processor == _OF)
_SINCE = case((effects.c.due_at > effects.c.created_at, effects.c.due_at), else_=effects.c.created_at)
_OLDEST_DUE = select(func.min(_SINCE)).where(
    effects.c.processor == _OF, effects.c.status == "pending", effects.c.due_at <= bindparam("now")
)
_DEAD = select(func.count()).where(effects.c.processor == _OF, effects.c.status == "dead")
_BRAKED = select(func.count()).where(brakes.c.processor == _OF)
_HANDLED_KEY = (handled.c.processor, handled.c.event_id, handled.c.key)
_OLD = (
    select(*_HANDLED_KEY)
    .where(handled.c.processor == _OF, handled.c.handled_at < bindparam("before"))
    .limit(_BATCH_ROWS)
)
_DROP = delete(handled).where(tuple_(*_HANDLED_KEY).in_(_OLD))
# Commands hold what people were told, join links included. Dead ones stay until a person has seen to them.
_OVER = effects.c.status.in_(("done", "superseded", "dropped"))
_OLD_EFFECTS = (
    select(effects.c.position)
    .where(effects.c.processor == _OF, _OVER, effects.c.finished_at < bindparam("before"))
    .order_by(effects.c.due_at)
    .limit(_BATCH_ROWS)
)
_DROP_EFFECTS = delete(effects).where(effects.c.position.in_(_OLD_EFFECTS))


def handled_kept(topics: tuple[str, ...]) -> timedelta:
    """How long a processor remembers what it has handled: longer than any topic it reads keeps its records."""
    longest = max((topic.retention for topic in TOPICS if topic.name in topics), default=timedelta(0))
    return max(_KEPT_AT_LEAST, longest + _BEYOND_TOPICS)


def prune_handled(engine: Engine, processor: str, before: datetime) -> int:
    """Forget what was handled before then, a little at a time; return how many rows that was.

    Raises:
        TransientError: the database does not take it; what is dropped stays dropped.
    """
    return _drop(_DROP, engine, processor, before)


def prune_effects(engine: Engine, processor: str, before: datetime) -> int:
    """Forget the effects that were over before then, as `prune_handled` does."""
    return _drop(_DROP_EFFECTS, engine, processor, before)


def _drop(statement: Delete, engine: Engine, processor: str, before: datetime) -> int:
    total = 0
    while True:
        with writing(engine) as connection:
            dropped = connection.execute(statement, {"of": processor, "before": before}).rowcount
        total += dropped
        if dropped < _BATCH_ROWS:
            return total


class Upkeep:
    """One processor's, in this process."""

    def __init__(self, engine: Engine, processor: Processor[Any], clock: Clock, metrics: Metrics, watch: Watch) -> None:
        self._engine = engine
        self._processor = processor.name
        self._kept = handled_kept(processor.topics)
        self._clock = clock
        self._metrics = metrics
        self._watch = watch
        self._pruned_at: float | None = None

    def run(self, stop: threading.Event) -> None:
        """Look after it until told to stop; the last look tells whether it is braked."""
        while not stop.is_set():
            self.run_once()
            stop.wait(_EVERY_SECONDS)
        self.run_once()

    def run_once(self) -> None:
        """Measure, report, and once a day drop what is old."""
        self._watch.report()
        try:
            self._measure()
            if self._pruned_at is None or self._clock.monotonic() - self._pruned_at >= _PRUNE_SECONDS:
                self._prune(self._clock.now() - self._kept)
                self._pruned_at = self._clock.monotonic()
        except TransientError as error:
            log.warning("upkeep.put_off", processor=self._processor, reason=str(error))

    def _prune(self, before: datetime) -> None:
        events = prune_handled(self._engine, self._processor, before)
        ended = prune_effects(self._engine, self._processor, before)
        log.info("handled.pruned", processor=self._processor, events=events, effects=ended)

    def _measure(self) -> None:
        now = self._clock.now()
        values = {"of": self._processor, "now": now}
        with reading(self._engine) as connection:
            read_until = connection.execute(_LAG, values).scalar()
            due_since = connection.execute(_OLDEST_DUE, values).scalar()
            dead = connection.execute(_DEAD, values).scalar_one()
            braked = connection.execute(_BRAKED, values).scalar_one()
        name = self._processor
        self._metrics.set("processor_lag_seconds", _age_seconds(now, read_until), processor=name)
        self._metrics.set("processor_due_age_seconds", _age_seconds(now, due_since), processor=name)
        self._metrics.set("processor_effects_dead", dead, processor=name)
        self._metrics.set("processor_braked", braked, processor=name)


def _age_seconds(now: datetime, since: datetime | None) -> float:
    return 0.0 if since is None else max(0.0, (now - since).total_seconds())
