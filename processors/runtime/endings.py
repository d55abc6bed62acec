"""Write what came of an effect: done, put off or dead, where the lease is still ours."""

import json
import random
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import structlog
from sqlalchemy import Connection, Engine
from sqlalchemy.exc import IntegrityError

from infra.clock import Clock
from infra.database.engine import writing
from infra.errors import TransientError
from processors.base import Event
from processors.commands import Command, Tell, WakeAt
from processors.runtime.backoff import retry_delay
from processors.runtime.codec import plain
from processors.runtime.inbox import Inbox, Overtaken
from processors.runtime.outbox import TRANSIENT_LIMIT, Leased, Outbox
from processors.runtime.ready import Ready
from processors.runtime.together import Together

log = structlog.get_logger(__name__)

_TRIES = 20  # to write a result whose state others kept writing


@dataclass(slots=True, eq=False)
class _Done:
    """An effect that worked, on its way into the database; then its outcome, or what kept it out."""

    leased: Leased
    event: Event | None
    key: str
    record: Callable[[Connection], None] | None
    result: str
    outcome: str = ""
    error: BaseException | None = None

    @property
    def ended(self) -> bool:
        return bool(self.outcome) or self.error is not None


Said = Callable[[Sequence[str]], None]  # takes the reasons of decisions, once they are written


class Endings:
    """One processor's effects and what becomes of them. Every method returns the outcome's name, for the log.

    Effects that end while another's end is being written are written together, in the next transaction.
    """

    def __init__(
        self,
        engine: Engine,
        outbox: Outbox,
        inbox: Inbox,
        together: Together,
        clock: Clock,
        *,
        ready: Ready,
        said: Said,
    ) -> None:
        self._said = said
        self._engine = engine
        self._outbox = outbox
        self._ready = ready
        self._inbox = inbox
        self._together = together
        self._waiting: list[_Done] = []
        self._waiting_lock = threading.Lock()
        self._turn = threading.Lock()
        self._clock = clock
        self._jitter = random.Random()

    def done(
        self,
        leased: Leased,
        command: Command,
        result: Mapping[str, Any],
        record: Callable[[Connection], None] | None,
    ) -> str:
        """It worked: keep the result, and let the processor decide about it in the same transaction."""
        event = _result_event(leased, command, "done", {"result": dict(result)}, self._clock)
        told = event if command.reports_back else None
        done = _Done(leased, told, _key(leased, command), record, json.dumps(result))
        with self._waiting_lock:
            self._waiting.append(done)
        with self._turn:
            if not done.ended:  # else it was written in another's turn, whose place this one need not take
                with self._waiting_lock:
                    batch, self._waiting = self._waiting, []
                if not self._end_together(batch):
                    self._end_one_by_one(batch)
        if done.error is not None:
            raise done.error
        return done.outcome

    def dead(self, leased: Leased, command: Command, reason: str) -> str:
        """Trying again cannot help: keep it for a person to look at, and let the processor decide about that."""
        log.error("effect.died", kind=leased.kind, effect_id=leased.effect_id, reason=reason)
        event = _result_event(leased, command, "dead", {"error": reason}, self._clock)
        return self._end(leased, event if command.reports_back else None, _key(leased, command), None, error=reason)

    def undecidable(self, leased: Leased, reason: str) -> str:
        """It was performed, but the processor cannot decide about its result: keep it for a person, decide nothing."""
        log.error("effect.undecidable", kind=leased.kind, effect_id=leased.effect_id, reason=reason)
        return self._end(leased, None, leased.state_key, None, error=reason)

    def put_off(self, leased: Leased, command: Command, error: TransientError) -> str:
        """It may work later: when, follows from how often it failed and what the other side asked for."""
        now = self._clock.now()
        delay = retry_delay(leased.attempts + 1, error.retry_after_seconds, self._jitter)
        if now + delay > (leased.failed_at or now) + TRANSIENT_LIMIT:
            return self.dead(leased, command, f"given up after {TRANSIENT_LIMIT}: {error}")
        if not self._outbox.put_off(leased, now + delay, str(error), newest_only=command.newest_only):
            return "lease_lost"
        log.warning(
            "effect.waits",
            kind=leased.kind,
            effect_id=leased.effect_id,
            reason=str(error),
            delay_seconds=delay.total_seconds(),
        )
        return "put_off"

    def _end_together(self, batch: Sequence[_Done]) -> bool:
        """Write many ends at once; False when anything stands in the way of one: then nothing was written."""
        if len(batch) < 2:
            return not batch
        try:
            with writing(self._engine) as connection:
                ended = [(done.leased, _ended_at(done.leased, done.event), done.result) for done in batch]
                if not self._outbox.finish_all(connection, ended):
                    raise Overtaken
                for done in batch:
                    if done.record is not None:
                        done.record(connection)
                told = [(done.event, done.key) for done in batch if done.event is not None]
                outcomes = self._together.decide(connection, told)
                self._ready.lease_due(connection)
        except Exception as error:  # noqa: BLE001 # ended alone, each shows its own error
            log.info("effects.ended_alone", count=len(batch), error_type=type(error).__name__)
            return False
        for done in batch:
            done.outcome = "done"
        self._said([reason for outcome in outcomes for reason in outcome.reasons])
        return True

    def _end_one_by_one(self, batch: Sequence[_Done]) -> None:
        for done in batch:
            try:
                done.outcome = self._end(done.leased, done.event, done.key, done.record, result=done.result)
            except BaseException as error:  # noqa: BLE001 # it is raised where the effect was performed
                done.error = error

    def _end(
        self,
        leased: Leased,
        event: Event | None,
        key: str,
        record: Callable[[Connection], None] | None,
        *,
        result: str | None = None,
        error: str | None = None,
    ) -> str:
        status = "done" if error is None else "dead"
        at = _ended_at(leased, event)
        for _ in range(_TRIES):
            try:
                with writing(self._engine) as connection:
                    if not self._outbox.finish(connection, leased, status, at=at, result=result, error=error):
                        return "lease_lost"
                    if record is not None:
                        record(connection)
                    decided = None if event is None else self._inbox.decide(connection, event, key)
                    self._ready.lease_due(connection)
                self._said(decided.reasons if decided else ())
                return status
            except (Overtaken, IntegrityError):
                continue
        raise TransientError("the state is written by others all the time")


def _ended_at(leased: Leased, event: Event | None) -> datetime | None:
    """When it ended, as its event says: a replay tells it again so."""
    return None if event is None or leased.kind == WakeAt.kind else event.recorded_at


def _key(leased: Leased, command: Command) -> str:
    return command.state_key if isinstance(command, Tell) else leased.state_key


def _result_event(leased: Leased, command: Command, status: str, data: dict[str, Any], clock: Clock) -> Event:
    # A dead effect may be asked for again, so each end is an event of its own: hence the lease in its id.
    event_id = f"{leased.effect_id}:{leased.lease}"
    if isinstance(command, WakeAt):
        return Event(id=event_id, type=f"timer.{command.name}", recorded_at=command.at, data=command.data)
    if isinstance(command, Tell):
        return Event(id=event_id, type=f"told.{command.name}", recorded_at=clock.now(), data=command.data)
    told = {"command": plain(command), **data}
    return Event(id=event_id, type=f"{status}.{leased.kind}", recorded_at=clock.now(), data=told)
