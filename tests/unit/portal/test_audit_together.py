"""Entries that come while another is being written are written together: one transaction, one flush, for all of them."""

from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from threading import Event

import pytest

from infra.clock import SystemClock
from infra.errors import TransientError
from portal.audit import Entry
from portal.audit_check import Verdict, verify
from portal.audit_head import Head
from tests.unit.portal.harness import AUDIT_KEY, Portal

LATER = 3
SECONDS = 20.0


class Jam:
    """Holds up the first entry at the head, while LATER others come."""

    def __init__(self, portal: Portal, monkeypatch: pytest.MonkeyPatch) -> None:
        self._audit = portal.audit
        self._pool = ThreadPoolExecutor(1 + LATER)
        self._come, self._go_on = Event(), Event()
        self.moved: list[int] = []
        check, move = Head.check, Head.move_to

        def wait_and_check(head: Head, position: int, digest: str) -> None:
            self._come.set()
            assert self._go_on.wait(SECONDS)
            check(head, position, digest)

        def note_and_move(head: Head, position: int, digest: str) -> None:
            self.moved.append(position)
            move(head, position, digest)

        monkeypatch.setattr(Head, "check", wait_and_check)
        monkeypatch.setattr(Head, "move_to", note_and_move)

    def form(self) -> list[Future[None]]:
        """Have all of them come; they are let through by `clear`."""
        first = self._append()
        assert self._come.wait(SECONDS)
        later = [self._append() for _ in range(LATER)]
        clock = SystemClock()
        until = clock.monotonic() + SECONDS
        while len(self._audit._waiting) < LATER:
            assert clock.monotonic() < until
            clock.sleep(0.001)
        return [first, *later]

    def clear(self) -> None:
        self._go_on.set()

    def close(self) -> None:
        self.clear()
        self._pool.shutdown()

    def _append(self) -> Future[None]:
        return self._pool.submit(self._audit.append, Entry("analyst-1", "quote.uncovered", "flag-1"))


@pytest.fixture
def jam(portal: Portal, monkeypatch: pytest.MonkeyPatch) -> Iterator[Jam]:
    jam = Jam(portal, monkeypatch)
    yield jam
    jam.close()


def test_they_share_a_transaction(portal: Portal, jam: Jam, tmp_path: Path) -> None:
    """Each has its own place in the chain; the head moves once for the first, once for all others."""
    entries = jam.form()
    jam.clear()

    for one in entries:
        one.result(SECONDS)

    assert jam.moved == [1, 1 + LATER]
    assert verify(portal.engine, AUDIT_KEY, Head(tmp_path / "audit-head.json")) == Verdict(1 + LATER, None)


def test_each_hears_what_kept_it_out(jam: Jam, tmp_path: Path) -> None:
    """Whoever wrote for the others: nobody may do a deed that is not on record."""
    entries = jam.form()
    (tmp_path / "audit-head.new").mkdir()  # so the head cannot be written
    jam.clear()

    for one in entries:
        with pytest.raises(TransientError):
            one.result(SECONDS)
