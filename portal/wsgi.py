"""Composition root of the worker process: everything that holds a connection is made here, after the fork."""

from collections.abc import Callable
from contextlib import closing
from urllib.parse import urlsplit

import structlog
from sqlalchemy import Engine

from infra.admin import AdminApp
from infra.clock import Clock, SystemClock
from infra.database.engine import check_revision, open_database
from infra.errors import ConfigurationError
from infra.identity.oidc import OidcProvider
from infra.metrics import PrometheusMetrics
from infra.serving.bridge import Bridge
from infra.serving.turns import Turns
from infra.settings import PortalSettings
from infra.storage.s3 import S3Store
from infra.transport import Producer
from infra.transport.connect import connect
from infra.zoom.connect import open_zoom
from portal.app import MAX_BODY_BYTES, create_app
from portal.audit import Audit
from portal.auth.guard import Guard, place_for
from portal.auth.service_tokens import ServiceTokens
from portal.auth.sessions import Sessions
from portal.auth.sign_in import Roles, SignIn
from portal.calls.desk import CallDesk, open_desk
from portal.calls.starting import Marketplace
from portal.calls.sweep import Swept
from portal.calls.sweeper import Sweeper
from portal.ports import Ports
from portal.reviews.board import open_board

BODY_SECONDS = 5.0  # from arrival: a phone on a bad line sends a report of 4,000 characters within it
AT_A_TIME = 3  # of 8 askers: with 2 a link to a recording, which also waits, takes 101 ms at p95, with 4 the queue 102 (make bench-portal)
CLOSE_SECONDS = 2.0  # for what is still on its way to the log

log = structlog.get_logger(__name__)


def build(settings: PortalSettings) -> tuple[Bridge, AdminApp]:
    """Return the two applications, ready to be served.

    Raises:
        ConfigurationError: the database is not at our revision, the transport cannot be what the settings say, or there
            are no keys to sign links with.
        TransientError: the database does not answer.
    """
    clock, metrics = SystemClock(), PrometheusMetrics("portal_")
    engine = open_database(settings.database_url)
    check_revision(engine)
    transport = connect(settings.transport, clock)
    producer = transport.producer()
    store = S3Store(settings.archive_bucket, settings.s3_endpoint_url)
    desk, close_zoom = open_calls(settings, engine, producer, clock)
    sweeper = None if desk is None else Sweeper(desk.sweep, desk.pool, metrics)
    audit = Audit(engine, settings.audit.key, settings.audit.head, clock)
    board = open_board(engine, producer, store, audit, clock)
    ports = Ports(
        engine=engine,
        producer=producer,
        tokens=ServiceTokens(engine, clock),
        audit=audit,
        sign_in=_sign_in(settings, engine, audit, clock),
        reviews=board,
        metrics=metrics,
        clock=clock,
        public_url=settings.public_url,
        store=store,
        downloads=settings.downloads,
        calls=desk,
    )

    def stop() -> None:
        if sweeper is not None:
            sweeper.stop()
        close_zoom()
        board.outbox.stop()
        producer.close(CLOSE_SECONDS)
        transport.close()
        store.close()
        engine.dispose()
        log.info("portal.stopped")

    bridge = Bridge(
        create_app(ports),
        threads=settings.threads,
        max_body_bytes=MAX_BODY_BYTES,
        body_seconds=BODY_SECONDS,
        clock=clock,
        on_refusal=lambda reason: metrics.count("portal_refused_total", reason=reason),
        on_in_flight=lambda count: metrics.set("portal_in_flight", count),
        on_stop=stop,
        turns=Turns(AT_A_TIME),
    )
    if sweeper is not None:
        sweeper.start()
    board.outbox.start()
    return bridge, AdminApp(metrics, producer.ready)


def open_calls(
    settings: PortalSettings, engine: Engine, producer: Producer, clock: Clock
) -> tuple[CallDesk | None, Callable[[], None]]:
    """Return what starts calls, None without Zoom's credentials, and what closes its connections."""
    zoom = open_zoom(settings.zoom, clock)
    if zoom is None:
        return None, lambda: None
    marketplace = Marketplace(
        account_id=settings.zoom.oauth_account_id or "",
        call_page_url=settings.call_page_url,
        address_domain=urlsplit(settings.call_page_url).hostname or "localhost",
    )
    hosts = settings.zoom_host_users
    desk = open_desk(engine, producer, zoom, hosts=hosts, marketplace=marketplace, clock=clock)
    return desk, zoom.close


def sweep_once(settings: PortalSettings) -> Swept:
    """Sweep once, without the server.

    Raises:
        ConfigurationError: there are no Zoom credentials, or the database is not at our revision.
        TransientError: the database does not answer.
    """
    clock = SystemClock()
    engine = open_database(settings.database_url)
    check_revision(engine)
    with closing(connect(settings.transport, clock)) as transport, closing(transport.producer()) as producer:
        desk, close_zoom = open_calls(settings, engine, producer, clock)
        if desk is None:
            raise ConfigurationError("ZOOM_CLIENT_ID, ZOOM_CLIENT_SECRET and ZOOM_OAUTH_ACCOUNT_ID are not set")
        try:
            return desk.sweep.run()
        finally:
            close_zoom()
            engine.dispose()


def _sign_in(settings: PortalSettings, engine: Engine, audit: Audit, clock: Clock) -> SignIn:
    oidc, sessions = settings.oidc, Sessions(engine, clock)
    place = place_for(has_provider=oidc is not None, bind_host=settings.bind.host)
    return SignIn(
        sessions=sessions,
        guard=Guard(sessions, audit, settings.public_url, place),
        audit=audit,
        clock=clock,
        key=settings.audit.key,
        public_url=settings.public_url,
        provider=None if oidc is None else OidcProvider(oidc.issuer, oidc.client_id, oidc.client_secret, clock),
        roles=Roles() if oidc is None else Roles(oidc.role_claim, oidc.analyst_role, oidc.lead_role),
    )
