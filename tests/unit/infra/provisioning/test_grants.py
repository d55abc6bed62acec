"""ACLs follow from who writes and who reads."""

import pytest

from infra.errors import ConfigurationError
from infra.provisioning.grants import DEPLOYABLES, Grant, parse_principals, wanted_grants
from schemas.topics import all_topics

GRANTS = wanted_grants(parse_principals(""))


def may(principal: str, operation: str) -> set[str]:
    return {
        grant.name
        for grant in GRANTS
        if (grant.principal, grant.operation, grant.resource) == (principal, operation, "topic")
    }


def test_the_receiver_writes_two_topics_and_reads_none() -> None:
    """It faces the internet."""
    assert may("User:webhook_receiver", "WRITE") == {"zoom.webhooks", "zoom.webhooks.quarantine"}
    assert may("User:webhook_receiver", "READ") == set()


def test_call_events_writes_its_dead_letters_and_no_flags() -> None:
    """A processor writes where schemas.topics says it does."""
    written = may("User:call_events", "WRITE")

    assert "zoom.webhooks.call_events.dead-letter" in written
    assert not {name for name in written if name.startswith("flagged-meetings")}


@pytest.mark.parametrize("topic", [topic for topic in all_topics() if topic.restricted], ids=lambda topic: topic.name)
def test_a_restricted_topic_is_read_by_those_named_when_acls_are_set(topic) -> None:  # type: ignore[no-untyped-def]
    """Nobody else."""
    readers = {g.principal for g in GRANTS if (g.name, g.operation, g.resource) == (topic.name, "READ", "topic")}

    assert readers == {f"User:{reader}" for reader in topic.readers if reader in DEPLOYABLES}


def test_a_group_is_its_processors_alone() -> None:
    """Nobody else may move its offsets."""
    groups = {(grant.name, grant.principal) for grant in GRANTS if grant.resource == "group"}

    assert all(principal == f"User:{name}" for name, principal in groups)
    assert ("call_events", "User:call_events") in groups


def test_principals_are_read_when_they_are_certificates() -> None:
    """A certificate's name has commas and equal signs; a role may come twice."""
    text = "portal=User:CN=portal,OU=calls,O=Example, any_service=User:a ,any_service=User:b"

    found = parse_principals(text)

    assert found["portal"] == ("User:CN=portal,OU=calls,O=Example",)
    assert found["any_service"] == ("User:a", "User:b")
    assert found["call_events"] == ("User:call_events",)
    assert {g.principal for g in wanted_grants(found) if g.name == "call-events"} >= {"User:a", "User:b"}


def test_a_subscriber_gets_the_public_topic_alone() -> None:
    """`any service` is for topics that say so."""
    wanted = wanted_grants(parse_principals("any_service=User:billing"))

    assert {g for g in wanted if g.principal == "User:billing"} == {
        Grant("User:billing", "READ", "topic", "call-events")
    }


@pytest.mark.parametrize("text", ["portal", "portal=", "portal=alice", "nobody=User:a", "portal=User:", ","])
def test_principals_are_refused_when_they_are_unclear(text: str) -> None:
    """One sentence names the setting."""
    with pytest.raises(ConfigurationError, match="KAFKA_PRINCIPALS"):
        parse_principals(text)


def test_whoever_is_on_call_sees_everything_that_waits_and_puts_it_back() -> None:
    """`infra status` and redrives work without a grant by hand; nobody is on call unless named."""
    grants = wanted_grants(parse_principals("on_call=User:alice"))
    topics = {topic.name for topic in all_topics()}
    alices = {operation: {g.name for g in grants if g.principal == "User:alice" and g.operation == operation}
              for operation in ("READ", "WRITE")}  # fmt: skip

    assert alices["READ"] == {
        topic.name for topic in all_topics() if {"operators", *DEPLOYABLES}.intersection(topic.readers)
    }
    assert {name.rsplit(".", 2)[0] for name in topics if name.endswith(".dead-letter")} <= alices["WRITE"]
    assert not {name for name in alices["WRITE"] if name.endswith((".dead-letter", ".quarantine"))}
    assert not {grant for grant in grants if grant.principal == "User:alice" and grant.resource == "group"}
    assert "User:alice" not in {grant.principal for grant in GRANTS}
