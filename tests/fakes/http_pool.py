"""Answers of an HTTP server without one: what urllib3.PoolManager.request gives back, or raises."""

import io
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import urllib3


@dataclass(frozen=True)
class Sent:
    """A request that was made."""

    method: str
    url: str
    headers: Mapping[str, str]
    body: str | bytes | None


class FakePool:
    """Gives the scripted answers, one a request; an exception among them is raised."""

    def __init__(self) -> None:
        self.sent: list[Sent] = []
        self._answers: list[urllib3.HTTPResponse | Exception] = []

    def answer(self, status: int, data: object = None, headers: Mapping[str, str] | None = None) -> None:
        """Add an answer; bytes are sent as they are, anything else as JSON."""
        body = data if isinstance(data, bytes) else json.dumps(data).encode()
        self._answers.append(
            urllib3.HTTPResponse(io.BytesIO(body), status=status, headers=headers or {}, preload_content=False)
        )

    def fail(self, error: Exception) -> None:
        """Add a failure."""
        self._answers.append(error)

    def request(self, method: str, url: str, **options: Any) -> urllib3.BaseHTTPResponse:
        assert options["redirect"] is False
        self.sent.append(Sent(method, url, options["headers"], options.get("body")))
        answer = self._answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer

    def clear(self) -> None:
        """Nothing is open."""
