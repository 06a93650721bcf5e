"""What every part of the rows stands on: a connection in a transaction, and whether anything was written."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection, CursorResult, Executable, Table, insert, literal, select, update


class BaseRows:
    """Statements on one connection. `wrote` tells whether the transaction changed anything."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self.wrote = False

    def _read(self, statement: Executable) -> CursorResult[*tuple[Any, ...]]:
        return self._connection.execute(statement)

    def _write(self, statement: Executable, values: dict[str, Any] | None = None) -> CursorResult[*tuple[Any, ...]]:
        self.wrote = True
        return self._connection.execute(statement, values)

    def _put(self, table: Table, condition: Any, key: dict[str, Any], values: dict[str, Any]) -> None:
        """Write `values` over the row that `condition` finds, or as a new one with `key`."""
        if self._write(update(table).where(condition).values(**values)).rowcount == 0:
            self._write(insert(table).values(**key, **values))

    def _insert_unless(self, table: Table, there: Any, values: dict[str, Any]) -> bool:
        """Insert the row where no row fulfils `there`; one statement, and the unique keys stand behind it."""
        row = select(*(literal(value, table.c[name].type) for name, value in values.items()))
        unless = row.where(~select(table).where(there).exists())
        return self._write(insert(table).from_select(list(values), unless)).rowcount == 1
