"""What one asks a Kafka cluster: its topics, partitions and offsets, and whether it answers.

Each question opens a client of its own (about 20 ms): nothing is shared between threads or across a fork, and nothing is
stale after an outage.
"""

import math
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from typing import Any

from kafka import KafkaAdminClient
from kafka import TopicPartition as KafkaPlace
from kafka import errors as kafka_errors
from kafka.admin import OffsetSpec

from infra.errors import ConfigurationError, PermanentError, TransientError
from infra.transport.base import TopicPartition
from infra.transport.kafka_refusals import REFUSALS, find_refusal, refused
from schemas import topics as schema
from schemas.topics import Topic

HURRY_MS = 1000  # in a request's way: a cluster that needs longer counts as not answering
PATIENT_MS = 5000  # everywhere else: a cold or busy cluster may take seconds
CREATE_MS = 10_000  # making all topics on a cold broker took 2 s
RECORD_OVERHEAD_BYTES = 64 * 1024  # of batch, lengths and header counts around a largest record, generously

_NO_SUCH_TOPIC = (kafka_errors.UnknownTopicOrPartitionError, kafka_errors.InvalidTopicError)
_NOT_ALLOWED = (kafka_errors.AuthorizationError, kafka_errors.PolicyViolationError)
_TOO_LARGE = (kafka_errors.MessageSizeTooLargeError, kafka_errors.RecordListTooLargeError)


@contextmanager
def translated(doing: str) -> Iterator[None]:
    """Turn what the client raises into our errors. `doing` completes the sentence "… Kafka failed"."""
    try:
        yield
    except _NO_SUCH_TOPIC as error:
        raise PermanentError(f"{doing} Kafka failed: there is no such topic or partition") from error
    except _TOO_LARGE as error:
        raise PermanentError(f"{doing} Kafka failed: the record is larger than the topic takes") from error
    except _NOT_ALLOWED as error:
        raise PermanentError(f"{doing} Kafka failed: not allowed") from error
    except REFUSALS as error:
        raise refused(doing) from error
    except (kafka_errors.KafkaError, OSError) as error:
        raise TransientError(f"{doing} Kafka failed: {type(error).__name__}") from error


class KafkaCluster:
    """A cluster, by the client settings that reach it. `replication` overrides how many copies new topics get."""

    def __init__(self, settings: Mapping[str, Any], replication: int | None = None) -> None:
        self._settings = settings
        self._replication = replication
        self._partitions: dict[str, int] = {}  # a topic that was there stays known: no question in a request's way

    def answers(self) -> bool:
        """Whether a fresh metadata call works; takes at most about two seconds."""
        try:
            with translated("asking"), self.admin(HURRY_MS, look=False) as admin:
                return bool(admin.describe_cluster()["brokers"])
        except (TransientError, PermanentError):
            return False

    def partitions(self, topic: str, within_ms: int | None = None) -> int:
        """Return how many partitions a topic has. Raises PermanentError for an unknown topic.

        Whoever gives a time waits with something in hand: to him a cluster that refuses us is one that does not answer.
        """
        known = self._partitions.get(topic)
        if known is not None:
            return known
        with translated("asking"), self.admin(within_ms or PATIENT_MS, look=within_ms is None) as admin:
            (found,) = admin.describe_topics([topic])
            error = kafka_errors.for_code(found["error_code"])
            if error is not kafka_errors.NoError:
                raise PermanentError(f"there is no topic {topic}") if error in _NO_SUCH_TOPIC else error()
        self._partitions[topic] = len(found["partitions"])
        return self._partitions[topic]

    def topics(self) -> Sequence[str]:
        with translated("asking"), self.admin() as admin:
            return sorted(name for name in admin.list_topics() if not name.startswith("__"))  # Kafka's own

    def end_offsets(self, topic: str) -> Mapping[TopicPartition, int]:
        places = [KafkaPlace(topic, number) for number in range(self.partitions(topic))]
        with translated("asking"), self.admin() as admin:
            found = admin.list_partition_offsets(dict.fromkeys(places, OffsetSpec.LATEST), timeout_ms=PATIENT_MS)
        return {TopicPartition(place.topic, place.partition): found[place].offset for place in places}

    def bounds(self, place: TopicPartition) -> tuple[int, int]:
        """Return the oldest offset that is kept and the one that the next record will get."""
        asked = KafkaPlace(place.topic, place.partition)
        with translated("asking"), self.admin() as admin:
            oldest = admin.list_partition_offsets({asked: OffsetSpec.EARLIEST}, timeout_ms=PATIENT_MS)
            end = admin.list_partition_offsets({asked: OffsetSpec.LATEST}, timeout_ms=PATIENT_MS)
        return oldest[asked].offset, end[asked].offset

    def offset_at(self, place: TopicPartition, instant: datetime) -> int:
        """Return the offset of the first record produced at `instant` or later; the end when there is none."""
        asked = KafkaPlace(place.topic, place.partition)
        at_ms = math.ceil(instant.timestamp() * 1000)
        with translated("asking"), self.admin() as admin:
            end = admin.list_partition_offsets({asked: OffsetSpec.LATEST}, timeout_ms=PATIENT_MS)
            found = admin.list_partition_offsets({asked: at_ms}, timeout_ms=PATIENT_MS)
        return int(found[asked].offset if found[asked].offset >= 0 else end[asked].offset)

    def create_topics(self, topics: Sequence[Topic]) -> Sequence[str]:
        """Make those that are missing; return their names. What an ACL keeps from our sight is none of ours to make."""
        existing = set(self.topics())
        unseen = [topic.name for topic in topics if topic.name not in existing]
        absent = self._absent(unseen)
        missing = [topic for topic in topics if topic.name in absent]
        if not missing:
            return []
        with translated("making topics in"), self.admin(CREATE_MS + PATIENT_MS) as admin:
            replicas = self._replicas(len(admin.describe_cluster()["brokers"]))
            wanted = {topic.name: _description(topic, replicas) for topic in missing}
            answer = admin.create_topics(wanted, timeout_ms=CREATE_MS, raise_errors=False)
            made = _made(answer["topics"])
            admin.wait_for_topics([topic.name for topic in missing], timeout_ms=CREATE_MS)
        return made

    def _absent(self, names: Sequence[str]) -> set[str]:
        """Those of the topics that are not there; the others are hidden from us."""
        if not names:
            return set()
        with translated("asking"), self.admin() as admin:
            found = {
                topic["name"]: kafka_errors.for_code(topic["error_code"]) for topic in admin.describe_topics(names)
            }
        return {name for name in names if not issubclass(found[name], _NOT_ALLOWED)}

    def _replicas(self, brokers: int) -> int:
        return self._replication or min(schema.REPLICATION, brokers)

    @contextmanager
    def admin(self, within_ms: int = PATIENT_MS, *, look: bool = True) -> Iterator[KafkaAdminClient]:
        """Lend a client of its own; run its calls in `translated`.

        Raises:
            ConfigurationError: a broker's certificate is not to be trusted, or it refuses the user; only with `look`,
                because it takes a while to find out.
        """
        try:
            admin = KafkaAdminClient(**self._settings, bootstrap_timeout_ms=within_ms, request_timeout_ms=within_ms)
        except kafka_errors.KafkaTimeoutError:
            if look:
                find_refusal(self._settings)
            raise
        try:
            yield admin
        finally:
            admin.close()


def topic_settings(topic: Topic, replicas: int) -> dict[str, str]:
    """Return the settings that a topic of so many copies has in Kafka's own names."""
    return {
        "cleanup.policy": "delete",
        "min.insync.replicas": str(schema.MIN_INSYNC_REPLICAS if replicas >= schema.REPLICATION else 1),
        "retention.ms": str(int(topic.retention.total_seconds() * 1000)),
        "max.message.bytes": str(topic.max_record_bytes + RECORD_OVERHEAD_BYTES),
    }


def _description(topic: Topic, replicas: int) -> dict[str, Any]:
    return {
        "num_partitions": topic.partitions,
        "replication_factor": replicas,
        "configs": topic_settings(topic, replicas),
    }


def _made(answers: Sequence[Mapping[str, Any]]) -> list[str]:
    """Return the topics that the answer says were made; another process may have made the rest meanwhile."""
    made, refused = [], []
    for answer in answers:
        error = kafka_errors.for_code(answer["error_code"])
        if error is kafka_errors.NoError:
            made.append(answer["name"])
        elif issubclass(error, _NOT_ALLOWED):
            refused.append(answer["name"])
        elif error is not kafka_errors.TopicAlreadyExistsError:
            raise error()
    if refused:
        raise ConfigurationError(f"these topics are missing and may not be made: {', '.join(sorted(refused))}")
    return made
