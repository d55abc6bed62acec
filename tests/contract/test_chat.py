"""What every chat does with a slot: the console, our HTTP contract against the reference server, and Matrix on Synapse."""

import io
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from uuid import uuid4

import pytest

from infra.chat import MAX_TEXT_CHARACTERS, Chat, ChatMessage, Slot
from infra.chat.connect import connect_chat
from infra.chat.console import ConsoleChat
from infra.clock import SystemClock
from infra.errors import PermanentError, TransientError
from infra.secret import Secret
from infra.zoom.simulator import ReferenceChat, SimulatorServer

SLOT = Slot("conversation-1", "zoom-call:1")
TOKEN = Secret("a-chat-token-of-the-tests")


@pytest.fixture
def server(tmp_path: Path) -> Iterator[SimulatorServer]:
    """The reference server, keeping its messages in a file."""
    with closing(SimulatorServer(chat_path=tmp_path / "chat.db", chat_token=TOKEN).start()) as server:
        yield server


@pytest.fixture(params=["console", "http", pytest.param("matrix", marks=pytest.mark.matrix)])
def chat(request: pytest.FixtureRequest) -> Iterator[Chat]:
    """Each adapter in turn."""
    if request.param == "console":
        yield ConsoleChat(io.StringIO())
        return
    if request.param == "matrix":
        homeserver = request.getfixturevalue("homeserver")
        with closing(homeserver.chat(homeserver.new_room(uuid4().hex))) as chat:
            yield chat
        return
    with closing(connect_chat(request.getfixturevalue("server").chat_url, TOKEN, SystemClock())) as chat:
        yield chat


def test_put_shows_the_message_when_the_slot_is_empty(chat: Chat) -> None:
    """A first revision stands there, text unchanged."""
    text = "Ångström & co 🎨\n<b>not markup</b> https://example.com/?a=1&b=2"

    receipt = chat.put(SLOT, 1, text, "key-1")

    assert receipt.applied
    assert chat.find(SLOT) == ChatMessage(receipt.message_id, 1, text)


def test_put_replaces_the_message_when_the_revision_is_higher(chat: Chat) -> None:
    """A higher revision takes the place of the lower one in the same message; revisions may be skipped."""
    first = chat.put(SLOT, 1, "live", "key-1")

    second = chat.put(SLOT, 7, "ended", "key-7")

    assert second.applied
    assert chat.find(SLOT) == ChatMessage(first.message_id, 7, "ended")


@pytest.mark.parametrize("revision", [1, 2])
def test_put_changes_nothing_when_the_revision_is_not_higher(chat: Chat, revision: int) -> None:
    """A revision that comes late is no error and does not show."""
    newest = chat.put(SLOT, 2, "ended", "key-2")

    late = chat.put(SLOT, revision, "live", "key-late")

    assert (late.message_id, late.applied) == (newest.message_id, False)
    assert chat.find(SLOT) == ChatMessage(newest.message_id, 2, "ended")


def test_put_gives_the_same_receipt_when_the_key_comes_again(chat: Chat) -> None:
    """A put whose answer was lost is repeated without effect, even after a newer one."""
    first = chat.put(SLOT, 1, "live", "key-1")
    chat.put(SLOT, 2, "ended", "key-2")

    again = chat.put(SLOT, 1, "live", "key-1")

    assert again == first
    assert chat.find(SLOT) == ChatMessage(first.message_id, 2, "ended")


def test_put_is_refused_when_the_key_was_used_for_another_message(chat: Chat) -> None:
    """One key is one message."""
    chat.put(SLOT, 1, "live", "key-1")

    with pytest.raises(PermanentError):
        chat.put(SLOT, 2, "ended", "key-1")


def test_slots_are_apart_when_their_ids_hold_slashes(chat: Chat) -> None:
    """Ids are opaque: neither a slash nor a percent sign nor an emoji mixes two slots up."""
    slots = [Slot("c", "a/b"), Slot("c", "a%2Fb"), Slot("c/a", "b"), Slot("ç🎨", "?x=1#y")]
    for number, slot in enumerate(slots):
        chat.put(slot, 1, f"message {number}", f"key {number}")

    found = [chat.find(slot) for slot in slots]

    assert [message.text for message in found if message] == [f"message {number}" for number in range(4)]
    assert len({message.message_id for message in found if message}) == 4


def test_find_gives_none_when_the_slot_is_empty(chat: Chat) -> None:
    """Nothing stands where nothing was put."""
    assert chat.find(SLOT) is None


def test_put_takes_the_longest_text_and_refuses_a_longer_one(chat: Chat) -> None:
    """MAX_TEXT_CHARACTERS fit, whatever they are in bytes; one more does not."""
    chat.put(SLOT, 1, "🎨" * MAX_TEXT_CHARACTERS, "key-1")

    with pytest.raises(PermanentError, match="901 characters"):
        chat.put(SLOT, 2, "x" * (MAX_TEXT_CHARACTERS + 1), "key-2")
    with pytest.raises(PermanentError, match="empty"):
        chat.put(SLOT, 2, "", "key-3")


def test_reference_chat_keeps_every_revision_once_when_puts_are_doubled(server: SimulatorServer) -> None:
    """The history shows what people saw: each revision once."""
    with closing(connect_chat(server.chat_url, TOKEN, SystemClock())) as chat:
        for revision, key in ((1, "a"), (1, "a"), (3, "c"), (2, "b"), (3, "c")):
            chat.put(SLOT, revision, f"revision {revision}", key)

    assert [each.revision for each in server.chat.history(SLOT)] == [1, 3]
    assert [each.text for each in server.chat.messages(SLOT.conversation_id)] == ["revision 3"]


def test_reference_chat_remembers_when_it_is_opened_again(tmp_path: Path) -> None:
    """Messages and keys outlive the process."""
    with closing(ReferenceChat(SystemClock(), tmp_path / "chat.db")) as chat:
        first = chat.put(SLOT, 1, "live", "key-1")

    with closing(ReferenceChat(SystemClock(), tmp_path / "chat.db")) as chat:
        again = chat.put(SLOT, 1, "live", "key-1")
        history = chat.history(SLOT)

    assert again == first
    assert len(history) == 1


def test_put_is_refused_when_the_token_is_wrong(server: SimulatorServer) -> None:
    """A wrong token is for a person to mend, and is in no error."""
    wrong = connect_chat(server.chat_url, Secret("wrong-token"), SystemClock())
    with closing(wrong) as chat, pytest.raises(PermanentError) as caught:
        chat.put(SLOT, 1, "live", "key-1")

    assert "401" in str(caught.value)
    assert "wrong-token" not in repr(caught.value)


def test_put_may_be_tried_again_when_nobody_answers(server: SimulatorServer) -> None:
    """A chat that is down is down for now."""
    url = server.chat_url
    server.close()

    with closing(connect_chat(url, TOKEN, SystemClock())) as chat, pytest.raises(TransientError):
        chat.put(SLOT, 1, "live", "key-1")
