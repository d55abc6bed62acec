"""A real Matrix homeserver for the tests that need one, with the user that puts messages and rooms to put them into."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

from infra.chat import Chat
from infra.chat.connect import connect_chat
from infra.clock import SystemClock
from infra.errors import ConfigurationError
from infra.local.matrix_server import SERVER_NAME, Account, MatrixServer
from infra.secret import Secret
from tests.conftest import missing


@dataclass
class Homeserver:
    """A running Synapse; `bot` is who CHAT_TOKEN belongs to."""

    server: MatrixServer
    bot: Account

    def chat(self, room: str | None, token: Secret | None = None) -> Chat:
        """Connect as the settings would."""
        return connect_chat(f"matrix:{self.server.url}", token or self.bot.token, SystemClock(), room)

    def new_room(self, name: str, owner: Account | None = None) -> str:
        """Make a room with an alias; return its id."""
        return self.server.room(name, owner or self.bot)

    def alias(self, name: str) -> str:
        return f"#{name}:{SERVER_NAME}"

    def texts(self, room_id: str) -> list[str]:
        """What a client shows: each message that stands, by its newest edit, the oldest first."""
        query = 'dir=f&limit=100&filter={"types":["m.room.message"]}'
        _, answer = self.server.ask("GET", f"{_room(room_id)}/messages?{query}", self.bot.token)
        return [text for event in answer["chunk"] if (text := _text(event)) is not None]

    def events(self, room_id: str) -> list[dict[str, Any]]:
        """Every message event of the room, edits included, the oldest first."""
        query = 'dir=f&limit=100&filter={"types":["m.room.message"]}'
        return list(self.server.ask("GET", f"{_room(room_id)}/messages?{query}", self.bot.token)[1]["chunk"])

    def redact(self, room_id: str, event_id: str) -> None:
        """Remove a message, as a moderator would."""
        self.server.ask("PUT", f"{_room(room_id)}/redact/{quote(event_id)}/{event_id[1:]}", self.bot.token, {})


@contextmanager
def running_homeserver(folder: Path) -> Iterator[Homeserver]:
    """Run Synapse over the folder; skip where it is not installed."""
    server = MatrixServer(folder, SystemClock())
    try:
        server.start()
    except ConfigurationError as error:
        missing(str(error))
    try:
        yield Homeserver(server, server.account("calls"))
    finally:
        server.stop()


def _room(room_id: str) -> str:
    return f"/_matrix/client/v3/rooms/{quote(room_id)}"


def _text(event: dict[str, Any]) -> str | None:
    """The text that the server says stands: of the newest edit, which it bundles with the message; None of an edit."""
    content = event["content"]
    if "m.relates_to" in content or "body" not in content:
        return None
    edited = event.get("unsigned", {}).get("m.relations", {}).get("m.replace")
    return str(edited["content"]["m.new_content"]["body"] if edited else content["body"])
