"""The portal's own tables: analysts who signed in, and their work on flags. Nobody else writes them."""

from sqlalchemy import Column, Index, String, Table

from infra.database.tables import Instant, metadata

# Analysts who are signed in. The cookie's token itself is nowhere, only its SHA-256.
analyst_sessions = Table(
    "analyst_sessions",
    metadata,
    Column("digest", String(64), primary_key=True),
    Column("analyst", String(64), nullable=False),  # a pseudonym
    Column("role", String(16), nullable=False),  # analyst, lead
    Column("created_at", Instant, nullable=False),
    Column("seen_at", Instant, nullable=False),
    Index("analyst_sessions_by_age", "created_at"),
)

# One-time links that sign somebody in where there is no identity provider. Again the SHA-256 alone.
sign_in_links = Table(
    "sign_in_links",
    metadata,
    Column("digest", String(64), primary_key=True),
    Column("analyst", String(64), nullable=False),
    Column("role", String(16), nullable=False),
    Column("expires_at", Instant, nullable=False),
)
