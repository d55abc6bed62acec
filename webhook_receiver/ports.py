"""What the receiver works with."""

from dataclasses import dataclass

from infra.clock import Clock
from infra.metrics import Metrics
from webhook_receiver.publisher import Publisher
from webhook_receiver.signature import Verifier


@dataclass(frozen=True, slots=True)
class Ports:
    """The application's outside world, and its limits. With no `account_ids`, every account is ours."""

    publisher: Publisher
    verifier: Verifier
    metrics: Metrics
    clock: Clock
    account_ids: frozenset[str]
    max_body_bytes: int
