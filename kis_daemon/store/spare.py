"""The records while the database is away: what is held can still be sold (architecture, section 3).

Rules of this room
    Every transaction goes to the database. What it wrote is repeated in memory, so that memory knows what a stop needs:
    open orders, positions, marks, and the kill switch as it was last read.
    A database that fails is away. From then on transactions run in memory, and what they write becomes one line of the
    spare file, on the disk before anything is sent. No entry is claimed there.
    The database is asked again; when it answers, the lines are written to it in their order, each in one transaction,
    and only then is it in charge again. The order's key decides: what stands there already is not written twice.
    A start finds the lines that were left, and begins with them; without the database it begins in their memory.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Sequence
from datetime import date
from pathlib import Path
from typing import Any, Protocol, TypeVar, cast

import structlog

from kis_daemon.domain.events import Event
from kis_daemon.domain.market import Side
from kis_daemon.domain.orders import Order
from kis_daemon.ports import Clock, OutcomeUnknown, Rows, StaleVersion, StoreError, WriteRefused
from kis_daemon.store.memory import MemoryRows, Tables
from kis_daemon.store.rows import SqlRows
from kis_daemon.store.spare_file import SpareFile
from kis_daemon.store.writes import (
    MIRRORED,
    ORDER_KNOWN,
    SWITCH_SEEN,
    Batch,
    Listening,
    Write,
    as_lines,
    as_writes,
    merge,
)

T = TypeVar("T")

log = structlog.get_logger("store")

_KEEP_STATE_S = 5.0  # how old the state on the disk may be while the database is in charge
_PAUSES_S = (1.0, 2.0, 5.0, 10.0)  # between two questions to a database that is away; the last one stays


class Primary(Protocol):
    """The database, as far as it is needed here."""

    async def transact(self, work: Callable[[SqlRows], T]) -> T: ...


class _SpareRows(MemoryRows):
    """Memory, while it stands in: nothing new is bought on its word."""

    def claim_order(self, order: Order) -> bool:
        if order.intent.side is Side.BUY:
            raise StoreError("the database is away: entries wait for it")
        return super().claim_order(order)


class SpareRecords:
    """`ports.Records` over a database and what stands in for it. `degraded` says why it does, "" while it does not.

    `reopen` opens a database that could not be opened at the start. With `keeps_state` what a stop needs is on the disk
    all the time, so that a start can do without the database.
    """

    def __init__(
        self,
        primary: Primary,
        path: Path,
        clock: Clock,
        *,
        reopen: Callable[[], None] | None = None,
        keeps_state: bool = False,
    ) -> None:
        self._primary = primary
        self._file = SpareFile(path)
        self._clock = clock
        self._reopen = reopen
        self._keeps_state = keeps_state
        self._tables = Tables()
        self._day = date.min
        self._batches: list[Batch] = []
        self._state_is_kept = False
        self._one_at_a_time = asyncio.Lock()
        self._away = asyncio.Event()
        self._state_moved = asyncio.Event()
        self.degraded = ""

    # --- the beginning and the end --------------------------------------------------------------------------

    async def open(self, *, primary_is_open: bool) -> None:
        """Take up what was left behind; `StoreError` if neither the database nor a line of ours can be read."""
        lines = self._file.open()
        if not primary_is_open and not lines:
            raise StoreError("the database is away, and nothing stands in for it")
        for line in lines:
            if "state" in line:
                self._apply(as_writes(line["state"]))
                self._state_is_kept = True
            else:
                batch = Batch(writes=as_writes(line["writes"]), maybe=bool(line["maybe"]))
                self._apply(batch.writes)
                self._batches.append(batch)
        if not primary_is_open:
            self._begin("not reached at the start")
        elif self._batches:
            self.degraded = "lines were left by an earlier run"
            await self._merge()
        else:
            await self._load()

    def close(self) -> None:
        """Close the file; lines that are not merged stay for the next start."""
        self._file.close()

    async def _load(self) -> None:
        """Learn from the database what a stop needs."""
        today = self._clock.now().date()

        def state(rows: SqlRows) -> list[Write]:
            orders = {order.key: order for order in (*rows.orders_of(today), *rows.live_orders())}
            trades = {trade.order_key: trade for trade in rows.trades(today, today)}
            trades |= {key: trade for key in orders if (trade := rows.trade(key)) is not None}
            return [
                *(Write(name=ORDER_KNOWN, args=(order,)) for order in orders.values()),
                *(Write(name="save_position", args=(position,)) for position in rows.open_positions()),
                *(Write(name="save_trade", args=(trade,)) for trade in trades.values()),
                *(Write(name="set_mark", args=mark) for mark in rows.marks()),
                Write(name=SWITCH_SEEN, args=(rows.kill_switch(),)),
            ]

        found = await self._primary.transact(state)
        self._tables = Tables()
        self._apply(found)

    def _state(self) -> list[Write]:
        """Return what memory knows, as writes that make it again."""
        tables = self._tables
        held = [position for position, closed_at in tables.positions.values() if closed_at is None]
        return [
            *(Write(name=ORDER_KNOWN, args=(order,)) for order in tables.orders.values()),
            *(Write(name="save_position", args=(position,)) for position in held),
            *(Write(name="save_trade", args=(trade,)) for trade in tables.trades.values()),
            *(Write(name="set_mark", args=mark) for mark in tables.marks.items()),
            Write(name=SWITCH_SEEN, args=(tables.switch,)),
        ]

    # --- transactions ---------------------------------------------------------------------------------------

    async def transact(self, work: Callable[[Rows], T]) -> T:
        # Shielded: a cancelled caller does not take back a transaction that stands in the queue.
        return await asyncio.shield(self._in_turn(work))

    async def _in_turn(self, work: Callable[[Rows], T]) -> T:
        async with self._one_at_a_time:
            if self.degraded:
                return self._in_memory(work, maybe=False)

            def whole(rows: SqlRows) -> tuple[list[Write], T]:
                writes: list[Write] = []
                result = work(cast("Rows", Listening(rows, writes)))
                return writes, result

            try:
                writes, result = await self._primary.transact(whole)
            except (StaleVersion, WriteRefused):
                raise
            except StoreError as error:
                self._begin(str(error))
                maybe = isinstance(error, OutcomeUnknown)
                try:
                    return self._in_memory(work, maybe=maybe)
                except StoreError as refused:
                    raise (error if maybe else refused) from None  # what memory refuses may stand in the database
            self._apply(writes)
            return result

    def _begin(self, reason: str) -> None:
        """The database is away, and memory stands in for it."""
        log.error("store_away", reason=reason)
        self.degraded = reason
        self._away.set()

    def _in_memory(self, work: Callable[[Rows], T], *, maybe: bool) -> T:
        rows = _SpareRows(self._tables)
        writes: list[Write] = []
        state = None if self._batches or self._state_is_kept else as_lines(self._state())
        try:
            result = work(cast("Rows", Listening(rows, writes)))
            kept = tuple(write for write in writes if write.name != SWITCH_SEEN)
            if kept:
                self._keep(kept, state, maybe=maybe)
        except BaseException:
            rows.undo()
            raise
        finally:
            self._tables.events.clear()
        return result

    def _keep(self, writes: tuple[Write, ...], state: list[list[Any]] | None, *, maybe: bool) -> None:
        """Have a line on the disk, behind one that says what it builds on."""
        if state is not None:
            self._file.append({"state": state})
            self._state_is_kept = True
        self._file.append({"maybe": maybe, "writes": as_lines(writes)})
        self._batches.append(Batch(writes=writes, maybe=maybe))

    def _apply(self, writes: Sequence[Write]) -> None:
        """Have memory follow what the database, or a line, says."""
        rows = MemoryRows(self._tables)
        for write in writes:
            if write.name == SWITCH_SEEN:
                self._tables.switch = write.args[0]
            elif write.name == ORDER_KNOWN:
                order = write.args[0]
                self._tables.orders[order.key] = order
                self._tables.signals[order.mode, order.intent.side.value, order.intent.signal_id] = order.key
            elif write.name in MIRRORED:
                if write.name == "claim_order":
                    self._forget_before(write.args[0].day)
                if write.name == "save_order" and write.args[0].key not in self._tables.orders:
                    self._tables.orders[write.args[0].key] = write.args[0]
                else:
                    getattr(rows, write.name)(*write.args)
                self._state_is_kept = self._state_is_kept and bool(self._batches)
        if self._keeps_state and not self._state_is_kept:
            self._state_moved.set()

    def _forget_before(self, day: date) -> None:
        """Let go of what was over before `day`."""
        if day <= self._day:
            return
        self._day = day
        tables = self._tables
        tables.orders = {key: order for key, order in tables.orders.items() if order.is_live or order.day >= day}
        tables.signals = {signal: key for signal, key in tables.signals.items() if key in tables.orders}
        tables.fills = {key: fill for key, fill in tables.fills.items() if key[0] in tables.orders}
        tables.trades = {
            key: trade for key, trade in tables.trades.items() if key in tables.orders or trade.at.date() >= day
        }
        tables.positions = {key: held for key, held in tables.positions.items() if held[1] is None}

    # --- back again -----------------------------------------------------------------------------------------

    async def mend(self) -> None:
        """Keep the state on the disk; give a database that was away what it missed; until cancelled."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._keep_state(), name="store-state")
            group.create_task(self._come_back(), name="store-back")

    async def _keep_state(self) -> None:
        while True:
            await self._state_moved.wait()
            await asyncio.sleep(_KEEP_STATE_S)
            self._state_moved.clear()
            self._refresh_state()

    async def _come_back(self) -> None:
        while True:
            await self._away.wait()
            self._away.clear()
            pauses = iter(_PAUSES_S)
            pause = next(pauses)
            while self.degraded:
                await asyncio.sleep(pause)
                pause = next(pauses, pause)
                try:
                    await self._mend_once()
                except StoreError as error:
                    log.warning("store_still_away", reason=str(error), waiting=len(self._batches))

    async def _mend_once(self) -> None:
        """Ask the database whether it is there, beside the transactions; if so, put it in charge again."""
        if self._reopen is not None:
            await asyncio.to_thread(self._reopen)
            self._reopen = None
        await self._primary.transact(lambda rows: rows.chain_head())
        async with self._one_at_a_time:
            await self._merge()

    def _refresh_state(self) -> None:
        """Write down what has changed since the state on the disk; a disk that refuses is told, and tried again."""
        if self.degraded or self._state_is_kept:
            return
        try:
            self._file.clear()
            self._file.append({"state": as_lines(self._state())})
            self._state_is_kept = True
        except StoreError as error:
            log.warning("spare_state_not_kept", reason=str(error))

    async def _merge(self) -> None:
        """Write the batches to the database and put it in charge; `StoreError` if it fails again."""
        merged = 0
        while self._batches:
            batch = self._batches[0]
            try:
                await self._primary.transact(lambda rows, batch=batch: merge(rows, batch))  # type: ignore[misc]
            except (StaleVersion, WriteRefused) as error:
                await self._set_aside(batch, str(error))
            self._batches.pop(0)
            merged += 1
        event = Event(at=self._clock.now(), type="store_back", payload={"merged": merged, "reason": self.degraded})
        await self._primary.transact(lambda rows: rows.append(event))
        await self._load()
        self._file.clear()
        self._state_is_kept = False
        self.degraded = ""
        log.warning("store_back", merged=merged)

    async def _set_aside(self, batch: Batch, reason: str) -> None:
        """Keep a batch that the database does not take in the log itself, whole, for a person to judge."""
        log.error("store_merge_refused", reason=reason, writes=[write.name for write in batch.writes])
        event = Event(
            at=self._clock.now(),
            type="store_merge_refused",
            payload={"reason": reason, "writes": json.dumps(as_lines(batch.writes), ensure_ascii=False)},
        )
        await self._primary.transact(lambda rows: rows.append(event))
