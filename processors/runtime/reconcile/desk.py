"""What every step of a reconciliation works with, and how it brings an event to the log."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime

from infra.clock import Clock
from infra.storage.base import ObjectStore
from infra.transport import Producer, Transport
from infra.transport.patient import produce_patiently
from processors.runtime.reconcile.known import Database
from processors.runtime.reconcile.port import Zoom
from schemas.envelope import Envelope
from schemas.topics import WEBHOOKS


@dataclass(frozen=True, slots=True)
class Period:
    """From and, not included, until: aware, whole seconds."""

    since: datetime
    until: datetime


@dataclass(slots=True)
class Desk:
    """The outside world of one run. `zoom` is None without credentials, `app_id` without ZOOM_APP_ID.

    `brought` are the ids of events that this run has brought, or with `dry_run` would have, `brought_files` the object
    keys of the files and `brought_news` the sessions, each with the event's name, that they tell of: the processors may not
    have heard of them yet. `produced` are in the log for certain, those
    of a step that did not get to its end included.
    """

    zoom: Zoom | None
    transport: Transport
    producer: Producer
    database: Database
    store: ObjectStore
    clock: Clock
    app_id: str | None = None
    account_ids: frozenset[str] = frozenset()
    host_users: tuple[str, ...] = ()
    dry_run: bool = False
    say: Callable[[str], None] = lambda _: None
    brought: set[str] = field(default_factory=set)
    brought_files: set[str] = field(default_factory=set)
    brought_news: set[tuple[str, str]] = field(default_factory=set)
    produced: set[str] = field(default_factory=set)

    def bring(self, envelope: Envelope) -> bool:
        """Put an event on `zoom.webhooks`; False when this run, or a processor ever, has had it.

        Raises:
            TransientError: the log or the database does not answer.
            PermanentError: the topic refuses it for good.
        """
        if envelope.id in self.brought:
            return False
        if envelope.id not in self.produced:
            if self.database.handled([envelope.id]):
                return False
            if not self.dry_run:
                produce_patiently(self.producer, WEBHOOKS.name, envelope, self.clock)
            self.produced.add(envelope.id)
        self.brought.add(envelope.id)
        return True
