"""Where an interrupted reconciliation goes on."""

import sqlalchemy as sa
from alembic import op

from infra.database.tables import Instant

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    op.create_table(
        "checkpoints",
        sa.Column("run", sa.String(128), primary_key=True),
        sa.Column("step", sa.String(256), primary_key=True),
        sa.Column("result", sa.Text, nullable=False),
        sa.Column("finished_at", Instant, nullable=False),
    )
