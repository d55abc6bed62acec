"""A hold on an object: its tag keeps it out of the expiry rule, its legal hold keeps its bytes from everybody.

Either alone is not enough: whoever may tag undoes the one, and behind the other S3 still hides the object by a delete
marker on day 180. So the tag comes first and goes last; a legal hold without the tag is not ours, and is left alone.
"""

from collections.abc import Mapping

from infra.errors import TransientError
from infra.storage.base import ObjectStore
from infra.storage.tags import HOLD

NO_HOLD = "none"


def let_stand(
    store: ObjectStore, key: str, version_id: str | None, tags: Mapping[str, str], *, was_held: bool = False
) -> bool:
    """Let a version carry exactly these tags, and be under legal hold where they hold it; read both back.

    Returns whether anything had to be changed. `was_held` tells that a hold of ours is known, whatever the tags say now.
    Where the bucket has no Object Lock, the tag is all there is. Running it again is harmless.

    Raises:
        ObjectMissing: there is no such version.
        TransientError: the store does not answer, or what was set does not stand yet.
        PermanentError: the store refuses.
    """
    wanted, standing = dict(tags), store.get_tags(key, version_id)
    is_held = wanted[HOLD] != NO_HOLD
    changed = False
    if not is_held and (was_held or standing.get(HOLD, NO_HOLD) != NO_HOLD) and store.legal_hold(key, version_id):
        store.set_legal_hold(key, version_id, on=False)
        changed = True
    if standing != wanted:
        store.replace_tags(key, version_id, wanted)
        changed = True
    if is_held and store.legal_hold(key, version_id) is False:
        store.set_legal_hold(key, version_id, on=True)
        changed = True
    if changed and not _stands(store, key, version_id, wanted):
        raise TransientError("the object does not carry the tags and the hold that were set")
    return changed


def _stands(store: ObjectStore, key: str, version_id: str | None, wanted: Mapping[str, str]) -> bool:
    held = wanted[HOLD] == NO_HOLD or store.legal_hold(key, version_id) is not False
    return held and store.get_tags(key, version_id) == wanted
