"""Write the rows that the portal shows, in the transaction that ends the effect."""

from collections.abc import Mapping
from dataclasses import asdict, fields
from typing import Any

from sqlalchemy import Connection, Table
from sqlalchemy.dialects import postgresql, sqlite

from infra.database.tables import portal_calls, portal_flags
from processors.commands import ShowCall, ShowFlag


def _replace(dialect: Any, table: Table, command: type[ShowCall | ShowFlag]) -> Any:
    insert = dialect.insert(table)
    return insert.on_conflict_do_update(
        index_elements=list(table.primary_key),
        set_={field.name: insert.excluded[field.name] for field in fields(command)},
        where=table.c.revision < insert.excluded.revision,
    )


# Built once: for SQLAlchemy, building a statement costs more than running it.
_REPLACE = {
    (name, command.kind): _replace(dialect, table, command)
    for name, dialect in (("sqlite", sqlite), ("postgresql", postgresql))
    for table, command in ((portal_calls, ShowCall), (portal_flags, ShowFlag))
}


class ShowPerformer:
    """There is nothing to do outside the database. A row is only ever replaced by a higher revision."""

    def perform(self, command: ShowCall | ShowFlag) -> Mapping[str, Any]:  # noqa: ARG002 - the port's signature
        """Do nothing: `record` writes."""
        return {}

    def record(
        self,
        connection: Connection,
        command: ShowCall | ShowFlag,
        result: Mapping[str, Any],  # noqa: ARG002 - the port's signature
    ) -> None:
        """Write the row, unless a later one stands there."""
        connection.execute(_REPLACE[connection.dialect.name, command.kind], asdict(command))
