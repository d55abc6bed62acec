"""Uploads that are not finished yet, so that the next run goes on from their parts."""

import sqlalchemy as sa
from alembic import op

from infra.database.tables import Instant

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    op.create_table(
        "uploads",
        sa.Column("object_key", sa.String(512), primary_key=True),
        sa.Column("upload_id", sa.Text, nullable=False),
        sa.Column("etag", sa.Text, nullable=False),
        sa.Column("total_bytes", sa.BigInteger, nullable=False),
        sa.Column("part_bytes", sa.BigInteger, nullable=False),
        sa.Column("begun_at", Instant, nullable=False),
    )
    op.create_table(
        "upload_parts",
        sa.Column("object_key", sa.String(512), primary_key=True),
        sa.Column("number", sa.Integer, primary_key=True),
        sa.Column("upload_id", sa.Text, nullable=False),
        sa.Column("etag", sa.String(256), nullable=False),
        sa.Column("crc32", sa.BigInteger, nullable=False),
    )
