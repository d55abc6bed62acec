"""Receipts: what lies in the archive, whose it is and until when. They outlive the objects they tell of."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Engine, select, update
from sqlalchemy.dialects import postgresql, sqlite

from infra.database.engine import reading, writing
from infra.database.tables import effects, receipts
from processors.commands import ArchiveFile, TagFile

_UNSETTLED = ("pending", "leased", "dead")  # an effect that has not happened, or never did


@dataclass(frozen=True, slots=True)
class StoredReceipt:
    """One file that was archived. `expired_at` is when its object was removed for good; None while it is kept."""

    object_key: str
    version_id: str | None
    call_id: str | None
    order_id: str | None
    session_id: str
    meeting_id: str | None
    file_id: str | None
    kind: str
    file_type: str
    size_bytes: int
    crc32: str
    sha256: str
    recording_start: str | None
    call_ended_at: datetime
    access_until: datetime
    expires_at: datetime
    hold: str
    archived_at: datetime
    expired_at: datetime | None


class Receipts:
    """The table of receipts. Safe to share between threads. Every method raises TransientError when the database fails."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def find(self, object_key: str) -> StoredReceipt | None:
        """Return the receipt of an object; None when it was never archived."""
        with reading(self._engine) as connection:
            row = connection.execute(select(receipts).where(receipts.c.object_key == object_key)).first()
        return None if row is None else _stored(row)

    def due(self, now: datetime) -> Sequence[StoredReceipt]:
        """Return what is past its retention, not held and not yet removed, the oldest first."""
        past = (receipts.c.expires_at <= now, receipts.c.hold == "none", receipts.c.expired_at.is_(None))
        query = select(receipts).where(*past).order_by(receipts.c.expires_at, receipts.c.object_key)
        with reading(self._engine) as connection:
            return [_stored(row) for row in connection.execute(query)]

    def held(self) -> Sequence[StoredReceipt]:
        """Return what is held and not removed, the oldest first."""
        kept = (receipts.c.hold != "none", receipts.c.expired_at.is_(None))
        query = select(receipts).where(*kept).order_by(receipts.c.archived_at, receipts.c.object_key)
        with reading(self._engine) as connection:
            return [_stored(row) for row in connection.execute(query)]

    def tags_unsettled(self, object_key: str) -> bool:
        """Whether the newest change of its tags (a hold, perhaps) still waits to be made, or could not be made."""
        mine = (effects.c.kind == TagFile.kind, effects.c.target == f"tags:{object_key}")
        query = select(effects.c.status).where(*mine).order_by(effects.c.position.desc()).limit(1)
        with reading(self._engine) as connection:
            return connection.execute(query).scalar() in _UNSETTLED

    def mark_expired(self, object_key: str, at: datetime) -> None:
        """Note that its object is gone for good."""
        with writing(self._engine, durable=True) as connection:
            gone = update(receipts).where(receipts.c.object_key == object_key, receipts.c.expired_at.is_(None))
            connection.execute(gone.values(expired_at=at))


def write_receipt(
    connection: Connection, command: ArchiveFile, proof: Mapping[str, Any], archived_at: datetime
) -> None:
    """Write the receipt of a file, in the caller's transaction; one that is there is brought up to date."""
    values = {
        "object_key": command.object_key,
        "call_id": command.call_id,
        "order_id": command.order_id,
        "session_id": command.session_id,
        "meeting_id": command.meeting_id,
        "file_id": command.file_id,
        "kind": command.file_kind,
        "file_type": command.file_type,
        "recording_start": command.recording_start,
        "call_ended_at": command.call_ended_at,
        "access_until": command.access_until,
        "expires_at": command.expires_at,
        "hold": command.hold,
        "archived_at": archived_at,
        **{name: proof[name] for name in ("version_id", "size_bytes", "crc32", "sha256")},
    }
    upsert = postgresql.insert if connection.dialect.name == "postgresql" else sqlite.insert
    statement = upsert(receipts).values(**values)
    connection.execute(statement.on_conflict_do_update(index_elements=[receipts.c.object_key], set_=values))


def write_tags(connection: Connection, command: TagFile) -> None:
    """Bring a receipt up to what its object's tags say now, in the caller's transaction."""
    values = {
        name: getattr(command, name)
        for name in ("call_id", "order_id", "call_ended_at", "access_until", "expires_at", "hold")
    }
    connection.execute(update(receipts).where(receipts.c.object_key == command.object_key).values(**values))


def _stored(row: Any) -> StoredReceipt:
    return StoredReceipt(**{field.name: getattr(row, field.name) for field in fields(StoredReceipt)})
