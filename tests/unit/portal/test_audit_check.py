"""Whatever is done to the audit's table behind our back is found."""

import json
from collections.abc import Callable
from pathlib import Path
from threading import Thread

import pytest
from click.testing import CliRunner
from sqlalchemy import Connection, delete, select, update

from infra.database.engine import writing
from infra.database.tables import portal_audit
from infra.errors import PermanentError, TransientError
from portal.audit import Audit, Entry
from portal.audit_check import Verdict, rows_of, verify
from portal.audit_cli import audit
from portal.audit_head import Head
from tests.unit.portal.harness import AUDIT_KEY, Portal

ENTRIES = 5


@pytest.fixture
def head(tmp_path: Path) -> Path:
    return tmp_path / "audit-head.json"


@pytest.fixture
def filled(portal: Portal) -> Portal:
    """A portal whose audit has five entries."""
    for number in range(ENTRIES):
        portal.audit.append(Entry("analyst-1", "recording.opened", f"flag-{number}", "a threat?"))
    return portal


def edit(connection: Connection) -> None:
    connection.execute(update(portal_audit).where(portal_audit.c.position == 2).values(reason="nothing"))


def edit_time(connection: Connection) -> None:
    later = connection.execute(select(portal_audit.c.at)).scalars().first().replace(year=2031)  # type: ignore[union-attr]
    connection.execute(update(portal_audit).where(portal_audit.c.position == 3).values(at=later))


def remove(connection: Connection) -> None:
    connection.execute(delete(portal_audit).where(portal_audit.c.position == 3))


def close_gap(connection: Connection) -> None:
    remove(connection)
    for position in (4, 5):
        moved = update(portal_audit).where(portal_audit.c.position == position)
        connection.execute(moved.values(position=position - 1))


def swap(connection: Connection) -> None:
    for old, new in ((2, 99), (3, 2), (99, 3)):
        connection.execute(update(portal_audit).where(portal_audit.c.position == old).values(position=new))


def behead(connection: Connection) -> None:
    connection.execute(delete(portal_audit).where(portal_audit.c.position == 1))


def cut(connection: Connection) -> None:
    connection.execute(delete(portal_audit).where(portal_audit.c.position == ENTRIES))


def empty(connection: Connection) -> None:
    connection.execute(delete(portal_audit))


@pytest.mark.parametrize("tamper", [edit, edit_time, remove, close_gap, swap, behead, cut, empty])
def test_tampering_is_found(filled: Portal, head: Path, tamper: Callable[[Connection], None]) -> None:
    """An edit, a gap, a gap closed, a reorder, a cut head, a cut tail, an emptied table."""
    assert verify(filled.engine, AUDIT_KEY, Head(head)).problem is None

    with writing(filled.engine) as connection:
        tamper(connection)

    assert verify(filled.engine, AUDIT_KEY, Head(head)).problem


@pytest.mark.parametrize("tamper", [cut, empty])
def test_nothing_grows_over_a_cut(filled: Portal, head: Path, tamper: Callable[[Connection], None]) -> None:
    """The next entry would make a chain that fits again: it is refused, and so is what it would tell of."""
    with writing(filled.engine) as connection:
        tamper(connection)

    with pytest.raises(PermanentError, match="audit verify"):
        filled.audit.append(Entry("analyst-1", "recording.opened", "another flag"))


def test_a_missing_head_is_said(filled: Portal, head: Path) -> None:
    """Without it a cut tail could not be found, so that is not whole either."""
    head.unlink()

    assert "head" in (verify(filled.engine, AUDIT_KEY, Head(head)).problem or "")


def test_an_exchanged_table_is_found(filled: Portal, head: Path, tmp_path: Path) -> None:
    """Even one that was written with the key: its rows are not the head's."""
    with writing(filled.engine) as connection:
        empty(connection)
    forged = Audit(filled.engine, AUDIT_KEY, tmp_path / "another-head.json", filled.clock)
    for number in range(ENTRIES + 1):
        forged.append(Entry("analyst-1", "nothing", str(number)))

    assert "exchanged" in (verify(filled.engine, AUDIT_KEY, Head(head)).problem or "")


def test_a_program_killed_before_the_head_moved_is_whole(filled: Portal, head: Path) -> None:
    """The head may lag behind what was committed, and moves on with the next entry."""
    before = head.read_text()
    filled.audit.append(Entry("analyst-1", "flag.claimed", "flag-1"))
    head.write_text(before)

    assert verify(filled.engine, AUDIT_KEY, Head(head)) == Verdict(ENTRIES + 1, None)
    filled.audit.append(Entry("analyst-1", "flag.released", "flag-1"))
    assert Head(head).read() == (ENTRIES + 2, next(reversed(list(rows_of(filled.engine)))).digest)


def test_a_head_that_cannot_be_written_stops_the_deed(portal: Portal, head: Path) -> None:
    """Nothing is done that the audit cannot vouch for."""
    head.with_suffix(".new").mkdir()

    with pytest.raises(TransientError):
        portal.audit.append(Entry("analyst-1", "flag.claimed", "flag-1"))


def test_many_writers_leave_one_chain(portal: Portal, head: Path) -> None:
    """Threads that write at once: no gap, no fork, and the head at the end."""
    writers = [Thread(target=lambda: [portal.audit.append(Entry("a", "b", "c")) for _ in range(10)]) for _ in range(4)]
    for one in writers:
        one.start()
    for one in writers:
        one.join()

    assert verify(portal.engine, AUDIT_KEY, Head(head)) == Verdict(40, None)
    assert (Head(head).read() or (0, ""))[0] == 40


def test_the_command_says_it(filled: Portal, head: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Exit code 0 and how many, or 1 and what is wrong; the export tells of itself."""
    monkeypatch.setenv("DATABASE_URL", f"sqlite:///{tmp_path / 'portal.db'}")
    monkeypatch.setenv("PORTAL_AUDIT_KEY", "".join(AUDIT_KEY))
    whole = CliRunner().invoke(audit, ["verify"])
    exported = [json.loads(line) for line in CliRunner().invoke(audit, ["export"]).stdout.splitlines()]
    with writing(filled.engine) as connection:
        edit(connection)
    broken = CliRunner().invoke(audit, ["verify"])

    assert (whole.exit_code, whole.stdout) == (0, f"whole: {ENTRIES} entries, the newest as the head knows it\n")
    assert [one["action"] for one in exported] == ["recording.opened"] * ENTRIES + ["audit.exported"]
    assert (broken.exit_code, "entry 2 was changed" in broken.stderr) == (1, True)
