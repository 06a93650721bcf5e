"""The one way to run a transaction.

Rules of this room
    `transact` begins, runs one synchronous unit of work, commits; whatever it raised rolls it back.
    SQLite takes the write lock at the beginning (BEGIN IMMEDIATE), so a unit of work never fails half-way for it; every
    commit is on the disk before `transact` returns (WAL, synchronous FULL).
    Transactions of one process run one after the other, on one thread (inline on a virtual loop).
    Alembic runs in a child process: it is needed once and would cost the daemon 40 MiB. The URL goes by standard input,
    never by an argument list that others can read.
"""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, TypeVar

from sqlalchemy import URL, Connection, Engine, create_engine, event, inspect, make_url, text
from sqlalchemy.exc import DataError, DBAPIError, IntegrityError, ProgrammingError, SQLAlchemyError

from kis_daemon.ports import StoreError
from kis_daemon.store.rows import SqlRows
from kis_daemon.store.schema import SCHEMA_VERSION

T = TypeVar("T")

_BUSY_TIMEOUT_MS = 5000  # how long a transaction waits for the operator's command line to finish its own


class SchemaTooNew(StoreError):
    """The database was written by a newer daemon; running an older one on it could lose what it does not know."""


class Database:
    """`ports.Records` over SQLite. Open it before the first transaction, close it after the last."""

    def __init__(self, url: str) -> None:
        self._url: URL = make_url(url)
        self._connection: Connection | None = None
        self._executor = ThreadPoolExecutor(max_workers=1, thread_name_prefix="store")

    def open(self) -> None:
        """Bring the schema up to date and connect; `StoreError` with what to do where that fails."""
        if self._url.get_backend_name() != "sqlite":
            raise StoreError(f"Database initialization failed: {self._shown()}: expected a sqlite:/// URL")
        engine = create_engine(self._url, connect_args={"check_same_thread": False})
        event.listen(engine, "connect", _configure_sqlite)
        event.listen(engine, "begin", _begin_immediate)
        try:
            self._connection = self._connected(engine)
        except (SQLAlchemyError, StoreError) as error:
            engine.dispose()
            if isinstance(error, StoreError):
                raise
            reason = error.orig if isinstance(error, DBAPIError) else type(error).__name__
            raise StoreError(f"Database initialization failed: {reason} ({self._shown()})") from error

    def _connected(self, engine: Engine) -> Connection:
        """Return a connection to the database at this program's schema."""
        with engine.connect() as connection:
            version = _schema_version(connection)
        if version is not None and version > SCHEMA_VERSION:
            raise SchemaTooNew(
                f"database schema {version} is newer than this program's {SCHEMA_VERSION}: install the newer one"
            )
        if version != SCHEMA_VERSION:
            engine.dispose()
            self._migrate()
        return engine.connect()

    def close(self) -> None:
        """Close the connection; a transaction under way is finished first."""
        self._executor.shutdown(wait=True)
        if self._connection is not None:
            self._connection.close()
            self._connection.engine.dispose()
            self._connection = None

    async def transact(self, work: Callable[[SqlRows], T]) -> T:
        # Shielded: a cancelled caller does not take back a transaction that stands in the queue.
        loop = asyncio.get_running_loop()
        return await asyncio.shield(loop.run_in_executor(self._executor, self.transact_now, work))

    def transact_now(self, work: Callable[[SqlRows], T]) -> T:
        """As `transact`, for commands that have no loop."""
        if self._connection is None:
            raise StoreError("the database is not open")
        try:
            with self._connection.begin():
                return work(SqlRows(self._connection))
        except (DataError, IntegrityError, ProgrammingError):
            raise  # our own mistake: trying again would not mend it
        except DBAPIError as error:
            raise StoreError(f"{error.orig} ({self._shown()})") from error

    def _migrate(self) -> None:
        child = subprocess.run(
            [sys.executable, "-m", "kis_daemon.store.migrate"],
            env={**os.environ, "PYTHONPATH": str(Path(__file__).resolve().parents[2])},  # found from any folder
            input=self._url.render_as_string(hide_password=False),
            capture_output=True,
            text=True,
            check=False,
        )
        if child.returncode != 0:
            told = child.stderr.strip().splitlines()
            raise StoreError(f"Database initialization failed: {told[-1] if told else 'no reason given'}")

    def _shown(self) -> str:
        return self._url.render_as_string(hide_password=True)


def _schema_version(connection: Connection) -> str | None:
    """Return the version of the newest migration applied, or None for an empty database."""
    with connection.begin():
        if not inspect(connection).has_table("alembic_version"):
            return None
        return connection.execute(text("SELECT version_num FROM alembic_version")).scalar_one_or_none()


def _configure_sqlite(connection: Any, _record: object) -> None:
    connection.isolation_level = None  # the driver's own BEGIN comes too late; ours is _begin_immediate
    cursor = connection.cursor()
    cursor.execute(f"PRAGMA busy_timeout = {_BUSY_TIMEOUT_MS}")
    cursor.execute("PRAGMA journal_mode = WAL")
    cursor.execute("PRAGMA synchronous = FULL")
    cursor.execute("PRAGMA foreign_keys = ON")
    cursor.close()


def _begin_immediate(connection: Connection) -> None:
    connection.exec_driver_sql("BEGIN IMMEDIATE")
