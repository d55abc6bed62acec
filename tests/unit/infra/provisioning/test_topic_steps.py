"""Topics and ACLs are compared setting by setting, against a cluster in memory."""

from collections.abc import Collection, Mapping, Sequence

import pytest

from infra.errors import PermanentError
from infra.provisioning.grants import Grant, parse_principals, wanted_grants
from infra.provisioning.kafka_admin import TopicState
from infra.provisioning.steps import settle
from infra.provisioning.topics import SETTINGS, grant_steps, topic_steps
from infra.transport.kafka_cluster import topic_settings
from schemas.topics import CALL_EVENTS, WEBHOOKS

TOPICS = [WEBHOOKS, CALL_EVENTS]
PRINCIPALS = parse_principals("")


class FakeAdmin:
    """A cluster's administration that keeps what was made."""

    def __init__(self, brokers: int = 3) -> None:
        self.there: dict[str, TopicState] = {}
        self.acls: frozenset[Grant] | None = frozenset()
        self.hides_acls = False
        self._brokers = brokers

    def brokers(self) -> int:
        return self._brokers

    def topics(self, names: Sequence[str], settings: Collection[str]) -> dict[str, TopicState]:
        return {name: state for name, state in self.there.items() if name in names}

    def create_topic(self, name: str, partitions: int, replication: int, settings: Mapping[str, str]) -> None:
        self.there[name] = TopicState(partitions, replication, dict(settings))

    def add_partitions(self, name: str, partitions: int) -> None:
        self.there[name] = TopicState(partitions, self.there[name].replication, self.there[name].settings)

    def set_topic(self, name: str, settings: Mapping[str, str]) -> None:
        found = self.there[name]
        self.there[name] = TopicState(found.partitions, found.replication, {**found.settings, **settings})

    def grants(self) -> frozenset[Grant] | None:
        if self.hides_acls:
            raise PermanentError("asking Kafka failed: not allowed")
        return self.acls

    def add_grants(self, grants: Collection[Grant]) -> None:
        assert self.acls is not None
        self.acls |= set(grants)


def provision(admin: FakeAdmin, *, check: bool = False) -> tuple[str, list[str]]:
    said: list[str] = []
    outcome = settle((*topic_steps(admin, TOPICS), *grant_steps(admin, PRINCIPALS)), said.append, check=check)
    return outcome.summary, said


@pytest.mark.parametrize(("brokers", "copies", "in_sync"), [(1, 1, "1"), (2, 2, "1"), (3, 3, "2"), (5, 3, "2")])
def test_topics_are_made_with_as_many_copies_as_brokers_allow(brokers: int, copies: int, in_sync: str) -> None:
    """Three where possible, two of which have every acknowledged record; fewer are said."""
    admin = FakeAdmin(brokers)

    _, said = provision(admin)

    made = admin.there["call-events"]
    assert (made.partitions, made.replication, made.settings["min.insync.replicas"]) == (6, copies, in_sync)
    assert set(made.settings) == set(SETTINGS)
    assert any(f"new topics get {brokers} of 3 copies" in line for line in said) == (brokers < 3)


def test_nothing_is_to_change_when_it_was_provisioned() -> None:
    """Twice, and a check too."""
    admin = FakeAdmin()
    provision(admin)

    assert [provision(admin)[0], provision(admin, check=True)[0]] == ["nothing to change"] * 2
    assert admin.acls == wanted_grants(PRINCIPALS)


def test_drift_is_put_right_when_a_topic_differs() -> None:
    """Partitions grow and settings get their values; what is none of ours stays."""
    admin = FakeAdmin()
    provision(admin)
    wrong = {**topic_settings(CALL_EVENTS, 3), "cleanup.policy": "compact", "segment.ms": "7"}
    admin.there["call-events"] = TopicState(2, 3, wrong)

    summary, said = provision(admin)

    assert summary == "2 changed"
    assert admin.there["call-events"] == TopicState(6, 3, {**topic_settings(CALL_EVENTS, 3), "segment.ms": "7"})
    assert "changed:      topic call-events: cleanup.policy compact -> delete" in said


def test_it_is_a_note_when_a_topic_has_too_many_partitions_or_too_few_copies() -> None:
    """Neither can be changed here, and neither fails a check; the topic's settings follow the copies that it has."""
    admin = FakeAdmin()
    provision(admin)
    admin.there["call-events"] = TopicState(12, 1, topic_settings(CALL_EVENTS, 1))

    summary, said = provision(admin, check=True)

    assert summary == "nothing to change"
    notes = [line for line in said if line.startswith("note:         topic call-events")]
    assert len(notes) == 2
    assert "12 partitions instead of 6" in notes[0]
    assert "1 of 3 copies" in notes[1]


def test_it_is_unclear_when_settings_are_hidden() -> None:
    """Who may not look cannot say that all is well."""
    admin = FakeAdmin()
    provision(admin)
    admin.there["call-events"] = TopicState(6, 3, {})

    assert provision(admin, check=True)[0] == "1 not settled"


def test_it_is_unclear_when_acls_are_hidden() -> None:
    """Who may not look cannot say that all is well."""
    admin = FakeAdmin()
    provision(admin)
    admin.hides_acls = True

    assert provision(admin, check=True)[0] == "1 not settled"


def test_acls_are_left_out_when_there_is_no_authorizer() -> None:
    """A note, no difference."""
    admin = FakeAdmin()
    admin.acls = None

    summary, said = provision(admin)

    assert summary == "2 changed"
    assert "no authorizer" in said[-1]


def test_more_than_needed_is_said_when_a_principal_may_more() -> None:
    """Somebody gave it; we neither need nor take it."""
    admin = FakeAdmin()
    provision(admin)
    assert admin.acls is not None
    extra = Grant("User:webhook_receiver", "READ", "topic", "zoom.webhooks")
    admin.acls |= {extra}

    summary, said = provision(admin)

    assert summary == "nothing to change"
    assert any(f"{extra} as well" in line for line in said)
    assert extra in admin.acls
