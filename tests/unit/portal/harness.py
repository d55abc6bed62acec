"""The portal's application over a SQLite file and fakes, as tests ask it."""

import re
from collections.abc import Mapping, Sequence
from functools import cache
from http import HTTPStatus
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from flask.testing import FlaskClient
from sqlalchemy import Engine, select
from werkzeug.test import TestResponse

from infra.database.engine import migrate, open_database, reading
from infra.database.tables import portal_audit
from infra.identity import IdentityProvider
from infra.secret import Secret
from portal.app import create_app
from portal.audit import Audit
from portal.auth.guard import Guard
from portal.auth.service_tokens import SCOPES, ServiceTokens
from portal.auth.sessions import Sessions
from portal.auth.sign_in import SignIn
from portal.ports import Ports
from portal.reviews.board import open_board
from tests.fakes.clock import FakeClock
from tests.fakes.metrics import RecordingMetrics
from tests.fakes.object_store import FakeObjectStore
from tests.fakes.transport import FakeTransport
from tests.unit.portal import played_call

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
        downloads: bool = False,
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
            reviews=open_board(self.engine, self.producer, self.store, self.audit, self.clock),
            metrics=self.metrics,
            clock=self.clock,
            public_url=PUBLIC_URL,
            store=self.store,
            downloads=downloads,
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

    def browser_of(self, viewer_id: str, call_id: str = played_call.CALL) -> "Browser":
        """Let a participant in as the marketplace does."""
        offered = self.ask("POST", f"/api/calls/{call_id}/sessions", json={"viewer": viewer_id})
        assert offered.status_code == HTTPStatus.CREATED, offered.text
        browser = Browser(self.app.test_client(), call_id)
        entered = browser.get(f"?code={offered.get_json()['code']}")
        assert entered.status_code == HTTPStatus.SEE_OTHER, entered.text
        return browser

    def audited(self) -> list[tuple[str, str, str, str]]:
        """The audit's rows: actor, action, subject, reason."""
        query = select(portal_audit).order_by(portal_audit.c.position)
        with reading(self.engine) as connection:
            return [(row.actor, row.action, row.subject, row.reason) for row in connection.execute(query)]


class Browser:
    """A participant's browser at the page of one call. It is on https, and names HTML."""

    def __init__(self, client: FlaskClient, call_id: str) -> None:
        self.client = client
        self.path = f"/calls/{call_id}"
        self.api = f"/api{self.path}"

    def get(self, path: str = "") -> TestResponse:
        return self.client.get(self.path + path, base_url=PUBLIC_URL, headers={"Accept": "text/html"})

    def send(self, form: Mapping[str, str]) -> TestResponse:
        """Send the report form with the page's own token."""
        data = {"csrf_token": self.csrf_token, **form}
        return self.client.post(f"{self.path}/reports", base_url=PUBLIC_URL, data=data, headers={"Accept": "text/html"})

    def ask(self, method: str, path: str = "", **more: Any) -> TestResponse:
        """Ask as the page's own script would."""
        return self.client.open(
            self.api + path, method=method, base_url=PUBLIC_URL, headers={"X-CSRF-Token": self.csrf_token}, **more
        )

    @property
    def csrf_token(self) -> str:
        found = re.search(r'name="csrf_token" value="(\w+)"', self.get().text)
        return "" if found is None else found[1]
