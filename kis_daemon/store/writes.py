"""What a transaction wrote, as values: taken down beside it, kept as lines, and written again.

Rules of this room
    A write is a method of `Rows` and what it was given. One that changed nothing (the row was there) is none.
    The kill switch that a transaction read is taken down too: it is the last one known.
    What memory knows is writes as well: some are no method of `Rows`, and stand in a state only.
    Written again, a batch leaves no second trace: its last event, or the versions of its orders, tell.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any, Generic, TypeVar, cast

from kis_daemon.domain.events import Event
from kis_daemon.domain.safeguards import KillSwitch
from kis_daemon.ports import Rows, StaleVersion, StoreError
from kis_daemon.store.codec import decoded, encoded
from kis_daemon.store.memory import MemoryRows, Tables
from kis_daemon.store.rows import SqlRows

T = TypeVar("T")

# What a stop needs to know; memory repeats these, and forgets the rest.
MIRRORED = (
    "set_kill_switch",
    "claim_order",
    "save_order",
    "add_fill",
    "save_trade",
    "save_position",
    "save_levels",
    "close_position",
    "set_mark",
    "lock_symbol",
    "unlock_symbol",
    "add_breaker_trip",
    "end_breaker_trips",
)
_WRITES = (
    *MIRRORED,
    "append",
    "add_proposal",
    "add_approval",
    "add_spent_approval",
    "use_approval",
    "add_refused_request",
    "save_symbol_name",
    "add_account_snapshot",
    "save_day_summary",
)
SWITCH_SEEN = "switch_seen"
ORDER_KNOWN = "order_known"
STOP_KNOWN = "stop_known"
_ARGUMENTS_OF_A_STATE = {SWITCH_SEEN: 1, ORDER_KNOWN: 1, STOP_KNOWN: 2}
# what these return where nothing was to be done
_NOTHING_DONE = {
    "claim_order": False,
    "add_fill": False,
    "unlock_symbol": False,
    "end_breaker_trips": False,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Write:
    """One write: the method of `Rows` and what it was given."""

    name: str
    args: tuple[Any, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """What one transaction wrote. `maybe`: the database was asked to commit it once, and may have.

    The first `again` writes are another transaction's too, which may have been committed (notes that were put back).
    """

    writes: tuple[Write, ...]
    maybe: bool
    again: int = 0


class Listening:
    """Rows that take down what is written to them, and the kill switch that is read."""

    def __init__(self, rows: Any, writes: list[Write]) -> None:
        self._rows = rows
        self._writes = writes

    def __getattr__(self, name: str) -> Any:
        method = getattr(self._rows, name)
        if name == "kill_switch":
            return lambda: self._seen(method())
        if name not in _WRITES:
            return method

        def written(*args: Any) -> Any:
            result = method(*args)
            if name not in _NOTHING_DONE or result is not _NOTHING_DONE[name]:
                self._writes.append(Write(name=name, args=args))
            return result

        return written

    def _seen(self, switch: KillSwitch) -> KillSwitch:
        self._writes.append(Write(name=SWITCH_SEEN, args=(switch,)))
        return switch


class Call(Generic[T]):
    """A unit of work on its way to the database: what it wrote there, and whether anybody waits for it still."""

    def __init__(self, work: Callable[[Rows], T]) -> None:
        self._work = work
        self.writes: list[Write] = []
        self.is_given_up = False

    def __call__(self, rows: SqlRows) -> T:
        """Run the work; `StoreError`, and so nothing written, once it is given up."""
        self._refuse_if_given_up()
        self.writes = []
        result = self._work(cast("Rows", Listening(rows, self.writes)))
        self._refuse_if_given_up()
        return result

    def _refuse_if_given_up(self) -> None:
        if self.is_given_up:
            raise StoreError("nobody waits for it any more")

    def switch_read(self) -> KillSwitch | None:
        """Return the kill switch as the work found it, None if it did not look."""
        for write in self.writes:
            if write.name in (SWITCH_SEEN, "set_kill_switch"):
                return cast("KillSwitch", write.args[0]) if write.name == SWITCH_SEEN else None
        return None


def learned(rows: SqlRows, today: date) -> list[Write]:
    """Return what a stop needs to know of the database, as writes that have memory know it."""
    orders = {order.key: order for order in (*rows.orders_of(today), *rows.live_orders())}
    trades = {trade.order_key: trade for trade in rows.trades(today, today)}
    trades |= {key: trade for key in orders if (trade := rows.trade(key)) is not None}
    return [
        *(Write(name=ORDER_KNOWN, args=(order,)) for order in orders.values()),
        *(Write(name="save_position", args=(position,)) for position in rows.open_positions()),
        *(Write(name="save_trade", args=(trade,)) for trade in trades.values()),
        *(Write(name=STOP_KNOWN, args=stop) for stop in rows.last_stops()),
        *(Write(name="set_mark", args=mark) for mark in rows.marks()),
        *(Write(name="lock_symbol", args=(lock,)) for lock in rows.symbol_locks()),
        *(Write(name="add_breaker_trip", args=(trip,)) for trip in rows.breaker_trips()),
        Write(name=SWITCH_SEEN, args=(rows.kill_switch(),)),
    ]


def state_of(tables: Tables) -> list[Write]:
    """Return what memory knows, as writes that make it again."""
    held = [position for position, closed_at in tables.positions.values() if closed_at is None]
    return [
        *(Write(name=ORDER_KNOWN, args=(order,)) for order in tables.orders.values()),
        *(Write(name="save_position", args=(position,)) for position in held),
        *(Write(name="save_trade", args=(trade,)) for trade in tables.trades.values()),
        *(Write(name=STOP_KNOWN, args=stop) for stop in tables.stops.items()),
        *(Write(name="set_mark", args=mark) for mark in tables.marks.items()),
        *(Write(name="lock_symbol", args=(lock,)) for lock in tables.locks.values()),
        *(Write(name="add_breaker_trip", args=(trip,)) for trip in tables.trips.values()),
        Write(name=SWITCH_SEEN, args=(tables.switch,)),
    ]


def repeat(tables: Tables, writes: Sequence[Write]) -> None:
    """Have memory follow what the database, or a line, says."""
    rows = MemoryRows(tables)
    for write in writes:
        if write.name == SWITCH_SEEN:
            tables.switch = write.args[0]
        elif write.name == STOP_KNOWN:
            tables.stops[write.args[0]] = write.args[1]
        elif write.name == ORDER_KNOWN:
            order = write.args[0]
            tables.orders[order.key] = order
            tables.signals[order.mode, order.intent.side.value, order.intent.signal_id] = order.key
        elif write.name == "save_order":  # whatever memory thinks of its version
            tables.orders[write.args[0].key] = write.args[0]
        elif write.name in MIRRORED:
            if write.name == "claim_order":
                tables.forget_before(write.args[0].day)
            getattr(rows, write.name)(*write.args)


def merge(rows: SqlRows, batch: Batch) -> None:
    """Write a batch where it is not written: its last event, or its orders' versions, tell."""
    for part in (batch.writes[: batch.again], batch.writes[batch.again :]):
        last = _last_event(part)
        if last is None or not rows.has_event(last):
            _write(rows, part)


def _write(rows: SqlRows, writes: Sequence[Write]) -> None:
    for write in writes:
        if write.name == SWITCH_SEEN:
            continue  # read there, not written
        try:
            getattr(rows, write.name)(*write.args)
        except StaleVersion:
            stored = rows.order(write.args[0].key)
            if stored is None or stored.version < write.args[0].version:
                raise


def written_before(rows: SqlRows, batches: Sequence[Batch]) -> int:
    """Return how many of the first batches an earlier merge has written.

    They are written in their order, so the last one whose event is in the chain tells of all before it, of those
    without an event too. A `maybe` tells of itself only.
    """
    for number in range(len(batches), 0, -1):
        batch = batches[number - 1]
        last = _last_event(batch.writes[batch.again :])
        if last is not None and not batch.maybe and rows.has_event(last):
            return number
    return 0


def _last_event(writes: Sequence[Write]) -> Event | None:
    return next((write.args[0] for write in reversed(writes) if write.name == "append"), None)


def same_beginning(writes: Sequence[Write], others: Sequence[Write]) -> int:
    """Return how many writes both begin with."""
    length = 0
    while length < min(len(writes), len(others)) and writes[length] == others[length]:
        length += 1
    return length


def as_lines(writes: Sequence[Write]) -> list[list[Any]]:
    return [[write.name, encoded(list(write.args))] for write in writes]


def as_writes(lines: list[list[Any]]) -> tuple[Write, ...]:
    """Return what `as_lines` was given; `ValueError` for what another version wrote and this one cannot read."""
    try:
        writes = tuple(Write(name=name, args=tuple(decoded(args))) for name, args in lines)
        for write in writes:
            _refuse_strangers(write)
    except (KeyError, TypeError) as error:
        raise ValueError(f"a line that is not ours: {error!r}") from error
    return writes


def _refuse_strangers(write: Write) -> None:
    wanted = _ARGUMENTS_OF_A_STATE.get(write.name)
    if wanted is None and write.name in _WRITES:
        inspect.signature(getattr(SqlRows, write.name)).bind(None, *write.args)
    elif wanted != len(write.args):
        raise ValueError(f"write {write.name!r} with {len(write.args)} arguments: not one of ours")
