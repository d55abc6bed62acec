"""What the analysts' pages are made of, put together once."""

from dataclasses import dataclass

from sqlalchemy import Engine

from infra.clock import Clock
from infra.storage.base import ObjectStore
from infra.transport import Producer
from portal.audit import Audit
from portal.reviews.desk import Desk
from portal.reviews.holds import Holds
from portal.reviews.outbox import Outbox
from portal.reviews.queue import Queue
from portal.reviews.recordings import Recordings
from portal.reviews.transcripts import Transcripts


@dataclass(frozen=True, slots=True)
class Board:
    """Safe to share between threads."""

    queue: Queue
    desk: Desk
    holds: Holds
    outbox: Outbox
    recordings: Recordings
    transcripts: Transcripts


def open_board(engine: Engine, producer: Producer, store: ObjectStore, audit: Audit, clock: Clock) -> Board:
    """Return the board; its outbox is still to be started."""
    outbox = Outbox(engine, producer)
    holds, transcripts = Holds(store, outbox), Transcripts(store)
    desk = Desk(engine, audit, holds, outbox, clock)
    recordings = Recordings(engine, desk, store, transcripts, clock)
    return Board(Queue(engine, clock), desk, holds, outbox, recordings, transcripts)
