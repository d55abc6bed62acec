"""The cluster's topics and ACLs against schemas.topics, step by step."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from functools import partial
from typing import Protocol

from infra.provisioning.grants import DEPLOYABLES, ON_CALL, Grant, Principals, wanted_grants
from infra.provisioning.kafka_admin import TopicState
from infra.provisioning.steps import Step, differs, fine, note, unclear
from infra.transport.kafka_cluster import topic_settings
from schemas.errors import PipelineError
from schemas.topics import REPLICATION, WEBHOOKS, Topic, all_topics

SETTINGS = tuple(topic_settings(WEBHOOKS, REPLICATION))


class Admin(Protocol):
    """What is asked of a cluster. Every method raises TransientError or PermanentError, nothing else."""

    def brokers(self) -> int: ...
    def topics(self, names: Sequence[str], settings: Collection[str]) -> dict[str, TopicState]: ...
    def create_topic(self, name: str, partitions: int, replication: int, settings: Mapping[str, str]) -> None: ...
    def add_partitions(self, name: str, partitions: int) -> None: ...
    def set_topic(self, name: str, settings: Mapping[str, str]) -> None: ...
    def grants(self) -> frozenset[Grant] | None: ...
    def add_grants(self, grants: Collection[Grant]) -> None: ...


def topic_steps(admin: Admin, topics: Sequence[Topic] | None = None) -> Iterator[Step]:
    """Every topic: there, with partitions, copies and settings as schemas.topics says, as far as the brokers allow."""
    wanted = all_topics() if topics is None else topics
    brokers = admin.brokers()
    replicas = min(REPLICATION, brokers)
    if replicas < REPLICATION:
        yield note(f"{brokers} broker(s): new topics get {replicas} of {REPLICATION} copies")
    found = admin.topics([topic.name for topic in wanted], SETTINGS)
    for topic in wanted:
        if topic.name in found:
            yield from _existing(admin, topic, found[topic.name], replicas)
        else:
            yield _missing(admin, topic, replicas)


def grant_steps(admin: Admin, principals: Principals) -> Iterator[Step]:
    """One step per principal: what it lacks. What it may do beyond that is said and left alone.

    Without an authorizer there is nothing to set: one note, which does not count as a difference.
    """
    try:
        found = admin.grants()
    except PipelineError as error:
        yield unclear(f"ACLs: {error}")
        return
    if found is None:
        yield note("ACLs: the cluster has no authorizer, so they are not set and everybody may do everything")
        return
    wanted = wanted_grants(principals)
    for principal in sorted({grant.principal for grant in wanted}):
        yield from _grants_of(admin, principal, wanted, found)
    for role in sorted(set(_needed_roles()) - set(principals)):
        yield note(f"ACLs: no principal named for {role} in KAFKA_PRINCIPALS, so none set")


def _missing(admin: Admin, topic: Topic, replicas: int) -> Step:
    settings = topic_settings(topic, replicas)
    text = f"topic {topic.name}: made with {topic.partitions} partitions, {replicas} copies, {_listed(settings)}"
    return differs(text, partial(admin.create_topic, topic.name, topic.partitions, replicas, settings))


def _existing(admin: Admin, topic: Topic, found: TopicState, replicas: int) -> Iterator[Step]:
    name = f"topic {topic.name}"
    steps = [*_partitions(admin, topic, found), *_settings(admin, topic, found)]
    if found.replication < replicas:
        steps.append(note(f"{name}: {found.replication} of {replicas} copies; kafka-reassign-partitions adds more"))
    if not any(step.state in ("differs", "unclear") for step in steps):
        yield fine(f"{name}: {found.partitions} partitions, {found.replication} copies, settings")
    yield from steps


def _partitions(admin: Admin, topic: Topic, found: TopicState) -> Iterator[Step]:
    name = f"topic {topic.name}"
    if found.partitions > topic.partitions:
        yield note(f"{name}: {found.partitions} partitions instead of {topic.partitions}; Kafka cannot make them fewer")
    elif found.partitions < topic.partitions:
        text = (
            f"{name}: {found.partitions} -> {topic.partitions} partitions (keys move: best while nothing is under way)"
        )
        yield differs(text, partial(admin.add_partitions, topic.name, topic.partitions))


def _settings(admin: Admin, topic: Topic, found: TopicState) -> Iterator[Step]:
    wanted = topic_settings(topic, found.replication)
    if not set(wanted) <= set(found.settings):
        yield unclear(f"topic {topic.name}: its settings may not be looked at")
        return
    changes = {name: value for name, value in wanted.items() if found.settings[name] != value}
    if changes:
        said = ", ".join(f"{name} {found.settings[name]} -> {value}" for name, value in changes.items())
        yield differs(f"topic {topic.name}: {said}", partial(admin.set_topic, topic.name, changes))


def _grants_of(admin: Admin, principal: str, wanted: Collection[Grant], found: Collection[Grant]) -> Iterator[Step]:
    needs = {grant for grant in wanted if grant.principal == principal}
    has = {grant for grant in found if grant.principal == principal}
    lacking = sorted(needs - has)
    if lacking:
        said = "; ".join(str(grant).removeprefix(f"{principal} may ") for grant in lacking)
        yield differs(f"ACLs: {principal} may {said}", partial(admin.add_grants, lacking))
    else:
        yield fine(f"ACLs: {principal} has its {len(needs)}")
    ours = {topic.name for topic in all_topics()}
    for grant in sorted(has - needs):
        if grant.name in ours or grant.resource == "group":
            yield note(f"ACLs: {grant} as well; nothing here needs that, and it is left alone")


def _needed_roles() -> Iterator[str]:
    yield ON_CALL
    for topic in all_topics():
        for role in (*topic.writers, *topic.readers):
            if role not in DEPLOYABLES:
                yield role.replace(" ", "_")


def _listed(settings: Mapping[str, str]) -> str:
    return ", ".join(f"{name}={value}" for name, value in settings.items())
