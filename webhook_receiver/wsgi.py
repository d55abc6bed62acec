"""Composition root of the worker process: everything that holds a connection is made here, after the fork."""

import threading

import structlog

from infra.admin import AdminApp
from infra.clock import Clock, SystemClock
from infra.errors import PermanentError, TransientError
from infra.metrics import PrometheusMetrics
from infra.settings import ReceiverSettings
from infra.transport import Transport
from infra.transport.connect import connect
from webhook_receiver.app import create_app
from webhook_receiver.ports import Ports
from webhook_receiver.publisher import Publisher
from webhook_receiver.rsgi import Bridge
from webhook_receiver.signature import SigningSecret, Verifier

TOPICS_FIRST_TRY_SECONDS = 5.0  # then the receiver starts without: it answers /healthz, and 503 to events
TOPICS_RETRY_SECONDS = 1.0
CLOSE_SECONDS = 3.0  # for what is still on its way to the log, of the 15 s a stop may take

log = structlog.get_logger(__name__)


def build(settings: ReceiverSettings) -> tuple[Bridge, AdminApp]:
    """Return the two applications, ready to be served; a log that does not answer is waited for in the background.

    Raises:
        ConfigurationError: the transport cannot be what the settings say.
    """
    clock, metrics = SystemClock(), PrometheusMetrics("webhook_")
    transport = connect(settings.transport, clock)
    producer = transport.producer()
    topics = TopicSetup(transport, clock)
    topics.start()
    publisher = Publisher(producer, clock)
    ports = Ports(
        publisher=publisher,
        verifier=Verifier(tuple(map(SigningSecret.of, settings.webhook_secrets)), settings.window_seconds),
        metrics=metrics,
        clock=clock,
        account_ids=settings.account_ids,
        max_body_bytes=settings.max_body_bytes,
    )

    def stop() -> None:
        producer.close(CLOSE_SECONDS)
        transport.close()
        log.info("receiver.stopped")

    bridge = Bridge(
        create_app(ports),
        threads=settings.threads,
        max_body_bytes=settings.max_body_bytes,
        metrics=metrics,
        clock=clock,
        on_stop=stop,
    )
    return bridge, AdminApp(metrics, lambda: topics.done and publisher.ready())


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
        if made:
            log.info("topics.made", count=len(made))
        return True
