"""What operators do by hand: skipped and settled records, where a brake stands, and the audit."""

import sqlalchemy as sa
from alembic import op

from infra.database.tables import Instant

revision = "0002"
down_revision = "0001"

_IDENTITY = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.add_column("brakes", sa.Column("topic", sa.String(255)))
    op.add_column("brakes", sa.Column("partition", sa.Integer))
    op.add_column("brakes", sa.Column("next_offset", sa.BigInteger))
    op.create_table(
        "skips",
        sa.Column("processor", sa.String(64), primary_key=True),
        sa.Column("topic", sa.String(255), primary_key=True),
        sa.Column("partition", sa.Integer, primary_key=True),
        sa.Column("from_offset", sa.BigInteger, nullable=False),
        sa.Column("until_offset", sa.BigInteger, nullable=False),
    )
    op.create_table(
        "settled",
        sa.Column("topic", sa.String(255), primary_key=True),
        sa.Column("partition", sa.Integer, primary_key=True),
        sa.Column("offset", sa.BigInteger, primary_key=True),
        sa.Column("recorded_at", Instant, primary_key=True),
        sa.Column("outcome", sa.String(16), nullable=False),
        sa.Column("settled_at", Instant, nullable=False),
    )
    op.create_table(
        "audit",
        sa.Column("position", _IDENTITY, primary_key=True, autoincrement=True),
        sa.Column("at", Instant, nullable=False),
        sa.Column("actor", sa.String(128), nullable=False),
        sa.Column("action", sa.String(64), nullable=False),
        sa.Column("subject", sa.Text, nullable=False),
        sa.Column("reason", sa.Text, nullable=False),
    )
    op.create_index("audit_by_age", "audit", ["at"])
