"""The chat behind a Matrix homeserver: a slot is a message of ours in the conversation's room, its revisions are edits.

What makes a put show once: the idempotency key is the transaction id, by which the server knows a send again, and it
stands inside the event too. A server forgets transaction ids (Synapse within a day, and at once with another token), so
every put first looks for the key among our messages in the room, whatever the key's age.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar
from urllib.parse import quote

from infra.chat.base import ChatMessage, ChatReceipt, Slot, check_content
from infra.chat.matrix_client import MatrixClient, RoomForbidden, RoomUnknown
from infra.errors import PermanentError

_T = TypeVar("_T")

MARK = "zoom_call_pipeline.slot"  # our field of an event's content; Matrix wants custom fields in a name space
MAX_PAGES = 200  # of 50 messages of ours: 10,000 in one room, a call a day for ten years
MAX_ALIAS_BYTES = 255  # Matrix specification, appendix 3.2.3
ROOMS_KEPT = 10_000  # ids of rooms by alias: 2 MB; then they are asked for again


@dataclass(frozen=True, slots=True)
class _Shown:
    """One revision as it stands in the room; `root_id` is the event of the message that it is or edits."""

    event_id: str
    root_id: str
    revision: int
    text: str
    key: str

    def is_put(self, revision: int, content: str) -> bool:
        return (self.revision, self.text) == (revision, content)


class MatrixChat:
    """Rooms are found by `room`, see `room_name`. Their messages must not be encrypted: then nobody could look for them."""

    def __init__(self, client: MatrixClient, room: str | None) -> None:
        self._client = client
        self._room = room
        self._rooms: dict[str, str] = {}
        self._user: str | None = None

    def put(self, slot: Slot, revision: int, content: str, key: str) -> ChatReceipt:
        """See Chat.put.

        Raises:
            RoomUnknown, RoomForbidden: the conversation has no room, or we may not write there.
        """
        check_content(content)
        return self._in_room(slot, lambda room_id: self._put(room_id, slot, revision, content, key))

    def find(self, slot: Slot) -> ChatMessage | None:
        """See Chat.find."""
        shown = self._in_room(slot, lambda room_id: self._shown(room_id, slot))
        return ChatMessage(shown[-1].root_id, shown[-1].revision, shown[-1].text) if shown else None

    def close(self) -> None:
        """Close idle connections."""
        self._client.close()

    def _put(self, room_id: str, slot: Slot, revision: int, content: str, key: str) -> ChatReceipt:
        shown = self._shown(room_id, slot)
        mine = next((one for one in shown if one.key == key), None)
        if mine is None:
            if shown and _newest(shown).revision >= revision:
                self._let_newest_stand(room_id, slot, shown)
                return ChatReceipt(shown[-1].root_id, applied=False)
            root_id = shown[-1].root_id if shown else None
            event_id = self._client.send(room_id, _content(slot, revision, content, key, root_id), key)
            shown = self._shown(room_id, slot)
            mine = next((one for one in shown if one.event_id == event_id), None)
        if mine is None or not mine.is_put(revision, content):
            raise PermanentError("the idempotency key was used for another message")
        self._let_newest_stand(room_id, slot, shown)
        return ChatReceipt(mine.root_id, applied=True)

    def _let_newest_stand(self, room_id: str, slot: Slot, shown: Sequence[_Shown]) -> None:
        """Send the newest revision again where an older one came after it: from a worker that was stopped for a while
        between looking and sending."""
        newest, last = _newest(shown), shown[-1]
        if newest.revision > last.revision:
            again = _content(slot, newest.revision, newest.text, newest.key, newest.root_id)
            self._client.send(room_id, again, f"{newest.key}:after:{last.event_id}")

    def _shown(self, room_id: str, slot: Slot) -> list[_Shown]:
        """What of the slot stands in the room, the oldest first: a message of ours and its edits.

        A message that was removed (redacted) has lost its mark, and its edits count no more.
        """
        found: list[_Shown] = []
        start: str | None = None
        for _ in range(MAX_PAGES):
            events, start = self._client.messages(room_id, self._user_id(), start)
            for shown in (_shown_in(event, slot) for event in events):
                if shown is not None:
                    found.append(shown)
                if shown is not None and shown.root_id == shown.event_id:
                    return [one for one in reversed(found) if one.root_id == shown.root_id]
            if start is None:
                return []
        raise PermanentError(f"the room holds more than {MAX_PAGES} pages of our messages, and this one is not in them")

    def _user_id(self) -> str:
        if self._user is None:
            self._user = self._client.who_am_i()
        return self._user

    def _in_room(self, slot: Slot, do: Callable[[str], _T]) -> _T:
        """Do it in the conversation's room. Where we may not, join: we may have been invited, or the alias be moved."""
        try:
            return do(self._room_of(slot))
        except RoomForbidden:
            self._rooms.clear()
            room_id = self._room_of(slot)
            self._client.join(room_id)
            return do(room_id)

    def _room_of(self, slot: Slot) -> str:
        name = room_name(self._room, slot.conversation_id)
        if name.startswith("!"):
            return name
        if name not in self._rooms:
            if len(self._rooms) >= ROOMS_KEPT:
                self._rooms.clear()
            self._rooms[name] = self._client.room_of(name)
        return self._rooms[name]


def room_name(room: str | None, conversation_id: str) -> str:
    """Return the id (`!…`) or alias (`#…`) of a conversation's room.

    `room` is CHAT_ROOM: an id or alias, with `{conversation_id}` in it unless all conversations share one room. Without it
    the conversation's own id is that of the room, or its alias.

    Raises:
        RoomUnknown: this gives neither an id nor an alias.
    """
    name = conversation_id if room is None else room.replace("{conversation_id}", quote(conversation_id, safe=""))
    if not name.startswith(("!", "#")) or len(name.encode()) > MAX_ALIAS_BYTES:
        raise RoomUnknown("the conversation's id gives no room id and no alias of at most 255 bytes: see CHAT_ROOM")
    return name


def _newest(shown: Sequence[_Shown]) -> _Shown:
    return max(shown, key=lambda one: one.revision)


def _content(slot: Slot, revision: int, text: str, key: str, root_id: str | None) -> dict[str, Any]:
    """A message, or the edit of one: clients that know no edits show the text behind a star."""
    mark = {
        "conversation_id": slot.conversation_id,
        "external_id": slot.external_id,
        "revision": revision,
        "key": key,
    }
    if root_id is None:
        return {"msgtype": "m.text", "body": text, MARK: mark}
    return {
        "msgtype": "m.text",
        "body": f"* {text}",
        "m.new_content": {"msgtype": "m.text", "body": text, MARK: mark},
        "m.relates_to": {"rel_type": "m.replace", "event_id": root_id},
        MARK: mark,
    }


def _shown_in(event: dict[str, Any], slot: Slot) -> _Shown | None:
    """Read one of our events; None when it belongs to another slot, to none, or was removed."""
    content = event.get("content")
    mark = content.get(MARK) if isinstance(content, dict) else None
    if not isinstance(content, dict) or not isinstance(mark, dict):
        return None
    if (mark.get("conversation_id"), mark.get("external_id")) != (slot.conversation_id, slot.external_id):
        return None
    relation, edited = content.get("m.relates_to"), content.get("m.new_content")
    root_id = relation.get("event_id") if isinstance(relation, dict) else event.get("event_id")
    body = edited.get("body") if isinstance(edited, dict) else content.get("body")
    match (event.get("event_id"), root_id, mark.get("revision"), body, mark.get("key")):
        case (str(event_id), str(root), int(revision), str(text), str(key)):
            return _Shown(event_id, root, revision, text, key)
    return None
