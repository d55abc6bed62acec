"""Who did what by hand, and why: rows that nothing changes or removes."""

from datetime import datetime

from sqlalchemy import Connection, insert

from infra.database.tables import audit


def note(connection: Connection, at: datetime, *, actor: str, action: str, subject: str, reason: str) -> None:
    """Record it in the caller's transaction, so that it is known exactly if it happened. No secrets, no names of others."""
    row = {"at": at, "actor": actor, "action": action, "subject": subject, "reason": reason}
    connection.execute(insert(audit).values(**row))
