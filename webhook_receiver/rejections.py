"""Count what is turned away, and say so in the log without letting whoever sends it fill the disk."""

import threading
from typing import Literal

import structlog

from infra.clock import Clock
from infra.metrics import Metrics
from webhook_receiver import signature

LOG_SECONDS = 60.0  # at most one line a reason in this time

RejectionReason = Literal[
    signature.Reason,
    "token_unsafe",
    "body_too_large",
    "body_timeout",
    "body_incomplete",
    "too_many_in_flight",
    "log_unavailable",
]

log = structlog.get_logger(__name__)


class Rejections:
    """Safe to share between threads."""

    def __init__(self, metrics: Metrics, clock: Clock) -> None:
        self._metrics = metrics
        self._clock = clock
        self._lock = threading.Lock()
        self._last_line: dict[RejectionReason, tuple[float, int]] = {}

    def add(self, reason: RejectionReason) -> None:
        """Count one; log the first, and then one line a minute with how many there were since the line before."""
        self._metrics.count("webhook_rejected_total", reason=reason)
        if reason == "body_too_large":
            self._metrics.count("webhook_body_too_large_total")
        now = self._clock.monotonic()
        with self._lock:
            logged_at, unlogged = self._last_line.get(reason, (now - LOG_SECONDS, 0))
            due = now - logged_at >= LOG_SECONDS
            self._last_line[reason] = (now, 0) if due else (logged_at, unlogged + 1)
        if due:
            log.warning("webhook.rejected", reason=reason, count=unlogged + 1)
