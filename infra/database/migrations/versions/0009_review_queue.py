"""The review queue: what it is sorted and filtered by, and the analysts' own tables."""

import sqlalchemy as sa
from alembic import op

from infra.database.tables import Instant

revision = "0009"
down_revision = "0008"

_IDENTITY = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.add_column("portal_flags", sa.Column("flag_revision", sa.Integer, nullable=False, server_default="0"))
    op.add_column("portal_flags", sa.Column("standing", sa.String(16), nullable=False, server_default="open"))
    op.add_column("portal_flags", sa.Column("urgency", sa.Integer, nullable=False, server_default="5"))
    for name in ("categories", "rules", "sources", "languages"):
        op.add_column("portal_flags", sa.Column(name, sa.Text, nullable=False, server_default=" "))
    op.create_index("portal_flags_queue", "portal_flags", ["standing", "urgency", "flagged_at", "flag_id"])
    op.create_index("receipts_by_session", "receipts", ["session_id"])
    op.create_table(
        "review_claims",
        sa.Column("flag_id", sa.String(256), primary_key=True),
        sa.Column("analyst", sa.String(64), nullable=False),
        sa.Column("claimed_at", Instant, nullable=False),
        sa.Column("claimed_until", Instant, nullable=False),
    )
    op.create_table(
        "review_decisions",
        sa.Column("position", _IDENTITY, primary_key=True, autoincrement=True),
        sa.Column("flag_id", sa.String(256), nullable=False),
        sa.Column("flag_revision", sa.Integer, nullable=False),
        sa.Column("analyst", sa.String(64), nullable=False),
        sa.Column("decided_at", Instant, nullable=False),
        sa.Column("flagged_at", Instant, nullable=False),
        sa.Column("decision", sa.String(16), nullable=False),
        sa.Column("action", sa.String(32)),
        sa.Column("note", sa.Text, nullable=False),
        sa.Column("document", sa.Text, nullable=False),
    )
    op.create_index("review_decisions_by_flag", "review_decisions", ["flag_id", "flag_revision"])
    op.create_table(
        "review_verdicts",
        sa.Column("decision", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("finding", sa.String(36), primary_key=True),
        sa.Column("rule_id", sa.String(256), nullable=False),
        sa.Column("verdict", sa.String(16), nullable=False),
    )
    op.create_index("review_verdicts_by_rule", "review_verdicts", ["rule_id"])
    op.create_table(
        "review_notes",
        sa.Column("position", _IDENTITY, primary_key=True, autoincrement=True),
        sa.Column("flag_id", sa.String(256), nullable=False),
        sa.Column("analyst", sa.String(64), nullable=False),
        sa.Column("noted_at", Instant, nullable=False),
        sa.Column("text", sa.Text, nullable=False),
    )
    op.create_index("review_notes_by_flag", "review_notes", ["flag_id"])
    op.create_table(
        "review_holds",
        sa.Column("hold_id", sa.String(256), primary_key=True),
        sa.Column("flag_id", sa.String(256), nullable=False),
        sa.Column("call_id", sa.String(256), nullable=False),
        sa.Column("kind", sa.String(16), nullable=False),
        sa.Column("reason", sa.Text, nullable=False),
        sa.Column("review_at", Instant),
        sa.Column("held_by", sa.String(64), nullable=False),
        sa.Column("active", sa.Boolean, nullable=False),
        sa.Column("changed_at", Instant, nullable=False),
    )
    op.create_index("review_holds_by_flag", "review_holds", ["flag_id"])
    op.create_index("review_holds_active", "review_holds", ["active", "kind"])
    op.create_table(
        "review_outbox",
        sa.Column("position", _IDENTITY, primary_key=True, autoincrement=True),
        sa.Column("topic", sa.String(255), nullable=False),
        sa.Column("envelope", sa.Text, nullable=False),
    )
