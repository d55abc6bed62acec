"""One HTTP call to Zoom: host allowed, time and size bounded, redirects not followed, errors typed.

The texts of errors hold the status and Zoom's numeric code; never a URL, a token or what Zoom wrote.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Protocol

import urllib3

from infra.clock import Clock
from infra.errors import PermanentError, TransientError
from infra.hosts import AllowList
from infra.retry_after import retry_after_seconds
from infra.zoom.errors import DailyLimitReached, HostLimitReached, RateLimited, RegistrantLimitReached

CONNECT_TIMEOUT_SECONDS = 5.0  # TCP and TLS to another continent take under 1 s
READ_TIMEOUT_SECONDS = 20.0  # Zoom's listings take a few seconds under load
MAX_ANSWER_BYTES = 8 * 1024 * 1024  # 150 files a session (Zoom support KB0062627) at 1-2 KB each, times twenty


class Pool(Protocol):
    """The calls of urllib3.PoolManager that are used here."""

    def request(self, method: str, url: str, **options: Any) -> urllib3.BaseHTTPResponse:
        """Send and return the answer, its body not yet read."""
        ...

    def clear(self) -> None:
        """Close idle connections."""
        ...


@dataclass(frozen=True, slots=True)
class Answer:
    """What Zoom answered below 500 and other than 429. `body` is empty unless it is a JSON object."""

    status: int
    body: Mapping[str, Any]

    @property
    def code(self) -> int | None:
        """Zoom's own error code, such as 124 (token) or 3301 (no recording)."""
        code = self.body.get("code")
        return code if isinstance(code, int) else None


class ZoomHttp:
    """Sends requests to the hosts of an allow list. Safe to share between threads."""

    def __init__(self, hosts: AllowList, clock: Clock, pool: Pool | None = None) -> None:
        self._hosts = hosts
        self._clock = clock
        self._pool: Pool = pool or urllib3.PoolManager(
            timeout=urllib3.Timeout(connect=CONNECT_TIMEOUT_SECONDS, read=READ_TIMEOUT_SECONDS), maxsize=4
        )

    def ask(self, method: str, url: str, headers: Mapping[str, str], content: str | None = None) -> Answer:
        """Send one request; `content` is its body, of the type that `headers` say.

        Raises:
            TransientError: no answer or a 5xx; RateLimited or DailyLimitReached for a 429, with the time to wait.
            PermanentError: the host is not allowed, or the answer is larger than any real one.
        """
        self._hosts.check(url)
        try:
            with self._pool.request(
                method, url, headers=headers, body=content, redirect=False, retries=False, preload_content=False
            ) as response:
                data = response.read(MAX_ANSWER_BYTES + 1)
        except urllib3.exceptions.HTTPError as error:
            raise TransientError(f"Zoom does not answer: {type(error).__name__}") from error
        if response.status >= 500:
            raise TransientError(f"Zoom answered {response.status}")
        if len(data) > MAX_ANSWER_BYTES:
            raise PermanentError(f"Zoom's answer is larger than {MAX_ANSWER_BYTES} bytes")
        answer = Answer(response.status, _object(data))
        if response.status == 429:
            raise _rate_limited(response.headers, answer, self._clock.now())
        return answer

    def close(self) -> None:
        """Close idle connections."""
        self._pool.clear()


def _rate_limited(headers: Mapping[str, str], answer: Answer, now: datetime) -> RateLimited:
    """Tell the limits apart, by header or by Zoom's sentence; the daily ones pass at midnight UTC at the latest."""
    wait = retry_after_seconds(headers.get("Retry-After"), now)
    daily = headers.get("X-RateLimit-Type", "").lower().startswith("daily")
    said = str(answer.body.get("message", "")).lower()
    if daily or "daily rate limit" in said:
        midnight = (now + timedelta(days=1)).replace(hour=0, minute=0, second=0, microsecond=0)
        until = (midnight - now).total_seconds() if wait is None else wait
        if "this particular user" in said:
            return HostLimitReached(
                "this host's 100 meetings of today are used up: more hosts, or tomorrow", retry_after_seconds=until
            )
        if "for the registrant" in said:
            return RegistrantLimitReached("this person was registered three times today", retry_after_seconds=until)
        return DailyLimitReached(
            "Zoom's daily limit is reached: fewer calls, or a larger plan", retry_after_seconds=until
        )
    return RateLimited("Zoom's rate limit is reached", retry_after_seconds=wait)


def _object(data: bytes) -> Mapping[str, Any]:
    try:
        body = json.loads(data)
    except (ValueError, RecursionError):
        return {}
    return body if isinstance(body, dict) else {}
