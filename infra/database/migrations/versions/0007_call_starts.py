"""Calls from the first request for them, and the pool of hosts."""

import sqlalchemy as sa
from alembic import op

from infra.database.tables import Instant

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    op.create_table(
        "call_starts",
        sa.Column("call_id", sa.String(36), primary_key=True),
        sa.Column("service", sa.String(64), nullable=False),
        sa.Column("idempotency_key", sa.String(256), nullable=False),
        sa.Column("digest", sa.String(64), nullable=False),
        sa.Column("document", sa.Text, nullable=False),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("created_at", Instant, nullable=False),
        sa.Column("touched_at", Instant, nullable=False),
        sa.Column("attempts", sa.Integer, nullable=False),
        sa.Column("attempt", sa.String(36)),
        sa.Column("working_until", Instant),
        sa.Column("host_user", sa.String(256)),
        sa.Column("meeting_id", sa.String(20)),
        sa.Column("join_url", sa.Text),
        sa.Column("links", sa.Text),
        sa.Column("closed_revision", sa.Integer, nullable=False),
        sa.UniqueConstraint("service", "idempotency_key", name="call_starts_by_key"),
    )
    op.create_index("call_starts_by_state", "call_starts", ["state", "touched_at"])
    op.create_index("call_starts_by_meeting", "call_starts", ["meeting_id"])
    op.create_table(
        "host_leases",
        sa.Column("host_user", sa.String(256), primary_key=True),
        sa.Column("call_id", sa.String(36)),
        sa.Column("leased_at", Instant),
        sa.Column("leased_until", Instant),
        sa.Column("used_up_until", Instant),
    )
