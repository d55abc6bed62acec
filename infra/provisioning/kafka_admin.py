"""A Kafka cluster as an administrator sees it: topics as they are, their settings, and ACLs."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any

from kafka import KafkaAdminClient
from kafka import errors as kafka_errors
from kafka.admin import (
    ACL,
    ACLFilter,
    ACLOperation,
    ACLPermissionType,
    ACLResourcePatternType,
    ConfigResource,
    ConfigResourceType,
    ResourcePattern,
    ResourcePatternFilter,
    ResourceType,
)

from infra.errors import PermanentError, TransientError
from infra.provisioning.grants import Grant
from infra.transport.kafka_cluster import KafkaCluster, translated

REQUEST_MS = 15_000  # making all topics on a cold broker took 2 s

_RESOURCES = {"topic": ResourceType.TOPIC, "group": ResourceType.GROUP}
_NAMES = {kind: name for name, kind in _RESOURCES.items()}


@dataclass(frozen=True, slots=True)
class TopicState:
    """A topic as it is. `replication` is that of its least replicated partition; no `settings`: we may not look."""

    partitions: int
    replication: int
    settings: Mapping[str, str]


class KafkaAdmin:
    """One connection to a cluster, for one run. Every method raises TransientError or PermanentError, nothing else."""

    def __init__(self, client: KafkaAdminClient) -> None:
        self._client = client

    def brokers(self) -> int:
        with translated("asking"):
            return len(self._client.describe_cluster()["brokers"])

    def topics(self, names: Sequence[str], settings: Collection[str]) -> dict[str, TopicState]:
        """Return those of the topics that are there, with these of their settings."""
        with translated("asking"):
            existing = set(self._client.list_topics())
            present = [name for name in names if name in existing]
            described = self._client.describe_topics(present) if present else []
            resources = [ConfigResource(ConfigResourceType.TOPIC, name, dict.fromkeys(settings)) for name in present]
            found = self._client.describe_configs(resources, config_filter="all") if resources else {}
        return {topic["name"]: _state(topic, found.get("topic", {}).get(topic["name"], {})) for topic in described}

    def create_topic(self, name: str, partitions: int, replication: int, settings: Mapping[str, str]) -> None:
        wanted = {"num_partitions": partitions, "replication_factor": replication, "configs": dict(settings)}
        with translated("making topics in"):
            self._client.create_topics({name: wanted}, timeout_ms=REQUEST_MS)
            self._client.wait_for_topics([name], timeout_ms=REQUEST_MS)

    def add_partitions(self, name: str, partitions: int) -> None:
        """Grow the topic to this many."""
        with translated("adding partitions in"):
            self._client.create_partitions({name: partitions}, timeout_ms=REQUEST_MS)

    def set_topic(self, name: str, settings: Mapping[str, str]) -> None:
        """Set these; the topic's others stay."""
        resource = ConfigResource(ConfigResourceType.TOPIC, name, dict(settings))
        with translated("setting up topics in"):
            answer = self._client.alter_configs([resource], raise_on_unknown=False)
        if answer["topic"][name] != "OK":
            raise PermanentError(f"Kafka does not take the settings of {name}")

    def grants(self) -> frozenset[Grant] | None:
        """Return what is allowed by name, from anywhere; None where the cluster has no authorizer.

        What is denied, prefixed or bound to a host is none of ours and left out.
        """
        everything = ACLFilter(
            None,
            None,
            ACLOperation.ANY,
            ACLPermissionType.ALLOW,
            ResourcePatternFilter(ResourceType.ANY, None, ACLResourcePatternType.LITERAL),
        )
        with translated("asking"):
            try:
                found, _ = self._client.describe_acls(everything)
            except kafka_errors.SecurityDisabledError:
                return None
        return frozenset(filter(None, map(_grant, found)))

    def add_grants(self, grants: Collection[Grant]) -> None:
        with translated("setting ACLs in"):
            answer = self._client.create_acls([_acl(grant) for grant in sorted(grants)])
        if answer["failed"]:
            raise PermanentError(f"Kafka refused {len(answer['failed'])} of {len(grants)} ACLs")


@contextmanager
def kafka_admin(cluster: KafkaCluster) -> Iterator[KafkaAdmin]:
    """Connect, and close at the end.

    Raises:
        TransientError: the cluster does not answer, or refuses who we are.
    """
    with ExitStack() as connection:
        with translated("connecting to"):
            client = connection.enter_context(cluster.admin(REQUEST_MS))
        yield KafkaAdmin(client)


def _state(topic: Mapping[str, Any], settings: Mapping[str, Mapping[str, Any]]) -> TopicState:
    error = kafka_errors.for_code(topic["error_code"])
    if error is not kafka_errors.NoError:
        raise TransientError(f"asking Kafka about {topic['name']} failed: {error.__name__}")
    return TopicState(
        partitions=len(topic["partitions"]),
        replication=min(len(one["replica_nodes"]) for one in topic["partitions"]),
        settings={name: str(one["value"]) for name, one in settings.items()},
    )


def _grant(acl: ACL) -> Grant | None:
    pattern = acl.resource_pattern
    if acl.host != "*" or pattern.resource_type not in _NAMES or acl.operation.name not in ("READ", "WRITE"):
        return None
    return Grant(acl.principal, acl.operation.name, _NAMES[pattern.resource_type], pattern.resource_name)  # type: ignore[arg-type]  # both are of the two that were asked for


def _acl(grant: Grant) -> ACL:
    return ACL(
        principal=grant.principal,
        host="*",
        operation=ACLOperation[grant.operation],
        permission_type=ACLPermissionType.ALLOW,
        resource_pattern=ResourcePattern(_RESOURCES[grant.resource], grant.name),
    )
