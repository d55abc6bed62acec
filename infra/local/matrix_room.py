"""The chat of `make run CHAT=matrix`: one room for all conversations, and a person who may read in it."""

from collections.abc import Mapping
from pathlib import Path

from infra.clock import Clock
from infra.local.matrix_server import SERVER_NAME, Account, MatrixServer

ROOM = "calls"
WRITER, READER = "marketplace", "ana"


class MatrixRoom:
    """A homeserver with the room. `reader` and `environment` are there once it was started."""

    def __init__(self, folder: Path, clock: Clock) -> None:
        self._server = MatrixServer(folder, clock)
        self._writer: Account | None = None
        self._reader: Account | None = None

    @property
    def url(self) -> str:
        return self._server.url

    @property
    def alias(self) -> str:
        return f"#{ROOM}:{SERVER_NAME}"

    @property
    def reader(self) -> Account:
        """Who a person logs in as."""
        assert self._reader is not None  # noqa: S101  # start() has made it
        return self._reader

    def start(self) -> None:
        """Return once the room is there; raises what MatrixServer.start does."""
        self._server.start()
        self._writer = self._server.account(WRITER)
        self._reader = self._server.account(READER)
        self._server.room(ROOM, self._writer, [self._reader])

    def stop(self) -> None:
        """End the server; harmless when it is not running."""
        self._server.stop()

    def environment(self) -> Mapping[str, str]:
        """Return the settings with which a processor puts its messages there."""
        assert self._writer is not None  # noqa: S101  # start() has made it
        return {"CHAT_URL": f"matrix:{self.url}", "CHAT_TOKEN": self._writer.token, "CHAT_ROOM": self.alias}
