"""Remove what is past its retention: day 180, exactly, whenever the object was uploaded.

The bucket's lifecycle rule is the net under this: it counts from the upload, so it comes too late for late files.
"""

from dataclasses import dataclass, field

from infra.clock import Clock
from infra.storage.base import ObjectMissing, ObjectStore
from infra.storage.holds import NO_HOLD
from infra.storage.tags import HOLD
from processors.runtime.receipts import Receipts, StoredReceipt
from schemas.errors import PipelineError


@dataclass(slots=True)
class ExpirySummary:
    """What came of one run, by object key. In a dry run `expired` is what would be removed. `failed` says why."""

    dry_run: bool
    expired: list[str] = field(default_factory=list)
    held: list[str] = field(default_factory=list)
    unsettled: list[str] = field(default_factory=list)
    failed: dict[str, str] = field(default_factory=dict)


def expire(store: ObjectStore, receipts: Receipts, clock: Clock, dry_run: bool = False) -> ExpirySummary:
    """Remove every version of every object past its retention, unless it is held, and note that in its receipt.

    A hold counts wherever it shows: in the receipt, in the object's own tags, in a legal hold (which nobody can delete
    through anyway), or in a change of its tags that still waits to be made. Running it again is harmless. One object that fails stops no other.

    Raises:
        TransientError: the database does not answer when asked what is due.
    """
    summary = ExpirySummary(dry_run)
    for receipt in receipts.due(clock.now()):
        try:
            _expire_one(receipt, store, receipts, clock, summary)
        except PipelineError as error:
            summary.failed[receipt.object_key] = str(error)
    return summary


def _expire_one(
    receipt: StoredReceipt, store: ObjectStore, receipts: Receipts, clock: Clock, summary: ExpirySummary
) -> None:
    key = receipt.object_key
    if receipts.tags_unsettled(key):
        summary.unsettled.append(key)
    elif any(_is_held(key, version_id, store) for version_id in {receipt.version_id, None}):
        summary.held.append(key)
    else:
        if not summary.dry_run:
            store.delete_all_versions(key)
            receipts.mark_expired(key, clock.now())
        summary.expired.append(key)


def _is_held(key: str, version_id: str | None, store: ObjectStore) -> bool:
    """Whether this version carries a hold; None is the current one, on a bucket without versions the only one."""
    try:
        return store.get_tags(key, version_id).get(HOLD, NO_HOLD) != NO_HOLD or bool(store.legal_hold(key, version_id))
    except ObjectMissing:
        return False
