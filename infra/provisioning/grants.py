"""Who may do what to which topic and group: derived from the writers and readers in schemas.topics, nothing else.

Whoever is on call reads what the programs read and puts back what they set aside: more than an operator's daily work
needs, and it opens names, links and tokens.

READ and WRITE include DESCRIBE (Kafka's own rule), so neither is named. Producers need no more: they are not idempotent.
"""

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from infra.errors import ConfigurationError
from schemas.topics import Topic, all_topics

DEPLOYABLES = (
    "webhook_receiver",
    "call_events",
    "chat_invitation",
    "recording_archive",
    "meeting_flagging",
    "review_queue",
    "portal",
    "reconcile",
)
ON_CALL = "on_call"  # operators who also see to it when something stands still
PEOPLE = ("operators", ON_CALL, "trust_and_safety", "any_service")  # no principal unless one is named

Operation = Literal["READ", "WRITE"]
Principals = Mapping[str, tuple[str, ...]]

_NEXT_ROLE = re.compile(rf",(?=\s*(?:{'|'.join((*DEPLOYABLES, *PEOPLE))})\s*=)")  # a certificate's name has commas


@dataclass(frozen=True, order=True, slots=True)
class Grant:
    """`principal` may do `operation` to the topic or group `name`, from any host."""

    principal: str
    operation: Operation
    resource: Literal["topic", "group"]
    name: str

    def __str__(self) -> str:
        return f"{self.principal} may {self.operation} {self.resource} {self.name}"


def parse_principals(text: str) -> Principals:
    """Read `role=User:name,…`; deployables that are not named are `User:<deployable>`. A role may come several times.

    Raises:
        ConfigurationError: an unknown role, or a principal without its type.
    """
    named: dict[str, tuple[str, ...]] = {}
    for item in _NEXT_ROLE.split(text) if text.strip() else ():
        role, _, principal = (part.strip() for part in item.partition("="))
        if role not in (*DEPLOYABLES, *PEOPLE) or not principal.startswith("User:") or principal == "User:":
            raise ConfigurationError(f"KAFKA_PRINCIPALS: {role or item!r} is not ROLE=User:NAME with a known role")
        named[role] = (*named.get(role, ()), principal)
    return {role: (f"User:{role}",) for role in DEPLOYABLES} | named


def wanted_grants(principals: Principals, topics: Sequence[Topic] | None = None) -> frozenset[Grant]:
    """Return what each principal needs, and no more. A deployable that reads also reads in the group of its name."""
    found: set[Grant] = set()
    known = all_topics() if topics is None else topics
    names = {topic.name for topic in known}
    for topic in known:
        for writer in (*topic.writers, *_on_call_writes(topic, names)):
            found |= {Grant(who, "WRITE", "topic", topic.name) for who in _who(writer, principals)}
        for reader in (*topic.readers, *_on_call_reads(topic)):
            found |= {Grant(who, "READ", "topic", topic.name) for who in _who(reader, principals)}
            if reader in DEPLOYABLES:
                found |= {Grant(who, "READ", "group", reader) for who in _who(reader, principals)}
    return frozenset(found)


def _on_call_writes(topic: Topic, names: Collection[str]) -> Iterator[str]:
    """Records are redriven into the topics that have dead letters, and operators write what is theirs."""
    redriven = any(f"{topic.name}.{reader}.dead-letter" in names for reader in topic.readers)
    if redriven or "operators" in topic.writers:
        yield ON_CALL


def _on_call_reads(topic: Topic) -> Iterator[str]:
    """`infra status` looks at the newest and the oldest unread record of all that a program or an operator reads."""
    if any(reader in (*DEPLOYABLES, "operators") for reader in topic.readers):
        yield ON_CALL


def _who(role: str, principals: Principals) -> tuple[str, ...]:
    return principals.get(role.replace(" ", "_"), ())
