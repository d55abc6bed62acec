"""A portal that can start calls, over a database and a pretended Zoom; and what must be true of both, whatever happened."""

import json
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from sqlalchemy import Engine, select
from werkzeug.test import TestResponse

from infra.database.engine import reading
from infra.database.tables import call_starts, host_leases, portal_audit
from infra.transport import Producer
from portal.app import create_app
from portal.calls.desk import CallDesk, open_desk
from portal.calls.ports import Zoom
from portal.calls.starting import Marketplace, call_of
from schemas.calls import Registration, load_registration
from schemas.envelope import Envelope, Headers
from schemas.topics import REGISTRATIONS
from tests.fakes.clock import FakeClock
from tests.fakes.zoom_calls import FakeZoomCalls
from tests.unit.portal.harness import Portal

HOSTS = ("host-a", "host-b")
FREELANCER, CLIENT = "freelancer-9", "client-4"
PAGE = "https://marketplace.example/calls/{call_id}"
REQUEST: dict[str, Any] = {
    "initiator": FREELANCER,
    "initiator_name": "Ana",
    "role": "freelancer",
    "level": "level_1",
    "surface": "order_page",
    "order": {"id": "order-17", "state": "active"},
    "conversation": "conversation-5",
    "other_participant": CLIENT,
    "language": "en",
}


class SteppedProducer:
    """A log's producer that calls `step` before and after each record."""

    def __init__(self, inner: Producer, step: Callable[[str], None]) -> None:
        self._inner = inner
        self._step = step
        self.ready = inner.ready
        self.close = inner.close

    def produce(self, topic: str, *, key: bytes | None, headers: Headers, value: bytes, timeout_seconds: float) -> None:
        self._step("produce")
        self._inner.produce(topic, key=key, headers=headers, value=value, timeout_seconds=timeout_seconds)
        self._step("produce done")


class CallsWorld:
    """A migrated database, and everything else in memory. `restart` is what a new process sees."""

    def __init__(
        self,
        folder: Path,
        engine: Engine,
        hosts: Sequence[str] = HOSTS,
        *,
        at: Zoom | None = None,
        clock: FakeClock | None = None,
    ) -> None:
        self.portal = Portal(folder, engine=engine, clock=clock)
        self.engine = engine
        self.clock = self.portal.clock
        self.transport = self.portal.transport
        self.tokens = self.portal.tokens
        self.metrics = self.portal.metrics
        self.token = self.tokens.create("marketplace", ["calls"])
        self.zoom = FakeZoomCalls()
        self.hosts = hosts
        self.desk_is_open = True
        self.step: Callable[[str], None] = lambda name: None
        self.zoom.meetings.step = self._step
        self._at = at
        self.restart()

    def restart(self) -> None:
        self.producer = SteppedProducer(self.transport.producer(), self._step)
        self.desk: CallDesk = open_desk(
            self.engine,
            self.producer,
            self._at or self.zoom,
            hosts=self.hosts,
            marketplace=Marketplace("our-account", PAGE, "marketplace.example"),
            clock=self.clock,
        )
        ports = replace(self.portal.ports, producer=self.producer, calls=self.desk if self.desk_is_open else None)
        self.app = create_app(ports)
        self.client = self.app.test_client()

    def _step(self, name: str) -> None:
        self.step(name)

    def request(self, **changes: Any) -> dict[str, Any]:
        return {**REQUEST, **changes}

    def start(self, key: str | None = "key-1", token: str | None = None, **changes: Any) -> TestResponse:
        headers = {"Authorization": "Bearer " + (token or self.token)}
        if key is not None:
            headers["Idempotency-Key"] = key
        return self.client.post("/api/calls", json=self.request(**changes), headers=headers)

    def join(self, call_id: str, viewer: str) -> TestResponse:
        headers = {"Authorization": "Bearer " + self.token}
        return self.client.get(f"/api/calls/{call_id}/join", query_string={"viewer": viewer}, headers=headers)

    def rows(self) -> list[Any]:
        with reading(self.engine) as connection:
            return list(connection.execute(select(call_starts).order_by(call_starts.c.created_at)).all())

    def audited(self) -> list[tuple[str, str, str, str]]:
        columns = (portal_audit.c.actor, portal_audit.c.action, portal_audit.c.subject, portal_audit.c.reason)
        with reading(self.engine) as connection:
            return [tuple(row) for row in connection.execute(select(*columns).order_by(portal_audit.c.position)).all()]

    def leased(self) -> dict[str, str]:
        """Which call each host is kept for."""
        with reading(self.engine) as connection:
            rows = connection.execute(select(host_leases).where(host_leases.c.call_id.is_not(None))).all()
        return {row.host_user: row.call_id for row in rows if row.leased_until > self.clock.now()}

    def registered(self) -> list[Registration]:
        """What the log says, doubles left out."""
        records = self.transport.records[REGISTRATIONS.name]
        envelopes = {Envelope.from_record(one.headers, one.value).id: one for one in records}
        return [load_registration(json.loads(one.value)) for one in envelopes.values()]

    def made(self) -> dict[str, str | None]:
        """Zoom's meetings, with the call each carries."""
        return {number: call_of(one.meeting) for number, one in self.zoom.meetings.made.items()}

    def check(self) -> None:
        """Nothing is half made: every meeting is a registered call's, which the log knows; every lease is such a call's."""
        calls = {row.call_id: row for row in self.rows() if row.state == "registered"}
        assert {row.state for row in self.rows()} <= {"registered", "abandoned"}
        assert self.made() == {row.meeting_id: call_id for call_id, row in calls.items()}
        assert {one.call_id: one.meeting_id for one in self.registered()} == {
            call_id: row.meeting_id for call_id, row in calls.items()
        }
        assert set(self.leased().values()) <= set(calls)
