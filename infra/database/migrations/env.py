"""How Alembic runs our migrations: on the connection it is given, inside the transaction that holds the lock."""

from alembic import context

import infra.database.review_tables  # noqa: F401 - for what it adds to the metadata
from infra.database.tables import metadata

context.configure(connection=context.config.attributes["connection"], target_metadata=metadata, render_as_batch=True)
context.run_migrations()
