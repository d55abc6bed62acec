"""The reference server of docs/chat-contract.md: what a real chat has to do, in a page, with its history kept."""

import hmac
import json
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from hashlib import sha256
from pathlib import Path
from threading import Lock
from typing import Any

from infra.chat.base import Slot
from infra.clock import Clock
from infra.errors import ConfigurationError
from infra.secret import Secret
from infra.zoom.simulator.web import Answer, Request, json_answer

# What was shown outlives the process, however that ends, but perhaps not a power cut: one flush or three a message would
# be most of the time that a message takes, and nobody's chat is in here.
_DURABILITY = "PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL;"
_TABLES = """
CREATE TABLE IF NOT EXISTS revisions (
    conversation_id TEXT, external_id TEXT, message_id TEXT, revision INTEGER, text TEXT, at TEXT,
    PRIMARY KEY (conversation_id, external_id, revision)
);
CREATE TABLE IF NOT EXISTS puts (idempotency_key TEXT PRIMARY KEY, digest TEXT, status INTEGER, answer TEXT);
"""
_HISTORY = """
SELECT message_id, revision, text, at, external_id FROM revisions
WHERE conversation_id = ? AND external_id = ? ORDER BY revision
"""


@dataclass(frozen=True, slots=True)
class Revision:
    """One revision that was shown to people, and when."""

    message_id: str
    revision: int
    text: str
    at: str
    external_id: str


class ReferenceChat:
    """Keeps messages in memory, or in the SQLite file `path`. Idempotency keys are kept for good.

    Raises:
        ConfigurationError: `path` cannot be written.
    """

    def __init__(self, clock: Clock, path: Path | None = None) -> None:
        self._clock = clock
        self._lock = Lock()
        self._database = _opened(path or ":memory:")

    def put(self, slot: Slot, revision: int, text: str, key: str) -> tuple[int, dict[str, Any]]:
        """Apply a PUT; return the HTTP status and the answer's JSON."""
        digest = sha256(json.dumps([slot.conversation_id, slot.external_id, revision, text]).encode()).hexdigest()
        query = "SELECT digest, status, answer FROM puts WHERE idempotency_key = ?"
        with self._lock, self._transaction():
            known = self._database.execute(query, (key,)).fetchone()
            if known is not None and known[0] != digest:
                return 422, {"message": "the key was used for another message"}
            if known is not None:
                return known[1], json.loads(known[2])
            status, answer = self._apply(slot, revision, text)
            row = (key, digest, status, json.dumps(answer))
            self._database.execute("INSERT INTO puts VALUES (?, ?, ?, ?)", row)
        return status, answer

    def history(self, slot: Slot) -> tuple[Revision, ...]:
        """Return every revision that was shown, oldest first: a double would be seen here."""
        with self._lock:
            rows = self._database.execute(_HISTORY, (slot.conversation_id, slot.external_id)).fetchall()
        return tuple(Revision(*row) for row in rows)

    def messages(self, conversation_id: str) -> tuple[Revision, ...]:
        """Return the messages of a conversation as they stand, in the order they were first put."""
        query = "SELECT external_id FROM revisions WHERE conversation_id = ? GROUP BY external_id ORDER BY min(rowid)"
        with self._lock:
            rows = self._database.execute(query, (conversation_id,)).fetchall()
        return tuple(self.history(Slot(conversation_id, external_id))[-1] for (external_id,) in rows)

    def close(self) -> None:
        """Close the file."""
        with self._lock:
            self._database.close()

    def _apply(self, slot: Slot, revision: int, text: str) -> tuple[int, dict[str, Any]]:
        place = (slot.conversation_id, slot.external_id)
        standing = self._database.execute(_HISTORY + "DESC", place).fetchone()
        message_id = standing[0] if standing else "msg_" + sha256("\0".join(place).encode()).hexdigest()[:16]
        if standing and standing[1] >= revision:
            return 409, {"message_id": message_id, "revision": standing[1]}
        row = (*place, message_id, revision, text, self._clock.now().isoformat())
        self._database.execute("INSERT INTO revisions VALUES (?, ?, ?, ?, ?, ?)", row)
        return (200 if standing else 201), {"message_id": message_id, "revision": revision}

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        self._database.execute("BEGIN IMMEDIATE")
        try:
            yield
        except BaseException:
            self._database.execute("ROLLBACK")
            raise
        self._database.execute("COMMIT")


def _opened(path: Path | str) -> sqlite3.Connection:
    problem = "the chat's file cannot be opened or is no chat file"
    try:
        database = sqlite3.connect(path, check_same_thread=False, isolation_level=None)
    except sqlite3.Error as error:
        raise ConfigurationError(problem) from error
    try:
        database.executescript(_DURABILITY + _TABLES)
    except sqlite3.Error as error:
        database.close()
        raise ConfigurationError(problem) from error
    return database


class ChatRoutes:
    """The HTTP face of a ReferenceChat, below /chat; asks for `token` when there is one."""

    def __init__(self, chat: ReferenceChat, token: Secret | None = None) -> None:
        self._chat = chat
        self._token = token

    def route(self, request: Request) -> Answer | None:
        """Answer the contract's requests, and GET …/messages and …/messages/ID/history for people and tests."""
        if not request.path.startswith("/chat/conversations/"):
            return None
        if self._token is not None and not hmac.compare_digest(request.bearer.encode(), self._token.encode()):
            return json_answer(401, {"message": "wrong or missing token"})
        match request.method, request.segments[2:]:
            case "PUT", [conversation_id, "messages", external_id]:
                return self._put(Slot(conversation_id, external_id), request)
            case "GET", [conversation_id, "messages"]:
                return json_answer(200, {"messages": [asdict(one) for one in self._chat.messages(conversation_id)]})
            case "GET", [conversation_id, "messages", external_id]:
                history = self._chat.history(Slot(conversation_id, external_id))
                return json_answer(200, asdict(history[-1])) if history else json_answer(404, {"message": "no message"})
            case "GET", [conversation_id, "messages", external_id, "history"]:
                history = self._chat.history(Slot(conversation_id, external_id))
                return json_answer(200, {"revisions": [asdict(one) for one in history]})
        return None

    def _put(self, slot: Slot, request: Request) -> Answer:
        body, key = request.json(), request.headers.get("idempotency-key", "")
        revision, text = body.get("revision"), body.get("text")
        if not isinstance(revision, int) or not isinstance(text, str) or body.get("format") != "plain" or not key:
            return json_answer(400, {"message": "revision, text, format plain and Idempotency-Key are needed"})
        return json_answer(*self._chat.put(slot, revision, text, key))
