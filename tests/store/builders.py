"""Databases in real files, brought to the newest schema once and copied from then on."""

from __future__ import annotations

import sqlite3
import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager
from functools import cache
from pathlib import Path
from typing import Any

from kis_daemon.store.database import Database
from kis_daemon.store.file import FileStore


@cache
def _migrated() -> bytes:
    """Return the file of an empty database; migrating is a child process and takes most of a second."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, "empty.db")
        database = Database(f"sqlite:///{file}")
        database.open()
        database.close()
        return file.read_bytes()


def a_file(folder: Path) -> Path:
    """Return the file of a database in `folder`, empty and of the newest schema where there was none."""
    file = folder / "kis_trading.db"
    if not file.exists():
        file.write_bytes(_migrated())
    return file


@contextmanager
def a_database(folder: Path, *, durable: bool = True) -> Iterator[Database]:
    """Return an open database; one that is not `durable` never waits for the disk: most of what a test costs."""
    database = Database(f"sqlite:///{a_file(folder)}")
    database.open()
    if not durable:
        store = database._store
        assert isinstance(store, FileStore)
        assert store._connection is not None
        cursor = store._connection.connection.cursor()
        cursor.execute("PRAGMA synchronous = OFF")
        cursor.close()
    try:
        yield database
    finally:
        database.close()


def by_hand(file: Path, sql: str, *values: Any) -> list[tuple[Any, ...]]:
    """Run `sql` as an operator does, in a connection of its own that knows nothing of our pragmas."""
    with closing(sqlite3.connect(file)) as connection, connection:
        return connection.execute(sql, values).fetchall()
