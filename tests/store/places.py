"""The three kinds of database that a contract test runs on, each empty and of the newest schema.

An operator's own hand (`by_hand`) works in a connection that knows nothing of the daemon's; what it reads comes back in
one form: moments as text with microseconds, days as text, truth as 0 and 1.
"""

from __future__ import annotations

import asyncio
import itertools
import re
import sqlite3
import threading
from collections.abc import Callable, Coroutine
from contextlib import closing
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any, TypeVar

from kis_daemon.store.schema import metadata
from tests.conftest import require_services
from tests.store import servers
from tests.store.builders import a_file
from tests.store.servers import PrivateServer, ServerAbsent

T = TypeVar("T")

KINDS = ("sqlite", "mariadb", "postgresql")


class Place:
    """One database: its URL, and an operator's hand in it."""

    kind: str
    url: str
    now: str
    """The expression for the present moment that an operator would write."""

    def by_hand(self, sql: str, *values: Any) -> list[tuple[Any, ...]]:
        """Run one statement with `?` for each value, and commit."""
        raise NotImplementedError


class FilePlace(Place):
    kind = "sqlite"
    now = "datetime('now')"

    def __init__(self, file: Path) -> None:
        self.file = file
        self.url = f"sqlite:///{file}"

    def by_hand(self, sql: str, *values: Any) -> list[tuple[Any, ...]]:
        with closing(sqlite3.connect(self.file)) as connection, connection:
            return connection.execute(sql, values).fetchall()


class ServerPlace(Place):
    now = "NOW()"

    def __init__(self, server: PrivateServer, name: str, desk: Desk) -> None:
        self.server = server
        self.kind = server.kind
        self.name = name
        self.url = server.url(name)
        self._desk = desk

    def by_hand(self, sql: str, *values: Any) -> list[tuple[Any, ...]]:
        return self._desk.run(self.name, sql, values)

    def drop(self) -> None:
        self._desk.leave(self.name)
        force = " WITH (FORCE)" if self.kind == "postgresql" else ""
        self._desk.run(None, f"DROP DATABASE IF EXISTS {self.name}{force}", ())

    def empty(self) -> None:
        """Take every row out and number from 1 again; the log's triggers are a superuser's to switch off."""
        tables = [name for name in metadata.tables if name not in ("schema_version", "chain_lock")]
        if self.kind == "postgresql":
            self.by_hand("SET session_replication_role = replica")
            self.by_hand(f"TRUNCATE {', '.join(tables)} RESTART IDENTITY")
            self.by_hand("SET session_replication_role = DEFAULT")
            return
        used = " UNION ALL ".join(f"(SELECT '{name}' FROM {name} LIMIT 1)" for name in tables)
        self.by_hand("SET foreign_key_checks = 0")
        for (name,) in self.by_hand(used):
            self.by_hand(f"TRUNCATE {name}")
        self.by_hand("SET foreign_key_checks = 1")


class Desk:
    """Plain driver connections to one server, on a loop and a thread of their own."""

    def __init__(self, server: PrivateServer) -> None:
        self._server = server
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="desk", daemon=True)
        self._thread.start()
        self._connections: dict[str | None, Any] = {}

    def run(self, database: str | None, sql: str, values: tuple[Any, ...]) -> list[tuple[Any, ...]]:
        rows = self._wait(self._run(database, sql, values))
        return [tuple(_plain(value) for value in row) for row in rows]

    def leave(self, database: str | None) -> None:
        self._wait(self._leave(database))

    def close(self) -> None:
        for database in list(self._connections):
            self.leave(database)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def _wait(self, doing: Coroutine[Any, Any, T]) -> T:
        return asyncio.run_coroutine_threadsafe(doing, self._loop).result(60)

    async def _run(self, database: str | None, sql: str, values: tuple[Any, ...]) -> list[tuple[Any, ...]]:
        if database not in self._connections:
            self._connections[database] = await self._connected(database)
        connection = self._connections[database]
        if self._server.kind == "postgresql":
            numbers = itertools.count(1)
            return list(await connection.fetch(re.sub(r"\?", lambda _: f"${next(numbers)}", sql), *values))
        async with connection.cursor() as cursor:
            await cursor.execute(sql.replace("%", "%%").replace("?", "%s") if values else sql, values or None)
            return list(await cursor.fetchall())

    async def _connected(self, database: str | None) -> Any:
        server = self._server
        password = server.url("x").partition("@")[0].rpartition(":")[2]
        if server.kind == "postgresql":
            import asyncpg  # type: ignore[import-untyped]

            return await asyncpg.connect(
                host="127.0.0.1", port=server.port, user=server.user, password=password, database=database or "postgres"
            )
        import aiomysql  # type: ignore[import-untyped]

        return await aiomysql.connect(
            host="127.0.0.1", port=server.port, user=server.user, password=password, db=database, autocommit=True
        )

    async def _leave(self, database: str | None) -> None:
        connection = self._connections.pop(database, None)
        if connection is None:
            return
        if self._server.kind == "postgresql":
            connection.terminate()
        else:
            connection.close()
        await asyncio.sleep(0)


class Servers:
    """Starts each server when the first test asks for it."""

    def __init__(self) -> None:
        self._made: dict[str, tuple[PrivateServer, Desk]] = {}
        self._absent: dict[str, str] = {}
        self._names = itertools.count(1)
        self._kept: dict[str, ServerPlace] = {}

    def new(self, kind: str) -> ServerPlace:
        """Return a database that nobody has used; nothing is in it."""
        server, desk = self._server(kind)
        name = f"kis_{next(self._names)}"
        desk.run(None, f"CREATE DATABASE {name}", ())
        return ServerPlace(server, name, desk)

    def kept(self, kind: str, migrate: Callable[[str], None]) -> ServerPlace:
        """Return the migrated database that tests share one after the other, empty."""
        if kind not in self._kept:
            self._kept[kind] = self.new(kind)
            migrate(self._kept[kind].url)
        else:
            self._kept[kind].empty()
        return self._kept[kind]

    def stop(self) -> None:
        for server, desk in self._made.values():
            desk.close()
            server.stop()

    def _server(self, kind: str) -> tuple[PrivateServer, Desk]:
        if kind in self._absent:
            require_services(self._absent[kind])
        if kind not in self._made:
            try:
                server = servers.mariadb() if kind == "mariadb" else servers.postgresql()
            except ServerAbsent as error:
                self._absent[kind] = str(error)
                require_services(str(error))
            self._made[kind] = (server, Desk(server))
        return self._made[kind]


def file_place(folder: Path) -> FilePlace:
    return FilePlace(a_file(folder))


def _plain(value: Any) -> Any:
    match value:
        case bool():
            return int(value)
        case datetime():
            return value.isoformat(sep=" ", timespec="microseconds")
        case date():
            return str(value)
        case Decimal():
            return int(value)
    return value
