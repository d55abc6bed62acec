"""The portal's application over a SQLite file and fakes, as tests ask it."""

from collections.abc import Sequence
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from flask.testing import FlaskClient
from sqlalchemy import Engine
from werkzeug.test import TestResponse

from infra.database.engine import migrate, open_database
from infra.identity import IdentityProvider
from infra.secret import Secret
from portal.app import create_app
from portal.audit import Audit
from portal.auth.guard import Guard
from portal.auth.service_tokens import SCOPES, ServiceTokens
from portal.auth.sessions import Sessions
from portal.auth.sign_in import SignIn
from portal.ports import Ports
from tests.fakes.clock import FakeClock
from tests.fakes.metrics import RecordingMetrics
from tests.fakes.object_store import FakeObjectStore
from tests.fakes.transport import FakeTransport

AUDIT_KEY = Secret("an audit key for tests, 32 characters and more")
PUBLIC_URL = "https://calls.example"


@cache
def _migrated() -> bytes:
    """An empty database, made once for all tests: migrating takes longer than most of them."""
    with TemporaryDirectory() as folder:
        engine = open_database(f"sqlite:///{folder}/empty.db")
        migrate(engine)
        engine.dispose()  # the last to close it brings the write-ahead log home
        return Path(folder, "empty.db").read_bytes()


class Portal:
    """What the application was made from, and a client for it."""

    def __init__(
        self,
        folder: Path,
        provider: IdentityProvider | None = None,
        *,
        engine: Engine | None = None,
        clock: FakeClock | None = None,
    ) -> None:
        self.clock = clock or FakeClock()
        self.metrics = RecordingMetrics()
        self.engine = engine or self.opened(folder)
        self.transport = FakeTransport(self.clock)
        self.producer = self.transport.producer()
        self.tokens = ServiceTokens(self.engine, self.clock)
        self.store = FakeObjectStore()
        self.audit = Audit(self.engine, AUDIT_KEY, folder / "audit-head.json", self.clock)
        self.sessions = Sessions(self.engine, self.clock)
        self.guard = Guard(self.sessions, self.audit, PUBLIC_URL, "anywhere" if provider else "here")
        self.sign_in = SignIn(
            sessions=self.sessions,
            guard=self.guard,
            audit=self.audit,
            clock=self.clock,
            key=AUDIT_KEY,
            public_url=PUBLIC_URL,
            provider=provider,
        )
        self.ports = Ports(
            engine=self.engine,
            producer=self.producer,
            tokens=self.tokens,
            audit=self.audit,
            sign_in=self.sign_in,
            metrics=self.metrics,
            clock=self.clock,
            public_url=PUBLIC_URL,
            store=self.store,
            downloads=False,
        )
        self.app = create_app(self.ports)
        self.client: FlaskClient = self.app.test_client()
        self.token = self.tokens.create("everything", SCOPES)

    @staticmethod
    def opened(folder: Path) -> Engine:
        """An empty database of our own, in SQLite."""
        (folder / "portal.db").write_bytes(_migrated())
        return open_database(f"sqlite:///{folder / 'portal.db'}")

    def close(self) -> None:
        self.engine.dispose()

    def ask(self, method: str, path: str, *, token: str | None = None, **more: Any) -> TestResponse:
        """Ask with the token of every scope, or with this one."""
        headers = {"Authorization": "Bearer " + (self.token if token is None else token), **more.pop("headers", {})}
        return self.client.open(path, method=method, headers=headers, **more)

    def token_with(self, scopes: Sequence[str]) -> Secret:
        return self.tokens.create("-".join(scopes), scopes)
