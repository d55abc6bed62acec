"""The HTTP chat's reading of answers; what it does with slots is in tests/contract/test_chat.py."""

import json

import pytest
import urllib3

from infra.chat import ChatReceipt, Slot
from infra.chat.http import HttpChat
from infra.errors import PermanentError, TransientError
from infra.secret import Secret
from tests.fakes.clock import FakeClock
from tests.fakes.http_pool import FakePool

SLOT = Slot("conversation-1", "call/1")
TOKEN = Secret("a-chat-token")


def chat_over(pool: FakePool) -> HttpChat:
    return HttpChat("https://chat.example/api/", TOKEN, FakeClock(), pool)


def test_put_sends_what_the_contract_says() -> None:
    """Path, key, token and body are those of docs/chat-contract.md."""
    pool = FakePool()
    pool.answer(201, {"message_id": "m1", "revision": 3})

    receipt = chat_over(pool).put(SLOT, 3, "Olá", "key-3")

    sent = pool.sent[0]
    assert receipt == ChatReceipt("m1", applied=True)
    assert (sent.method, sent.url) == ("PUT", "https://chat.example/api/conversations/conversation-1/messages/call%2F1")
    assert sent.headers["Idempotency-Key"] == "key-3"
    assert sent.headers["Authorization"] == "Bearer a-chat-token"
    assert json.loads(sent.body or b"") == {"revision": 3, "text": "Olá", "format": "plain"}


@pytest.mark.parametrize(
    ("header", "seconds"),
    [("7", 7.0), ("Thu, 01 Jan 2026 12:00:30 GMT", 30.0), ("Thu, 01 Jan 2026 11:00:00 GMT", 0.0), ("soon", None)],
)
@pytest.mark.parametrize("status", [429, 503])
def test_put_waits_as_long_as_asked_when_the_chat_is_busy(status: int, header: str, seconds: float | None) -> None:
    """429 and 5xx are for later, with Retry-After in either of HTTP's forms."""
    pool = FakePool()
    pool.answer(status, b"busy", {"Retry-After": header})

    with pytest.raises(TransientError) as caught:
        chat_over(pool).put(SLOT, 1, "live", "key-1")

    assert caught.value.retry_after_seconds == seconds


@pytest.mark.parametrize(
    "failure", [urllib3.exceptions.ReadTimeoutError(None, "", "late"), urllib3.exceptions.ProtocolError("broken")]
)
def test_put_may_be_tried_again_when_no_answer_comes(failure: Exception) -> None:
    """Time-outs and broken connections are for later, and their text holds no address."""
    pool = FakePool()
    pool.fail(failure)

    with pytest.raises(TransientError) as caught:
        chat_over(pool).put(SLOT, 1, "live", "key-1")

    assert str(caught.value) == f"the chat does not answer: {type(failure).__name__}"


@pytest.mark.parametrize("status", [301, 400, 401, 404, 422])
def test_put_is_given_up_when_the_chat_refuses(status: int) -> None:
    """Redirects and 4xx are final, and the chat's own words are not repeated."""
    pool = FakePool()
    pool.answer(status, {"message": "private words"})

    with pytest.raises(PermanentError, match=str(status)) as caught:
        chat_over(pool).put(SLOT, 1, "live", "key-1")

    assert "private" not in str(caught.value)


@pytest.mark.parametrize("data", [b"<html>", [], {"revision": 1}, {"message_id": 7}])
def test_put_is_given_up_when_the_answer_breaks_the_contract(data: object) -> None:
    """An answer without a message id says which document it breaks."""
    pool = FakePool()
    pool.answer(200, data)

    with pytest.raises(PermanentError, match=r"chat-contract\.md"):
        chat_over(pool).put(SLOT, 1, "live", "key-1")
