"""Many rows, or values to look for, by one statement: on PostgreSQL each statement is a message to the server and back.

There they travel as one parameter, so the text of the statement is the same for any number of them: the driver has it
prepared, and neither side reads it anew. SQLite is no server, and takes them one after another.
"""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import ARRAY, JSON, Column, ColumnElement, Connection, Table, any_, bindparam, func, select
from sqlalchemy import column as sql_column
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.sql.selectable import TableValuedAlias

DIALECTS = ("sqlite", "postgresql")

_ROWS = "rows"


def one_of(column: Column[Any], name: str, dialect: str) -> ColumnElement[bool]:
    """Return the condition that a column has one of the values in the list parameter of this name."""
    if dialect == "postgresql":
        return column == any_(bindparam(name, type_=ARRAY(column.type)))
    return column.in_(bindparam(name, expanding=True))


def rows_of(columns: Sequence[Column[Any]], name: str) -> TableValuedAlias:
    """Return, on PostgreSQL alone, the rows that `parameter_of` sends, as a table with these columns' names and types."""
    rows = func.json_to_recordset(bindparam(_ROWS, type_=JSON))
    return rows.table_valued(*(sql_column(one.name, one.type) for one in columns)).render_derived(name, with_types=True)


def parameter_of(rows: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Return the parameter of `rows_of`: rows of texts, numbers and instants."""
    return {_ROWS: [{name: _plain(value) for name, value in row.items()} for row in rows]}


class InsertMany:
    """An INSERT of rows that all have the same `names`. `refined` may add an ON CONFLICT to the dialect's own insert."""

    def __init__(
        self, table: Table, names: Sequence[str], returning: Sequence[str], refined: Callable[[Any], Any]
    ) -> None:
        rows = rows_of([table.c[name] for name in names], "added")
        taken = postgresql.insert(table).from_select(list(names), select(*(rows.c[name] for name in names)))
        written = [table.c[name] for name in returning]
        self._postgresql = refined(taken).returning(*written)
        self._sqlite = refined(sqlite.insert(table)).returning(*written)  # lets SQLAlchemy write many at once, too

    def execute(self, connection: Connection, rows: Sequence[Mapping[str, Any]]) -> Sequence[Any]:
        """Insert in this order; return the columns `returning` of each row that was written, in any order."""
        if not rows:
            return []
        if connection.dialect.name == "postgresql":
            return connection.execute(self._postgresql, parameter_of(rows)).all()
        return connection.execute(self._sqlite, list(rows)).all()


def _plain(value: Any) -> Any:
    return value.isoformat() if isinstance(value, datetime) else value
