"""Participants: how they come in, and what they reported."""

import sqlalchemy as sa
from alembic import op

from infra.database.tables import Instant

revision = "0011"
down_revision = "0010"


def upgrade() -> None:
    op.create_table(
        "viewer_codes",
        sa.Column("digest", sa.String(64), primary_key=True),
        sa.Column("call_id", sa.String(256), nullable=False),
        sa.Column("viewer_id", sa.String(256), nullable=False),
        sa.Column("expires_at", Instant, nullable=False),
    )
    op.create_index("viewer_codes_by_age", "viewer_codes", ["expires_at"])
    op.create_table(
        "viewer_sessions",
        sa.Column("digest", sa.String(64), primary_key=True),
        sa.Column("call_id", sa.String(256), nullable=False),
        sa.Column("viewer_id", sa.String(256), nullable=False),
        sa.Column("opened_at", Instant, nullable=False),
        sa.Column("expires_at", Instant, nullable=False),
    )
    op.create_index("viewer_sessions_by_age", "viewer_sessions", ["expires_at"])
    op.create_table(
        "call_reports",
        sa.Column("report_id", sa.String(36), primary_key=True),
        sa.Column("call_id", sa.String(256), nullable=False),
        sa.Column("reporter_id", sa.String(256), nullable=False),
        sa.Column("reporter", sa.String(16), nullable=False),
        sa.Column("filed_by", sa.String(64), nullable=False),
        sa.Column("ticket", sa.String(64)),
        sa.Column("reason", sa.String(32), nullable=False),
        sa.Column("text", sa.Text, nullable=False),
        sa.Column("second", sa.Integer),
        sa.Column("reported_at", Instant, nullable=False),
    )
    op.create_index("call_reports_by_call", "call_reports", ["call_id"])
