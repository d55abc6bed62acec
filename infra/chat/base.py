"""The marketplace's chat: one message per slot, updated in place.

A message is never a queue of edits: only the newest content counts. Whoever puts revision 3 need not have put
revision 2, and a revision that comes late changes nothing.
"""

from dataclasses import dataclass
from typing import Protocol

from infra.errors import PermanentError

MAX_TEXT_CHARACTERS = 900  # what the smallest chat we know of shows unfolded; our own templates stay below it


@dataclass(frozen=True, slots=True)
class Slot:
    """The place of one message: the chat finds it again by `external_id`, which we choose."""

    conversation_id: str
    external_id: str


@dataclass(frozen=True, slots=True)
class ChatReceipt:
    """What a put came to. `applied` is False when a revision as new or newer already stood there."""

    message_id: str
    applied: bool


@dataclass(frozen=True, slots=True)
class ChatMessage:
    """A message as it stands."""

    message_id: str
    revision: int
    text: str


class Chat(Protocol):
    """Puts messages into slots. Safe to share between threads."""

    def put(self, slot: Slot, revision: int, content: str, key: str) -> ChatReceipt:
        """Make `content`, plain text, what stands in the slot, unless the same or a higher revision already does.

        The same key with the same content is the same put: it shows once and gives the same receipt, however often it
        is sent.

        Raises:
            TransientError: the chat does not answer or asks us to wait; put again with the same key.
            PermanentError: the chat refuses it, or it is longer than MAX_TEXT_CHARACTERS.
        """
        ...

    def find(self, slot: Slot) -> ChatMessage | None:
        """Return what stands in the slot.

        Raises:
            TransientError: the chat does not answer or asks us to wait.
            PermanentError: the chat refuses to say.
        """
        ...

    def close(self) -> None:
        """Release connections."""
        ...


def check_content(content: str) -> None:
    """Raise PermanentError for a text that no chat has to take."""
    if not content:
        raise PermanentError("the chat message is empty")
    if len(content) > MAX_TEXT_CHARACTERS:
        raise PermanentError(f"the chat message has {len(content)} characters, at most {MAX_TEXT_CHARACTERS} fit")
