"""What each delivery is answered, and what happens to it.

| delivery | answer | effect |
|---|---|---|
| genuine event | 200 | published, acknowledged by the log |
| genuine, the log does not take it in time | 200 | fsynced in the local spool, on its way to the log |
| genuine, neither log nor spool take it in time | 503 | Zoom tries again after 5, 25 and 85 minutes |
| URL validation, signed rightly or not at all | 200 | the signed token in the answer, nothing published |
| URL validation with a token that is not safe to sign | 400 | nothing |
| genuine, but not JSON, not of Zoom's shape, or of a foreign account | 200 | kept in the quarantine with the reason |
| signed rightly, but outside the window | 401 | kept in the quarantine: a clock that jumped loses nothing |
| signature or timestamp wrong, missing or malformed | 401 | counted by reason; the answer never says which |
| body over the limit | 413 | counted |
"""

import json
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

import structlog
from werkzeug.wsgi import get_input_stream

from infra.errors import PermanentError, TransientError
from infra.serving.bridge import ARRIVED_AT
from schemas.envelope import Envelope
from schemas.errors import InvalidEvent
from schemas.topics import QUARANTINE, WEBHOOKS
from webhook_receiver.alarms import Alarms
from webhook_receiver.ports import Ports
from webhook_receiver.rejections import RejectionReason, Rejections
from webhook_receiver.signature import SignatureError, SigningSecret
from webhook_receiver.sparse_log import SparseLog
from webhook_receiver.translation import (
    Delivery,
    QuarantineReason,
    UnusableBody,
    parse_body,
    quarantine_envelope,
    webhook_envelope,
)
from webhook_receiver.url_validation import MAX_CHALLENGE_BYTES, answer_challenge, is_challenge

Answer = tuple[HTTPStatus, bytes]  # the bytes are JSON where there are any

log = structlog.get_logger(__name__)


class WebhookView:
    """`POST /webhooks/zoom`. Total: any bytes and headers get an answer of the table above."""

    def __init__(self, ports: Ports) -> None:
        self._ports = ports
        self._sparse_log = SparseLog(ports.clock)
        self._rejections = Rejections(ports.metrics, self._sparse_log)
        self._alarms = Alarms(ports.metrics)

    def __call__(self, environ: dict[str, Any]) -> Answer:
        """Answer the request of this WSGI environment.

        Raises:
            HTTPException: the body broke off.
        """
        arrived_at = environ.get(ARRIVED_AT) or self._ports.clock.monotonic()
        body = get_input_stream(environ).read(self._ports.max_body_bytes + 1)
        if len(body) > self._ports.max_body_bytes:
            return self._reject("body_too_large", HTTPStatus.REQUEST_ENTITY_TOO_LARGE)
        timestamp, signed = _header(environ, "HTTP_X_ZM_REQUEST_TIMESTAMP"), _header(environ, "HTTP_X_ZM_SIGNATURE")
        if timestamp is None and signed is None:
            return self._answer_unsigned(body)
        now = self._ports.clock.now().timestamp()
        try:
            verified = self._ports.verifier.verify(body, timestamp, signed, now)
        except SignatureError as error:
            self._alarms.rejected(error, environ.get("HTTP_USER_AGENT", ""))
            return self._answer_unverified(_delivery(environ, body, None), error, arrived_at)
        self._alarms.genuine(verified, now)
        return self._answer_genuine(_delivery(environ, body, verified.secret.id), verified.secret, arrived_at)

    def _answer_genuine(self, delivery: Delivery, secret: SigningSecret, arrived_at: float) -> Answer:
        try:
            parsed = parse_body(delivery.body)
            if is_challenge(parsed):
                return self._answer_challenge(parsed, secret, signed=True)
            envelope = webhook_envelope(parsed, delivery, self._ports.account_ids)
        except UnusableBody as error:
            return self._quarantine(delivery, error.reason, arrived_at, HTTPStatus.OK)
        if not self._durable(WEBHOOKS.name, envelope, arrived_at):
            return self._reject("log_unavailable", HTTPStatus.SERVICE_UNAVAILABLE)
        self._alarms.accepted(envelope, self._ports.clock.now())
        return self._acknowledge(arrived_at, HTTPStatus.OK)

    def _answer_unsigned(self, body: bytes) -> Answer:
        """Only a URL validation may come unsigned: whether Zoom signs them is not documented, and some are not."""
        try:
            parsed = parse_body(body) if len(body) <= MAX_CHALLENGE_BYTES else None
        except UnusableBody:
            parsed = None
        if is_challenge(parsed):
            return self._answer_challenge(parsed, self._ports.verifier.secrets[0], signed=False)
        return self._reject("signature_missing", HTTPStatus.UNAUTHORIZED)

    def _answer_unverified(self, delivery: Delivery, error: SignatureError, arrived_at: float) -> Answer:
        self._rejections.add(error.reason)
        if not error.genuine or _asks_for_validation(delivery.body):
            return HTTPStatus.UNAUTHORIZED, b""
        return self._quarantine(delivery, "outside_window", arrived_at, HTTPStatus.UNAUTHORIZED)

    def _answer_challenge(self, parsed: dict[str, Any], secret: SigningSecret, *, signed: bool) -> Answer:
        try:
            answer = answer_challenge(parsed, secret)
        except InvalidEvent:
            return self._reject("token_unsafe", HTTPStatus.BAD_REQUEST)
        self._alarms.validated(self._ports.clock.now(), signed=signed)
        self._sparse_log.line("webhook.url_validated", f"answered with secret {secret.id}")
        return HTTPStatus.OK, json.dumps(answer).encode()

    def _quarantine(
        self, delivery: Delivery, reason: QuarantineReason, arrived_at: float, status: HTTPStatus
    ) -> Answer:
        envelope = quarantine_envelope(delivery, reason)
        if not self._durable(QUARANTINE.name, envelope, arrived_at):
            return self._reject("log_unavailable", HTTPStatus.SERVICE_UNAVAILABLE)
        self._ports.metrics.count("webhook_quarantined_total", reason=reason)
        log.warning("webhook.quarantined", event_id=envelope.id, reason=reason, size_bytes=len(delivery.body))
        return self._acknowledge(arrived_at, status)

    def _durable(self, topic: str, envelope: Envelope, arrived_at: float) -> bool:
        try:
            self._ports.publisher.publish(topic, envelope, arrived_at)
        except TransientError:
            return False
        except PermanentError as error:
            log.error("webhook.refused_by_log", topic=topic, event_id=envelope.id, reason=str(error))
            return False
        return True

    def _acknowledge(self, arrived_at: float, status: HTTPStatus) -> Answer:
        self._ports.metrics.observe("webhook_ack_seconds", self._ports.clock.monotonic() - arrived_at)
        return status, b""

    def _reject(self, reason: RejectionReason, status: HTTPStatus) -> Answer:
        self._rejections.add(reason)
        return status, b""


def _header(environ: Mapping[str, Any], name: str) -> bytes | None:
    """Return a header's bytes: WSGI hands them on as Latin-1."""
    text: str | None = environ.get(name)
    return None if text is None else text.encode("latin-1", "replace")


def _delivery(environ: Mapping[str, Any], body: bytes, secret_id: str | None) -> Delivery:
    return Delivery(body, secret_id, environ.get("HTTP_X_ZM_REQUEST_ID"), environ.get("HTTP_TRACEPARENT"))


def _asks_for_validation(body: bytes) -> bool:
    try:
        return is_challenge(parse_body(body))
    except UnusableBody:
        return False
