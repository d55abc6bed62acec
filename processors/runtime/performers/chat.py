"""Put a message into a conversation's slot."""

from collections.abc import Mapping
from typing import Any

from sqlalchemy import Connection

from infra.chat.base import Chat, Slot
from processors.commands import PutChatMessage


class ChatPerformer:
    """Shows the newest content of a slot; the chat ignores what is older or was put before."""

    def __init__(self, chat: Chat) -> None:
        self._chat = chat

    def perform(self, command: PutChatMessage) -> Mapping[str, Any]:
        slot = Slot(conversation_id=command.conversation_id, external_id=command.external_id)
        receipt = self._chat.put(slot, command.revision, command.text, command.key)
        return {"message_id": receipt.message_id}

    def record(self, connection: Connection, command: PutChatMessage, result: Mapping[str, Any]) -> None:
        """Nothing to write beside the effect."""
