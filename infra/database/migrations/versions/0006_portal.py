"""The portal: what it shows of calls and flags, who may ask it, and who touched what."""

import sqlalchemy as sa
from alembic import op

from infra.database.tables import Instant

revision = "0006"
down_revision = "0005"

_IDENTITY = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.create_table(
        "portal_calls",
        sa.Column("call_id", sa.String(256), primary_key=True),
        sa.Column("meeting_id", sa.String(64), nullable=False),
        sa.Column("order_id", sa.String(256), nullable=False),
        sa.Column("conversation_id", sa.String(256), nullable=False),
        sa.Column("freelancer_id", sa.String(256), nullable=False),
        sa.Column("client_id", sa.String(256), nullable=False),
        sa.Column("registered_at", Instant, nullable=False),
        sa.Column("ended_at", Instant),
        sa.Column("access_until", Instant),
        sa.Column("revision", sa.Integer, nullable=False),
        sa.Column("document", sa.Text, nullable=False),
    )
    for column in ("order", "meeting", "freelancer", "client"):
        op.create_index(f"portal_calls_by_{column}", "portal_calls", [f"{column}_id"])
    op.create_table(
        "portal_flags",
        sa.Column("flag_id", sa.String(256), primary_key=True),
        sa.Column("call_id", sa.String(256)),
        sa.Column("meeting_id", sa.String(64)),
        sa.Column("session_id", sa.String(256)),
        sa.Column("status", sa.String(16), nullable=False),
        sa.Column("severity", sa.Integer),
        sa.Column("priority", sa.Float, nullable=False),
        sa.Column("flagged_at", Instant, nullable=False),
        sa.Column("revision", sa.Integer, nullable=False),
        sa.Column("document", sa.Text, nullable=False),
    )
    for column in ("call", "meeting"):
        op.create_index(f"portal_flags_by_{column}", "portal_flags", [f"{column}_id"])
    op.create_table(
        "service_tokens",
        sa.Column("name", sa.String(64), primary_key=True),
        sa.Column("digest", sa.String(64), nullable=False, unique=True),
        sa.Column("scopes", sa.Text, nullable=False),
        sa.Column("created_at", Instant, nullable=False),
        sa.Column("revoked_at", Instant),
    )
    op.create_table(
        "portal_audit",
        sa.Column("position", _IDENTITY, primary_key=True, autoincrement=False),
        sa.Column("at", Instant, nullable=False),
        sa.Column("actor", sa.String(256), nullable=False),
        sa.Column("action", sa.String(64), nullable=False),
        sa.Column("subject", sa.String(256), nullable=False),
        sa.Column("reason", sa.Text, nullable=False),
        sa.Column("digest", sa.String(64), nullable=False),
    )
    op.create_index("portal_audit_by_subject", "portal_audit", ["subject"])
