"""The one list of topics: what they are for, who writes, who reads, how long they are kept.

Provisioning, documentation and tests read it; nothing else names a topic's settings.
"""

from dataclasses import dataclass
from datetime import timedelta

PARTITIONS = 6  # equal everywhere, so that one meeting's records meet in one partition number of every topic
REPLICATION = 3  # with min.insync.replicas 2: a record survives the loss of any one broker
MIN_INSYNC_REPLICAS = 2
MAX_RECORD_BYTES = 2 * 1024 * 1024  # the largest body (1 MiB) and its dead letter, headers included, fit

_RESTRICTED_RETENTION = timedelta(days=14)
_PUBLIC_RETENTION = timedelta(days=30)
_FLAG_RETENTION = timedelta(days=180)  # as long as the recording that a flag points to


@dataclass(frozen=True, slots=True)
class Topic:
    """A topic and its contract. `restricted` ones hold secrets, persons or accusations: only the named may read."""

    name: str
    purpose: str
    key: str
    restricted: bool
    retention: timedelta
    personal_data: str
    writers: tuple[str, ...]
    readers: tuple[str, ...]
    partitions: int = PARTITIONS
    max_record_bytes: int = MAX_RECORD_BYTES


WEBHOOKS = Topic(
    name="zoom.webhooks",
    purpose="Every genuine Zoom event, byte for byte as Zoom sent it, and what reconciliation infers where Zoom sent none",
    key="meeting id, else account id, else session uuid",
    restricted=True,
    retention=_RESTRICTED_RETENTION,
    personal_data="names, e-mail addresses, download tokens, passcodes, join links",
    writers=("webhook_receiver", "reconcile"),
    readers=("call_events", "chat_invitation", "recording_archive", "meeting_flagging", "reconcile"),
)
QUARANTINE = Topic(
    name="zoom.webhooks.quarantine",
    purpose="Genuine deliveries that are not JSON, not of Zoom's shape, of a foreign account, or outside the window",
    key="none",
    restricted=True,
    retention=_RESTRICTED_RETENTION,
    personal_data="whatever the delivery holds",
    writers=("webhook_receiver",),
    readers=("operators",),
)
REGISTRATIONS = Topic(
    name="calls.registered",
    purpose="A call was arranged: which Zoom meeting belongs to which order, conversation and people",
    key="meeting id",
    restricted=True,
    retention=_RESTRICTED_RETENTION,
    personal_data="join link, display names, marketplace user ids",
    writers=("portal", "operators"),
    readers=("call_events", "chat_invitation", "recording_archive", "meeting_flagging"),
)
OUTCOMES = Topic(
    name="call-outcomes",
    purpose="What processors achieved for a call; call_events gives it a sequence and publishes it",
    key="meeting id",
    restricted=True,
    retention=_RESTRICTED_RETENTION,
    personal_data="marketplace user ids",
    writers=("chat_invitation", "recording_archive"),
    readers=("call_events",),
)
CALL_EVENTS = Topic(
    name="call-events",
    purpose="The public stream of call events: versioned, free of secrets",
    key="meeting id",
    restricted=False,
    retention=_PUBLIC_RETENTION,
    personal_data="marketplace user ids",
    writers=("call_events",),
    readers=("any service", "chat_invitation", "meeting_flagging", "review_queue"),
)
REPORTS = Topic(
    name="call-reports",
    purpose="A participant reported a call",
    key="meeting id",
    restricted=True,
    retention=_RESTRICTED_RETENTION,
    personal_data="who reported, and what they wrote",
    writers=("portal", "operators"),
    readers=("meeting_flagging",),
)
FLAGS = Topic(
    name="flagged-meetings",
    purpose="A call's findings for trust and safety: whole state, with a revision",
    key="meeting id",
    restricted=True,
    retention=_FLAG_RETENTION,
    personal_data="quotes of what was said, personal data in them masked",
    writers=("meeting_flagging",),
    readers=("trust and safety", "review_queue"),
)
SHADOWS = Topic(
    name="flagged-meetings.shadow",
    purpose="What rules in shadow, and rules held back by a cap or an outage, found in a call: no words, no work for analysts",
    key="meeting id",
    restricted=True,
    retention=_RESTRICTED_RETENTION,
    personal_data="none",
    writers=("meeting_flagging",),
    readers=("policy editors",),
)
DECISIONS = Topic(
    name="flagged-meetings.decisions",
    purpose="What an analyst decided about a flag",
    key="meeting id",
    restricted=True,
    retention=_FLAG_RETENTION,
    personal_data="none",
    writers=("portal",),
    readers=("trust and safety", "review_queue"),
)
HOLDS = Topic(
    name="recording-holds",
    purpose="Keep a call's recordings beyond their retention, or no longer",
    key="meeting id",
    restricted=True,
    retention=_RESTRICTED_RETENTION,
    personal_data="who holds, and why",
    writers=("portal", "operators"),
    readers=("recording_archive",),
)

TOPICS: tuple[Topic, ...] = (
    WEBHOOKS, QUARANTINE, REGISTRATIONS, OUTCOMES, CALL_EVENTS, REPORTS, FLAGS, SHADOWS, DECISIONS, HOLDS,
)  # fmt: skip


def dead_letter(topic: str, group: str) -> Topic:
    """Return the dead-letter topic of one consumer group reading one topic."""
    return Topic(
        name=f"{topic}.{group}.dead-letter",
        purpose=f"Records of {topic} that {group} could not decode or decide, with the reason as headers",
        key="as in the origin",
        restricted=True,
        retention=_RESTRICTED_RETENTION,
        personal_data=f"as {topic}",
        writers=(group,),
        readers=("operators",),
    )


def all_topics() -> tuple[Topic, ...]:
    """Return every topic, the dead-letter topics of its processors included."""
    processors = ("call_events", "chat_invitation", "recording_archive", "meeting_flagging", "review_queue")
    return TOPICS + tuple(
        dead_letter(topic.name, reader) for topic in TOPICS for reader in topic.readers if reader in processors
    )
