"""Transactions in a file: SQLite.

Rules of this room
    The write lock is taken at the beginning (BEGIN IMMEDIATE), so a unit of work never fails half-way for it; every
    commit is on the disk before `transact` returns (WAL, synchronous FULL).
    Transactions of one process run one after the other, on one thread (inline on a virtual loop).
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

from sqlalchemy import URL, Connection, create_engine, event
from sqlalchemy.exc import SQLAlchemyError

from kis_daemon.ports import StoreError
from kis_daemon.store.faults import reason, store_error
from kis_daemon.store.rows import SqlRows
from kis_daemon.store.scripts import Schema, schema_of
from kis_daemon.store.urls import shown

T = TypeVar("T")

_BUSY_TIMEOUT_MS = 5000  # how long a transaction waits for the operator's command line to finish its own


class FileStore:
    """The rows in a file, over one connection."""

    def __init__(self, url: URL) -> None:
        self._shown = shown(url)
        self._engine = create_engine(url, connect_args={"check_same_thread": False}, hide_parameters=True)
        event.listen(self._engine, "connect", _configure)
        event.listen(self._engine, "begin", _begin_immediate)
        self._executor = ThreadPoolExecutor(max_workers=1, thread_name_prefix="store")
        self._connection: Connection | None = None

    def schema(self) -> Schema:
        """Return what the file holds; nothing of it stays open."""
        try:
            with self._engine.connect() as connection, connection.begin():
                return schema_of(connection)
        finally:
            self._engine.dispose()

    def connect(self) -> None:
        self._connection = self._engine.connect()

    async def transact(self, work: Callable[[SqlRows], T]) -> T:
        # Shielded: a cancelled caller does not take back a transaction that stands in the queue.
        loop = asyncio.get_running_loop()
        return await asyncio.shield(loop.run_in_executor(self._executor, self.transact_now, work))

    def transact_now(self, work: Callable[[SqlRows], T]) -> T:
        if self._connection is None:
            raise StoreError("the database is not open")
        try:
            with self._connection.begin():
                rows = SqlRows(self._connection)
                result = work(rows)
                rows.finish()
                return result
        except SQLAlchemyError as error:
            raise store_error(error, f"{reason(error)} ({self._shown})") from error

    async def aclose(self) -> None:
        self.close()

    def close(self) -> None:
        """Close the connection; a transaction under way is finished first."""
        self._executor.shutdown(wait=True)
        if self._connection is not None:
            self._connection.close()
            self._connection = None
        self._engine.dispose()


def _configure(connection: Any, _record: object) -> None:
    connection.isolation_level = None  # the driver's own BEGIN comes too late; ours is _begin_immediate
    cursor = connection.cursor()
    cursor.execute(f"PRAGMA busy_timeout = {_BUSY_TIMEOUT_MS}")
    cursor.execute("PRAGMA journal_mode = WAL")
    cursor.execute("PRAGMA synchronous = FULL")
    cursor.execute("PRAGMA foreign_keys = ON")
    cursor.close()


def _begin_immediate(connection: Connection) -> None:
    connection.exec_driver_sql("BEGIN IMMEDIATE")
