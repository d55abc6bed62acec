"""From CHAT_URL to a chat."""

import pytest

from infra.chat.connect import connect_chat
from infra.chat.console import ConsoleChat
from infra.chat.http import HttpChat
from infra.chat.matrix import MatrixChat
from infra.errors import ConfigurationError
from infra.secret import Secret
from tests.fakes.clock import FakeClock


def test_console_is_made_when_asked_for() -> None:
    """`console:` needs nothing else."""
    assert isinstance(connect_chat("console:", None, FakeClock()), ConsoleChat)


@pytest.mark.parametrize(
    "url", ["https://chat.example/api", "http://127.0.0.1:8090/chat", "http://localhost:1", "http://[::1]:1/x"]
)
def test_http_is_made_when_the_way_is_safe(url: str) -> None:
    """https anywhere, plain http on this machine."""
    assert isinstance(connect_chat(url, Secret("t"), FakeClock()), HttpChat)


@pytest.mark.parametrize("url", ["matrix:https://matrix.example", "matrix:http://127.0.0.1:8008"])
@pytest.mark.parametrize("room", [None, "!room", "#call-{conversation_id}:example.com"])
def test_matrix_is_made_when_the_way_is_safe(url: str, room: str | None) -> None:
    """The homeserver's address stands behind `matrix:`; rooms by id, by alias, or the conversation's own."""
    assert isinstance(connect_chat(url, Secret("t"), FakeClock(), room), MatrixChat)


@pytest.mark.parametrize(
    ("token", "room", "named"), [(None, None, "CHAT_TOKEN"), (Secret("t"), "call-{conversation_id}", "CHAT_ROOM")]
)
def test_matrix_is_refused_when_a_setting_is_missing(token: Secret | None, room: str | None, named: str) -> None:
    """The sentence names the setting."""
    with pytest.raises(ConfigurationError, match=named):
        connect_chat("matrix:https://matrix.example", token, FakeClock(), room)


@pytest.mark.parametrize(
    "url",
    [
        "http://chat.example/api",
        "matrix:http://matrix.example",
        "matrix:matrix.example",
        "matrix:",
        "matrix:https://user:pass-word@matrix.example",
        "http://10.0.0.7/api",
        "http://localhost.example/api",
        "https://user:pass-word@chat.example",
        "https://chat.example/?token=pass-word",
        "https://",
        "ftp://chat.example",
        "console",
        "http://[::1",
        "",
    ],
)
def test_other_urls_are_refused(url: str) -> None:
    """What would travel unencrypted, or is no chat, is said in one sentence without quoting the URL."""
    with pytest.raises(ConfigurationError, match="CHAT_URL") as caught:
        connect_chat(url, None, FakeClock())

    assert "pass-word" not in str(caught.value)
