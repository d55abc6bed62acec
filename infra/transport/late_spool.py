"""What stands in for a spool that could not be opened when the program started, and becomes one as soon as it can."""

import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from infra.clock import Clock
from infra.errors import ConfigurationError, TransientError
from infra.transport.spool import Spool, lock_spool

_T = TypeVar("_T")


class LateSpool(Spool):
    """Until it is open it takes nothing and holds nothing; each TransientError, and so every reader of `check`, says why.

    Every `check` tries to open it, and where `is_locked` does not say that this process has it, to claim it first.
    """

    def __init__(self, path: Path, clock: Clock, problem: str, *, is_locked: bool) -> None:
        self._place = path, clock
        self._problem = problem
        self._is_locked = is_locked
        self._is_open = False

    def check(self) -> None:
        if not self._is_open:
            self._try()
        super().check()

    def close(self, timeout_seconds: float = 5.0) -> None:
        if self._is_open:
            super().close(timeout_seconds)

    def _try(self) -> None:
        path, clock = self._place
        try:
            if not self._is_locked:
                lock_spool(path)
            self._is_locked = True
            super().__init__(path, clock)
        except ConfigurationError as error:
            self._problem = str(error)
        else:
            self._is_open = True

    def _assert_file(self) -> None:
        self._assert_open()
        super()._assert_file()

    def _work(self, doing: str, work: Callable[[sqlite3.Connection], _T]) -> _T:
        self._assert_open()
        return super()._work(doing, work)

    def _assert_open(self) -> None:
        if not self._is_open:
            raise TransientError(self._problem)
