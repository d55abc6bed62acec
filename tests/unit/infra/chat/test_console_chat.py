"""The console chat's printing."""

import io

from infra.chat import Slot
from infra.chat.console import ConsoleChat


def test_each_shown_revision_is_printed_once_when_puts_are_doubled() -> None:
    """People see every revision that counts, once."""
    out = io.StringIO()
    chat = ConsoleChat(out)
    slot = Slot("conversation-1", "call-1")

    for revision, key in ((1, "a"), (1, "a"), (3, "c"), (2, "b")):
        chat.put(slot, revision, f"text {revision}", key)

    assert [line for line in out.getvalue().splitlines() if line.startswith("text")] == ["text 1", "text 3"]
    assert out.getvalue().count("conversation-1") == 2
