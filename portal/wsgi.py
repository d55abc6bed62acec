"""Composition root of the worker process: everything that holds a connection is made here, after the fork."""

import structlog

from infra.admin import AdminApp
from infra.clock import SystemClock
from infra.database.engine import check_revision, open_database
from infra.metrics import PrometheusMetrics
from infra.serving.bridge import Bridge
from infra.settings import PortalSettings
from infra.storage.s3 import S3Store
from infra.transport.connect import connect
from portal.app import MAX_BODY_BYTES, create_app
from portal.audit import Audit
from portal.auth.service_tokens import ServiceTokens
from portal.ports import Ports

BODY_SECONDS = 5.0  # from arrival: a phone on a bad line sends a report of 4,000 characters within it
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
    ports = Ports(
        engine=engine,
        producer=producer,
        tokens=ServiceTokens(engine, clock),
        audit=Audit(engine, settings.audit_key, clock),
        metrics=metrics,
        clock=clock,
        public_url=settings.public_url,
        store=store,
        downloads=settings.downloads,
    )

    def stop() -> None:
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
    )
    return bridge, AdminApp(metrics, producer.ready)
