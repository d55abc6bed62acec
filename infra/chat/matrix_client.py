"""As much of Matrix' client-server API as a chat message needs, with its refusals by what the caller should do.

Source: Matrix specification 1.16, client-server API; tried out on Synapse. Only the homeserver of the setting is ever
asked: redirects are not followed, and no `.well-known` is read.
"""

import json
from typing import Any
from urllib.parse import quote, urlencode

import urllib3

from infra.chat.http import CONNECT_TIMEOUT_SECONDS, Pool
from infra.clock import Clock
from infra.errors import PermanentError, TransientError
from infra.retry_after import MAX_WAIT_SECONDS, retry_after_seconds
from infra.secret import Secret

READ_TIMEOUT_SECONDS = 20.0  # an idle Synapse answers in 10 ms, a busy one has been seen to take seconds
PAGE_EVENTS = 50  # of our own messages
MAX_ANSWER_BYTES = 8 * 1024 * 1024  # a page of the largest events there are: 64 KiB each, and as much of their edits


class RoomForbidden(PermanentError):
    """We are not in the room, or may not write there."""


class RoomUnknown(PermanentError):
    """There is no such room."""


class MatrixClient:
    """One user of one homeserver. Safe to share between threads.

    Every method raises TransientError when the server does not answer or asks us to wait, RoomForbidden, RoomUnknown, or
    PermanentError for any other refusal. No text quotes what the server said.
    """

    def __init__(self, homeserver_url: str, token: Secret, clock: Clock, pool: Pool | None = None) -> None:
        self._url = homeserver_url.rstrip("/") + "/_matrix/client/v3"
        self._token = token
        self._clock = clock
        self._pool: Pool = pool or urllib3.PoolManager(
            timeout=urllib3.Timeout(connect=CONNECT_TIMEOUT_SECONDS, read=READ_TIMEOUT_SECONDS), maxsize=8
        )

    def who_am_i(self) -> str:
        """Return our user's id, such as `@calls:chat.example`."""
        return _text(self._ask("GET", ["account", "whoami"]), "user_id")

    def room_of(self, alias: str) -> str:
        """Return the id of the room that an alias names."""
        return _text(self._ask("GET", ["directory", "room", alias]), "room_id")

    def join(self, room_id: str) -> None:
        """Join a room that we are invited to, or that is open to us; harmless when we are in it."""
        self._ask("POST", ["rooms", room_id, "join"], body={})

    def send(self, room_id: str, content: dict[str, Any], transaction_id: str) -> str:
        """Send a message; return its event's id. While the server remembers the transaction id, it is the same send."""
        path = ["rooms", room_id, "send", "m.room.message", transaction_id]
        return _text(self._ask("PUT", path, body=content), "event_id")

    def messages(self, room_id: str, sender: str, start: str | None) -> tuple[list[dict[str, Any]], str | None]:
        """Return a page of one user's messages, the newest first, and where the next page starts; None: no more."""
        selection = json.dumps({"types": ["m.room.message"], "senders": [sender]})
        query = {"dir": "b", "limit": str(PAGE_EVENTS), "filter": selection, **({"from": start} if start else {})}
        answer = self._ask("GET", ["rooms", room_id, "messages"], query=query)
        chunk, end = answer.get("chunk"), answer.get("end")
        if not isinstance(chunk, list) or not all(isinstance(event, dict) for event in chunk):
            raise PermanentError("the homeserver's answer has no chunk of events: is CHAT_URL a Matrix homeserver?")
        return chunk, end if isinstance(end, str) and end != start else None

    def close(self) -> None:
        """Close idle connections."""
        self._pool.clear()

    def _ask(
        self, method: str, path: list[str], *, query: dict[str, str] | None = None, body: dict[str, Any] | None = None
    ) -> dict[str, Any]:
        url = "/".join((self._url, *(quote(part, safe="") for part in path)))
        headers = {"Authorization": "Bearer " + self._token}
        if body is not None:
            headers["Content-Type"] = "application/json"
        try:
            with self._pool.request(
                method,
                url + (f"?{urlencode(query)}" if query else ""),
                headers=headers,
                body=None if body is None else json.dumps(body, ensure_ascii=False).encode(),
                redirect=False,
                retries=False,
                preload_content=False,
            ) as response:
                data = response.read(MAX_ANSWER_BYTES + 1)
        except urllib3.exceptions.HTTPError as error:
            raise TransientError(f"the homeserver does not answer: {type(error).__name__}") from error
        answer = _object(data) if len(data) <= MAX_ANSWER_BYTES else {}
        if response.status != 200:
            raise self._refusal(response, answer)
        return answer

    def _refusal(self, response: urllib3.BaseHTTPResponse, answer: dict[str, Any]) -> PermanentError | TransientError:
        status, code = response.status, answer.get("errcode")
        if status == 429 or status >= 500:
            return TransientError(f"the homeserver answered {status}", retry_after_seconds=self._wait(response, answer))
        if status == 401:
            return PermanentError("the homeserver answered 401: CHAT_TOKEN is wrong or no longer good")
        if status == 403:
            return RoomForbidden("the homeserver answered 403: CHAT_TOKEN's user may not read or write in the room")
        if status == 404 and code == "M_NOT_FOUND":
            return RoomUnknown("the homeserver answered 404: it knows no such room: see CHAT_ROOM")
        return PermanentError(f"the homeserver refused the request with {status}")

    def _wait(self, response: urllib3.BaseHTTPResponse, answer: dict[str, Any]) -> float | None:
        """Retry-After, or what came before it and older servers say: `retry_after_ms` in the body."""
        told = retry_after_seconds(response.headers.get("Retry-After"), self._clock.now())
        milliseconds = answer.get("retry_after_ms")
        if told is None and isinstance(milliseconds, int | float) and milliseconds >= 0:
            return min(milliseconds / 1000, MAX_WAIT_SECONDS)
        return told


def _object(data: bytes) -> dict[str, Any]:
    try:
        answer = json.loads(data)
    except (ValueError, RecursionError):
        return {}
    return answer if isinstance(answer, dict) else {}


def _text(answer: dict[str, Any], name: str) -> str:
    value = answer.get(name)
    if not isinstance(value, str) or not value:
        raise PermanentError(f"the homeserver's answer has no {name}: is CHAT_URL a Matrix homeserver?")
    return value
