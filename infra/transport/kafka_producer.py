"""Durable writes to Kafka that never hang: kafka-python 3.0.12, fenced in.

The client can wedge for good, has no limit on what it holds, and makes every caller wait through an outage
(lab: `kafka.md` sections 2 and 6). So: no idempotence and one batch in flight (order is kept; doubles are harmless), a
deadline on every wait, a breaker in front with a thread that looks out for the outage's end, a cap on what is on its way, and a watchdog that replaces a client which
acknowledges nothing while the cluster answers.
"""

import os
import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

import structlog
from kafka.errors import KafkaError

from infra.clock import Clock
from infra.errors import PermanentError, TransientError
from infra.transport.base import record_bytes
from infra.transport.breaker import Breaker, Permit
from infra.transport.kafka_cluster import KafkaCluster, translated
from schemas.envelope import Headers
from schemas.topics import MAX_RECORD_BYTES

IN_FLIGHT_BYTES = 64 * 1024 * 1024  # 32 largest records, or some 30,000 usual ones
RECORD_COST_BYTES = 1024  # what a record costs beside its content: futures, buffers, headers
STALL_SECONDS = 10.0  # nothing acknowledged for longer than a fail-over takes (9 s): the client is suspect
LOOK_OUT_SECONDS = 0.25  # between two looks whether an outage is over: no caller has to wait to find that out
READY_SECONDS = 1.0  # how long `ready` may wait for the first connection, and how long its answer is good

MakeClient = Callable[[], Any]  # a kafka.KafkaProducer; tests give one that fails on request
log = structlog.get_logger(__name__)


class KafkaLogProducer:
    """Writes records; many threads may share it. Everything is made anew in a forked process, with its first use."""

    def __init__(self, cluster: KafkaCluster, make_client: MakeClient, clock: Clock) -> None:
        self._cluster = cluster
        self._make_client = make_client
        self._clock = clock
        self._sessions: dict[int, _Session] = {}  # by process id; an inherited one is kept untouched

    def produce(self, topic: str, *, key: bytes | None, headers: Headers, value: bytes, timeout_seconds: float) -> None:
        self._session().produce(_Outgoing(topic, key, headers, value), timeout_seconds)

    def ready(self) -> bool:
        return self._session().ready()

    def close(self, timeout_seconds: float = 5.0) -> None:
        self._session().close(timeout_seconds)

    def _session(self) -> "_Session":
        process = os.getpid()
        session = self._sessions.get(process)
        if session is None:
            session = self._sessions.setdefault(process, _Session(self._cluster, self._make_client, self._clock))
        return session


@dataclass(frozen=True, slots=True)
class _Outgoing:
    """What a caller wants written."""

    topic: str
    key: bytes | None
    headers: Headers
    value: bytes


@dataclass(slots=True)
class _Client:
    """A client, what of ours it holds, and when it last acknowledged (or was made)."""

    kafka: Any
    alive_at: float
    in_flight_bytes: int = 0
    lock: threading.Lock = field(default_factory=threading.Lock)

    def reserve(self, size_bytes: int) -> None:
        with self.lock:
            if self.in_flight_bytes + size_bytes > IN_FLIGHT_BYTES:
                raise TransientError("too much is on its way to Kafka already")
            self.in_flight_bytes += size_bytes

    def release(self, size_bytes: int) -> None:
        with self.lock:
            self.in_flight_bytes -= size_bytes

    def shut(self, timeout_seconds: float) -> None:
        with suppress(KafkaError):  # what could not be flushed in time; its callers were told
            self.kafka.close(timeout=timeout_seconds)


class _Session:
    """The producer of one process."""

    def __init__(self, cluster: KafkaCluster, make_client: MakeClient, clock: Clock) -> None:
        self._cluster = cluster
        self._make_client = make_client
        self._clock = clock
        self._breaker = Breaker()
        self._lock = threading.Lock()
        self._client: _Client | None = None
        self._starting: threading.Event | None = None
        self._watching = False
        self._looking_out = False
        self._answered: tuple[float, bool] | None = None
        self._closed = False

    def produce(self, record: _Outgoing, timeout_seconds: float) -> None:
        deadline = self._clock.monotonic() + timeout_seconds
        size_bytes = record_bytes(record.key, record.headers, record.value)
        if size_bytes > MAX_RECORD_BYTES:
            raise PermanentError(f"a record of {size_bytes} bytes is more than {record.topic} takes")
        permit = self._admit()
        try:
            self._cluster.partitions(record.topic, round(timeout_seconds * 1000))
            self._send(record, size_bytes + RECORD_COST_BYTES, deadline)
        except TransientError:
            self._failed(permit)
            raise
        except BaseException:
            self._breaker.undecided(permit)
            raise
        self._succeeded(permit)

    def ready(self) -> bool:
        """The client is connected and the cluster answered within the last second."""
        if self._closed:
            return False
        try:
            self._started_client(self._clock.monotonic() + READY_SECONDS)
        except (TransientError, PermanentError):
            return False
        now = self._clock.monotonic()
        if self._answered is None or now - self._answered[0] > READY_SECONDS:
            self._answered = (now, self._cluster.answers())
        return self._answered[1]

    def close(self, timeout_seconds: float) -> None:
        with self._lock:
            self._closed = True
            client, self._client = self._client, None
        if client is not None:
            client.shut(timeout_seconds)

    def _admit(self) -> Permit:
        if self._closed:
            raise PermanentError("the producer is closed")
        permit = self._breaker.admit()
        if permit is Permit.REFUSED:
            raise TransientError("Kafka acknowledges nothing at the moment")
        return permit

    def _send(self, record: _Outgoing, cost_bytes: int, deadline: float) -> None:
        client = self._started_client(deadline)
        client.reserve(cost_bytes)
        with translated("writing to"):
            try:
                future = client.kafka.send(record.topic, record.value, record.key, list(record.headers))
            except BaseException:
                client.release(cost_bytes)
                raise
            future.add_both(lambda *_: client.release(cost_bytes))
            future.get(timeout=max(0.0, deadline - self._clock.monotonic()))
        client.alive_at = self._clock.monotonic()

    def _started_client(self, deadline: float) -> _Client:
        """Return the client, after starting it in a thread of its own where there is none: connecting may take long."""
        with self._lock:
            if self._closed:
                raise PermanentError("the producer is closed")
            if self._client is not None:
                return self._client
            if self._starting is None:
                self._starting = threading.Event()
                threading.Thread(target=self._start, args=(self._starting,), name="kafka-start", daemon=True).start()
            starting = self._starting
        starting.wait(max(0.0, deadline - self._clock.monotonic()))
        return self._connected()

    def _connected(self) -> _Client:
        client = self._client
        if client is None:
            raise TransientError("Kafka is not connected yet")
        return client

    def _start(self, started: threading.Event) -> None:
        """Connect; after a failure the callers say that it is not connected, and the next one tries again."""
        client: _Client | None = None
        try:
            client = _Client(self._make_client(), self._clock.monotonic())
        except (KafkaError, OSError):
            pass
        except Exception as error:  # noqa: BLE001 - a thread's end: nobody above it would hear of it
            log.error("kafka.start_failed", error_type=type(error).__name__)
        finally:
            self._take(client, started)

    def _take(self, client: _Client | None, started: threading.Event) -> None:
        with self._lock:
            unwanted = client if self._closed else None
            self._client = None if self._closed else client
            self._starting = None
        started.set()
        if unwanted is not None:
            unwanted.shut(0)

    def _failed(self, permit: Permit) -> None:
        was_open = self._breaker.is_open
        self._breaker.failed(permit)
        if self._breaker.is_open and not was_open:
            log.warning("kafka.outage_started")
        if self._breaker.is_open:
            self._look_out()
        self._watch()

    def _succeeded(self, permit: Permit) -> None:
        if self._breaker.is_open:
            log.warning("kafka.outage_ended")
        self._breaker.succeeded(permit)

    def _look_out(self) -> None:
        """Ask the cluster again and again, in one thread of its own, and let a call probe once it answers."""
        with self._lock:
            if self._looking_out:
                return
            self._looking_out = True
        threading.Thread(target=self._wait_for_answer, name="kafka-look-out", daemon=True).start()

    def _wait_for_answer(self) -> None:
        try:
            self._clock.sleep(LOOK_OUT_SECONDS)
            while not self._closed and not self._cluster.answers():
                self._clock.sleep(LOOK_OUT_SECONDS)
        except Exception as error:  # noqa: BLE001 - a thread's end: nobody above it would hear of it
            log.error("kafka.look_out_failed", error_type=type(error).__name__)
        finally:  # without an answer too: a call that probes in vain begins the next look-out
            with self._lock:
                self._looking_out = False
            self._breaker.answered()

    def _watch(self) -> None:
        """Look, in a thread of its own and one at a time, whether a client that acknowledges nothing has to go."""
        with self._lock:
            client = self._client
            if client is None or self._watching or self._clock.monotonic() - client.alive_at < STALL_SECONDS:
                return
            self._watching = True
        threading.Thread(target=self._replace_stalled, args=(client,), name="kafka-watchdog", daemon=True).start()

    def _replace_stalled(self, client: _Client) -> None:
        answers = False
        try:
            answers = self._cluster.answers()
        except Exception as error:  # noqa: BLE001 - a thread's end: nobody above it would hear of it
            log.error("kafka.watchdog_failed", error_type=type(error).__name__)
        with self._lock:
            self._watching = False
            stalled = answers and self._client is client
            if stalled:
                self._client = None
        if stalled:
            log.warning("kafka.producer_replaced")
            client.shut(0)
