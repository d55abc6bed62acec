"""The Matrix chat on a real Synapse: what clients show after lost answers, forgotten transactions and refusals."""

from collections.abc import Iterator
from contextlib import closing
from typing import Any
from urllib.parse import quote
from uuid import uuid4

import pytest

from infra.chat import Chat, ChatMessage, Slot
from infra.chat.matrix import MatrixChat
from infra.chat.matrix_client import MatrixClient, RoomForbidden, RoomUnknown
from infra.clock import SystemClock
from infra.errors import PermanentError, TransientError
from infra.local.ports import free_port
from infra.secret import Secret
from tests.contract.homeserver import Homeserver

pytestmark = pytest.mark.matrix

SLOT = Slot("conversation-1", "zoom-call:1")


@pytest.fixture
def name() -> str:
    return uuid4().hex


@pytest.fixture
def room_id(homeserver: Homeserver, name: str) -> str:
    return homeserver.new_room(name)


@pytest.fixture
def chat(homeserver: Homeserver, room_id: str) -> Iterator[Chat]:
    with closing(homeserver.chat(room_id)) as chat:
        yield chat


class Between(MatrixClient):
    """Lets something happen between a put's looking and its sending, once."""

    def __init__(self, homeserver: Homeserver, happens: Any) -> None:
        super().__init__(homeserver.server.url, homeserver.bot.token, SystemClock())
        self._happens = happens

    def send(self, room_id: str, content: dict[str, Any], transaction_id: str) -> str:
        happens, self._happens = self._happens, lambda: None
        happens()
        return super().send(room_id, content, transaction_id)


def test_clients_show_one_message_with_its_newest_text(homeserver: Homeserver, chat: Chat, room_id: str) -> None:
    """Revisions are edits of the first message, and the server tells clients the newest."""
    for revision, text in ((1, "live"), (2, "ended"), (5, "available")):
        chat.put(SLOT, revision, text, f"key-{revision}")

    assert homeserver.texts(room_id) == ["available"]
    assert len(homeserver.events(room_id)) == 3


def test_a_put_shows_once_when_the_token_has_changed(homeserver: Homeserver, chat: Chat, room_id: str) -> None:
    """With another session the server does not know the transaction id; the key in the event is found."""
    first = chat.put(SLOT, 1, "live", "key-1")
    other = homeserver.server.account("calls")

    with closing(homeserver.chat(room_id, other.token)) as later:
        again = later.put(SLOT, 1, "live", "key-1")

    assert other.token != homeserver.bot.token
    assert again == first
    assert len(homeserver.events(room_id)) == 1


def test_a_put_shows_once_when_two_workers_send_it_at_once(homeserver: Homeserver, chat: Chat, room_id: str) -> None:
    """Both have looked before either sent: the transaction id is what makes it one."""
    racing = MatrixChat(Between(homeserver, lambda: chat.put(SLOT, 1, "live", "key-1")), room_id)

    with closing(racing):
        late = racing.put(SLOT, 1, "live", "key-1")

    assert late == chat.put(SLOT, 1, "live", "key-1")
    assert len(homeserver.events(room_id)) == 1


def test_the_newest_revision_stands_when_a_stopped_worker_goes_on(
    homeserver: Homeserver, chat: Chat, room_id: str
) -> None:
    """One that slept between looking and sending brings an older text last: the newer is sent again."""
    chat.put(SLOT, 1, "live", "key-1")
    sleeper = MatrixChat(Between(homeserver, lambda: chat.put(SLOT, 3, "available", "key-3")), room_id)

    with closing(sleeper):
        sleeper.put(SLOT, 2, "ended", "key-2")

    assert homeserver.texts(room_id) == ["available"]
    found = chat.find(SLOT)
    assert found is not None
    assert (found.revision, found.text) == (3, "available")


def test_a_key_of_another_slot_is_refused(homeserver: Homeserver, chat: Chat, room_id: str) -> None:
    """The server would take it for the same send and show nothing: that is no success."""
    chat.put(SLOT, 1, "live", "key-1")

    with pytest.raises(PermanentError, match="another message"):
        chat.put(Slot("conversation-1", "zoom-call:2"), 1, "live", "key-1")
    assert homeserver.texts(room_id) == ["live"]


def test_a_message_that_was_removed_is_put_anew(homeserver: Homeserver, chat: Chat, room_id: str) -> None:
    """Edits of a removed message would show nowhere, so the next revision is a message of its own."""
    first = chat.put(SLOT, 1, "live", "key-1")
    homeserver.redact(room_id, first.message_id)

    second = chat.put(SLOT, 2, "ended", "key-2")

    assert second.message_id != first.message_id
    assert chat.find(SLOT) == ChatMessage(second.message_id, 2, "ended")


def test_a_message_is_found_behind_many_others(homeserver: Homeserver, chat: Chat, room_id: str) -> None:
    """Other people's messages do not count, and ours are read page by page."""
    first = chat.put(SLOT, 1, "live", "key-1")
    path = f"/_matrix/client/v3/rooms/{room_id}/send/m.room.message"
    for number in range(60):
        text = {"msgtype": "m.text", "body": f"{number}"}
        homeserver.server.ask("PUT", f"{path}/{number}", homeserver.bot.token, text)

    assert chat.put(SLOT, 2, "ended", "key-2").message_id == first.message_id


@pytest.mark.parametrize("conversation_id", ["conversation-1", "order/17 ü", "#is:no-alias-here"])
def test_the_room_is_the_one_that_the_setting_makes_of_the_conversation(
    homeserver: Homeserver, name: str, conversation_id: str
) -> None:
    """An alias with the conversation's id in it, percent-encoded."""
    room_id = homeserver.new_room(f"{name}-{quote(conversation_id, safe='')}")

    with closing(homeserver.chat(homeserver.alias(name + "-{conversation_id}"))) as chat:
        chat.put(Slot(conversation_id, "call"), 1, "live", f"{name}-key")

    assert homeserver.texts(room_id) == ["live"]


def test_the_conversation_may_be_the_room_itself(homeserver: Homeserver, room_id: str, name: str) -> None:
    """Without the setting, a conversation's id is the room's id or its alias."""
    with closing(homeserver.chat(None)) as chat:
        chat.put(Slot(room_id, "by-id"), 1, "by id", "key-1")
        chat.put(Slot(homeserver.alias(name), "by-alias"), 1, "by alias", "key-2")
        with pytest.raises(RoomUnknown, match="CHAT_ROOM"):
            chat.put(SLOT, 1, "neither", "key-3")

    assert homeserver.texts(room_id) == ["by id", "by alias"]


def test_an_unknown_room_is_a_permanent_error(homeserver: Homeserver, name: str) -> None:
    """A conversation without a room is for a person to mend."""
    with closing(homeserver.chat(homeserver.alias(name))) as chat, pytest.raises(RoomUnknown):
        chat.put(SLOT, 1, "live", "key-1")


def test_a_room_that_we_are_invited_to_is_joined(homeserver: Homeserver, name: str) -> None:
    """Whoever makes the room need only invite us; a room that lets nobody in is a permanent error."""
    owner = homeserver.server.account("owner")
    wanted = {"preset": "private_chat", "room_alias_name": name}
    _, made = homeserver.server.ask("POST", "/_matrix/client/v3/createRoom", owner.token, wanted)
    with closing(homeserver.chat(homeserver.alias(name))) as chat:
        with pytest.raises(RoomForbidden):
            chat.put(SLOT, 1, "live", "key-1")
        path = f"/_matrix/client/v3/rooms/{made['room_id']}/invite"
        homeserver.server.ask("POST", path, owner.token, {"user_id": homeserver.bot.user_id})

        chat.put(SLOT, 1, "live", "key-1")

    assert homeserver.texts(made["room_id"]) == ["live"]


def test_a_put_waits_as_long_as_the_server_asks(homeserver: Homeserver, room_id: str) -> None:
    """429 says how long, and is obeyed as Retry-After is."""
    slow, admin = homeserver.server.account("slow"), homeserver.server.account("admin", admin=True)
    path = f"/_synapse/admin/v1/users/{slow.user_id}/override_ratelimit"
    homeserver.server.ask("POST", path, admin.token, {"messages_per_second": 1, "burst_count": 1})

    def put_many(chat: Chat) -> None:
        for revision in range(1, 20):
            chat.put(SLOT, revision, f"revision {revision}", f"{slow.user_id} {revision}")

    with closing(homeserver.chat(room_id, slow.token)) as chat, pytest.raises(TransientError) as caught:
        put_many(chat)

    assert "429" in str(caught.value)
    assert caught.value.retry_after_seconds is not None
    assert 0 < caught.value.retry_after_seconds < 60


def test_a_wrong_token_is_refused_and_told_nowhere(homeserver: Homeserver, room_id: str) -> None:
    """A wrong token is for a person to mend, and is in no error."""
    wrong = homeserver.chat(room_id, Secret("syt_wrong-token"))

    with closing(wrong) as chat, pytest.raises(PermanentError) as caught:
        chat.put(SLOT, 1, "live", "key-1")
    assert "401" in str(caught.value)
    assert "wrong-token" not in repr(caught.value)


def test_a_server_that_is_down_is_down_for_now() -> None:
    """Put again with the same key."""
    client = MatrixClient(f"http://127.0.0.1:{free_port()}", Secret("t"), SystemClock())

    with closing(MatrixChat(client, "!room")) as chat, pytest.raises(TransientError):
        chat.put(SLOT, 1, "live", "key-1")
