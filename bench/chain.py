"""`python -m bench.chain [--events N] [--kind sqlite|mariadb|postgresql]`: how long a log takes to be verified.

The log and its mirror are made first, which is not measured; then the database is read in pages and held against the
mirror to the byte, as `main.py audit verify` does, and the mirror is examined alone.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from itertools import islice
from pathlib import Path

from sqlalchemy import text

from kis_daemon.domain.chain import GENESIS, Row, examined_file, line_of, lines_of, link_hash
from kis_daemon.services.audit_verify import verified
from kis_daemon.store.database import Database
from kis_daemon.store.server import server_engine
from kis_daemon.store.urls import database_url
from tests.store.servers import PrivateServer, mariadb, postgresql

_PAYLOAD = (
    '{"amount":12232200,"cumulative_quantity":111,"fee":1718,"name":"에코프로비엠","order_key":"%064x",'
    '"order_quantity":111,"price":110200,"quantity":111,"realized_pnl":null,"rule":"TREND_ATR_BREAKOUT",'
    '"side":"BUY","symbol":"247540","tax":0}'
)
_INSERT = (
    "INSERT INTO event_log(event_id, timestamp, event_type, correlation_id, actor, payload_json, prev_hash, hash) "
    "VALUES(:id, :at, :kind, :correlation, :actor, :payload, :prev, :own)"
)
_SERVERS: dict[str, Callable[[], PrivateServer]] = {"mariadb": mariadb, "postgresql": postgresql}


def rows(count: int) -> Iterator[Row]:
    """Yield a chain of `count` facts of the usual size."""
    head = GENESIS
    for number in range(1, count + 1):
        at = f"2026-03-{number * 28 // (count + 1) + 1:02d}T00:00:10.{number % 1_000_000:06d}Z"
        correlation = f"20260303|247540|TREND_ATR_BREAKOUT|1|{number % 97}"
        payload = _PAYLOAD % number
        own = link_hash(head, at, "order_filled", correlation, payload)
        yield (number, at, "order_filled", correlation, "engine", payload, head, own)
        head = own


def fill(url: str, count: int) -> None:
    """Put the chain into the database at `url`."""
    target = database_url(url)
    if target.get_backend_name() == "sqlite":
        import sqlite3

        with sqlite3.connect(target.database or "") as connection:
            connection.execute("PRAGMA synchronous = OFF")
            places = "INSERT INTO event_log VALUES(?,?,?,?,?,?,?,?)"
            stored = ((n, f"{at[:10]} {at[11:-1]}", *rest) for n, at, *rest in rows(count))
            connection.executemany(places, stored)
        connection.close()
        return
    if target.get_backend_name() == "mysql":
        _load(url, count)
    else:
        asyncio.run(_fill_server(url, count))


def _load(url: str, count: int) -> None:
    """Have MariaDB read the chain from a file of this machine: a row at a time it would take minutes."""
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder, "events.tsv")
        with place.open("w", encoding="utf-8", newline="\n") as file:
            for number, at, *rest in rows(count):
                file.write("\t".join((str(number), f"{at[:10]} {at[11:-1]}", *map(str, rest))) + "\n")
        Path(folder).chmod(0o755)
        read = (
            f"LOAD DATA INFILE '{place}' INTO TABLE event_log CHARACTER SET utf8mb4 "
            r"FIELDS TERMINATED BY '\t' ESCAPED BY '' LINES TERMINATED BY '\n'"
        )
        asyncio.run(_run(url, "SET SESSION unique_checks = 0, foreign_key_checks = 0", read))


async def _run(url: str, *statements: str) -> None:
    engine = server_engine(database_url(url), patient=True)
    async with engine.begin() as connection:
        for statement in statements:
            await connection.exec_driver_sql(statement)
    await engine.dispose()


async def _fill_server(url: str, count: int) -> None:
    from datetime import datetime

    names = ("id", "at", "kind", "correlation", "actor", "payload", "prev", "own")
    engine = server_engine(database_url(url), patient=True)
    chain = rows(count)
    async with engine.begin() as connection:
        while page := list(islice(chain, 5_000)):
            values = [
                dict(zip(names, (n, datetime.fromisoformat(at[:-1]), *rest), strict=True)) for n, at, *rest in page
            ]
            await connection.execute(text(_INSERT), values)
    await engine.dispose()


def measure(kind: str, count: int) -> list[tuple[str, float]]:
    """Return what each way of verifying took, in seconds."""
    server = None if kind == "sqlite" else _SERVERS[kind]()
    with tempfile.TemporaryDirectory() as folder:
        try:
            mirror = Path(folder, "audit_20260303.json")
            with mirror.open("w", encoding="utf-8", newline="\n") as file:
                file.writelines(map(line_of, rows(count)))
            if server is None:
                url = f"sqlite:///{folder}/bench.db"
            else:
                asyncio.run(_create(server))
                url = server.url("bench")
            database = Database(url)
            database.open()
            fill(url, count)
            took = asyncio.run(_verify(database, mirror, count))
            database.close()
            began = time.perf_counter()
            examined_file(lines_of([mirror]))
            took.append(("mirror alone", time.perf_counter() - began))
            return took
        finally:
            if server is not None:
                server.stop()


async def _verify(database: Database, mirror: Path, count: int) -> list[tuple[str, float]]:
    took = []
    for name, files in (("database alone", None), ("database and mirror", [mirror])):
        began = time.perf_counter()
        report = await verified(database, None if files is None else lines_of(files))
        took.append((name, time.perf_counter() - began))
        if report.events != count:
            raise RuntimeError(f"{report.events} events, {count} were made")
    await database.aclose()
    return took


async def _create(server: PrivateServer) -> None:
    engine = server_engine(database_url(server.url("postgres" if server.kind == "postgresql" else "mysql")))
    async with engine.connect() as connection:
        raw = await connection.execution_options(isolation_level="AUTOCOMMIT")
        await raw.execute(text("CREATE DATABASE bench"))
    await engine.dispose()


def main(argv: Sequence[str] | None = None) -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="python -m bench.chain", description=__doc__)
    parser.add_argument("--events", type=int, default=1_000_000)
    parser.add_argument("--kind", choices=["sqlite", *_SERVERS], default="sqlite")
    told = parser.parse_args(argv)
    for name, seconds in measure(told.kind, told.events):
        print(f"{told.kind:10} {told.events:>9,} events  {name:20} {seconds:6.2f} s")
    return 0


if __name__ == "__main__":
    sys.exit(main())
