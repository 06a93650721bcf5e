"""Kills a migration at every statement that changes something, and looks whether the next start heals it.

`python -m tests.store.crashing URL up|down EVERY` works on a database of its own: it is dropped and made again for each
point. Prints the points tried; ends with 1 and words at the first that did not heal. Children are forked, so that
Alembic is imported once; nothing here has a thread.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

from sqlalchemy import URL, Engine, NullPool, event, text
from sqlalchemy.ext.asyncio import create_async_engine

from kis_daemon.store.database import Database
from kis_daemon.store.migrate import migrate
from kis_daemon.store.scripts import Schema
from kis_daemon.store.urls import database_url

_CHANGES = ("CREATE", "ALTER", "DROP", "INSERT", "UPDATE", "DELETE")
_KILLED = -signal.SIGKILL


def crash_everywhere(url: URL, way: str, every: int) -> int:
    """Return how many points were tried."""
    target = "head" if way == "up" else "0001"
    at = 1
    tried = 0
    while True:
        _in_a_child(lambda: _make_new(url))
        if way == "down":
            _in_a_child(lambda: migrate(url))
            _in_a_child(lambda: _keep_something(url))
        code = _in_a_child(lambda at=at: _migrate_until(url, target, at), may_die=True)  # type: ignore[misc]
        if code == 0:
            return tried
        if code != _KILLED:
            raise SystemExit(f"{way}, statement {at}: exit {code}")
        _in_a_child(lambda: migrate(url, target))
        _in_a_child(lambda: migrate(url))
        _in_a_child(lambda: _is_whole(url, way))
        tried += 1
        at += every


def _in_a_child(work: Callable[[], object], *, may_die: bool = False) -> int:
    pid = os.fork()
    if pid == 0:
        try:
            work()
            os._exit(0)
        except BaseException as error:  # noqa: BLE001  # told by the exit code
            sys.stderr.write(f"{type(error).__name__}: {error}\n")
            sys.stderr.flush()
            os._exit(1)
    code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    if code != 0 and not may_die:
        raise SystemExit(f"a child that should have lived ended with {code}")
    return code


def _migrate_until(url: URL, target: str, last: int) -> None:
    """Migrate, and die right after the statement number `last` was done."""
    seen = 0

    def count(_connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
        nonlocal seen
        seen += statement.lstrip().upper().startswith(_CHANGES)
        if seen >= last:
            os.kill(os.getpid(), signal.SIGKILL)

    event.listen(Engine, "after_cursor_execute", count)
    migrate(url, target)


def _make_new(url: URL) -> None:
    if url.get_backend_name() == "sqlite":
        for suffix in ("", "-wal", "-shm", "-journal"):
            with suppress(FileNotFoundError):
                Path(f"{url.database}{suffix}").unlink()
        return
    asyncio.run(_make_new_on_a_server(url))


async def _make_new_on_a_server(url: URL) -> None:
    postgresql = url.get_backend_name() == "postgresql"
    engine = create_async_engine(
        url.set(database="postgres" if postgresql else "mysql"), poolclass=NullPool, isolation_level="AUTOCOMMIT"
    )
    async with engine.connect() as connection:
        force = " WITH (FORCE)" if postgresql else ""
        await connection.execute(text(f"DROP DATABASE IF EXISTS {url.database}{force}"))
        await connection.execute(text(f"CREATE DATABASE {url.database}"))


def _keep_something(url: URL) -> None:
    database = Database(url.render_as_string(hide_password=False))
    database.open()
    database.transact_now(lambda rows: rows.set_mark("kept", "through it all"))
    database.close()


def _is_whole(url: URL, way: str) -> None:
    database = Database(url.render_as_string(hide_password=False))
    assert _current(database.schema())
    database.open()
    kept = database.transact_now(lambda rows: (rows.mark("kept"), rows.unadopted_events(), rows.kill_switch()))[0]
    database.close()
    assert kept == (None if way == "up" else "through it all"), kept


def _current(schema: Schema) -> bool:
    return schema.is_current


if __name__ == "__main__":
    sys.stdout.write(f"{crash_everywhere(database_url(sys.argv[1]), sys.argv[2], int(sys.argv[3]))}\n")
