"""What the portal works with."""

from dataclasses import dataclass

from sqlalchemy import Engine

from infra.clock import Clock
from infra.metrics import Metrics
from infra.storage.base import ObjectStore
from infra.transport import Producer
from portal.audit import Audit
from portal.auth.service_tokens import ServiceTokens
from portal.auth.sign_in import SignIn
from portal.calls.desk import CallDesk
from portal.reviews.board import Board


@dataclass(frozen=True, slots=True)
class Ports:
    """The application's outside world, and its limits. `public_url` is where people and programs reach it; with
    `downloads` participants may save a recording, not only play it."""

    engine: Engine
    producer: Producer
    tokens: ServiceTokens
    audit: Audit
    store: ObjectStore
    sign_in: SignIn
    reviews: Board
    metrics: Metrics
    clock: Clock
    public_url: str
    downloads: bool
    calls: CallDesk | None = None  # none without Zoom's credentials
