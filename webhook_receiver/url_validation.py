"""Zoom's URL validation: prove that we hold the secret by signing a token that Zoom chose.

The challenge is signed with the key that signs deliveries. Answering any text would let anyone have `v0:{time}:{forged
body}` signed, so only a token that cannot be such a message is answered: it has no colon.
"""

import hashlib
import hmac
import re
from typing import Any, TypeGuard

from schemas.errors import InvalidEvent
from schemas.identity import URL_VALIDATION
from webhook_receiver.signature import SigningSecret

MAX_CHALLENGE_BYTES = 4096  # Zoom's challenges have about 120 bytes; nothing longer is parsed unsigned

_TOKEN = re.compile(r"[A-Za-z0-9_-]{1,128}")  # Zoom's tokens are 22 characters of base64url


def is_challenge(body: object) -> TypeGuard[dict[str, Any]]:
    """Whether a parsed body asks for a URL validation, well-formed or not."""
    return isinstance(body, dict) and body.get("event") == URL_VALIDATION


def answer_challenge(body: dict[str, Any], secret: SigningSecret) -> dict[str, str]:
    """Return what Zoom expects in answer to a challenge.

    Raises:
        InvalidEvent: the token is not one that is safe to sign.
    """
    payload = body.get("payload")
    token = payload.get("plainToken") if isinstance(payload, dict) else None
    if not isinstance(token, str) or not _TOKEN.fullmatch(token):
        raise InvalidEvent("the token of a URL validation is not of Zoom's shape")
    return {"plainToken": token, "encryptedToken": hmac.new(secret.key, token.encode(), hashlib.sha256).hexdigest()}
