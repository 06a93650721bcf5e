"""A process that appends events to a database: `python -m tests.store.writer URL NAME COUNT`, at a line of input."""

from __future__ import annotations

import asyncio
import sys

from kis_daemon.domain.events import Event
from kis_daemon.store.database import Database
from tests.services.builders import TEN_O_CLOCK


async def _write(database: Database, name: str, count: int) -> None:
    for _ in range(count):
        await database.transact(lambda rows: rows.append(Event(at=TEN_O_CLOCK, type=name)))
        await asyncio.sleep(0)
    await database.aclose()


def main(url: str, name: str, count: str) -> None:
    database = Database(url)
    database.open()
    sys.stdout.write("open\n")
    sys.stdout.flush()
    sys.stdin.readline()
    asyncio.run(_write(database, name, int(count)))
    database.close()


if __name__ == "__main__":
    main(*sys.argv[1:])
