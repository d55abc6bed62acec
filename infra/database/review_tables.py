"""The portal's own tables: analysts who signed in, and their work on flags. Nobody else writes them."""

from sqlalchemy import BigInteger, Boolean, Column, Index, Integer, String, Table, Text

from infra.database.tables import Identity, Instant, metadata

# Analysts who are signed in. The cookie's token itself is nowhere, only its SHA-256.
analyst_sessions = Table(
    "analyst_sessions",
    metadata,
    Column("digest", String(64), primary_key=True),
    Column("analyst", String(64), nullable=False),  # a pseudonym
    Column("role", String(16), nullable=False),  # analyst, lead
    Column("created_at", Instant, nullable=False),
    Column("seen_at", Instant, nullable=False),
    Index("analyst_sessions_by_age", "created_at"),
)

# One-time links that sign somebody in where there is no identity provider. Again the SHA-256 alone.
sign_in_links = Table(
    "sign_in_links",
    metadata,
    Column("digest", String(64), primary_key=True),
    Column("analyst", String(64), nullable=False),
    Column("role", String(16), nullable=False),
    Column("expires_at", Instant, nullable=False),
)

# Who looks into a flag now. A claim whose time is over is nobody's.
review_claims = Table(
    "review_claims",
    metadata,
    Column("flag_id", String(256), primary_key=True),
    Column("analyst", String(64), nullable=False),
    Column("claimed_at", Instant, nullable=False),
    Column("claimed_until", Instant, nullable=False),
)

# What was decided, never changed: the newest of a flag stands. `document` is the flag as it was seen.
review_decisions = Table(
    "review_decisions",
    metadata,
    Column("position", Identity, primary_key=True, autoincrement=True),
    Column("flag_id", String(256), nullable=False),
    Column("flag_revision", Integer, nullable=False),
    Column("analyst", String(64), nullable=False),
    Column("decided_at", Instant, nullable=False),
    Column("flagged_at", Instant, nullable=False),
    Column("decision", String(16), nullable=False),
    Column("action", String(32)),
    Column("note", Text, nullable=False),
    Column("document", Text, nullable=False),
    Index("review_decisions_by_flag", "flag_id", "flag_revision"),
)

# What was thought of each finding, with the decision that it was said in.
review_verdicts = Table(
    "review_verdicts",
    metadata,
    Column("decision", BigInteger, primary_key=True, autoincrement=False),
    Column("finding", String(36), primary_key=True),
    Column("rule_id", String(256), nullable=False),
    Column("verdict", String(16), nullable=False),  # right, wrong, harmless
    Index("review_verdicts_by_rule", "rule_id"),
)

# What analysts tell each other about a case; only ever added to.
review_notes = Table(
    "review_notes",
    metadata,
    Column("position", Identity, primary_key=True, autoincrement=True),
    Column("flag_id", String(256), nullable=False),
    Column("analyst", String(64), nullable=False),
    Column("noted_at", Instant, nullable=False),
    Column("text", Text, nullable=False),
    Index("review_notes_by_flag", "flag_id"),
)

# Holds as they were asked for here; that they hold is read back from the store.
review_holds = Table(
    "review_holds",
    metadata,
    Column("hold_id", String(256), primary_key=True),
    Column("flag_id", String(256), nullable=False),
    Column("call_id", String(256), nullable=False),
    Column("kind", String(16), nullable=False),  # case, manual
    Column("reason", Text, nullable=False),
    Column("review_at", Instant),
    Column("held_by", String(64), nullable=False),
    Column("active", Boolean, nullable=False),
    Column("changed_at", Instant, nullable=False),
    Index("review_holds_by_flag", "flag_id"),
    Index("review_holds_active", "active", "kind"),
)

# Records on their way to the log: written with what they tell of, gone once the log has them.
review_outbox = Table(
    "review_outbox",
    metadata,
    Column("position", Identity, primary_key=True, autoincrement=True),
    Column("topic", String(255), nullable=False),
    Column("envelope", Text, nullable=False),
)
