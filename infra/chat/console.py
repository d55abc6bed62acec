"""A chat for one's own terminal: every revision that shows is printed once. It forgets when the process ends."""

import sys
from threading import Lock
from typing import TextIO
from urllib.parse import quote

from infra.chat.base import ChatMessage, ChatReceipt, Slot, check_content
from infra.errors import PermanentError


class ConsoleChat:
    """Prints to standard output, or to `out`."""

    def __init__(self, out: TextIO | None = None) -> None:
        self._out = out
        self._lock = Lock()
        self._messages: dict[Slot, ChatMessage] = {}
        self._puts: dict[str, tuple[tuple[Slot, int, str], ChatReceipt]] = {}

    def put(self, slot: Slot, revision: int, content: str, key: str) -> ChatReceipt:
        """Print the message when its revision is new; see Chat.put."""
        check_content(content)
        with self._lock:
            if key not in self._puts:
                self._puts[key] = ((slot, revision, content), self._apply(slot, revision, content))
            first, receipt = self._puts[key]
        if first != (slot, revision, content):
            raise PermanentError("the idempotency key was used for another message")
        return receipt

    def find(self, slot: Slot) -> ChatMessage | None:
        """Return what this process last printed for the slot."""
        with self._lock:
            return self._messages.get(slot)

    def close(self) -> None:
        """Nothing to release."""

    def _apply(self, slot: Slot, revision: int, content: str) -> ChatReceipt:
        message_id = f"console:{quote(slot.conversation_id, safe='')}/{quote(slot.external_id, safe='')}"
        standing = self._messages.get(slot)
        if standing is not None and standing.revision >= revision:
            return ChatReceipt(message_id, applied=False)
        self._messages[slot] = ChatMessage(message_id, revision, content)
        heading = f"── chat {slot.conversation_id} · {slot.external_id} · revision {revision} "
        print(f"{heading:─<100}\n{content}", file=self._out or sys.stdout, flush=True)
        return ChatReceipt(message_id, applied=True)
