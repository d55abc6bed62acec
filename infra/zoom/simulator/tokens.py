"""Download tokens in the shape of Zoom's: a JWT, HS512, good for one session until it expires."""

import hmac
import json
from base64 import urlsafe_b64decode, urlsafe_b64encode
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha512

TOKEN_LIFETIME_SECONDS = 86_400  # "lasts 24 hours after its creation"; real ones: event_ts in seconds + 86 400 (+ 15)

# Not a secret: every simulator takes every simulator's tokens, so that `play` and `serve` may be two processes.
_KEY = b"infra.zoom.simulator"


@dataclass(frozen=True, slots=True)
class Claims:
    """What a download token says. `mid` is the session's uuid."""

    mid: str
    account_id: str
    user_id: str
    exp: int


def mint(claims: Claims) -> str:
    """Return the token; the same claims give the same token."""
    body = {
        "iss": "https://event.zoom.us",
        "accountId": claims.account_id,
        "aud": "https://oauth.zoom.us",
        "mid": claims.mid,
        "exp": claims.exp,
        "userId": claims.user_id,
    }
    signed = f"{_encoded({'alg': 'HS512'})}.{_encoded(body)}"
    return f"{signed}.{_signature(signed)}"


def opens(token: str, session_id: str, now: datetime) -> bool:
    """Tell whether the token is one of ours, for this session, and not expired. Total over any text."""
    signed, _, signature = token.rpartition(".")
    if not token.isascii() or not hmac.compare_digest(signature, _signature(signed)):
        return False
    body = json.loads(urlsafe_b64decode(signed.partition(".")[2] + "==="))
    return bool(body["mid"] == session_id and body["exp"] > now.timestamp())


def _encoded(part: object) -> str:
    return _base64(json.dumps(part, separators=(",", ":")).encode())


def _signature(signed: str) -> str:
    return _base64(hmac.digest(_KEY, signed.encode(), sha512))


def _base64(data: bytes) -> str:
    return urlsafe_b64encode(data).decode().rstrip("=")
