"""Making topics on Kafka: as many copies as there are brokers, and a clear word where it is not allowed."""

from collections.abc import Sequence
from typing import Any

import pytest

from infra.errors import ConfigurationError
from infra.transport import kafka_cluster
from infra.transport.kafka_cluster import KafkaCluster
from schemas.topics import CALL_EVENTS, WEBHOOKS

NOT_ALLOWED = 29  # TOPIC_AUTHORIZATION_FAILED in Kafka's protocol
UNKNOWN = 3  # UNKNOWN_TOPIC_OR_PARTITION


class FakeAdmin:
    """A cluster's administration that keeps what was made."""

    def __init__(self, brokers: int, allowed: bool, existing: Sequence[str]) -> None:
        self.made: dict[str, Any] = {}
        self.hidden: set[str] = set()
        self._brokers = brokers
        self._allowed = allowed
        self._existing = list(existing)

    def list_topics(self) -> list[str]:
        return ["__consumer_offsets", *self._existing]

    def describe_topics(self, names: Sequence[str]) -> list[dict[str, Any]]:
        return [{"name": name, "error_code": NOT_ALLOWED if name in self.hidden else UNKNOWN} for name in names]

    def describe_cluster(self) -> dict[str, Any]:
        return {"brokers": [{}] * self._brokers}

    def create_topics(self, wanted: dict[str, Any], timeout_ms: int, raise_errors: bool) -> dict[str, Any]:
        self.made.update(wanted)
        return {"topics": [{"name": name, "error_code": 0 if self._allowed else NOT_ALLOWED} for name in wanted]}

    def wait_for_topics(self, names: list[str], timeout_ms: int) -> None:
        pass

    def close(self) -> None:
        pass


def cluster(
    monkeypatch: pytest.MonkeyPatch, *, brokers: int = 3, allowed: bool = True, existing: Sequence[str] = ()
) -> tuple[KafkaCluster, FakeAdmin]:
    admin = FakeAdmin(brokers, allowed, existing)
    monkeypatch.setattr(kafka_cluster, "KafkaAdminClient", lambda **_: admin)
    return KafkaCluster({}), admin


@pytest.mark.parametrize(("brokers", "copies", "in_sync"), [(1, 1, "1"), (2, 2, "1"), (3, 3, "2"), (5, 3, "2")])
def test_topics_get_as_many_copies_as_brokers_allow(
    monkeypatch: pytest.MonkeyPatch, brokers: int, copies: int, in_sync: str
) -> None:
    """Three where possible, two of which have every acknowledged record."""
    kafka, admin = cluster(monkeypatch, brokers=brokers)

    assert kafka.create_topics([CALL_EVENTS]) == ["call-events"]

    made = admin.made["call-events"]
    assert (made["num_partitions"], made["replication_factor"]) == (CALL_EVENTS.partitions, copies)
    assert made["configs"]["min.insync.replicas"] == in_sync
    assert made["configs"]["retention.ms"] == str(30 * 86400 * 1000)
    assert int(made["configs"]["max.message.bytes"]) > CALL_EVENTS.max_record_bytes


def test_nothing_is_asked_for_when_all_topics_exist(monkeypatch: pytest.MonkeyPatch) -> None:
    """A program that may not make topics runs where somebody made them."""
    kafka, admin = cluster(monkeypatch, allowed=False, existing=["call-events", "zoom.webhooks"])

    assert kafka.create_topics([CALL_EVENTS, WEBHOOKS]) == []
    assert admin.made == {}
    assert kafka.topics() == ["call-events", "zoom.webhooks"]


def test_missing_topics_are_named_when_they_may_not_be_made(monkeypatch: pytest.MonkeyPatch) -> None:
    """Those that are missing, and no others."""
    kafka, _ = cluster(monkeypatch, allowed=False, existing=["call-events"])

    with pytest.raises(ConfigurationError, match=r"may not be made: zoom\.webhooks$"):
        kafka.create_topics([CALL_EVENTS, WEBHOOKS])


def test_hidden_topics_are_none_of_ours_when_acls_keep_them_from_us(monkeypatch: pytest.MonkeyPatch) -> None:
    """A program that may see its own topics alone starts, though others are hidden from it."""
    kafka, admin = cluster(monkeypatch, allowed=False, existing=["call-events"])
    admin.hidden = {"zoom.webhooks"}

    assert kafka.create_topics([CALL_EVENTS, WEBHOOKS]) == []
    assert admin.made == {}
