"""The audit's rows vouch for all before them."""

from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, select

from infra.database.engine import reading, writing
from infra.database.tables import portal_audit
from infra.secret import Secret
from portal.audit import GENESIS, Audit, Entry, digest
from tests.unit.portal.harness import AUDIT_KEY, Portal

ENTRIES = [Entry("analyst-1", "flag.claimed", "flag-1"), Entry("analyst-1", "recording.viewed", "call-1", "a threat?")]


def rows(engine: Engine) -> list[Any]:
    with reading(engine) as connection:
        return list(connection.execute(select(portal_audit).order_by(portal_audit.c.position)))


def test_every_row_follows_the_one_before(portal: Portal) -> None:
    """Positions count from 1 without a gap, and each digest is over the one before it and its own content."""
    for entry in ENTRIES:
        portal.audit.append(entry)

    previous = GENESIS
    for number, row in enumerate(rows(portal.engine), 1):
        entry = Entry(row.actor, row.action, row.subject, row.reason)
        assert row.position == number
        assert row.digest == digest(AUDIT_KEY.encode(), previous, row.position, row.at, entry)
        previous = row.digest


def test_another_key_makes_other_digests(portal: Portal, tmp_path: Path) -> None:
    """Who can write to the table still cannot make a row that fits."""
    portal.audit.append(ENTRIES[0])
    key = Secret("a key that is not the audit's, of any length")
    forged = Audit(portal.engine, key, tmp_path / "head.json", portal.clock)
    forged.append(ENTRIES[1])

    first, second = rows(portal.engine)
    entry = Entry(second.actor, second.action, second.subject, second.reason)
    assert second.digest != digest(AUDIT_KEY.encode(), first.digest, 2, second.at, entry)


def test_a_row_comes_with_its_deed_or_not_at_all(portal: Portal) -> None:
    """In the caller's transaction: when that is undone, nothing was done and nothing is told."""

    def interrupted() -> None:
        with writing(portal.engine) as connection:
            portal.audit.append_in(connection, ENTRIES[0])
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        interrupted()
    assert rows(portal.engine) == []
