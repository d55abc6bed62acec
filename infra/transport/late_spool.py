"""What stands in for a spool that could not be opened when the program started."""

import sqlite3
from collections.abc import Callable
from typing import TypeVar

from infra.errors import TransientError
from infra.transport.spool import Spool

_T = TypeVar("_T")


class NoSpool(Spool):
    """Takes nothing and holds nothing; each TransientError, and so every reader of `check`, says `problem`."""

    def __init__(self, problem: str) -> None:
        self._problem = problem

    def close(self, timeout_seconds: float = 5.0) -> None:
        """There is nothing to release."""

    def _assert_file(self) -> None:
        raise TransientError(self._problem)

    def _work(self, doing: str, work: Callable[[sqlite3.Connection], _T]) -> _T:  # noqa: ARG002 - as in a spool
        raise TransientError(self._problem)
