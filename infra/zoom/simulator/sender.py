"""Sending as Zoom sends: signed, with Zoom's headers, three seconds for an answer, redirects not followed."""

import hmac
import json
from dataclasses import dataclass
from hashlib import sha256
from uuid import uuid4

import urllib3

from infra.clock import Clock
from infra.errors import ConfigurationError
from infra.secret import Secret

ANSWER_TIMEOUT_SECONDS = 3.0  # Zoom waits so long for 200 or 204
MAX_ANSWER_BYTES = 64 * 1024  # more of a receiver's answer than anybody reads
VALIDATION = "endpoint.url_validation"


@dataclass(frozen=True, slots=True)
class Response:
    """A receiver's answer. `status` is None when there was none in time."""

    status: int | None
    body: bytes = b""

    @property
    def accepted(self) -> bool:
        """Whether Zoom takes the event as delivered: any 2xx."""
        return self.status is not None and 200 <= self.status <= 299

    @property
    def retried(self) -> bool:
        """Whether Zoom tries again: no answer or a 5xx; never after a 3xx or 4xx."""
        return self.status is None or self.status >= 500


class Sender:
    """Signs bodies with `secret` and posts them to `url`."""

    def __init__(self, url: str, secret: Secret, clock: Clock, timeout_seconds: float = ANSWER_TIMEOUT_SECONDS) -> None:
        if urllib3.util.parse_url(url).scheme not in ("http", "https"):
            raise ConfigurationError("the receiver's address is not http(s)://HOST/PATH")
        self._url = url
        self._secret = secret
        self._clock = clock
        self._pool = urllib3.PoolManager(timeout=urllib3.Timeout(total=timeout_seconds))

    def send(self, body: bytes, delivery_id: str | None = None) -> Response:
        """Send a body, signed now. Never raises for what the receiver does."""
        timestamp = str(int(self._clock.now().timestamp()))
        headers = {
            "User-Agent": "Zoom Marketplace/1.0a",
            "Content-Type": "application/json; charset=utf-8",
            "x-zm-request-timestamp": timestamp,
            "x-zm-signature": signature(self._secret, timestamp, body),
            "x-zm-request-id": delivery_id or str(uuid4()).replace("-", "_"),
        }
        try:
            with self._pool.request(
                "POST", self._url, body=body, headers=headers, redirect=False, retries=False, preload_content=False
            ) as answer:
                return Response(answer.status, answer.read(MAX_ANSWER_BYTES))
        except urllib3.exceptions.HTTPError:
            return Response(None)

    def validate(self, plain_token: str) -> str | None:
        """Ask the receiver to prove itself, as Zoom does; return what is wrong with it, or None."""
        body = {"event": VALIDATION, "payload": {"plainToken": plain_token}}
        stamped = {**body, "event_ts": int(self._clock.now().timestamp() * 1000)}
        response = self.send(json.dumps(stamped, separators=(",", ":")).encode())
        if response.status is None:
            return "it does not answer"
        if response.status != 200:
            return f"it answered the URL validation with {response.status}; is the secret the same?"
        expected = {"plainToken": plain_token, "encryptedToken": _hex(self._secret, plain_token.encode())}
        return None if _json(response.body) == expected else "its answer to the URL validation is wrong"

    def close(self) -> None:
        """Close idle connections."""
        self._pool.clear()


def signature(secret: str, timestamp: str, body: bytes) -> str:
    """Return Zoom's x-zm-signature over the raw bytes."""
    return "v0=" + _hex(secret, b"v0:" + timestamp.encode() + b":" + body)


def _hex(secret: str, message: bytes) -> str:
    return hmac.digest(secret.encode(), message, sha256).hex()


def _json(data: bytes) -> object:
    try:
        return json.loads(data)
    except ValueError:
        return None
