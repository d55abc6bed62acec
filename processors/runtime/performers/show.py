"""Write the rows that the portal shows, in the transaction that ends the effect."""

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from sqlalchemy import Connection, Table
from sqlalchemy.dialects import postgresql, sqlite

from infra.database.tables import portal_calls, portal_flags
from processors.commands import ShowCall, ShowFlag


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
        table = portal_calls if isinstance(command, ShowCall) else portal_flags
        _replace(connection, table, asdict(command))


def _replace(connection: Connection, table: Table, values: Mapping[str, Any]) -> None:
    insert = postgresql.insert if connection.dialect.name == "postgresql" else sqlite.insert
    statement = insert(table).values(**values)
    connection.execute(
        statement.on_conflict_do_update(
            index_elements=list(table.primary_key), set_=values, where=table.c.revision < values["revision"]
        )
    )
