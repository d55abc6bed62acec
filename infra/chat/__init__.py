"""The port; adapters (console, http, matrix) are made by infra.chat.connect, for composition roots."""

from infra.chat.base import MAX_TEXT_CHARACTERS, Chat, ChatMessage, ChatReceipt, Slot

__all__ = ["MAX_TEXT_CHARACTERS", "Chat", "ChatMessage", "ChatReceipt", "Slot"]
