"""Count what is turned away, by reason; the sender is never told the reason."""

from typing import Literal

from infra.metrics import Metrics
from infra.serving.bridge import RefusalReason
from webhook_receiver import signature
from webhook_receiver.sparse_log import SparseLog

RejectionReason = Literal[signature.Reason, RefusalReason, "token_unsafe", "log_unavailable"]


class Rejections:
    """Safe to share between threads."""

    def __init__(self, metrics: Metrics, log: SparseLog) -> None:
        self._metrics = metrics
        self._log = log

    def add(self, reason: RejectionReason) -> None:
        """Count one, and let the log tell it sparsely."""
        self._metrics.count("webhook_rejected_total", reason=reason)
        if reason == "body_too_large":
            self._metrics.count("webhook_body_too_large_total")
        self._log.line("webhook.rejected", reason)
