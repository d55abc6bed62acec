"""Analysts who sign in to the portal."""

import sqlalchemy as sa
from alembic import op

from infra.database.tables import Instant

revision = "0008"
down_revision = "0007"


def upgrade() -> None:
    op.create_table(
        "analyst_sessions",
        sa.Column("digest", sa.String(64), primary_key=True),
        sa.Column("analyst", sa.String(64), nullable=False),
        sa.Column("role", sa.String(16), nullable=False),
        sa.Column("created_at", Instant, nullable=False),
        sa.Column("seen_at", Instant, nullable=False),
    )
    op.create_index("analyst_sessions_by_age", "analyst_sessions", ["created_at"])
    op.create_table(
        "sign_in_links",
        sa.Column("digest", sa.String(64), primary_key=True),
        sa.Column("analyst", sa.String(64), nullable=False),
        sa.Column("role", sa.String(16), nullable=False),
        sa.Column("expires_at", Instant, nullable=False),
    )
