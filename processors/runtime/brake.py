"""The brake: a bad deploy stops its processor instead of draining the topic into the dead letters."""

from collections import deque
from dataclasses import dataclass

from sqlalchemy import Engine, delete, insert, select
from sqlalchemy.exc import IntegrityError

from infra.clock import Clock
from infra.database.engine import reading, writing
from infra.database.tables import brakes
from infra.errors import PermanentError
from infra.transport import TopicPartition

_IN_A_ROW = 5  # one poisoned record may be doubled by Zoom four times over; five different ones are a bug
_WINDOW, _RATIO = 50, 0.5  # most of the last fifty


class BrakedError(PermanentError):
    """The processor is stopped until a person resumes it."""


@dataclass(frozen=True, slots=True)
class Standing:
    """A brake that is on. `place` and `next_offset` tell the next record, where records were what braked."""

    reason: str
    place: TopicPartition | None
    next_offset: int | None


@dataclass(frozen=True, slots=True)
class Brake:
    """One processor's brake: a row in the database, so that a restart does not release it."""

    engine: Engine
    processor: str
    clock: Clock

    def check(self) -> None:
        """Raise BrakedError while the brake is on, with what to do about it."""
        with reading(self.engine) as connection:
            row = connection.execute(select(brakes).where(brakes.c.processor == self.processor)).first()
        if row is not None:
            raise BrakedError(
                f"{self.processor} was stopped at {row.tripped_at:%Y-%m-%d %H:%M:%S} UTC: {row.reason}; "
                f"when it is mended: python -m processors resume {self.processor}"
            )

    def standing(self) -> Standing | None:
        """Why the brake is on and where; None when it is not."""
        with reading(self.engine) as connection:
            row = connection.execute(select(brakes).where(brakes.c.processor == self.processor)).first()
        if row is None:
            return None
        place = None if row.topic is None else TopicPartition(row.topic, row.partition)
        return Standing(row.reason, place, row.next_offset)

    def trip(self, reason: str, place: TopicPartition | None = None, next_offset: int | None = None) -> None:
        """Put the brake on and raise BrakedError."""
        where = {} if place is None else {"topic": place.topic, "partition": place.partition}
        row = {"processor": self.processor, "tripped_at": self.clock.now(), "reason": reason, **where}
        try:
            with writing(self.engine, durable=True) as connection:
                connection.execute(insert(brakes).values(**row, next_offset=next_offset))
        except IntegrityError:
            pass  # another member was first
        self.check()

    def release(self) -> bool:
        """Let the processor start again; False when the brake was not on."""
        with writing(self.engine) as connection:
            return connection.execute(delete(brakes).where(brakes.c.processor == self.processor)).rowcount == 1


class FailureCount:
    """Counts unexpected exceptions: too many in a row, or as a ratio, and it is time to brake."""

    def __init__(self) -> None:
        self._in_a_row = 0
        self._latest: deque[bool] = deque(maxlen=_WINDOW)

    def succeeded(self) -> None:
        """A record was decided, or was found unusable for a reason that we know."""
        self._in_a_row = 0
        self._latest.append(False)

    def failed(self) -> bool:
        """An unexpected exception; True when it is one too many."""
        self._in_a_row += 1
        self._latest.append(True)
        full = len(self._latest) == _WINDOW
        return self._in_a_row >= _IN_A_ROW or (full and sum(self._latest) >= _WINDOW * _RATIO)
