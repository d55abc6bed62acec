"""A hold on an object: tag and legal hold together, in an order that leaves no moment without either."""

import zlib
from datetime import UTC, datetime

import pytest

from infra.errors import TransientError
from infra.storage.base import Description, ObjectMissing
from infra.storage.holds import let_stand
from infra.storage.tags import lifecycle_tags
from tests.unit.infra.storage.memory_store import MemoryStore

KEY = "calls/1/file"


def tags(hold: str) -> dict[str, str]:
    return lifecycle_tags(
        kind="video",
        session_id="u",
        call_id="c",
        order_id=None,
        call_ended_at=datetime(2026, 1, 1, tzinfo=UTC),
        hold=hold,  # type: ignore[arg-type]
    )


def store_with(hold: str, *, locks: bool = True, legal_hold: bool = False) -> MemoryStore:
    """An object with this tag in a bucket with Object Lock, or without."""
    store = MemoryStore(locks=locks)
    description = Description("video/mp4", "inline", tags(hold), legal_hold=legal_hold)
    store.put_small(KEY, b"x", description, zlib.crc32(b"x"))
    return store


def writes(store: MemoryStore) -> list[str]:
    """What is written from now on, in its order."""
    noted: list[str] = []
    store.before = lambda operation: noted.append(operation) if operation.startswith(("set_", "replace_")) else None
    return noted


@pytest.mark.parametrize("kind", ["trust-safety", "legal"])
def test_a_hold_is_placed_tag_first(kind: str) -> None:
    """From the first write on the expiry rule passes it by; then nobody can delete it."""
    store = store_with("none")
    noted = writes(store)

    assert let_stand(store, KEY, None, tags(kind))

    assert noted == ["replace_tags", "set_legal_hold"]
    assert (store.get_tags(KEY), store.legal_hold(KEY)) == (tags(kind), True)


def test_a_hold_is_released_tag_last() -> None:
    """A release that is interrupted leaves the tag, and is done by the next try."""
    store = store_with("legal", legal_hold=True)
    noted = writes(store)

    assert let_stand(store, KEY, None, tags("none"))

    assert noted == ["set_legal_hold", "replace_tags"]
    assert (store.get_tags(KEY), store.legal_hold(KEY)) == (tags("none"), False)


@pytest.mark.parametrize("hold", ["none", "legal"])
def test_what_stands_is_not_touched(hold: str) -> None:
    """The second time nothing is written."""
    store = store_with(hold, legal_hold=hold != "none")
    noted = writes(store)

    assert not let_stand(store, KEY, None, tags(hold))
    assert noted == []


@pytest.mark.parametrize("tampered", ["tag", "legal hold"])
def test_what_somebody_undid_is_put_right(tampered: str) -> None:
    """Either half alone comes back."""
    store = store_with("none" if tampered == "tag" else "legal", legal_hold=tampered == "tag")

    assert let_stand(store, KEY, None, tags("legal"))

    assert (store.get_tags(KEY), store.legal_hold(KEY)) == (tags("legal"), True)


def test_a_legal_hold_of_somebody_else_is_left_alone() -> None:
    """Without our tag it is not ours to lift; with a hold of ours on record it is, whatever the tags say now."""
    store = store_with("none", legal_hold=True)

    assert not let_stand(store, KEY, None, tags("none"))
    assert store.legal_hold(KEY) is True

    assert let_stand(store, KEY, None, tags("none"), was_held=True)
    assert store.legal_hold(KEY) is False


def test_without_object_lock_the_tag_is_all_there_is() -> None:
    """A bucket that knows no legal holds is asked for none."""
    store = store_with("none", locks=False)

    assert let_stand(store, KEY, None, tags("legal"))

    assert store.get_tags(KEY) == tags("legal")
    assert store.legal_hold(KEY) is None


def test_a_hold_that_does_not_stand_is_tried_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """A store that says yes and does nothing is found out by reading back."""
    store = store_with("none")
    monkeypatch.setattr(store, "set_legal_hold", lambda key, version_id, on: None)

    with pytest.raises(TransientError, match="does not carry"):
        let_stand(store, KEY, None, tags("legal"))


def test_an_object_that_is_gone_is_told() -> None:
    """It is for the caller to say whether that is well."""
    with pytest.raises(ObjectMissing):
        let_stand(MemoryStore(locks=True), KEY, None, tags("legal"))
