"""Records on their way to the log: written in the transaction of what they tell of, so that neither is there alone.

They are handed over right after it; what the log does not take at once waits for the next turn. An envelope's id names
the fact, so a record that was handed over twice is a harmless double.
"""

import json
from dataclasses import asdict
from threading import Event, Lock, Thread

import structlog
from sqlalchemy import Connection, Engine, delete, insert, select

from infra.database.engine import after_commit, reading, writing
from infra.database.review_tables import review_outbox
from infra.transport import Producer
from schemas.envelope import Envelope, format_time, parse_time
from schemas.errors import PipelineError

PUBLISH_SECONDS = 2.0  # an analyst waits for the page; the log answers in milliseconds
TURN_SECONDS = 15.0  # between tries while the log is away
_BATCH = 100

log = structlog.get_logger(__name__)


class Outbox:
    """Safe to share between threads; one of them hands over at a time, so that a flag's records keep their order."""

    def __init__(self, engine: Engine, producer: Producer) -> None:
        self._engine = engine
        self._producer = producer
        self._turn = Lock()
        self._ends = Event()

    def add(self, connection: Connection, topic: str, envelope: Envelope) -> None:
        """Keep a record with the caller's transaction, and hand it over once that is committed."""
        told = {
            **asdict(envelope),
            "data": envelope.data.decode(),
            "time": envelope.time and format_time(envelope.time),
        }
        connection.execute(insert(review_outbox).values(topic=topic, envelope=json.dumps(told)))
        after_commit(connection, self.flush)

    def flush(self) -> None:
        """Hand over what waits; the log being away is no error here: the next turn finds it."""
        with self._turn:
            try:
                self._flush()
            except PipelineError as error:
                log.warning("outbox.put_off", reason=str(error))

    def waiting(self) -> int:
        """Return how many records wait."""
        with reading(self._engine) as connection:
            return len(connection.execute(select(review_outbox.c.position)).all())

    def start(self) -> None:
        """Try again by itself, every TURN_SECONDS, until `stop`."""
        Thread(target=self._run, name="outbox", daemon=True).start()

    def stop(self) -> None:
        """End; what waits is found at the next start."""
        self._ends.set()

    def _run(self) -> None:
        self.flush()
        while not self._ends.wait(TURN_SECONDS):
            self.flush()

    def _flush(self) -> None:
        with reading(self._engine) as connection:
            rows = connection.execute(select(review_outbox).order_by(review_outbox.c.position).limit(_BATCH)).all()
        for row in rows:
            envelope = _envelope(row.envelope)
            self._producer.produce(
                row.topic,
                key=envelope.key,
                headers=envelope.headers(),
                value=envelope.data,
                timeout_seconds=PUBLISH_SECONDS,
            )
            with writing(self._engine) as connection:
                connection.execute(delete(review_outbox).where(review_outbox.c.position == row.position))


def _envelope(text: str) -> Envelope:
    told = json.loads(text)
    return Envelope(**{**told, "data": told["data"].encode(), "time": told["time"] and parse_time(told["time"])})
