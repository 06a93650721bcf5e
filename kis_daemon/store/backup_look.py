"""Looking into a database without changing it: what stands in it, and whether its chain holds.

Rules of this room
    Nothing of the daemon's is taken: no turn at the chain, no lock, no migration. An older schema is read as it is.
    The judgement about the chain is `domain.chain`'s alone.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import TypeVar

from sqlalchemy import URL, Connection, NullPool, create_engine, func, inspect, select, table
from sqlalchemy.exc import SQLAlchemyError

from kis_daemon.domain.chain import GENESIS, Examination, Report
from kis_daemon.ports import StoreError
from kis_daemon.store import schema
from kis_daemon.store.backup_files import Unsound
from kis_daemon.store.faults import reason
from kis_daemon.store.rows import SqlRows
from kis_daemon.store.scripts import schema_of
from kis_daemon.store.urls import shown

T = TypeVar("T")

EVENTS = schema.event_log.name


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """What stands in a database: its schema (None: none of ours), the head of its chain, the rows of each table."""

    schema_version: str | None
    head: str
    counts: Mapping[str, int]

    @property
    def events(self) -> int:
        return self.counts.get(EVENTS, 0)


def asked(url: URL, question: Callable[[Connection], T]) -> T:
    """Return the answer to a question on a connection of its own; `StoreError` where there is none."""
    try:
        if url.get_backend_name() != "sqlite":
            return asyncio.run(_asked_of_a_server(url, question))
        engine = create_engine(url, poolclass=NullPool, hide_parameters=True)
        with engine.connect() as connection:
            return question(connection)
    except (SQLAlchemyError, OSError, EOFError) as error:
        raise StoreError(f"{reason(error)} ({shown(url)})") from error


async def _asked_of_a_server(url: URL, question: Callable[[Connection], T]) -> T:
    from kis_daemon.store.server import raw_errors, server_engine  # late, as `database.py` loads it

    try:
        async with server_engine(url, patient=True).connect() as connection:
            return await connection.run_sync(question)
    except raw_errors(url) as error:
        raise StoreError(f"{reason(error)} ({shown(url)})") from error


def look(url: URL) -> Look:
    """Return what stands in the database at this moment."""
    return asked(url, _look)


def has_link(url: URL, head: str) -> bool:
    """Whether the chain of the database goes through the hash `head`."""
    log = schema.event_log
    query = select(func.count()).select_from(log).where(log.c.hash == head)
    return head == GENESIS or asked(url, lambda connection: bool(connection.execute(query).scalar_one()))


def examined(url: URL, heads: Iterable[str] = ()) -> tuple[Look, Report]:
    """Follow the whole chain, which must reach `heads`; `domain.chain.Broken` or `Unsound` at the first difference."""

    def question(connection: Connection) -> tuple[Look, Report]:
        if connection.dialect.name == "sqlite":
            _refuse_broken_pages(connection)
        found = _look(connection)
        examination, rows = Examination(heads=heads), SqlRows(connection)
        if EVENTS in found.counts:
            while page := rows.event_texts(examination.last_seen):
                examination.follow(page)
        has_adoptions = schema.adopted_events.name in found.counts
        return found, examination.report(rows.adoptions() if has_adoptions else None)

    return asked(url, question)


def _look(connection: Connection) -> Look:
    names = sorted(inspect(connection).get_table_names())
    counts = {
        name: int(connection.execute(select(func.count()).select_from(table(name))).scalar_one()) for name in names
    }
    head = SqlRows(connection).chain_head() if EVENTS in counts else GENESIS
    return Look(schema_version=schema_of(connection).version, head=head, counts=counts)


def _refuse_broken_pages(connection: Connection) -> None:
    told = connection.exec_driver_sql("PRAGMA integrity_check(1)").scalar_one()
    if told != "ok":
        raise Unsound("unreadable", reason=" ".join(str(told).split()))
    stray = connection.exec_driver_sql("PRAGMA foreign_key_check").first()
    if stray is not None:
        raise Unsound("unreadable", reason=f"{stray[0]}, row {stray[1]}: what it refers to in {stray[2]} is missing")
