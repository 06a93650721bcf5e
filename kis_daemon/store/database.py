"""The one way to run a transaction, on any of the three databases.

Rules of this room
    `transact` begins, runs one synchronous unit of work, commits; whatever it raised rolls it back. What a database or
    its driver says is a `StoreError`; what the work itself raised comes back as it is.
    A unit of work depends on nothing but its rows: it may be run again (`server.py`).
    Alembic runs in a child process: it is needed once and would cost the daemon 40 MiB. The URL goes by standard input,
    never by an argument list that others can read.
    A driver is loaded by the database that needs it.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from sqlalchemy import URL
from sqlalchemy.exc import SQLAlchemyError

from kis_daemon.ports import StoreError
from kis_daemon.store.faults import reason
from kis_daemon.store.file import FileStore
from kis_daemon.store.rows import SqlRows
from kis_daemon.store.schema import SCHEMA_VERSION
from kis_daemon.store.scripts import Schema, SchemaTooNew, ScriptChanged
from kis_daemon.store.urls import database_url, shown

if TYPE_CHECKING:
    from kis_daemon.store.server import ServerStore

__all__ = ["Database", "SchemaTooNew", "ScriptChanged"]

T = TypeVar("T")

_MIGRATION_S = 600  # a child that takes longer is stuck


class Database:
    """`ports.Records` over SQLite, MySQL and MariaDB, or PostgreSQL. Open it first, close it last."""

    degraded = ""  # nothing stands in for a database alone: see spare.py

    def __init__(self, url: str) -> None:
        self._text = url
        self._store: FileStore | ServerStore | None = None

    def __str__(self) -> str:
        return shown(database_url(self._text))

    def open(self) -> None:
        """Bring the schema up to date and connect; `StoreError` with what to do where that fails."""
        url = database_url(self._text)
        store = _store(url)
        try:
            schema = _asked(store, url)
            if not schema.is_current:
                _migrate(url, "head")
                schema = _asked(store, url)
            if not schema.is_current:
                raise StoreError(f"Database initialization failed: {shown(url)} is still at schema {schema.version}")
            store.connect()
        except BaseException:
            store.close()
            raise
        self._store = store

    def schema(self) -> Schema:
        """Return what stands in the database, and change nothing; `StoreError` for what we may not work on."""
        url = database_url(self._text)
        store = _store(url)
        try:
            return _asked(store, url)
        finally:
            store.close()

    def migrate(self, version: str) -> None:
        """Bring the schema up or down to `version`; nobody else may have the database open."""
        url = database_url(self._text)
        if not "0001" <= version <= SCHEMA_VERSION:
            raise StoreError(f"schema {version}: expected 0001 to {SCHEMA_VERSION}")
        self.schema()
        _migrate(url, version)

    def take_refused(self) -> tuple[str, ...]:
        return ()

    async def transact(self, work: Callable[[SqlRows], T]) -> T:
        return await self._opened().transact(work)

    def transact_now(self, work: Callable[[SqlRows], T]) -> T:
        """As `transact`, for commands that have no loop."""
        return self._opened().transact_now(work)

    async def aclose(self) -> None:
        """Close the connections of the running loop; what was begun is finished first."""
        if self._store is not None:
            await self._store.aclose()

    def close(self) -> None:
        """Close what is open; a transaction under way is finished first."""
        if self._store is not None:
            self._store.close()
            self._store = None

    def _opened(self) -> FileStore | ServerStore:
        if self._store is None:
            raise StoreError("the database is not open")
        return self._store


def _store(url: URL) -> FileStore | ServerStore:
    if url.get_backend_name() == "sqlite":
        return FileStore(url)
    from kis_daemon.store.server import ServerStore  # the asynchronous half of SQLAlchemy, and with it the driver

    return ServerStore(url)


def _asked(store: FileStore | ServerStore, url: URL) -> Schema:
    """Return the schema that `store` has, if it is one we may work on."""
    try:
        schema = store.schema()
    except (SQLAlchemyError, StoreError, OSError, EOFError) as error:
        raise StoreError(f"Database initialization failed: {reason(error)} ({shown(url)})") from error
    schema.refuse_strangers(url.get_backend_name())
    return schema


def _migrate(url: URL, version: str) -> None:
    try:
        child = subprocess.run(
            [sys.executable, "-m", "kis_daemon.store.migrate", version],
            env={**os.environ, "PYTHONPATH": str(Path(__file__).resolve().parents[2])},  # found from any folder
            input=url.render_as_string(hide_password=False),
            capture_output=True,
            text=True,
            timeout=_MIGRATION_S,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise StoreError(f"Database initialization failed: no end after {_MIGRATION_S} s") from None
    if child.returncode != 0:
        told = child.stderr.strip().splitlines()
        raise StoreError(f"Database initialization failed: {told[-1] if told else 'no reason given'}")
