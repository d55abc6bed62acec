"""Composition root of the worker process and of `drain`: everything that holds a connection is made here, after the fork."""

import threading

import structlog

from infra.admin import AdminApp
from infra.clock import Clock, SystemClock
from infra.errors import ConfigurationError, PermanentError, TransientError
from infra.metrics import PrometheusMetrics
from infra.serving.bridge import Bridge
from infra.settings import ReceiverSettings
from infra.transport import Transport
from infra.transport.connect import connect
from infra.transport.late_spool import LateSpool
from infra.transport.spool import Spool
from webhook_receiver import drain
from webhook_receiver.app import create_app
from webhook_receiver.ports import Ports
from webhook_receiver.publisher import Publisher
from webhook_receiver.rejections import Rejections
from webhook_receiver.relay import Relay
from webhook_receiver.signature import SigningSecret, Verifier
from webhook_receiver.sparse_log import SparseLog
from webhook_receiver.spool_watch import SpoolWatch

BODY_SECONDS = 1.0  # from arrival: Zoom sends at once, and the log has until 1.5 s
TOPICS_FIRST_TRY_SECONDS = 5.0  # then the receiver starts without: it answers /healthz, and events go to the spool
TOPICS_RETRY_SECONDS = 1.0
RELAY_GRACE_SECONDS = 4.0  # for the relay to bring what it can to the log, of the 15 s a stop may take
CLOSE_SECONDS = 2.0  # for what is still on its way to the log, of the same

log = structlog.get_logger(__name__)


def build(settings: ReceiverSettings, spool_problem: str) -> tuple[Bridge, AdminApp]:
    """Return the two applications, ready to be served; a log that does not answer is waited for in the background.

    The spool's lock is the caller's; `spool_problem` is why he could not take it, else empty. Until there is a spool
    there is the log alone.

    Raises:
        ConfigurationError: the transport cannot be what the settings say.
    """
    clock, metrics = SystemClock(), PrometheusMetrics("webhook_")
    spool = open_spool(settings, spool_problem, clock)
    transport = connect(settings.transport, clock)
    producer = transport.producer()
    topics = TopicSetup(transport, clock)
    topics.start()
    publisher = Publisher(producer, spool, metrics, clock)
    verifier = Verifier(tuple(map(SigningSecret.of, settings.webhook_secrets)), settings.window_seconds)
    _begin_gauges(metrics, verifier, clock)
    watch = SpoolWatch(spool, metrics, clock)
    watch.start()
    relay = Relay(spool, producer, metrics, clock, lambda: topics.done)
    relay.start()
    ports = Ports(
        publisher=publisher,
        verifier=verifier,
        metrics=metrics,
        clock=clock,
        account_ids=settings.account_ids,
        max_body_bytes=settings.max_body_bytes,
    )

    def stop() -> None:
        relay.stop(RELAY_GRACE_SECONDS)
        watch.stop()
        _say_what_stays(spool)
        producer.close(CLOSE_SECONDS)
        spool.close(CLOSE_SECONDS)
        transport.close()
        log.info("receiver.stopped")

    bridge = Bridge(
        create_app(ports),
        threads=settings.threads,
        max_body_bytes=settings.max_body_bytes,
        body_seconds=BODY_SECONDS,
        clock=clock,
        on_refusal=Rejections(metrics, SparseLog(clock)).add,
        on_in_flight=lambda count: metrics.set("webhook_in_flight", count),
        on_stop=stop,
    )
    return bridge, AdminApp(metrics, lambda: spool.ready() or (topics.done and producer.ready()), watch.remarks)


def open_spool(settings: ReceiverSettings, problem: str, clock: Clock) -> Spool:
    """Return the spool; where it has a problem or cannot be opened, one that says why, and opens as soon as it can."""
    if problem:
        return LateSpool(settings.spool_path, clock, problem, is_locked=False)
    try:
        return Spool(settings.spool_path, clock)
    except ConfigurationError as error:
        return LateSpool(settings.spool_path, clock, str(error), is_locked=True)


def drain_spool(settings: ReceiverSettings) -> drain.Outcome:
    """Bring the spool to the log without serving; return what stays. The spool's lock is the caller's.

    Raises:
        ConfigurationError: the transport or the spool cannot be what the settings say.
    """
    clock = SystemClock()
    spool = Spool(settings.spool_path, clock)
    transport = connect(settings.transport, clock)
    producer = transport.producer()
    topics = TopicSetup(transport, clock)
    topics.start()
    relay = Relay(spool, producer, PrometheusMetrics("webhook_"), clock, lambda: topics.done)
    try:
        return drain.run(relay, spool, clock)
    finally:
        producer.close(CLOSE_SECONDS)
        spool.close(CLOSE_SECONDS)
        transport.close()


def _begin_gauges(metrics: PrometheusMetrics, verifier: Verifier, clock: Clock) -> None:
    """Say since when "not yet" counts, and name every secret that is accepted."""
    metrics.set("webhook_started_timestamp_seconds", clock.now().timestamp())
    for secret in verifier.secrets:
        metrics.set("webhook_secret_last_matched_timestamp_seconds", 0, secret=secret.id)


def _say_what_stays(spool: Spool) -> None:
    try:
        state = spool.state()
    except TransientError as error:
        log.error("spool.not_read", reason=str(error))
        return
    if state.records or state.aside:
        oldest_at = state.oldest_at.isoformat() if state.oldest_at else None
        log.warning("spool.not_empty", records=state.records, aside=state.aside, oldest_at=oldest_at)


class TopicSetup:
    """Makes the topics that are missing; while the log does not answer, again and again."""

    def __init__(self, transport: Transport, clock: Clock) -> None:
        self._transport = transport
        self._clock = clock
        self._tried = threading.Event()
        self.done = False

    def start(self) -> None:
        """Begin, and wait a moment for the first try."""
        threading.Thread(target=self.run, name="topics", daemon=True).start()
        self._tried.wait(TOPICS_FIRST_TRY_SECONDS)

    def run(self) -> None:
        """Try until the topics are there, or it is known that they are not ours to make."""
        while not self._try():
            self._tried.set()
            self._clock.sleep(TOPICS_RETRY_SECONDS)
        self.done = True
        self._tried.set()

    def _try(self) -> bool:
        try:
            made = self._transport.create_topics()
        except TransientError as error:
            if not self._tried.is_set():
                log.warning("topics.waiting_for_log", reason=str(error))
            return False
        except PermanentError as error:  # not allowed to: whoever runs the broker makes them
            log.warning("topics.not_made", reason=str(error))
            return True
        except Exception as error:  # noqa: BLE001 - a thread's end: the relay would wait for its result for ever
            log.error("topics.failed", error_type=type(error).__name__)
            return False
        if made:
            log.info("topics.made", count=len(made))
        return True
