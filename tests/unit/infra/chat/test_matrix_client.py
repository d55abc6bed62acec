"""The Matrix client's reading of answers; what it does with slots is in tests/contract/test_matrix_chat.py."""

import json
from urllib.parse import parse_qs, urlsplit

import pytest
import urllib3

from infra.chat.matrix import room_name
from infra.chat.matrix_client import MAX_ANSWER_BYTES, MatrixClient, RoomForbidden, RoomUnknown
from infra.errors import PermanentError, TransientError
from infra.secret import Secret
from tests.fakes.clock import FakeClock
from tests.fakes.http_pool import FakePool


@pytest.fixture
def pool() -> FakePool:
    return FakePool()


@pytest.fixture
def client(pool: FakePool) -> MatrixClient:
    return over(pool)


def over(pool: FakePool) -> MatrixClient:
    return MatrixClient("https://matrix.example/", Secret("a-token"), FakeClock(), pool)


def test_a_message_is_sent_under_its_transaction_id(client: MatrixClient, pool: FakePool) -> None:
    """Every part of the path is encoded, and the token is a header."""
    pool.answer(200, {"event_id": "$1"})

    assert client.send("!r:example.com", {"body": "Olá"}, "chat:c/1:2") == "$1"
    sent = pool.sent[0]
    path = "/_matrix/client/v3/rooms/%21r%3Aexample.com/send/m.room.message/chat%3Ac%2F1%3A2"
    assert (sent.method, sent.url) == ("PUT", f"https://matrix.example{path}")
    assert sent.headers["Authorization"] == "Bearer a-token"
    assert json.loads(sent.body or b"") == {"body": "Olá"}


def test_a_page_of_messages_is_asked_for_by_sender(client: MatrixClient, pool: FakePool) -> None:
    """Only our own messages, newest first; the end of the history is no further page."""
    pool.answer(200, {"chunk": [{"event_id": "$1"}], "end": "t2"})
    pool.answer(200, {"chunk": [], "end": "t2"})

    first = client.messages("!r", "@me:example.com", None)
    second = client.messages("!r", "@me:example.com", "t2")

    assert (first, second) == (([{"event_id": "$1"}], "t2"), ([], None))
    query = parse_qs(urlsplit(pool.sent[1].url).query)
    assert (query["dir"], query["from"]) == (["b"], ["t2"])
    assert json.loads(query["filter"][0])["senders"] == ["@me:example.com"]


@pytest.mark.parametrize(
    ("status", "body", "headers", "seconds"),
    [
        (429, {"errcode": "M_LIMIT_EXCEEDED", "retry_after_ms": 2500}, {}, 2.5),
        (429, {"errcode": "M_LIMIT_EXCEEDED", "retry_after_ms": 2500}, {"Retry-After": "7"}, 7.0),
        (429, {"retry_after_ms": "soon"}, {}, None),
        (429, {"retry_after_ms": -1}, {}, None),
        (502, b"<html>", {}, None),
    ],
)
def test_a_busy_server_is_waited_for(status: int, body: object, headers: dict[str, str], seconds: float | None) -> None:
    """As long as it asks, by the header or by what the body says in older servers."""
    pool = FakePool()
    pool.answer(status, body, headers)

    with pytest.raises(TransientError) as caught:
        over(pool).join("!r")

    assert caught.value.retry_after_seconds == seconds


@pytest.mark.parametrize(
    ("status", "code", "kind", "said"),
    [
        (403, "M_FORBIDDEN", RoomForbidden, "403"),
        (404, "M_NOT_FOUND", RoomUnknown, "CHAT_ROOM"),
        (404, "M_UNRECOGNIZED", PermanentError, "404"),
        (401, "M_UNKNOWN_TOKEN", PermanentError, "CHAT_TOKEN"),
        (400, "M_BAD_JSON", PermanentError, "400"),
        (302, "", PermanentError, "302"),
    ],
)
def test_a_refusal_is_told_by_what_to_do(status: int, code: str, kind: type[Exception], said: str) -> None:
    """The server's own words are not repeated, nor is the token; a redirect is not followed."""
    pool = FakePool()
    pool.answer(status, {"errcode": code, "error": "private words"}, {"Location": "https://elsewhere.example"})

    with pytest.raises(kind, match=said) as caught:
        over(pool).room_of("#a:example.com")

    assert type(caught.value) is kind
    assert "private" not in str(caught.value)
    assert len(pool.sent) == 1


@pytest.mark.parametrize("data", [b"<html>", [], {}, {"chunk": "x"}, {"chunk": [1]}, b" " * (MAX_ANSWER_BYTES + 1)])
def test_another_server_is_told_as_such(client: MatrixClient, pool: FakePool, data: object) -> None:
    """An answer that is none of Matrix names the setting."""
    pool.answer(200, data)

    with pytest.raises(PermanentError, match="CHAT_URL"):
        client.messages("!r", "@me:example.com", None)


def test_no_answer_is_for_later(client: MatrixClient, pool: FakePool) -> None:
    """The text holds no address."""
    pool.fail(urllib3.exceptions.ProtocolError("https://matrix.example broke"))

    with pytest.raises(TransientError, match="ProtocolError") as caught:
        client.who_am_i()

    assert "matrix.example" not in str(caught.value)


@pytest.mark.parametrize(
    ("room", "conversation_id", "name"),
    [
        ("#call-{conversation_id}:example.com", "order/1", "#call-order%2F1:example.com"),
        ("#all:example.com", "order/1", "#all:example.com"),
        ("!one", "order/1", "!one"),
        (None, "!r:example.com", "!r:example.com"),
        (None, "#r:example.com", "#r:example.com"),
    ],
)
def test_a_conversations_room_has_a_name(room: str | None, conversation_id: str, name: str) -> None:
    """From the setting, or the conversation's own id."""
    assert room_name(room, conversation_id) == name


@pytest.mark.parametrize(("room", "conversation_id"), [(None, "order-1"), ("#{conversation_id}:example.com", "ü" * 50)])
def test_a_conversation_that_gives_no_name_is_refused(room: str | None, conversation_id: str) -> None:
    """Neither an id nor an alias, or an alias that Matrix does not take: 255 bytes at most."""
    with pytest.raises(RoomUnknown, match="CHAT_ROOM"):
        room_name(room, conversation_id)
