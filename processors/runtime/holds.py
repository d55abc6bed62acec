"""See that every hold still stands on its object, and put right what somebody else has changed.

The receipt says what the archive's worker has set last, so it is what must stand. The worker may be changing a hold
meanwhile: nothing is touched while its change waits, and when one came in between, the object is looked at again.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import cast

from infra.clock import Clock
from infra.errors import PermanentError
from infra.storage.base import ObjectMissing, ObjectStore
from infra.storage.holds import let_stand
from infra.storage.tags import Hold, lifecycle_tags
from processors.runtime.receipts import Receipts, StoredReceipt
from schemas.archive import Kind
from schemas.errors import PipelineError

TRIES = 30  # of one object whose hold is being changed
WAIT_SECONDS = 1.0  # between them: a change takes the worker milliseconds


@dataclass(slots=True)
class HoldsSummary:
    """What came of one run, by object key. `failed` says why: the object is gone, or a change of its hold waits."""

    standing: int = 0
    repaired: list[str] = field(default_factory=list)
    failed: dict[str, str] = field(default_factory=dict)
    without_object_lock: int = 0


def check_holds(store: ObjectStore, receipts: Receipts, clock: Clock) -> HoldsSummary:
    """Let every held object carry its tags, and be under legal hold where the bucket has Object Lock.

    Running it again is harmless. One object that fails stops no other.

    Raises:
        TransientError: the database does not answer when asked what is held.
    """
    summary = HoldsSummary()
    for receipt in receipts.held():
        try:
            _check_one(receipt.object_key, store, receipts, clock, summary)
        except PipelineError as error:
            summary.failed[receipt.object_key] = str(error)
    return summary


def _check_one(key: str, store: ObjectStore, receipts: Receipts, clock: Clock, summary: HoldsSummary) -> None:
    changed = False
    for receipt in _settled(key, receipts, clock):
        try:
            changed = let_stand(store, key, receipt.version_id, _tags(receipt), was_held=changed) or changed
        except ObjectMissing as error:
            raise PermanentError("it is held, and gone") from error
        if not receipts.tags_unsettled(key) and receipts.find(key) == receipt:
            break
    if store.legal_hold(key, receipt.version_id) is None:
        summary.without_object_lock += 1
    if changed:
        summary.repaired.append(key)
    else:
        summary.standing += 1


def _settled(key: str, receipts: Receipts, clock: Clock) -> Iterator[StoredReceipt]:
    """Yield the receipt whenever no change of its tags waits; raises PermanentError when one waits all the time."""
    for _ in range(TRIES):
        if not receipts.tags_unsettled(key):
            receipt = receipts.find(key)
            assert receipt is not None  # noqa: S101  # receipts are never removed
            yield receipt
        clock.sleep(WAIT_SECONDS)
    raise PermanentError("a change of its hold waits to be made: see python -m processors dead-letters list")


def _tags(receipt: StoredReceipt) -> dict[str, str]:
    return lifecycle_tags(
        kind=cast(Kind, receipt.kind),
        session_id=receipt.session_id,
        call_id=receipt.call_id,
        order_id=receipt.order_id,
        call_ended_at=receipt.call_ended_at,
        hold=cast(Hold, receipt.hold),
    )
