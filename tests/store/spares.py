"""The spare records over a database in trouble, and stories about them in virtual time."""

from __future__ import annotations

import asyncio
import functools
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeVar

from kis_daemon.domain.orders import Happening, Order, OrderNo
from kis_daemon.domain.safeguards import KillSwitch, KillSwitchScope, KillSwitchStatus
from kis_daemon.ports import Rows, StoreError
from kis_daemon.store.database import Database
from kis_daemon.store.rows import SqlRows
from kis_daemon.store.spare import SpareRecords
from kis_daemon.virtual_loop import VirtualLoop
from tests.services.builders import TEN_O_CLOCK, a_position
from tests.store.builders import a_database
from tests.store.test_spare import Noon, Wobbly, an_event

T = TypeVar("T")


class Troubled(Wobbly):
    """A database that runs one transaction after the other, may read and not write, and may hang before or after."""

    def __init__(self, database: Database) -> None:
        super().__init__(database)
        self.cannot_write = ""
        self.hangs_before_s = 0.0
        self.hangs_after_s = 0.0
        self._turn = asyncio.Lock()

    async def transact(self, work: Callable[[SqlRows], T]) -> T:
        return await asyncio.shield(asyncio.create_task(self._in_turn(work)))

    async def _in_turn(self, work: Callable[[SqlRows], T]) -> T:
        def whole(rows: SqlRows) -> T:
            result = work(rows)
            if rows.wrote and self.cannot_write:
                raise StoreError(self.cannot_write)
            return result

        async with self._turn:
            await asyncio.sleep(self.hangs_before_s)
            result = await super().transact(whole)
            await asyncio.sleep(self.hangs_after_s)
            return result

    def events(self) -> list[str]:
        return [row.event_type for row in self.database.transact_now(lambda rows: rows.events())]


Story = Callable[[Troubled, Path], Awaitable[None]]


def lived(story: Story) -> Callable[[Path], None]:
    """Make a test of a story over a database and in a folder, in virtual time."""

    async def live(folder: Path) -> None:
        with a_database(folder, durable=False) as database:
            await story(Troubled(database), folder)

    @functools.wraps(story)
    def test(tmp_path: Path) -> None:
        with asyncio.Runner(loop_factory=VirtualLoop) as runner:
            runner.run(live(tmp_path))

    del test.__wrapped__  # pytest reads its fixtures from the signature
    return test


def spare_path(folder: Path) -> Path:
    return folder / "order_journal.jsonl"


@asynccontextmanager
async def spare(
    primary: Wobbly, folder: Path, *, primary_is_open: bool = True, keeps_state: bool = True
) -> AsyncIterator[SpareRecords]:
    records = SpareRecords(primary, spare_path(folder), Noon(), keeps_state=keeps_state)
    await records.open(primary_is_open=primary_is_open)
    try:
        yield records
    finally:
        records.close()


def hold(rows: Rows) -> None:
    rows.save_position(a_position())


def held(rows: Rows) -> tuple[Any, ...]:
    return rows.open_positions()


def note(name: str) -> Callable[[Rows], None]:
    return lambda rows: rows.append(an_event(name))


def a_switch(status: KillSwitchStatus, reason: str) -> KillSwitch:
    return KillSwitch(status=status, scope=KillSwitchScope.ALL, reason=reason, actor="operator", since=TEN_O_CLOCK)


RELEASED = a_switch(KillSwitchStatus.INACTIVE, "checked")
HALTED = a_switch(KillSwitchStatus.ACTIVE, "stop all")


def accepted(order: Order) -> Order:
    return replace(order.moved(Happening.ACCEPTED, TEN_O_CLOCK), order_no=OrderNo("77"), branch_no="00950")


def filled(order: Order) -> Order:
    whole = order.intent.quantity
    return replace(order.moved(Happening.FILLED, TEN_O_CLOCK), filled_quantity=whole, filled_amount=whole * 70_000)


@contextmanager
def full_disk(records: SpareRecords) -> Iterator[None]:
    """Have the spare file take no line meanwhile."""

    def refuses(line: dict[str, Any]) -> None:
        raise StoreError(f"no space left for {len(line)} values")

    records._file.append = refuses  # type: ignore[method-assign]
    try:
        yield
    finally:
        del records._file.append
