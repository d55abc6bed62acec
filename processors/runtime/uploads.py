"""Uploads that are not finished: the archive's journal in the database, and the clearing away of what nobody goes on with."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, Engine, Table, delete, exists, literal, select
from sqlalchemy.dialects import postgresql, sqlite

from infra.archive.journal import Beginning
from infra.clock import Clock
from infra.database.engine import reading, writing
from infra.database.tables import effects, upload_parts, uploads
from infra.storage.base import ObjectStore, Part, UnfinishedUpload
from processors.commands import ArchiveFile
from schemas.archive import PREFIX

LEFT_AFTER = timedelta(days=1)  # an effect is tried for 24 h (design 6), and a 10 GiB file takes minutes
_IN_PROGRESS = ("pending", "leased")


class UploadJournal:
    """The journal. Safe to share between threads and processes; every method raises TransientError when the database fails.

    One note a key: a worker that lost its lease, and notes parts of an upload that is no longer the key's, notes nothing.
    """

    def __init__(self, engine: Engine, clock: Clock) -> None:
        self._engine = engine
        self._clock = clock

    def find(self, key: str) -> tuple[Beginning, Sequence[Part]] | None:
        """Return what was noted for the key; None when nothing was."""
        with reading(self._engine) as connection:
            row = connection.execute(select(uploads).where(uploads.c.object_key == key)).first()
            if row is None:
                return None
            mine = (upload_parts.c.object_key == key, upload_parts.c.upload_id == row.upload_id)
            parts = connection.execute(select(upload_parts).where(*mine).order_by(upload_parts.c.number)).all()
        beginning = Beginning(key, row.upload_id, row.etag, row.total_bytes, row.part_bytes)
        return beginning, [Part(part.number, part.etag, part.crc32) for part in parts]

    def begin(self, beginning: Beginning) -> None:
        """Note an upload, in place of what was noted for its key."""
        key = {"object_key": beginning.key}
        values = {
            "upload_id": beginning.upload_id,
            "etag": beginning.etag,
            "total_bytes": beginning.total_bytes,
            "part_bytes": beginning.part_bytes,
            "begun_at": self._clock.now(),
        }
        with writing(self._engine) as connection:
            connection.execute(delete(upload_parts).where(upload_parts.c.object_key == beginning.key))
            statement = _insert(connection)(uploads).values(**key, **values)
            connection.execute(statement.on_conflict_do_update(index_elements=[uploads.c.object_key], set_=values))

    def add(self, key: str, upload_id: str, part: Part) -> None:
        """Note a part that the store has, unless another upload was noted for the key meanwhile."""
        noted = exists().where(uploads.c.object_key == key, uploads.c.upload_id == upload_id)
        values = {
            "object_key": key,
            "number": part.number,
            "upload_id": upload_id,
            "etag": part.etag,
            "crc32": part.crc32,
        }
        with writing(self._engine) as connection:
            row = select(*(literal(value, upload_parts.c[name].type) for name, value in values.items())).where(noted)
            statement = _insert(connection)(upload_parts).from_select(list(values), row)
            key_columns = [upload_parts.c.object_key, upload_parts.c.number]
            connection.execute(statement.on_conflict_do_update(index_elements=key_columns, set_=values))

    def forget(self, key: str, upload_id: str) -> None:
        """Drop the note of this very upload, if there is one."""
        with writing(self._engine) as connection:
            forget_upload(connection, key, upload_id)


def forget_upload(connection: Connection, key: str, upload_id: str | None = None) -> None:
    """Drop what was noted for the key, in the caller's transaction; of this upload alone where it is named."""
    for table in (upload_parts, uploads):
        mine = [table.c.object_key == key]
        if upload_id is not None:
            mine.append(table.c.upload_id == upload_id)
        connection.execute(delete(table).where(*mine))


@dataclass(frozen=True, slots=True)
class LeftUpload:
    """An unfinished upload older than a day. `in_progress`: its file is still to be archived, and would go on with it."""

    upload: UnfinishedUpload
    in_progress: bool


def left_uploads(store: ObjectStore, engine: Engine, now: datetime) -> list[LeftUpload]:
    """Return the archive's unfinished uploads that are older than a day, the oldest first.

    Raises:
        TransientError, PermanentError: the store or the database does not tell.
    """
    old = [one for one in store.unfinished(PREFIX) if one.begun_at <= now - LEFT_AFTER]
    with reading(engine) as connection:
        return [LeftUpload(one, _in_progress(connection, one.key)) for one in sorted(old, key=lambda one: one.begun_at)]


def clear_upload(store: ObjectStore, engine: Engine, left: LeftUpload) -> None:
    """Throw one away, with its note.

    Raises:
        TransientError, PermanentError: the store or the database does not take it.
    """
    store.abort(left.upload.key, left.upload.upload_id)
    with writing(engine) as connection:
        forget_upload(connection, left.upload.key, left.upload.upload_id)


def _in_progress(connection: Connection, key: str) -> bool:
    mine = (effects.c.kind == ArchiveFile.kind, effects.c.target == f"object:{key}", effects.c.status.in_(_IN_PROGRESS))
    return connection.execute(select(effects.c.position).where(*mine).limit(1)).first() is not None


def _insert(connection: Connection) -> Callable[[Table], Any]:
    """The INSERT that can also update: two workers of one key must not trip over each other."""
    return postgresql.insert if connection.dialect.name == "postgresql" else sqlite.insert
