"""TagFile: let an archived object's tags and its legal hold say what is known now of its call and its holds."""

from collections.abc import Mapping
from typing import Any, cast

from sqlalchemy import Connection

from infra.errors import PermanentError
from infra.storage.base import ObjectMissing, ObjectStore
from infra.storage.holds import NO_HOLD, let_stand
from infra.storage.tags import HOLD, Hold, lifecycle_tags
from processors.commands import TagFile
from processors.runtime.receipts import Receipts, StoredReceipt, write_tags
from schemas.archive import Kind

GONE = "gone"


class TagFilePerformer:
    """Sets tags and hold, and sees that they stand. An object that has expired has none, and that is no error."""

    def __init__(self, *, store: ObjectStore, receipts: Receipts) -> None:
        self._store = store
        self._receipts = receipts

    def perform(self, command: TagFile) -> Mapping[str, Any]:
        """Replace the whole set of tags, and hold or release; return the hold that the object carries now, or "gone".

        Raises:
            TransientError: the store or the database does not answer, or tags and hold do not stand yet.
            PermanentError: the object was never archived, or the store refuses.
        """
        receipt = self._receipts.find(command.object_key)
        if receipt is None:
            raise PermanentError("there is no receipt of this object")
        if receipt.expired_at is not None:
            return {"hold": GONE}
        try:
            return {"hold": self._tag(command, receipt)}
        except ObjectMissing:
            return {"hold": GONE}

    def record(self, connection: Connection, command: TagFile, result: Mapping[str, Any]) -> None:
        """Bring the receipt up to date, unless the object is gone."""
        if result["hold"] != GONE:
            write_tags(connection, command)

    def _tag(self, command: TagFile, receipt: StoredReceipt) -> str:
        tags = lifecycle_tags(
            kind=cast(Kind, receipt.kind),
            session_id=receipt.session_id,
            call_id=command.call_id,
            order_id=command.order_id,
            call_ended_at=command.call_ended_at,
            hold=cast(Hold, command.hold),
        )
        let_stand(self._store, command.object_key, receipt.version_id, tags, was_held=receipt.hold != NO_HOLD)
        return tags[HOLD]
