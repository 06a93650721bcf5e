"""The records while the database is away: what is held can still be sold (architecture, section 3).

Rules of this room
    Every transaction goes to the database. What it wrote is repeated in memory, so that memory knows what a stop needs:
    open orders, positions, marks, and the kill switch as it was last read.
    A database that fails is away. From then on transactions run in memory, and what they write becomes one line of the
    spare file, on the disk before anything is sent. No entry is claimed there.
    The database is asked again; when it answers, the lines are written to it in their order, each in one transaction,
    and only then is it in charge again. The order's key decides: what stands there already is not written twice.
    Its kill switch counts as soon as it can be read.
    Nobody waits for a database that hangs: a transaction gives up after seconds, and the lines are written beside the
    transactions. The stores run one transaction after the other, in the order in which they were asked: what was given
    up has ended, or refuses to begin, before the mender is answered.
    A start finds the lines that were left, and begins with them; without the database it begins in their memory.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Protocol, TypeVar, cast

import structlog

from kis_daemon.domain.events import Event
from kis_daemon.domain.market import Side
from kis_daemon.domain.orders import Order
from kis_daemon.domain.safeguards import KillSwitch
from kis_daemon.ports import Clock, OutcomeUnknown, Rows, StaleVersion, StoreError, WriteRefused
from kis_daemon.store.memory import MemoryRows, Tables
from kis_daemon.store.memory_desk import NoMandates
from kis_daemon.store.rows import SqlRows
from kis_daemon.store.spare_file import SpareFile
from kis_daemon.store.writes import (
    MIRRORED,
    SWITCH_SEEN,
    Batch,
    Call,
    Listening,
    Write,
    as_lines,
    as_writes,
    learned,
    merge,
    repeat,
    same_beginning,
    state_of,
    written_before,
)

T = TypeVar("T")

log = structlog.get_logger("store")

_KEEP_STATE_S = 5.0  # how old the state on the disk may be while the database is in charge
_ANSWER_S = 5.0  # an exit waits no longer for the database
_BACK_S = 2.0  # nor for each of the last two steps of its return, which all others wait for
_PAUSES_S = (1.0, 2.0, 5.0, 10.0)  # between two questions to a database that is away; the last one stays


class Primary(Protocol):
    """The database, as far as it is needed here."""

    async def transact(self, work: Callable[[SqlRows], T]) -> T: ...


class _SpareRows(NoMandates, MemoryRows):
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
        self._batches: list[Batch] = []
        self._doubtful: list[Write] = []  # of a transaction that may be committed, and that its caller was refused
        self._knows_state = False  # memory knows what is held, from the database or a line
        self._state_is_kept = False  # and the disk does
        self._switch_is_kept = True
        self._one_at_a_time = asyncio.Lock()
        self._away = asyncio.Event()
        self._state_moved = asyncio.Event()
        self.degraded = ""
        self._refused: list[str] = []

    # --- the beginning and the end --------------------------------------------------------------------------

    async def open(self, *, primary_is_open: bool) -> None:
        """Take up what was left behind; `StoreError` if neither the database nor a line of ours can be read."""
        lines = self._file.open()
        reason = "not reached at the start"
        is_behind = any("state" not in line for line in lines)
        if primary_is_open and not is_behind:
            try:
                await self._load()  # it knows better than the lines, which another version may have written
                return
            except StoreError as error:
                reason = str(error)
        self._take_up(lines)
        if primary_is_open and is_behind:
            self.degraded = "lines were left by an earlier run"
            try:
                await self._mend_once()
                return
            except StoreError as error:
                reason = str(error)
        if not self._knows_state:
            raise StoreError(f"the database is away, and nothing stands in for it: {reason}")
        self._begin(reason)

    def _take_up(self, lines: Sequence[dict[str, Any]]) -> None:
        """Have memory know what the lines say; those that another version wrote are kept for a person to judge."""
        unread: list[str] = []
        for line in lines:
            try:
                writes = as_writes(line["state"] if "state" in line else line["writes"])
                tables = Tables() if "state" in line else self._tables
                repeat(tables, writes)
                self._tables = tables
                if "state" in line:
                    self._knows_state = self._state_is_kept = True
                else:
                    batch = Batch(writes=writes, maybe=bool(line.get("maybe")), again=line.get("again", 0))
                    self._batches.append(batch)
            except (ValueError, KeyError, TypeError, AttributeError) as error:
                unread.append(f"{type(error).__name__}: {error}")
        if unread:
            self._keep_unread(unread)

    def _keep_unread(self, reasons: Sequence[str]) -> None:
        try:
            kept = str(self._file.keep_aside())
        except StoreError as error:
            kept = f"not kept: {error}"
        log.error("spare_lines_unread", reasons=reasons, kept=kept)
        self._refused.append(f"{len(reasons)} lines of another version ({reasons[0]}): {kept}")

    def take_refused(self) -> tuple[str, ...]:
        taken = tuple(self._refused)
        self._refused.clear()
        return taken

    def close(self) -> None:
        """Close the file; lines that are not merged stay for the next start."""
        self._file.close()

    async def _load(self) -> None:
        """Learn from the database what a stop needs."""
        today = self._clock.now().date()
        found = await self._primary.transact(lambda rows: learned(rows, today))
        self._tables = Tables()
        repeat(self._tables, found)
        self._knows_state = True
        self._move_state()

    def _move_state(self) -> None:
        """The state on the disk is older than memory from here on."""
        self._state_is_kept = False
        if self._keeps_state:
            self._state_moved.set()

    # --- transactions ---------------------------------------------------------------------------------------

    async def transact(self, work: Callable[[Rows], T]) -> T:
        # Shielded: a cancelled caller does not take back a transaction that stands in the queue.
        return await asyncio.shield(self._in_turn(work))

    async def _in_turn(self, work: Callable[[Rows], T]) -> T:
        async with self._one_at_a_time:
            if self.degraded:
                return self._in_memory(work, maybe=False)
            call = Call(work)
            try:
                async with asyncio.timeout(_ANSWER_S):
                    result = await self._primary.transact(call)
            except (StaleVersion, WriteRefused):
                raise
            except StoreError as error:
                return self._instead(work, call, error)
            except TimeoutError:
                call.is_given_up = True
                return self._instead(work, call, OutcomeUnknown(f"no answer within {_ANSWER_S:.0f} s"))
            self._apply(call.writes)
            return result

    def _instead(self, work: Callable[[Rows], T], call: Call[T], error: StoreError) -> T:
        """Run in memory what the database did not answer for; `error` where it may stand there and not here."""
        self._begin(str(error))
        if (switch := call.switch_read()) is not None:
            self._see(switch)
        maybe = isinstance(error, OutcomeUnknown)
        self._doubtful = _without_looks(call.writes) if maybe else []
        try:
            result = self._in_memory(work, maybe=maybe)
        except StoreError as refused:
            raise (error if maybe else refused) from None  # what memory refuses may stand in the database
        self._doubtful = []
        return result

    def _begin(self, reason: str) -> None:
        """The database is away, and memory stands in for it."""
        log.error("store_away", reason=reason)
        self.degraded = reason
        self._away.set()

    def _in_memory(self, work: Callable[[Rows], T], *, maybe: bool) -> T:
        rows = _SpareRows(self._tables)
        writes: list[Write] = []
        state = self._state_to_keep()
        try:
            result = work(cast("Rows", Listening(rows, writes)))
            if kept := tuple(_without_looks(writes)):
                again = 0 if maybe else same_beginning(kept, self._doubtful)
                maybe = maybe or any(write in self._doubtful for write in kept[again:] if write.name == "append")
                self._keep(Batch(writes=kept, maybe=maybe, again=again), state)
        except BaseException:
            rows.undo()
            raise
        finally:
            self._tables.events.clear()
        return result

    def _state_to_keep(self) -> list[list[Any]] | None:
        """Return what the next line builds on, None where that is on the disk."""
        return None if self._batches or self._state_is_kept else as_lines(state_of(self._tables))

    def _keep(self, batch: Batch, state: list[list[Any]] | None) -> None:
        """Have a line on the disk, behind one that says what it builds on."""
        if state is not None:
            self._file.clear(state)
            self._state_is_kept = True
        line = {"maybe": batch.maybe, "writes": as_lines(batch.writes)}
        self._file.append(line | ({"again": batch.again} if batch.again else {}))
        self._batches.append(batch)

    def _apply(self, writes: Sequence[Write]) -> None:
        """Have memory follow what the database has committed."""
        before = self._tables.switch
        repeat(self._tables, writes)
        if self._tables.switch != before or any(write.name in MIRRORED for write in writes):
            self._move_state()

    def _see(self, switch: KillSwitch) -> None:
        """Have memory know the switch that stands in the database, and the disk while memory stands in for it."""
        if not switch.is_active and any(_sets_switch(batch) for batch in self._batches):
            return  # an activation waits here to be written
        if switch == self._tables.switch and self._switch_is_kept:
            return
        state = self._state_to_keep()
        self._tables.switch = switch
        self._switch_is_kept = False
        try:
            self._keep(Batch(writes=(Write(name=SWITCH_SEEN, args=(switch,)),), maybe=False), state)
            self._switch_is_kept = True
        except StoreError as error:  # the next look tries again
            log.warning("spare_state_not_kept", reason=str(error))

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

    def _refresh_state(self) -> None:
        """Write down what has changed since the state on the disk; a disk that refuses is told, and tried again."""
        if self.degraded or self._state_is_kept:
            return
        try:
            self._file.clear(as_lines(state_of(self._tables)))
            self._state_is_kept = True
        except StoreError as error:
            log.warning("spare_state_not_kept", reason=str(error))
            self._state_moved.set()

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
        _, switch = await self._primary.transact(lambda rows: (rows.chain_head(), rows.kill_switch()))
        self._see(switch)
        merged = await self._skip_written()
        while self.degraded:
            merged += await self._merge()
            async with self._one_at_a_time:
                if not self._batches:
                    await self._put_in_charge(merged)

    async def _skip_written(self) -> int:
        """Drop what a merge that broke off has written; return how much."""
        waiting = tuple(self._batches)
        written = await self._primary.transact(lambda rows: written_before(rows, waiting))
        del self._batches[:written]
        return written

    async def _merge(self) -> int:
        """Write the batches to the database, those that come meanwhile too; return how many, refused ones as well."""
        merged = 0
        while self._batches:
            batch = self._batches[0]
            try:
                await self._primary.transact(lambda rows, batch=batch: merge(rows, batch))  # type: ignore[misc]
            except (StaleVersion, WriteRefused) as error:
                await self._set_aside(batch, str(error))
            self._batches.pop(0)
            merged += 1
        return merged

    async def _put_in_charge(self, merged: int) -> None:
        """Have the database be in charge again; `StoreError`, and it is not, if it does not answer at once."""
        event = Event(at=self._clock.now(), type="store_back", payload={"merged": merged, "reason": self.degraded})
        try:
            async with asyncio.timeout(_BACK_S):
                await self._primary.transact(lambda rows: rows.append(event))
            async with asyncio.timeout(_BACK_S):
                await self._load()
        except TimeoutError:
            raise StoreError(f"no answer within {_BACK_S:.0f} s") from None
        self._file.clear(as_lines(state_of(self._tables)) if self._keeps_state else None)
        self._state_is_kept = self._keeps_state
        self._doubtful = []
        self._switch_is_kept = True
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
        self._refused.append(reason)


def _without_looks(writes: Sequence[Write]) -> list[Write]:
    """Return the writes without the kill switch that was read."""
    return [write for write in writes if write.name != SWITCH_SEEN]


def _sets_switch(batch: Batch) -> bool:
    return any(write.name == "set_kill_switch" for write in batch.writes)
