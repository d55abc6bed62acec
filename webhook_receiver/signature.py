"""Zoom's webhook signature, over the bytes as they came.

The message is `v0:{timestamp header}:{raw body}`, the signature `v0=` and its HMAC-SHA256 in hex, keyed with the app's
Secret Token (developers.zoom.us, "Verify webhook events").
"""

import hashlib
import hmac
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from schemas.errors import PipelineError

FUTURE_WINDOW_SECONDS = 300  # ahead of now: clock drift, as the Standard Webhooks libraries allow
MILLISECONDS_FROM = 10**12  # 13 digits: milliseconds since 1970 (mattermost-plugin-zoom's vector); fewer: seconds

_SIGNATURE = re.compile(rb"v0=([0-9a-f]{64})")
_TIMESTAMP = re.compile(rb"[0-9]{1,15}")  # 15 digits of milliseconds reach past the year 30000

Reason = Literal[
    "signature_missing",
    "signature_malformed",
    "timestamp_missing",
    "timestamp_malformed",
    "signature_mismatch",
    "too_old",
    "too_far_ahead",
]


class SignatureError(PipelineError):
    """The delivery is not to be believed. `genuine` tells that the signature was right and only the time was not."""

    def __init__(self, reason: Reason) -> None:
        super().__init__(reason)
        self.reason = reason

    @property
    def genuine(self) -> bool:
        return self.reason in {"too_old", "too_far_ahead"}


@dataclass(frozen=True, slots=True)
class SigningSecret:
    """One Secret Token. `id` names it without telling it: the first 8 hex digits of its SHA-256."""

    key: bytes
    id: str

    @classmethod
    def of(cls, text: str) -> "SigningSecret":
        key = text.encode()
        return cls(key, hashlib.sha256(key).hexdigest()[:8])

    def __repr__(self) -> str:
        return f"SigningSecret(id={self.id!r})"


@dataclass(frozen=True, slots=True)
class Verified:
    """Which secret signed the delivery, and how long ago; a negative age is a time ahead of ours."""

    secret: SigningSecret
    age_seconds: float


@dataclass(frozen=True, slots=True)
class Verifier:
    """Checks deliveries against several secrets at once (rotation), the current one first."""

    secrets: Sequence[SigningSecret]
    past_window_seconds: float

    def verify(self, body: bytes, timestamp: bytes | None, signature: bytes | None, now: float) -> Verified:
        """Return which secret signed the delivery; `now` is in Unix seconds. Total over any bytes.

        Raises:
            SignatureError: with the reason; whoever sent the delivery is never told it.
        """
        digest = _parse_signature(signature)
        timestamp, sent_at = _parse_timestamp(timestamp)
        message = b"v0:%b:%b" % (timestamp, body)
        for secret in self.secrets:
            if hmac.compare_digest(hmac.digest(secret.key, message, "sha256"), digest):
                return Verified(secret, self._age_in_window(now - sent_at))
        raise SignatureError("signature_mismatch")

    def _age_in_window(self, age_seconds: float) -> float:
        if age_seconds > self.past_window_seconds:
            raise SignatureError("too_old")
        if age_seconds < -FUTURE_WINDOW_SECONDS:
            raise SignatureError("too_far_ahead")
        return age_seconds


def _parse_signature(signature: bytes | None) -> bytes:
    if not signature:
        raise SignatureError("signature_missing")
    match = _SIGNATURE.fullmatch(signature)
    if match is None:
        raise SignatureError("signature_malformed")
    return bytes.fromhex(match[1].decode())


def _parse_timestamp(timestamp: bytes | None) -> tuple[bytes, float]:
    if not timestamp:
        raise SignatureError("timestamp_missing")
    if not _TIMESTAMP.fullmatch(timestamp):
        raise SignatureError("timestamp_malformed")
    number = int(timestamp)
    return timestamp, number / 1000 if number >= MILLISECONDS_FROM else float(number)
