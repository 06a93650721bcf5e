"""What every part of the rows stands on: a connection in a transaction, and whether anything was written.

Rules of this room
    A statement is built once and run with values: building one costs more than SQLite takes to run it.
    Values of a condition are named `its_…`, so that no column that is written has their name.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from typing import Any

from sqlalchemy import (
    BindParameter,
    ColumnElement,
    Connection,
    CursorResult,
    Executable,
    Insert,
    Table,
    Update,
    and_,
    bindparam,
    insert,
    select,
    update,
)


class BaseRows:
    """Statements on one connection. `wrote` tells whether the transaction changed anything."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self.wrote = False

    def _read(self, statement: Executable, values: Mapping[str, Any] | None = None) -> CursorResult[*tuple[Any, ...]]:
        return self._connection.execute(statement, values)

    def _write(
        self, statement: Executable, values: Mapping[str, Any] | Sequence[Mapping[str, Any]] | None = None
    ) -> CursorResult[*tuple[Any, ...]]:
        self.wrote = True
        return self._connection.execute(statement, values)

    def _insert(self, table: Table, values: dict[str, Any]) -> CursorResult[*tuple[Any, ...]]:
        return self._write(_into(table), values)

    def _update(self, table: Table, key: Mapping[str, Any], values: dict[str, Any]) -> int:
        """Write `values` over the rows that `key` names; return how many these are."""
        return self._write(_over(table, tuple(key)), {**_named(key), **values}).rowcount

    def _put(self, table: Table, key: dict[str, Any], values: dict[str, Any]) -> None:
        """Write `values` over the row that `key` names, or as a new one."""
        if self._update(table, key, values) == 0:
            self._insert(table, key | values)

    def _insert_unless(self, table: Table, there: ColumnElement[bool], values: dict[str, Any]) -> bool:
        """Insert the row where no row fulfils `there`; one statement, and the unique keys stand behind it.

        `there` is built once, of `its` values.
        """
        return self._write(_into_unless(table, there, tuple(values)), _named(values)).rowcount == 1


def its(table: Table, name: str) -> BindParameter[Any]:
    """Return the place of a value that is compared with the column `name`, in a statement that is built once."""
    return bindparam(f"its_{name}", type_=table.c[name].type)


def same(table: Table, names: Iterable[str]) -> ColumnElement[bool]:
    """Return the condition that a row has its values in these columns."""
    return and_(*(table.c[name] == its(table, name) for name in names))


def _named(values: Mapping[str, Any]) -> dict[str, Any]:
    return {f"its_{name}": value for name, value in values.items()}


@cache
def _into(table: Table) -> Insert:
    return insert(table)


@cache
def _over(table: Table, names: tuple[str, ...]) -> Update:
    return update(table).where(same(table, names))


@cache
def _into_unless(table: Table, there: ColumnElement[bool], names: tuple[str, ...]) -> Insert:
    row = select(*(its(table, name) for name in names)).where(~select(table).where(there).exists())
    return insert(table).from_select(list(names), row)
