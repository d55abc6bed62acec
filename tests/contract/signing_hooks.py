"""Schemathesis' hook: sign every request as Zoom does, over the bytes that go out."""

import hashlib
import hmac
import os
from typing import Any

import requests
import schemathesis

from infra.clock import SystemClock


@schemathesis.hook
def before_call(context: schemathesis.HookContext, case: schemathesis.Case, kwargs: dict[str, Any]) -> None:
    """Sign last, when the body is what it will be on the wire."""
    kwargs["auth"] = _sign


def _sign(request: requests.PreparedRequest) -> requests.PreparedRequest:
    body = request.body or b""
    body = body.encode() if isinstance(body, str) else body
    timestamp = str(int(SystemClock().now().timestamp()))
    secret = os.environ["ZOOM_WEBHOOK_SECRETS"].encode()
    digest = hmac.new(secret, b"v0:" + timestamp.encode() + b":" + body, hashlib.sha256).hexdigest()
    request.headers["x-zm-request-timestamp"] = timestamp
    request.headers["x-zm-signature"] = f"v0={digest}"
    return request
