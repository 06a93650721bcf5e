"""The floor under an order: commits on the bare driver and one POST on bare aiohttp, nothing else.

Rules of this room
    A commit is what the driver alone needs for one row of an order's size to be safe: the same database, the same
    durability, no daemon in between. SQLite is called in place: a thread would cost a caller more.
    The POST has the daemon's headers and body, over one kept connection. Its answer is read.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing
from typing import Any, Protocol

import aiohttp
from sqlalchemy import make_url

from bench.calls import HEADERS, ORDER

_TABLE = "CREATE TABLE bench_floor(id INTEGER PRIMARY KEY, told VARCHAR(2000) NOT NULL)"
_ROW = json.dumps({f"field_{number:02}": "a value of an order" for number in range(24)})


class Floor(Protocol):
    """One bare connection."""

    async def commit(self, number: int) -> None:
        """Write one row and commit it."""


class _Sqlite:
    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    async def commit(self, number: int) -> None:
        execute = self._connection.execute
        execute("BEGIN IMMEDIATE")
        execute("INSERT INTO bench_floor VALUES(?, ?)", (number, _ROW))
        execute("COMMIT")


class _MySql:
    def __init__(self, connection: Any) -> None:
        self._connection = connection

    async def commit(self, number: int) -> None:
        await self._connection.begin()
        async with self._connection.cursor() as cursor:
            await cursor.execute("INSERT INTO bench_floor VALUES(%s, %s)", (number, _ROW))
        await self._connection.commit()


@asynccontextmanager
async def floor_on(url: str) -> AsyncIterator[Floor]:
    """Connect to the database at `url`, in the daemon's own durability."""
    target = make_url(url)
    if target.get_backend_name() == "sqlite":
        with closing(sqlite3.connect(f"{target.database}.floor", isolation_level=None)) as file:
            file.execute("PRAGMA journal_mode = WAL")
            file.execute("PRAGMA synchronous = FULL")
            file.execute(_TABLE)
            yield _Sqlite(file)
        return
    import aiomysql  # type: ignore[import-untyped]  # only where a server is measured

    connection = await aiomysql.connect(
        host=target.host, port=target.port, user=target.username, password=target.password, db=target.database
    )
    try:
        async with connection.cursor() as cursor:
            await cursor.execute(_TABLE)
        yield _MySql(connection)
    finally:
        connection.close()


async def order(session: aiohttp.ClientSession, url: str) -> None:
    """Send an order as somebody does who has aiohttp and nothing else."""
    headers = {**HEADERS, "tr_id": ORDER.tr_id}
    async with session.post(url + ORDER.path, json=ORDER.body, headers=headers) as response:
        json.loads(await response.read())
