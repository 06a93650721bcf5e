"""The steps that migrations are made of. Each may be run again after a crash in its middle.

Rules of this room
    MySQL and MariaDB commit every change of the schema at once, so a migration that died is half there: a step looks
    whether its work is done and goes on. SQLite and PostgreSQL undo the whole migration; there a step finds nothing.
    Released scripts rely on these words: what a step does for them never changes, new needs are new steps.
"""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op
from sqlalchemy.schema import SchemaItem

MYSQL = ("mysql", "mariadb")


def row_id() -> Any:
    """Return the type of a number that the database gives."""
    return sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def moment() -> Any:
    """Return the type of a moment, with microseconds everywhere."""
    if _dialect() not in MYSQL:
        return sa.DateTime()
    from sqlalchemy.dialects.mysql import DATETIME

    return DATETIME(fsp=6)


def document() -> Any:
    """Return the type of a text without a practical end."""
    return sa.Text().with_variant(sa.Text(16_777_215), *MYSQL)


def now() -> sa.TextClause:
    """Return the server default of a moment."""
    return sa.text("CURRENT_TIMESTAMP(6)" if _dialect() in MYSQL else "CURRENT_TIMESTAMP")


def create_table(name: str, *items: SchemaItem, indexes: tuple[str, ...] = ()) -> None:
    """Make the table where it is not there, then each single-column index that is not."""
    if not _inspector().has_table(name):
        op.create_table(name, *items, mysql_engine="InnoDB", mysql_charset="utf8mb4", mysql_collate="utf8mb4_bin")
    for column in indexes:
        index = f"ix_{name}_{column}"
        if not _inspector().has_index(name, index):
            op.create_index(index, name, [column])


def drop_table(name: str) -> None:
    """Remove the table where it is there."""
    if _inspector().has_table(name):
        op.drop_table(name)


def add_column(table: str, column: sa.Column[Any]) -> None:
    """Add the column where it is not there."""
    if not _has_column(table, column.name):
        op.add_column(table, column)


def drop_column(table: str, name: str) -> None:
    """Remove the column where it is there."""
    if _has_column(table, name):
        op.drop_column(table, name)


def insert_once(table: str, key: str, **values: Any) -> None:
    """Put the row in where none has its key."""
    made = sa.table(table, *(sa.column(name) for name in values))
    there = op.get_bind().execute(sa.select(made.c[key]).where(made.c[key] == values[key])).first()
    if there is None:
        op.get_bind().execute(made.insert().values(**values))


def delete(table: str, key: str, value: Any) -> None:
    """Take the row with that key out."""
    made = sa.table(table, sa.column(key))
    op.get_bind().execute(made.delete().where(made.c[key] == value))


def make_append_only(table: str) -> None:
    """Refuse every update and delete of the table's rows, whoever asks (PostgreSQL: and to empty it)."""
    words = f"{table} is append-only"
    dialect = _dialect()
    if dialect == "postgresql":
        op.execute(
            f"CREATE OR REPLACE FUNCTION {table}_refuse() RETURNS trigger LANGUAGE plpgsql AS "
            f"$$ BEGIN RAISE EXCEPTION '{words}'; END $$"
        )
    for verb in ("UPDATE", "DELETE"):
        trigger = f"{table}_no_{verb.lower()}"
        if dialect == "postgresql":
            op.execute(
                f"CREATE OR REPLACE TRIGGER {trigger} BEFORE {verb} ON {table} "
                f"FOR EACH ROW EXECUTE FUNCTION {table}_refuse()"
            )
            continue
        op.execute(f"DROP TRIGGER IF EXISTS {trigger}")
        if dialect == "sqlite":
            op.execute(f"CREATE TRIGGER {trigger} BEFORE {verb} ON {table} BEGIN SELECT RAISE(ABORT, '{words}'); END")
        else:
            op.execute(
                f"CREATE TRIGGER {trigger} BEFORE {verb} ON {table} FOR EACH ROW "
                f"SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = '{words}'"
            )
    if dialect == "postgresql":
        op.execute(
            f"CREATE OR REPLACE TRIGGER {table}_no_truncate BEFORE TRUNCATE ON {table} "
            f"FOR EACH STATEMENT EXECUTE FUNCTION {table}_refuse()"
        )


def _dialect() -> str:
    return op.get_bind().dialect.name


def _inspector() -> sa.Inspector:
    return sa.inspect(op.get_bind())  # a new one each time: it remembers what it saw


def _has_column(table: str, name: str) -> bool:
    return name in {column["name"] for column in _inspector().get_columns(table)}
