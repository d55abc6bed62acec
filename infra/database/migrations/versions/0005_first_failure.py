"""When an effect failed for the first time."""

import sqlalchemy as sa
from alembic import op

from infra.database.tables import Instant

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    op.add_column("effects", sa.Column("failed_at", Instant))
