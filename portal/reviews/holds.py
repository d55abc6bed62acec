"""Holds on recordings: asked for here, placed by the archive, read back from the store."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from sqlalchemy import Connection, Row, bindparam, select, update
from sqlalchemy.dialects import postgresql, sqlite

from infra.database.review_tables import review_holds
from infra.database.tables import receipts
from infra.errors import PermanentError
from infra.storage.base import ObjectStore
from infra.storage.tags import HOLD
from portal.reviews.cases import Case, Flagged
from portal.reviews.outbox import Outbox
from schemas.calls import Hold, envelope_of
from schemas.topics import HOLDS

SOURCE = "urn:zoom-call-pipeline:portal"
TRUST_SAFETY = "trust-safety"

# Made once: to make a statement takes as long as to run it. It names its columns: every further one takes time too.
_r = receipts.c
_THERE = (
    select(_r.object_key, _r.version_id, _r.file_id, _r.kind, _r.session_id, _r.recording_start)
    .add_columns(_r.call_ended_at, _r.size_bytes, _r.expires_at)
    .where(_r.expired_at.is_(None))
    .order_by(_r.recording_start, _r.object_key)
)
_OF_CALL = _THERE.where(_r.call_id == bindparam("id"))
_OF_SESSION = _THERE.where(_r.session_id == bindparam("id"))

Effect = Literal["none", "waiting", "partly", "held"]


@dataclass(frozen=True, slots=True)
class Standing:
    """What the store says of a case's files: how many are held, and when the last of them would go by itself."""

    files: int
    held: int
    expires_at: datetime | None

    @property
    def effect(self) -> Effect:
        if not self.files:
            return "none"
        return "held" if self.held == self.files else "partly" if self.held else "waiting"


class Holds:
    """Safe to share between threads."""

    def __init__(self, store: ObjectStore, outbox: Outbox) -> None:
        self._store = store
        self._outbox = outbox

    def place(
        self, connection: Connection, case: Case, analyst: str, now: datetime, *,
        kind: Literal["case", "manual"], reason: str, review_at: datetime | None = None,
    ) -> None:  # fmt: skip
        """Ask for a hold with the caller's transaction; the archive hears of it right after."""
        call_id, _ = _call_of(case)
        row = {
            "hold_id": f"{kind}:{case.flag_id}",
            "flag_id": case.flag_id,
            "call_id": call_id,
            "kind": kind,
            "reason": reason,
            "review_at": review_at,
            "held_by": analyst,
            "active": True,
            "changed_at": now,
        }
        insert = postgresql.insert if connection.dialect.name == "postgresql" else sqlite.insert
        connection.execute(insert(review_holds).values(row).on_conflict_do_update(index_elements=["hold_id"], set_=row))
        self._tell(connection, case, row)

    def release(self, connection: Connection, case: Case, analyst: str, now: datetime, kind: str) -> None:
        """Ask for the end of the case's holds of this kind, with the caller's transaction."""
        for hold in case.active_holds(kind):
            gone = update(review_holds).where(review_holds.c.hold_id == hold.hold_id)
            connection.execute(gone.values(active=False, changed_at=now))
            self._tell(connection, case, {**hold._mapping, "held_by": analyst, "active": False, "changed_at": now})

    def read_back(self, files: Sequence[Row[Any]]) -> Standing:
        """Look at the tags of the case's files, as the store has them now.

        Raises:
            TransientError: the store does not answer.
        """
        held = sum(self._is_held(file) for file in files)
        return Standing(len(files), held, max((file.expires_at for file in files), default=None))

    def _is_held(self, file: Row[Any]) -> bool:
        try:
            return self._store.get_tags(file.object_key, file.version_id).get(HOLD, "none") != "none"
        except PermanentError:  # the object is gone, or may not be looked at: then nothing is known to hold it
            return False

    def _tell(self, connection: Connection, case: Case, row: dict[str, Any]) -> None:
        call_id, meeting_id = _call_of(case)
        hold = Hold(
            hold_id=row["hold_id"],
            call_id=call_id,
            meeting_id=meeting_id,
            kind=TRUST_SAFETY,
            reason=f"{row['kind']} hold of {case.flag_id}",  # what somebody typed stays here
            held_by=row["held_by"],
            active=row["active"],
            changed_at=row["changed_at"],
        )
        self._outbox.add(connection, HOLDS.name, envelope_of(hold, SOURCE))


def can_be_held(case: Case) -> bool:
    """Whether there is a call to hold: what nobody registered has none."""
    return bool(case.flag["call_id"] and case.flag["meeting_id"])


def files_of(connection: Connection, case: Flagged) -> list[Row[Any]]:
    """Return the receipts of the case's files that are not gone, the first segment first."""
    call_id, session_id = case.flag["call_id"], case.flag["session_id"]
    asked = (_OF_CALL, call_id) if call_id else (_OF_SESSION, session_id or "")
    return list(connection.execute(asked[0], {"id": asked[1]}))


def _call_of(case: Case) -> tuple[str, str]:
    return case.flag["call_id"], case.flag["meeting_id"]
