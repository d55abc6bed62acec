"""What performs a command."""

from collections.abc import Mapping
from typing import Any, Protocol, TypeVar

from sqlalchemy import Connection

C_contra = TypeVar("C_contra", contravariant=True)


class Performer(Protocol[C_contra]):
    """Does one kind of command. The same command may come again after a crash: it must then show once."""

    def perform(self, command: C_contra) -> Mapping[str, Any]:
        """Do it; return a JSON-able result that holds no secrets.

        Raises:
            TransientError: try again later.
            PermanentError: trying again cannot help.
        """
        ...

    def record(self, connection: Connection, command: C_contra, result: Mapping[str, Any]) -> None:
        """Write what must be known exactly when the effect is done, in the transaction that marks it done."""
        ...
