"""A receiver over fakes, and Zoom's way of signing."""

import hashlib
import hmac
from dataclasses import dataclass, field

from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from infra.transport import Record
from schemas.topics import QUARANTINE, WEBHOOKS
from tests.fakes.clock import FakeClock
from tests.fakes.metrics import RecordingMetrics
from tests.fakes.spool import FakeSpool
from tests.fakes.transport import FakeProducer, FakeTransport
from webhook_receiver.app import create_app
from webhook_receiver.ports import Ports
from webhook_receiver.publisher import Publisher
from webhook_receiver.signature import SigningSecret, Verifier

CURRENT, OLDER = "the-current-secret", "an-older-secret"
MAX_BODY_BYTES = 10_000


def sign(body: bytes, timestamp: str, secret: str = CURRENT) -> dict[str, str]:
    digest = hmac.new(secret.encode(), b"v0:" + timestamp.encode() + b":" + body, hashlib.sha256).hexdigest()
    return {"x-zm-request-timestamp": timestamp, "x-zm-signature": "v0=" + digest}


@dataclass
class Receiver:
    """The application under test; `published` and `quarantined` are what reached the log, `spool.records` the rest."""

    account_ids: frozenset[str] = frozenset()
    clock: FakeClock = field(default_factory=FakeClock)
    metrics: RecordingMetrics = field(default_factory=RecordingMetrics)

    def __post_init__(self) -> None:
        self.transport = FakeTransport(self.clock)
        self.log: FakeProducer = self.transport.producer()
        self.spool = FakeSpool(self.clock)
        ports = Ports(
            publisher=Publisher(self.log, self.spool, self.metrics, self.clock),
            verifier=Verifier((SigningSecret.of(CURRENT), SigningSecret.of(OLDER)), past_window_seconds=7200),
            metrics=self.metrics,
            clock=self.clock,
            account_ids=self.account_ids,
            max_body_bytes=MAX_BODY_BYTES,
        )
        self.client: FlaskClient = create_app(ports).test_client()

    def post(self, body: bytes, headers: dict[str, str]) -> TestResponse:
        return self.client.post("/webhooks/zoom", data=body, headers=headers)

    def deliver(self, body: bytes, age_seconds: float = 0, secret: str = CURRENT, **headers: str) -> TestResponse:
        """Post a body as Zoom would have signed it `age_seconds` ago."""
        timestamp = str(int(self.clock.now().timestamp() - age_seconds))
        extra = {name.replace("_", "-"): value for name, value in headers.items()}
        return self.post(body, sign(body, timestamp, secret) | extra)

    @property
    def published(self) -> list[Record]:
        return self.transport.records[WEBHOOKS.name]

    @property
    def quarantined(self) -> list[Record]:
        return self.transport.records[QUARANTINE.name]
