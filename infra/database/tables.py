"""The tables, once for SQLite and PostgreSQL. Migrations make them; a test holds the two against each other."""

from datetime import UTC, datetime

from sqlalchemy import (
    BigInteger,
    Column,
    DateTime,
    Dialect,
    Float,
    Index,
    Integer,
    MetaData,
    String,
    Table,
    Text,
    TypeDecorator,
    UniqueConstraint,
)

metadata = MetaData()
Identity = BigInteger().with_variant(Integer(), "sqlite")  # SQLite counts up INTEGER keys only


class Instant(TypeDecorator[datetime]):
    """An aware UTC instant; SQLite has no time zones, so it is stored there in UTC without one."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        utc = value.astimezone(UTC)
        return utc.replace(tzinfo=None) if dialect.name == "sqlite" else utc

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:  # noqa: ARG002 # SQLAlchemy's signature
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


# What a processor knows of one key. `version` rises with every write: a decision made on an older one is made again.
states = Table(
    "states",
    metadata,
    Column("processor", String(64), primary_key=True),
    Column("key", String(256), primary_key=True),
    Column("version", Integer, nullable=False),
    Column("schema_version", Integer, nullable=False),
    Column("document", Text, nullable=False),
    Column("updated_at", Instant, nullable=False),
)

# Which events have been decided for which key. Kept longer than any topic, then dropped.
handled = Table(
    "handled",
    metadata,
    Column("processor", String(64), primary_key=True),
    Column("event_id", String(256), primary_key=True),
    Column("key", String(256), primary_key=True),
    Column("handled_at", Instant, nullable=False),
    Index("handled_by_age", "handled_at"),
)

# Outbox, retry queue, timers and record of what was done, in one. `position` is the order of insertion.
effects = Table(
    "effects",
    metadata,
    Column("position", Identity, primary_key=True, autoincrement=True),
    Column("effect_id", String(36), nullable=False, unique=True),
    Column("processor", String(64), nullable=False),
    Column("state_key", String(256), nullable=False),
    Column("kind", String(32), nullable=False),
    Column("target", String(512), nullable=False),
    Column("command", Text, nullable=False),
    Column("status", String(16), nullable=False),  # pending, leased, done, superseded, dead, dropped
    Column("due_at", Instant, nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("failed_at", Instant),  # for the first time: from then on it has a day
    Column("lease", String(36)),
    Column("leased_until", Instant),
    Column("created_at", Instant, nullable=False),
    Column("finished_at", Instant),
    Column("result", Text),
    Column("error", Text),
    Index("effects_due", "processor", "status", "due_at", "position"),
    Index("effects_by_target", "processor", "target", "position"),
)

# How far a group has read each partition, in time: what timers wait for.
progress = Table(
    "progress",
    metadata,
    Column("processor", String(64), primary_key=True),
    Column("topic", String(255), primary_key=True),
    Column("partition", Integer, primary_key=True),
    Column("read_until", Instant, nullable=False),
)

# A row here keeps a processor from starting until a person resumes it.
brakes = Table(
    "brakes",
    metadata,
    Column("processor", String(64), primary_key=True),
    Column("tripped_at", Instant, nullable=False),
    Column("reason", Text, nullable=False),
    # Where the next record lies, when it was records that braked it.
    Column("topic", String(255)),
    Column("partition", Integer),
    Column("next_offset", BigInteger),
)

# Records that a person has skipped: from `from_offset` up to, not including, `until_offset` they are dead-lettered unread.
skips = Table(
    "skips",
    metadata,
    Column("processor", String(64), primary_key=True),
    Column("topic", String(255), primary_key=True),
    Column("partition", Integer, primary_key=True),
    Column("from_offset", BigInteger, nullable=False),
    Column("until_offset", BigInteger, nullable=False),
)

# Dead-letter records that a person has seen to. The time tells a record from one of an earlier topic of the same name.
settled = Table(
    "settled",
    metadata,
    Column("topic", String(255), primary_key=True),
    Column("partition", Integer, primary_key=True),
    Column("offset", BigInteger, primary_key=True),
    Column("recorded_at", Instant, primary_key=True),
    Column("outcome", String(16), nullable=False),  # redriven, dropped
    Column("settled_at", Instant, nullable=False),
)

# Who did what by hand, or looked at what is masked, and why. Never pruned, holds no secret itself.
audit = Table(
    "audit",
    metadata,
    Column("position", Identity, primary_key=True, autoincrement=True),
    Column("at", Instant, nullable=False),
    Column("actor", String(128), nullable=False),
    Column("action", String(64), nullable=False),
    Column("subject", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Index("audit_by_age", "at"),
)

# What lies in the archive, and until when. Receipts outlive the objects.
receipts = Table(
    "receipts",
    metadata,
    Column("object_key", String(512), primary_key=True),
    Column("version_id", String(256)),
    Column("call_id", String(256)),
    Column("order_id", String(256)),
    Column("session_id", String(256), nullable=False),
    Column("meeting_id", String(64)),
    Column("file_id", String(256)),
    Column("kind", String(32), nullable=False),
    Column("file_type", String(64), nullable=False),
    Column("size_bytes", BigInteger, nullable=False),
    Column("crc32", String(16), nullable=False),
    Column("sha256", String(64), nullable=False),
    Column("recording_start", String(64)),
    Column("call_ended_at", Instant, nullable=False),
    Column("access_until", Instant, nullable=False),
    Column("expires_at", Instant, nullable=False),
    Column("hold", String(32), nullable=False),
    Column("archived_at", Instant, nullable=False),
    Column("expired_at", Instant),
    Index("receipts_by_call", "call_id"),
    Index("receipts_by_session", "session_id"),
    Index("receipts_due", "expired_at", "expires_at"),
)

# Uploads that are not finished yet, and what they are made of: with these notes the next run goes on from their parts.
uploads = Table(
    "uploads",
    metadata,
    Column("object_key", String(512), primary_key=True),
    Column("upload_id", Text, nullable=False),
    Column("etag", Text, nullable=False),  # of the file, as its download server told it
    Column("total_bytes", BigInteger, nullable=False),
    Column("part_bytes", BigInteger, nullable=False),
    Column("begun_at", Instant, nullable=False),
)

# Their parts that the store has.
upload_parts = Table(
    "upload_parts",
    metadata,
    Column("object_key", String(512), primary_key=True),
    Column("number", Integer, primary_key=True),
    Column("upload_id", Text, nullable=False),
    Column("etag", String(256), nullable=False),
    Column("crc32", BigInteger, nullable=False),
)

# Which steps of a long command are done, and what they found: an interrupted run goes on after them.
checkpoints = Table(
    "checkpoints",
    metadata,
    Column("run", String(128), primary_key=True),
    Column("step", String(256), primary_key=True),
    Column("result", Text, nullable=False),
    Column("finished_at", Instant, nullable=False),
)

# What the portal shows of a registered call, and of a flag: whole rows, written by the processor review_queue alone.
portal_calls = Table(
    "portal_calls",
    metadata,
    Column("call_id", String(256), primary_key=True),
    Column("meeting_id", String(64), nullable=False),
    Column("order_id", String(256), nullable=False),
    Column("conversation_id", String(256), nullable=False),
    Column("freelancer_id", String(256), nullable=False),
    Column("client_id", String(256), nullable=False),
    Column("registered_at", Instant, nullable=False),
    Column("ended_at", Instant),
    Column("access_until", Instant),
    Column("revision", Integer, nullable=False),
    Column("document", Text, nullable=False),
    Index("portal_calls_by_order", "order_id"),
    Index("portal_calls_by_meeting", "meeting_id"),
    Index("portal_calls_by_freelancer", "freelancer_id"),
    Index("portal_calls_by_client", "client_id"),
)

portal_flags = Table(
    "portal_flags",
    metadata,
    Column("flag_id", String(256), primary_key=True),
    Column("call_id", String(256)),
    Column("meeting_id", String(64)),
    Column("session_id", String(256)),
    Column("status", String(16), nullable=False),  # flagged, withdrawn
    Column("severity", Integer),
    Column("priority", Float, nullable=False),
    Column("flagged_at", Instant, nullable=False),
    Column("revision", Integer, nullable=False),
    Column("document", Text, nullable=False),
    Column("flag_revision", Integer, nullable=False, server_default="0"),
    Column("standing", String(16), nullable=False, server_default="open"),  # open, closed, withdrawn
    Column(
        "urgency", Integer, nullable=False, server_default="5"
    ),  # 5 - severity: an index that rises serves the queue
    Column("categories", Text, nullable=False, server_default=" "),  # as " one another ", and so the next three
    Column("rules", Text, nullable=False, server_default=" "),
    Column("sources", Text, nullable=False, server_default=" "),
    Column("languages", Text, nullable=False, server_default=" "),
    Index("portal_flags_by_call", "call_id"),
    Index("portal_flags_by_meeting", "meeting_id"),
    Index("portal_flags_queue", "standing", "urgency", "flagged_at", "flag_id"),
)

# Who may ask the portal for what: programs of the marketplace. The token itself is nowhere, only its SHA-256.
service_tokens = Table(
    "service_tokens",
    metadata,
    Column("name", String(64), primary_key=True),
    Column("digest", String(64), nullable=False, unique=True),
    Column("scopes", Text, nullable=False),  # separated by spaces
    Column("created_at", Instant, nullable=False),
    Column("revoked_at", Instant),
)

# Who touched people's recordings and flags, and why: each row vouches for all before it. Never changed, never pruned.
portal_audit = Table(
    "portal_audit",
    metadata,
    Column("position", Identity, primary_key=True, autoincrement=False),  # 1, 2, 3, … without a gap
    Column("at", Instant, nullable=False),
    Column("actor", String(256), nullable=False),
    Column("action", String(64), nullable=False),
    Column("subject", String(256), nullable=False),
    Column("reason", Text, nullable=False),
    Column("digest", String(64), nullable=False),
    Index("portal_audit_by_subject", "subject"),
)

# A call from the first request for it: its row is there before its meeting. One row per idempotency key of a program.
# `attempt` names who works at it until `working_until`; what others write is refused.
call_starts = Table(
    "call_starts",
    metadata,
    Column("call_id", String(36), primary_key=True),
    Column("service", String(64), nullable=False),
    Column("idempotency_key", String(256), nullable=False),
    Column("digest", String(64), nullable=False),  # of the request: the same key may ask for nothing else
    Column("document", Text, nullable=False),  # who, about what
    Column("state", String(16), nullable=False),  # creating, arranged, registered, abandoned
    Column("created_at", Instant, nullable=False),
    Column("touched_at", Instant, nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("attempt", String(36)),
    Column("working_until", Instant),
    Column("host_user", String(256)),
    Column("meeting_id", String(20)),
    Column("join_url", Text),
    Column("links", Text),  # each party's own, where the plan allows it
    Column("closed_revision", Integer, nullable=False),  # of portal_calls: recordings up to it are closed at Zoom
    UniqueConstraint("service", "idempotency_key", name="call_starts_by_key"),
    Index("call_starts_by_state", "state", "touched_at"),
    Index("call_starts_by_meeting", "meeting_id"),
)

# The pool of hosts: one call at a time each, until the call's end or for a day.
host_leases = Table(
    "host_leases",
    metadata,
    Column("host_user", String(256), primary_key=True),
    Column("call_id", String(36)),
    Column("leased_at", Instant),
    Column("leased_until", Instant),
    Column("used_up_until", Instant),  # it has made its meetings of the day
)

# Codes that let one person open one call's page, once, within a minute. The code itself is nowhere, only its SHA-256.
viewer_codes = Table(
    "viewer_codes",
    metadata,
    Column("digest", String(64), primary_key=True),
    Column("call_id", String(256), nullable=False),
    Column("viewer_id", String(256), nullable=False),
    Column("expires_at", Instant, nullable=False),
    Index("viewer_codes_by_age", "expires_at"),
)

# Browsers that opened a call's page, each for one viewer and one call; by the SHA-256 of what their cookie holds.
viewer_sessions = Table(
    "viewer_sessions",
    metadata,
    Column("digest", String(64), primary_key=True),
    Column("call_id", String(256), nullable=False),
    Column("viewer_id", String(256), nullable=False),
    Column("opened_at", Instant, nullable=False),
    Column("expires_at", Instant, nullable=False),
    Index("viewer_sessions_by_age", "expires_at"),
)

# Reports as they were made. `filed_by` is the service token's name, or empty when the participant's own browser sent it.
call_reports = Table(
    "call_reports",
    metadata,
    Column("report_id", String(36), primary_key=True),
    Column("call_id", String(256), nullable=False),
    Column("reporter_id", String(256), nullable=False),
    Column("reporter", String(16), nullable=False),  # freelancer, client, support
    Column("filed_by", String(64), nullable=False),
    Column("ticket", String(64)),
    Column("reason", String(32), nullable=False),
    Column("text", Text, nullable=False),
    Column("second", Integer),
    Column("reported_at", Instant, nullable=False),
    Index("call_reports_by_call", "call_id"),
)
