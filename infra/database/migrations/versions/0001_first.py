"""States, handled events, effects, progress, brakes and receipts."""

import sqlalchemy as sa
from alembic import op

from infra.database.tables import Instant

revision = "0001"
down_revision = None

_IDENTITY = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.create_table(
        "brakes",
        sa.Column("processor", sa.String(64), primary_key=True),
        sa.Column("tripped_at", Instant, nullable=False),
        sa.Column("reason", sa.Text, nullable=False),
    )
    op.create_table(
        "effects",
        sa.Column("position", _IDENTITY, primary_key=True, autoincrement=True),
        sa.Column("effect_id", sa.String(36), nullable=False, unique=True),
        sa.Column("processor", sa.String(64), nullable=False),
        sa.Column("state_key", sa.String(256), nullable=False),
        sa.Column("kind", sa.String(32), nullable=False),
        sa.Column("target", sa.String(512), nullable=False),
        sa.Column("command", sa.Text, nullable=False),
        sa.Column("status", sa.String(16), nullable=False),
        sa.Column("due_at", Instant, nullable=False),
        sa.Column("attempts", sa.Integer, nullable=False),
        sa.Column("lease", sa.String(36)),
        sa.Column("leased_until", Instant),
        sa.Column("created_at", Instant, nullable=False),
        sa.Column("finished_at", Instant),
        sa.Column("result", sa.Text),
        sa.Column("error", sa.Text),
    )
    op.create_index("effects_by_target", "effects", ["processor", "target", "status", "position"])
    op.create_index("effects_due", "effects", ["processor", "status", "due_at", "position"])
    op.create_table(
        "handled",
        sa.Column("processor", sa.String(64), primary_key=True),
        sa.Column("event_id", sa.String(256), primary_key=True),
        sa.Column("key", sa.String(256), primary_key=True),
        sa.Column("handled_at", Instant, nullable=False),
    )
    op.create_index("handled_by_age", "handled", ["handled_at"])
    op.create_table(
        "progress",
        sa.Column("processor", sa.String(64), primary_key=True),
        sa.Column("topic", sa.String(255), primary_key=True),
        sa.Column("partition", sa.Integer, primary_key=True),
        sa.Column("read_until", Instant, nullable=False),
    )
    op.create_table(
        "receipts",
        sa.Column("object_key", sa.String(512), primary_key=True),
        sa.Column("version_id", sa.String(256)),
        sa.Column("call_id", sa.String(256)),
        sa.Column("order_id", sa.String(256)),
        sa.Column("session_id", sa.String(256), nullable=False),
        sa.Column("meeting_id", sa.String(64)),
        sa.Column("file_id", sa.String(256)),
        sa.Column("kind", sa.String(32), nullable=False),
        sa.Column("file_type", sa.String(64), nullable=False),
        sa.Column("size_bytes", sa.BigInteger, nullable=False),
        sa.Column("crc32", sa.String(16), nullable=False),
        sa.Column("sha256", sa.String(64), nullable=False),
        sa.Column("recording_start", sa.String(64)),
        sa.Column("call_ended_at", Instant, nullable=False),
        sa.Column("access_until", Instant, nullable=False),
        sa.Column("expires_at", Instant, nullable=False),
        sa.Column("hold", sa.String(32), nullable=False),
        sa.Column("archived_at", Instant, nullable=False),
        sa.Column("expired_at", Instant),
    )
    op.create_index("receipts_by_call", "receipts", ["call_id"])
    op.create_index("receipts_due", "receipts", ["expired_at", "expires_at"])
    op.create_table(
        "states",
        sa.Column("processor", sa.String(64), primary_key=True),
        sa.Column("key", sa.String(256), primary_key=True),
        sa.Column("version", sa.Integer, nullable=False),
        sa.Column("schema_version", sa.Integer, nullable=False),
        sa.Column("document", sa.Text, nullable=False),
        sa.Column("updated_at", Instant, nullable=False),
    )
