"""From CHAT_URL to a chat. For composition roots."""

from ipaddress import ip_address
from urllib.parse import urlsplit

from infra.chat.base import Chat
from infra.chat.console import ConsoleChat
from infra.chat.http import HttpChat
from infra.chat.matrix import MatrixChat
from infra.chat.matrix_client import MatrixClient
from infra.clock import Clock
from infra.errors import ConfigurationError
from infra.secret import Secret

MATRIX = "matrix:"  # before the homeserver's address


def connect_chat(url: str, token: Secret | None, clock: Clock, room: str | None = None) -> Chat:
    """Return the chat that `url` names: `console:`, `https://…`, or `matrix:https://HOMESERVER` with the rooms of `room`.

    Plain `http://…` is for this machine only.

    Raises:
        ConfigurationError: `url` names no chat we know, or would send messages and the token unencrypted over a network.
    """
    if url == "console:":
        return ConsoleChat()
    if not url.startswith(MATRIX):
        _check(url)
        return HttpChat(url, token, clock)
    _check(url.removeprefix(MATRIX))
    if token is None:
        raise ConfigurationError("CHAT_TOKEN is not set: CHAT_URL is a Matrix homeserver, which wants an access token")
    if room is not None and not room.startswith(("!", "#")):
        raise ConfigurationError("CHAT_ROOM is neither a room's id (!…) nor its alias (#…:SERVER)")
    return MatrixChat(MatrixClient(url.removeprefix(MATRIX), token, clock), room)


def _check(url: str) -> None:
    try:
        parts = urlsplit(url)
        host = parts.hostname
    except ValueError as error:
        raise ConfigurationError("CHAT_URL is not a URL") from error
    if parts.scheme not in ("http", "https") or not host:
        raise ConfigurationError("CHAT_URL is neither console: nor https://HOST/… nor matrix:https://HOST")
    if parts.username or parts.password or parts.query or parts.fragment:
        raise ConfigurationError("CHAT_URL holds more than https://HOST/PATH; the token belongs in CHAT_TOKEN")
    if parts.scheme == "http" and not _is_loopback(host):
        raise ConfigurationError("CHAT_URL is plain http to another machine: use https")


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
