"""Find the effects of a target by their order alone: without statistics PostgreSQL took another index and read them all."""

from alembic import op

revision = "0010"
down_revision = "0009"


def upgrade() -> None:
    op.drop_index("effects_by_target", "effects")
    op.create_index("effects_by_target", "effects", ["processor", "target", "position"])
