import re
from datetime import UTC, datetime

from hypothesis import given
from hypothesis import strategies as st

from infra.storage.lifecycle import archive_rules, merged
from infra.storage.tags import lifecycle_tags

ENDED_AT = datetime(2026, 1, 1, 23, 30, tzinfo=UTC)
FITS_S3 = re.compile(r"[A-Za-z0-9 _.:/=+@-]{1,256}")


def tags(session_id: str = "/aB+c==", call_id: str | None = "c1", order_id: str | None = "FO1") -> dict[str, str]:
    return lifecycle_tags(
        kind="video", session_id=session_id, call_id=call_id, order_id=order_id, call_ended_at=ENDED_AT
    )


def test_tags_of_a_registered_call() -> None:
    """All seven, the uuid as Zoom writes it."""
    assert tags() == {
        "retention": "180d",
        "hold": "none",
        "kind": "video",
        "call": "c1",
        "order": "FO1",
        "meeting": "/aB+c==",
        "participant-access-until": "2026-04-01",
    }


def test_tags_of_an_unregistered_call() -> None:
    """What is not known has no tag."""
    assert set(tags(call_id=None, order_id=None)) == {
        "retention",
        "hold",
        "kind",
        "meeting",
        "participant-access-until",
    }


def test_a_value_that_does_not_fit_is_replaced_by_its_digest() -> None:
    """The digest is stable, different for different values, and fits."""
    first, second = tags(order_id="Bestellung Ä")["order"], tags(order_id="Bestellung Ö")["order"]

    assert first != second
    assert first.startswith("sha256:")
    assert first == tags(order_id="Bestellung Ä")["order"]


@given(*[st.text()] * 3)
def test_tags_always_fit(session_id: str, call_id: str, order_id: str) -> None:
    """Whatever the ids, S3 takes the tags."""
    try:
        made = tags(session_id, call_id, order_id)
    except UnicodeEncodeError:
        return  # lone surrogates come out of no JSON text in UTF-8

    assert len(made) <= 10
    assert all(FITS_S3.fullmatch(value) and value == value.strip() for value in made.values())


def test_the_expiry_rule_asks_for_tags_that_objects_get() -> None:
    """An object as it is archived is expired; one on hold is not."""
    wanted = {tag["Key"]: tag["Value"] for tag in archive_rules()[0]["Filter"]["And"]["Tags"]}

    assert wanted.items() <= tags().items()
    assert not wanted.items() <= {**tags(), "hold": "legal"}.items()


def test_merging_rules_keeps_those_of_others() -> None:
    """The customer's rules stay in their order, also those without an id; an old rule of ours goes."""
    theirs = [{"Prefix": "tmp/", "Status": "Enabled"}, {"ID": "logs"}]

    found = merged([theirs[0], {"ID": "zoom-calls-expire", "old": True}, theirs[1]], archive_rules())

    assert found == [*theirs, *archive_rules()]


def test_merging_rules_twice_changes_nothing() -> None:
    """What is merged already comes out the same."""
    once = merged([{"ID": "logs"}], archive_rules())

    assert merged(once, archive_rules()) == once
