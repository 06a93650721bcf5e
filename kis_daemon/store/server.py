"""Transactions on a server: MySQL and MariaDB over aiomysql, PostgreSQL over asyncpg.

Rules of this room
    One transaction after the other, as SQLite has them: within the process by a lock, beside other processes by the row
    of `chain_lock`, taken first. So two writers never meet at the head of the chain, and deadlocks are an operator's.
    A transaction once begun is finished or rolled back, whoever was cancelled meanwhile.
    A unit of work may be run again: after a deadlock, and after a connection lost before COMMIT. So the statement that
    takes the turn is also the ping: a connection that the server closed meanwhile is found there, and replaced.
    Lost during COMMIT: behind the same row we look whether our last event is in the chain. It is: done. It is not: the
    work is run again. No event to look for, or nobody to ask: `OutcomeUnknown`.
    A server that is away costs seconds: every wait has a limit here, and one at the server for what we left behind.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import Any, Generic, TypeVar

from sqlalchemy import URL, Connection, NullPool, select
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine

from kis_daemon.ports import OutcomeUnknown, StoreError
from kis_daemon.store import schema
from kis_daemon.store.faults import is_contended, is_lost, reason, store_error
from kis_daemon.store.rows import SqlRows
from kis_daemon.store.scripts import Schema, schema_of
from kis_daemon.store.urls import shown

T = TypeVar("T")

_CONNECT_S = 3
_ATTEMPT_S = 10.0  # one run of a transaction, its waits in the server included
_LOCK_WAIT_S = 5
_LEFT_BEHIND_S = 15  # after this long in a transaction without a word the server takes its locks back
_RECYCLE_S = 1800
_PAUSES_S = (0.05, 0.2, 1.0)  # before a transaction is run again
_SETTLING_PAUSES_S = (0.0, 0.5, 2.0)

_TAKE_TURN = select(schema.chain_lock.c.lock_id).with_for_update()

_MYSQL_SESSION = (
    f"SET SESSION time_zone = '+00:00', sql_mode = 'STRICT_ALL_TABLES,NO_ENGINE_SUBSTITUTION', "
    f"innodb_lock_wait_timeout = {_LOCK_WAIT_S}, lock_wait_timeout = {_LOCK_WAIT_S} "
    f"/*M!100300 , idle_transaction_timeout = {_LEFT_BEHIND_S} */"  # MariaDB alone has it
)


def server_engine(url: URL, *, patient: bool = False) -> AsyncEngine:
    """Return an engine that keeps no connections. A `patient` one lets statements take their time (migrations)."""
    if url.get_backend_name() == "postgresql":
        limits = {
            "timezone": "UTC",
            "application_name": "kis_daemon",
            "lock_timeout": f"{60 if patient else _LOCK_WAIT_S}s",
            "statement_timeout": "0" if patient else f"{_ATTEMPT_S:.0f}s",
            "idle_in_transaction_session_timeout": "0" if patient else f"{_LEFT_BEHIND_S}s",
        }
        arguments: dict[str, Any] = {"timeout": _CONNECT_S, "server_settings": limits}
    else:
        session = "SET SESSION time_zone = '+00:00'" if patient else _MYSQL_SESSION
        arguments = {"connect_timeout": _CONNECT_S, "charset": "utf8mb4", "init_command": session}
    return create_async_engine(
        url, poolclass=NullPool, isolation_level="READ COMMITTED", hide_parameters=True, connect_args=arguments
    )


class _Attempt(Generic[T]):
    """One run of a unit of work, and how far it came."""

    def __init__(self, work: Callable[[SqlRows], T]) -> None:
        self._work = work
        self.rows: SqlRows | None = None  # while COMMIT is under way and after it
        self.is_over = False  # committed or rolled back, and the connection is as new
        self.result: T

    async def run(self, connection: AsyncConnection) -> T:
        try:
            await connection.execute(_TAKE_TURN)
            rows, self.result = await connection.run_sync(self._run)
            self.rows = rows
            await connection.commit()
        except Exception:
            if self.rows is None and not connection.invalidated:
                await connection.rollback()
                self.is_over = True
            raise
        self.is_over = True
        return self.result

    def _run(self, connection: Connection) -> tuple[SqlRows, T]:
        rows = SqlRows(connection)
        result = self._work(rows)
        rows.finish()
        return rows, result


class _Line:
    """Transactions one after the other over one connection, on one loop. Nothing but the loop owns it."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine
        self._shown = shown(engine.url)
        self._turn = asyncio.Lock()
        self._connection: AsyncConnection | None = None
        self._connected_at = 0.0
        self._faults: tuple[type[Exception], ...] = (SQLAlchemyError, OSError, EOFError, *raw_errors(engine.url))

    async def close(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            with suppress(*self._faults):
                async with asyncio.timeout(_CONNECT_S):  # a server that does not say goodbye is left
                    await connection.close()

    async def _connected(self) -> AsyncConnection:
        now = asyncio.get_running_loop().time()
        if self._connection is not None and now - self._connected_at > _RECYCLE_S:
            await self.close()
        if self._connection is None:
            self._connection = await self._engine.connect()
            self._connected_at = now
        return self._connection

    async def _throw_away(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            if not connection.invalidated:
                await connection.invalidate()
            await connection.close()

    async def _try(self, attempt: _Attempt[T]) -> T:
        """Run the attempt within its time; a connection that did not come out of it clean is thrown away."""
        try:
            async with asyncio.timeout(_ATTEMPT_S):
                return await attempt.run(await self._connected())
        finally:
            if not attempt.is_over:
                await self._throw_away()

    async def transact(self, work: Callable[[SqlRows], T]) -> T:
        pauses = iter(_PAUSES_S)
        async with self._turn:
            while True:
                attempt = _Attempt(work)
                try:
                    return await self._try(attempt)
                except self._faults as error:
                    told = f"{reason(error)} ({self._shown})"
                    if attempt.rows is not None and attempt.rows.wrote:
                        match await self._is_written(attempt.rows.last_link):
                            case True:
                                return attempt.result
                            case None:
                                raise OutcomeUnknown(f"{told} during COMMIT") from error
                    elif isinstance(error, TimeoutError) or not (is_contended(error) or is_lost(error)):
                        raise store_error(error, told) from error
                    pause = next(pauses, None)
                    if pause is None:
                        raise store_error(error, told) from error
                await asyncio.sleep(pause)

    async def _is_written(self, link: tuple[str, str] | None) -> bool | None:
        """Return whether the event of that previous and own hash is in the chain; None where nobody can say."""
        if link is None:
            return None
        log = schema.event_log
        behind = select(log.c.hash).where(log.c.prev_hash == link[0])
        for pause in _SETTLING_PAUSES_S:
            await asyncio.sleep(pause)
            try:
                async with asyncio.timeout(_ATTEMPT_S), self._engine.connect() as connection:
                    await connection.execute(_TAKE_TURN)  # the transaction in question has ended, one way or the other
                    found = (await connection.execute(behind)).scalar_one_or_none()
                    return bool(found == link[1])
            except self._faults:
                continue
        return None


class ServerStore:
    """The rows on a server. `transact` belongs to the running loop; the rest may be called without one."""

    def __init__(self, url: URL) -> None:
        self._url = url
        self._engine = server_engine(url)
        self._line: _Line | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._under_way: set[asyncio.Task[Any]] = set()

    def schema(self) -> Schema:
        try:
            return self._aside(self._schema())
        except raw_errors(self._url) as error:
            raise StoreError(reason(error)) from error

    async def _schema(self) -> Schema:
        async with asyncio.timeout(_ATTEMPT_S), self._engine.connect() as connection:
            return await connection.run_sync(schema_of)

    def connect(self) -> None:
        """Nothing yet: the first transaction connects, on its loop."""

    async def transact(self, work: Callable[[SqlRows], T]) -> T:
        loop = asyncio.get_running_loop()
        if self._line is None or self._loop is not loop:
            self._line, self._loop = _Line(self._engine), loop
        # A task of its own, shielded: a cancelled caller does not cut a transaction in two.
        task = loop.create_task(self._line.transact(work), name="transaction")
        self._under_way.add(task)
        task.add_done_callback(self._under_way.discard)
        return await asyncio.shield(task)

    def transact_now(self, work: Callable[[SqlRows], T]) -> T:
        return self._aside(self._alone(work))

    async def _alone(self, work: Callable[[SqlRows], T]) -> T:
        line = _Line(self._engine)
        try:
            return await line.transact(work)
        finally:
            await line.close()

    async def aclose(self) -> None:
        """Finish what was begun and close the connections, on the loop that they belong to."""
        while self._under_way:
            await asyncio.wait(set(self._under_way))
        line, self._line = self._line, None
        if line is not None:
            await line.close()

    def close(self) -> None:
        """As `aclose` where the loop has ended its work; connections of a closed loop are closed already."""
        if self._line is not None and self._loop is not None and not self._loop.is_closed():
            self._loop.run_until_complete(self.aclose())

    def _aside(self, doing: Coroutine[Any, Any, T]) -> T:
        """Run on a loop of its own, beside the running one if there is one."""
        with ThreadPoolExecutor(max_workers=1, thread_name_prefix="store") as thread:
            return thread.submit(asyncio.run, doing).result()


def raw_errors(url: URL) -> tuple[type[Exception], ...]:
    """Return the errors that a driver raises past SQLAlchemy while it connects."""
    if url.get_backend_name() != "postgresql":
        return ()
    import asyncpg  # type: ignore[import-untyped]  # only here: others do not load it

    return (asyncpg.PostgresError, asyncpg.InterfaceError)
