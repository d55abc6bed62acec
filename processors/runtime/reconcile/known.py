"""What we know: ids on the topic and in `handled`, sessions and files in the processors' states, receipts."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Engine, select

from infra.database.engine import reading
from infra.database.tables import handled, receipts, states
from infra.transport import TopicPartition, Transport
from processors.call_events import CallEvents, CallEventsState
from processors.calls import REGISTRATION_SLACK, REGISTRATION_WINDOW, Meeting
from processors.recording_archive import ArchiveState, RecordingArchive
from processors.runtime.codec import load
from schemas.calls import Registration
from schemas.topics import WEBHOOKS

CLOCKS_APART = timedelta(minutes=10)  # between Zoom's clock and the log's
LATE_BY = timedelta(hours=3)  # the last retry comes 85 min later, then the spool may hold it for an outage
_RECORDS = 5000  # a read: on Kafka each opens a consumer of its own; some 10 MB of bodies
_PAGE = 500  # ids a query: SQLite allows 32,766 values, PostgreSQL 65,535


@dataclass(frozen=True, slots=True)
class KnownFile:
    """A file that the archive was asked for: `failed` when it was given up."""

    archived: bool
    failed: bool


@dataclass(frozen=True, slots=True)
class KnownObject:
    """What a receipt says of an object that is kept."""

    object_key: str
    version_id: str | None
    size_bytes: int
    crc32: str


def topic_ids(transport: Transport, since: datetime, until: datetime) -> set[str]:
    """Return the ce_ids that reached `zoom.webhooks` from Zoom's deliveries of a time.

    Raises:
        TransientError: the log does not answer.
    """
    found: set[str] = set()
    for number in range(transport.partitions(WEBHOOKS.name)):
        place = TopicPartition(WEBHOOKS.name, number)
        offset = transport.offset_at(place, since - CLOCKS_APART)
        while records := transport.read(place, offset, _RECORDS):
            for record in records:
                found |= {raw.decode(errors="replace") for name, raw in record.headers if name == "ce_id"}
            if records[-1].timestamp > until + LATE_BY:
                break
            offset = records[-1].offset + 1
    return found


class Database:
    """The processors' database, only read. Every method raises TransientError when it fails."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def handled(self, event_ids: Iterable[str]) -> set[str]:
        """Return those of the ids that a processor has decided about."""
        wanted, found = list(event_ids), set[str]()
        with reading(self._engine) as connection:
            for first in range(0, len(wanted), _PAGE):
                page = wanted[first : first + _PAGE]
                found |= set(
                    connection.execute(select(handled.c.event_id).where(handled.c.event_id.in_(page))).scalars()
                )
        return found

    def meeting_keys(self) -> list[str]:
        """Return the keys of every meeting's state, in order."""
        mine = select(states.c.key).where(states.c.processor == CallEvents.name).order_by(states.c.key)
        with reading(self._engine) as connection:
            return list(connection.execute(mine).scalars())

    def meetings(self, keys: Sequence[str]) -> list[CallEventsState]:
        """Return what is known of these meetings."""
        mine = (states.c.processor == CallEvents.name, states.c.key.in_(keys))
        with reading(self._engine) as connection:
            return [
                load(CallEventsState, text)
                for text in connection.execute(select(states.c.document).where(*mine)).scalars()
            ]

    def files(self, keys: Sequence[str]) -> dict[str, KnownFile]:
        """Return the files of these meetings that the archive was asked for, by object key."""
        mine = (states.c.processor == RecordingArchive.name, states.c.key.in_(keys))
        with reading(self._engine) as connection:
            known = [
                load(ArchiveState, text)
                for text in connection.execute(select(states.c.document).where(*mine)).scalars()
            ]
        return {
            key: KnownFile(file.archived_at is not None, file.failed_at is not None)
            for state in known
            for key, file in state.files.items()
        }

    def receipt_keys(self, keys: Iterable[str]) -> set[str]:
        """Return those of the keys that have a receipt, that of an expired object included."""
        wanted, found = list(keys), set[str]()
        with reading(self._engine) as connection:
            for first in range(0, len(wanted), _PAGE):
                page = wanted[first : first + _PAGE]
                query = select(receipts.c.object_key).where(receipts.c.object_key.in_(page))
                found |= set(connection.execute(query).scalars())
        return found

    def objects(self, since: datetime, until: datetime) -> list[KnownObject]:
        """Return what was archived in a time and has not expired."""
        columns = (receipts.c.object_key, receipts.c.version_id, receipts.c.size_bytes, receipts.c.crc32)
        within = (receipts.c.archived_at >= since, receipts.c.archived_at < until, receipts.c.expired_at.is_(None))
        with reading(self._engine) as connection:
            return [KnownObject(*row) for row in connection.execute(select(*columns).where(*within))]


def open_calls(meeting: Meeting, since: datetime, until: datetime) -> list[Registration]:
    """Return the registrations under which a session of this time may have begun."""
    return [
        one
        for one in meeting.registrations.values()
        if one.registered_at - REGISTRATION_SLACK <= until and one.registered_at + REGISTRATION_WINDOW >= since
    ]
