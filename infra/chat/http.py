"""The chat behind our own small HTTP contract, docs/chat-contract.md."""

import json
from typing import Any, Protocol
from urllib.parse import quote

import urllib3

from infra.chat.base import ChatMessage, ChatReceipt, Slot, check_content
from infra.clock import Clock
from infra.errors import PermanentError, TransientError
from infra.retry_after import retry_after_seconds
from infra.secret import Secret

CONNECT_TIMEOUT_SECONDS = 3.0  # a chat in the same data centre connects in milliseconds; ten times a bad day's
READ_TIMEOUT_SECONDS = 10.0  # docs/chat-contract.md promises an answer within 5 s
MAX_ANSWER_BYTES = 64 * 1024  # an answer is a few hundred bytes; a message of 900 characters is at most 11 KiB as JSON


class Pool(Protocol):
    """The one call of urllib3.PoolManager that is used here."""

    def request(self, method: str, url: str, **options: Any) -> urllib3.BaseHTTPResponse:
        """Send and return the answer, its body not yet read."""
        ...

    def clear(self) -> None:
        """Close idle connections."""
        ...


class HttpChat:
    """Speaks docs/chat-contract.md. Redirects are not followed: they would carry the token elsewhere."""

    def __init__(self, url: str, token: Secret | None, clock: Clock, pool: Pool | None = None) -> None:
        self._url = url.rstrip("/")
        self._token = token
        self._clock = clock
        self._pool: Pool = pool or urllib3.PoolManager(
            timeout=urllib3.Timeout(connect=CONNECT_TIMEOUT_SECONDS, read=READ_TIMEOUT_SECONDS), maxsize=8
        )

    def put(self, slot: Slot, revision: int, content: str, key: str) -> ChatReceipt:
        """See Chat.put. A 409 is success: something newer stands there."""
        check_content(content)
        body = json.dumps({"revision": revision, "text": content, "format": "plain"}, ensure_ascii=False).encode()
        headers = {"Idempotency-Key": key, "Content-Type": "application/json"}
        status, answer = self._ask("PUT", slot, headers, body)
        if status not in (200, 201, 409):
            raise PermanentError(f"the chat refused the message with {status}")
        return ChatReceipt(_text(answer, "message_id"), applied=status != 409)

    def find(self, slot: Slot) -> ChatMessage | None:
        """See Chat.find."""
        status, answer = self._ask("GET", slot, {}, None)
        if status == 404:
            return None
        if status != 200:
            raise PermanentError(f"the chat refused the lookup with {status}")
        revision = answer.get("revision")
        if not isinstance(revision, int):
            raise PermanentError("the chat's answer has no revision: it does not keep docs/chat-contract.md")
        return ChatMessage(_text(answer, "message_id"), revision, _text(answer, "text"))

    def close(self) -> None:
        """Close idle connections."""
        self._pool.clear()

    def _ask(self, method: str, slot: Slot, headers: dict[str, str], body: bytes | None) -> tuple[int, dict[str, Any]]:
        conversation, message = (quote(part, safe="") for part in (slot.conversation_id, slot.external_id))
        url = f"{self._url}/conversations/{conversation}/messages/{message}"
        if self._token is not None:
            headers = {**headers, "Authorization": "Bearer " + self._token}
        try:
            with self._pool.request(
                method, url, headers=headers, body=body, redirect=False, retries=False, preload_content=False
            ) as response:
                data = response.read(MAX_ANSWER_BYTES)
        except urllib3.exceptions.HTTPError as error:
            raise TransientError(f"the chat does not answer: {type(error).__name__}") from error
        if response.status == 429 or response.status >= 500:
            raise TransientError(
                f"the chat answered {response.status}",
                retry_after_seconds=retry_after_seconds(response.headers.get("Retry-After"), self._clock.now()),
            )
        return response.status, _object(data)


def _object(data: bytes) -> dict[str, Any]:
    try:
        answer = json.loads(data)
    except (ValueError, RecursionError):
        return {}
    return answer if isinstance(answer, dict) else {}


def _text(answer: dict[str, Any], name: str) -> str:
    value = answer.get(name)
    if not isinstance(value, str) or not value:
        raise PermanentError(f"the chat's answer has no {name}: it does not keep docs/chat-contract.md")
    return value
