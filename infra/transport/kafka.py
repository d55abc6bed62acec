"""Kafka as the transport: replicated, partitioned, for more than one machine."""

import importlib.util
import logging
from collections.abc import Sequence
from datetime import datetime
from functools import cache
from typing import Any

import structlog
from kafka import KafkaConsumer, KafkaProducer
from kafka import TopicPartition as KafkaPlace

from infra.clock import Clock, SystemClock
from infra.errors import TransientError
from infra.transport.base import Record, TopicPartition
from infra.transport.kafka_client import CalmClient
from infra.transport.kafka_cluster import RECORD_OVERHEAD_BYTES, KafkaCluster, translated
from infra.transport.kafka_consumer import CONNECT_MS, KafkaLogConsumer, record
from infra.transport.kafka_producer import KafkaLogProducer
from infra.transport.kafka_refusals import tls_context
from schemas.topics import MAX_RECORD_BYTES, Topic, all_topics

READ_SECONDS = 5.0  # for records that are known to be there
# Settings (A) of lab/kafka.md section 6: no wedge, and every wait within Zoom's three seconds.
PRODUCER_SETTINGS: dict[str, Any] = {
    "acks": "all",
    "enable_idempotence": False,
    "max_in_flight_requests_per_connection": 1,
    "max_block_ms": 1000,
    "request_timeout_ms": 1500,
    "delivery_timeout_ms": 2500,
    "reconnect_backoff_max_ms": 500,
    "retry_backoff_ms": 50,
    "bootstrap_timeout_ms": CONNECT_MS,
    "allow_auto_create_topics": False,
    "max_request_size": MAX_RECORD_BYTES + RECORD_OVERHEAD_BYTES,
    "kafka_client": CalmClient,
    "metrics_enabled": False,  # nobody reads the client's own
}


class KafkaTransport:
    """The log in a Kafka cluster. Connects with its first use, in each process."""

    def __init__(
        self,
        bootstrap_servers: Sequence[str],
        *,
        security_protocol: str = "PLAINTEXT",
        sasl_mechanism: str | None = None,
        sasl_username: str | None = None,
        sasl_password: str | None = None,
        ca_file: str | None = None,
        replication: int | None = None,
        clock: Clock | None = None,
    ) -> None:
        _quiet_client()
        self._clock = clock or SystemClock()
        self._settings: dict[str, Any] = {
            "bootstrap_servers": list(bootstrap_servers),
            "security_protocol": security_protocol,
            "sasl_mechanism": sasl_mechanism,
            "sasl_plain_username": sasl_username,
            "sasl_plain_password": sasl_password,
            "ssl_context": tls_context(ca_file) if "SSL" in security_protocol else None,
        }
        self._cluster = KafkaCluster(self._settings, replication)

    @property
    def cluster(self) -> KafkaCluster:
        """What an administrator asks of it."""
        return self._cluster

    def producer(self) -> KafkaLogProducer:
        _warn_without_crc32c()
        return KafkaLogProducer(
            self._cluster, lambda: KafkaProducer(**self._settings, **PRODUCER_SETTINGS), self._clock
        )

    def consumer(self, group: str, topics: Sequence[str]) -> KafkaLogConsumer:
        for topic in topics:
            self._cluster.partitions(topic)
        return KafkaLogConsumer(self._settings, group, topics)

    def partitions(self, topic: str) -> int:
        return self._cluster.partitions(topic)

    def end_offsets(self, topic: str) -> dict[TopicPartition, int]:
        return dict(self._cluster.end_offsets(topic))

    def offset_at(self, place: TopicPartition, instant: datetime) -> int:
        self._cluster.partitions(place.topic)
        return self._cluster.offset_at(place, instant)

    def read(self, place: TopicPartition, offset: int, max_records: int = 500) -> Sequence[Record]:
        self._cluster.partitions(place.topic)
        oldest, end = self._cluster.bounds(place)
        if offset >= end or oldest >= end:
            return []
        with translated("reading from"):
            consumer = KafkaConsumer(**self._settings, auto_offset_reset="earliest", bootstrap_timeout_ms=CONNECT_MS)
            try:
                return self._read(consumer, KafkaPlace(place.topic, place.partition), max(offset, oldest), max_records)
            finally:
                consumer.close(autocommit=False)

    def create_topics(self, topics: Sequence[Topic] | None = None) -> Sequence[str]:
        return self._cluster.create_topics(all_topics() if topics is None else topics)

    def topics(self) -> Sequence[str]:
        return self._cluster.topics()

    def close(self) -> None:
        """Nothing is held between calls."""

    def _read(self, consumer: KafkaConsumer, place: KafkaPlace, offset: int, max_records: int) -> list[Record]:
        consumer.assign([place])
        consumer.seek(place, offset)
        deadline = self._clock.monotonic() + READ_SECONDS
        while self._clock.monotonic() < deadline:
            found = consumer.poll(timeout_ms=50, max_records=max_records)
            if found:
                return [record(raw) for raw in found[place]]
        raise TransientError("reading from Kafka failed: nothing came in time")


def _quiet_client() -> None:
    """The client's debug lines quote records, and in an outage it repeats itself many times a second: we say what matters."""
    logging.getLogger("kafka").setLevel(logging.CRITICAL)


@cache
def _warn_without_crc32c() -> None:
    """Say once a process that the client is three times slower without its extra."""
    if importlib.util.find_spec("crc32c") is None:
        structlog.get_logger(__name__).warning("kafka.crc32c_missing", remedy="install kafka-python[crc32c]")
