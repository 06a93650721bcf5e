"""Bring a database to a version of the schema: the child process of `Database.open`.

Rules of this room
    The URL is read from standard input; the version is the argument (`head` without one). What went wrong is one line.
    One migration at a time: whoever comes second waits, and finds the work done.
    SQLite and PostgreSQL change everything or nothing. MySQL and MariaDB commit each step; see `migrations/steps.py`.
"""

from __future__ import annotations

import asyncio
import sys
from typing import Any

from alembic import command
from alembic.config import Config
from alembic.util import CommandError
from sqlalchemy import URL, Connection, create_engine, event, text
from sqlalchemy.exc import SQLAlchemyError

from kis_daemon.ports import StoreError
from kis_daemon.store.faults import reason
from kis_daemon.store.scripts import MIGRATIONS, checksums, folders, schema_of
from kis_daemon.store.urls import database_url

_WAIT_S = 60  # for another start that migrates at this moment
_LOCK_KEY = 1_262_047_060  # PostgreSQL's locks have numbers: this one is "KIST" in ASCII


def migrate(url: URL, version: str = "head") -> None:
    """Bring the database at `url` up or down to `version`."""
    if url.get_backend_name() != "sqlite":
        asyncio.run(_on_a_server(url, version))
        return
    engine = create_engine(url)
    event.listen(engine, "connect", _leave_transactions_to_us)
    event.listen(engine, "begin", lambda connection: connection.exec_driver_sql("BEGIN IMMEDIATE"))
    try:
        with engine.begin() as connection:
            _run(connection, version)
    finally:
        engine.dispose()


async def _on_a_server(url: URL, version: str) -> None:
    from kis_daemon.store.server import server_engine

    engine = server_engine(url, patient=True)
    try:
        async with engine.begin() as connection:
            await connection.run_sync(_run, version)
    finally:
        await engine.dispose()


def _run(connection: Connection, version: str) -> None:
    backend = connection.dialect.name
    _take_the_lock(connection, backend)
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    config.set_main_option("path_separator", "newline")
    config.set_main_option("version_locations", "\n".join(map(str, folders(backend))))
    config.attributes["connection"] = connection
    before = schema_of(connection)
    before.refuse_strangers(backend)
    if version != "head" and before.version is not None and version < before.version:
        command.downgrade(config, version)
    else:
        command.upgrade(config, version)
    for applied, checksum in schema_of(connection).checksums.items():
        if checksum is None:
            connection.execute(
                text("UPDATE schema_version SET checksum = :checksum WHERE schema_version = :version"),
                {"version": applied, "checksum": checksums(backend)[applied]},
            )


def _take_the_lock(connection: Connection, backend: str) -> None:
    """Wait until no other start migrates; SQLite's file is locked since BEGIN IMMEDIATE."""
    if backend == "postgresql":
        connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _LOCK_KEY})
    elif backend != "sqlite":
        name = f"kis_daemon.migrate.{connection.engine.url.database}"[:64]
        if connection.execute(text("SELECT GET_LOCK(:name, :wait)"), {"name": name, "wait": _WAIT_S}).scalar() != 1:
            raise StoreError(f"another start has been migrating this database for {_WAIT_S} s")


def _leave_transactions_to_us(connection: Any, _record: object) -> None:
    connection.isolation_level = None  # the driver begins none before a change of the schema
    connection.execute(f"PRAGMA busy_timeout = {_WAIT_S * 1000}")


def main() -> int:
    """Migrate as told; return 0, or 1 with one line on standard error."""
    try:
        migrate(database_url(sys.stdin.readline().strip()), *sys.argv[1:2])
    except (StoreError, SQLAlchemyError, CommandError, OSError, TimeoutError) as error:
        print(reason(error), file=sys.stderr)  # noqa: T201  # read by `Database`
        return 1
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
