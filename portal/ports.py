"""What the portal works with."""

from dataclasses import dataclass

from sqlalchemy import Engine

from infra.clock import Clock
from infra.metrics import Metrics
from infra.transport import Producer
from portal.audit import Audit
from portal.auth.service_tokens import ServiceTokens


@dataclass(frozen=True, slots=True)
class Ports:
    """The application's outside world, and its limits. `public_url` is where people and programs reach it."""

    engine: Engine
    producer: Producer
    tokens: ServiceTokens
    audit: Audit
    metrics: Metrics
    clock: Clock
    public_url: str
    media_sources: tuple[str, ...]
