"""The rows in memory: `ports.Rows` over plain dicts, each unit of work whole or undone.

Rules of this room
    The same promises as the databases keep, under the same contract tests.
    Events are chained as they come; `events` holds them for whoever wants to write them down at the end.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from typing import Any, TypeVar

from kis_daemon.domain.approvals import Approval, OrderRequest, Proposal, ProposalStatus, StoredMandate, TokenRefusal
from kis_daemon.domain.breakers import Breaker, Trip
from kis_daemon.domain.events import GENESIS_HASH, Event, OperatorEvent, chain_hash
from kis_daemon.domain.exits import ExitReason
from kis_daemon.domain.locks import LockScope, SymbolLock
from kis_daemon.domain.market import Symbol
from kis_daemon.domain.orders import LIVE_STATES, Fill, Order, OrderIntent, OrderKey
from kis_daemon.domain.positions import Position, Trade
from kis_daemon.domain.safeguards import NEVER_RELEASED, KillSwitch
from kis_daemon.ports import AccountFigures, DaySummary, StaleVersion, SymbolName
from kis_daemon.store.memory_desk import DeskInMemory

T = TypeVar("T")

EntryKey = tuple[Symbol, date, int]


@dataclass(slots=True)
class Tables:
    """What the rows hold. `positions` keeps the closed ones too, with the moment of their end."""

    orders: dict[OrderKey, Order] = field(default_factory=dict)
    signals: dict[tuple[str, str, str], OrderKey] = field(default_factory=dict)
    refused: list[tuple[OrderIntent | OrderRequest, datetime, str]] = field(default_factory=list)
    fills: dict[tuple[OrderKey, int], Fill] = field(default_factory=dict)
    trades: dict[OrderKey, Trade] = field(default_factory=dict)
    positions: dict[EntryKey, tuple[Position, datetime | None]] = field(default_factory=dict)
    proposals: dict[str, Proposal] = field(default_factory=dict)
    approvals: dict[str, tuple[Approval, datetime | None]] = field(default_factory=dict)
    names: dict[Symbol, SymbolName] = field(default_factory=dict)
    snapshots: list[AccountFigures] = field(default_factory=list)
    summaries: dict[date, DaySummary] = field(default_factory=dict)
    marks: dict[str, str] = field(default_factory=dict)
    stops: dict[Symbol, date] = field(default_factory=dict)
    trips: dict[Breaker, Trip] = field(default_factory=dict)
    locks: dict[tuple[Symbol, LockScope], SymbolLock] = field(default_factory=dict)
    events: list[Event] = field(default_factory=list)
    head: str = GENESIS_HASH
    mandates: list[StoredMandate] = field(default_factory=list)
    switch: KillSwitch = NEVER_RELEASED
    day: date = date.min

    def forget_before(self, day: date) -> None:
        """Let go of what was over before `day`."""
        if day <= self.day:
            return
        self.day = day
        self.orders = {key: order for key, order in self.orders.items() if order.is_live or order.day >= day}
        self.signals = {signal: key for signal, key in self.signals.items() if key in self.orders}
        self.fills = {key: fill for key, fill in self.fills.items() if key[0] in self.orders}
        self.trades = {key: trade for key, trade in self.trades.items() if key in self.orders or trade.at.date() >= day}
        self.positions = {key: held for key, held in self.positions.items() if held[1] is None}


class MemoryRows(DeskInMemory):
    """`ports.Rows` over `Tables`; `undo` takes back, last first, what was written."""

    def __init__(self, tables: Tables) -> None:
        self._tables = tables
        self._undo: list[Callable[[], object]] = []

    def undo(self) -> None:
        while self._undo:
            self._undo.pop()()

    def _put(self, table: dict[Any, Any], key: Any, value: Any) -> None:
        if key in table:
            before = table[key]
            self._undo.append(lambda: table.__setitem__(key, before))
        else:
            self._undo.append(lambda: table.pop(key))
        table[key] = value

    def _drop(self, table: dict[Any, Any], key: Any) -> bool:
        if key not in table:
            return False
        gone = table.pop(key)
        self._undo.append(lambda: table.__setitem__(key, gone))
        return True

    def _add(self, table: list[Any], value: Any) -> None:
        table.append(value)
        self._undo.append(table.pop)

    # events

    def append(self, event: Event) -> None:
        head = self._tables.head
        self._undo.append(lambda: setattr(self._tables, "head", head))
        self._add(self._tables.events, event)
        self._tables.head = chain_hash(head, event)

    def chain_head(self) -> str:
        return self._tables.head

    def unadopted_events(self) -> tuple[OperatorEvent, ...]:
        return ()  # no operator's hand reaches in here

    def adopt_events(self, at: datetime) -> tuple[OperatorEvent, ...]:  # noqa: ARG002  # as above
        return ()

    # what may be done

    def kill_switch(self) -> KillSwitch:
        return self._tables.switch

    def set_kill_switch(self, switch: KillSwitch, trigger_source: str = "manual") -> None:  # noqa: ARG002  # not kept
        before = self._tables.switch
        self._undo.append(lambda: setattr(self._tables, "switch", before))
        self._tables.switch = switch

    def add_mandate(self, stored: StoredMandate) -> None:
        self._add(self._tables.mandates, stored)

    def mandates(self) -> tuple[StoredMandate, ...]:
        return tuple(self._tables.mandates)

    def symbol_locks(self) -> tuple[SymbolLock, ...]:
        return tuple(lock for _, lock in sorted(self._tables.locks.items()))

    def lock_symbol(self, lock: SymbolLock) -> None:
        self._put(self._tables.locks, (lock.symbol, lock.scope), lock)

    def unlock_symbol(self, symbol: Symbol, scope: LockScope, at: datetime, by: str, reason: str) -> bool:  # noqa: ARG002  # who and why is history
        return self._drop(self._tables.locks, (symbol, scope))

    def breaker_trips(self) -> tuple[Trip, ...]:
        return tuple(trip for _, trip in sorted(self._tables.trips.items()))

    def add_breaker_trip(self, trip: Trip) -> None:
        self._put(self._tables.trips, trip.breaker, trip)

    def end_breaker_trips(self, breaker: Breaker, at: datetime, by: str, status: str) -> bool:  # noqa: ARG002  # as above
        return self._drop(self._tables.trips, breaker)

    def add_proposal(self, proposal: Proposal) -> None:
        self._put(self._tables.proposals, proposal.proposal_id, proposal)

    def add_approval(self, approval: Approval) -> None:
        self._put(self._tables.approvals, approval.token_hash, (approval, None))

    def add_spent_approval(self, proposal: Proposal, approval: Approval, at: datetime) -> None:
        self.add_proposal(replace(proposal, status=ProposalStatus.EXECUTED))
        self._put(self._tables.approvals, approval.token_hash, (approval, at))

    def use_approval(self, token_hash: str, at: datetime) -> TokenRefusal | None:
        known = self._tables.approvals.get(token_hash)
        if known is None:
            return TokenRefusal.NOT_FOUND
        approval, used_at = known
        if used_at is not None:
            return TokenRefusal.ALREADY_USED
        if approval.token_expires_at <= at:
            return TokenRefusal.EXPIRED
        self._put(self._tables.approvals, token_hash, (approval, at))
        return None

    # orders and what became of them

    def claim_order(self, order: Order) -> bool:
        signal = (order.mode, order.intent.side.value, order.intent.signal_id)
        if order.key in self._tables.orders or signal in self._tables.signals:
            return False
        self._put(self._tables.orders, order.key, order)
        self._put(self._tables.signals, signal, order.key)
        return True

    def save_order(self, order: Order) -> None:
        stored = self._tables.orders.get(order.key)
        if stored is None or stored.version != order.version - 1:
            raise StaleVersion(f"order {order.key[:12]}: version {order.version - 1} is not what is stored")
        self._put(self._tables.orders, order.key, order)

    def add_refused_request(self, intent: OrderIntent | OrderRequest, at: datetime, reason: str) -> None:
        self._add(self._tables.refused, (intent, at, reason))

    def order(self, key: OrderKey) -> Order | None:
        return self._tables.orders.get(key)

    def first_order_day(self, mode: str) -> date | None:
        days = (o.day for o in self._tables.orders.values() if o.mode == mode and o.order_no is not None)
        return min(days, default=None)

    def live_orders(self) -> tuple[Order, ...]:
        return self._sorted(order for order in self._tables.orders.values() if order.state in LIVE_STATES)

    def orders_of(self, day: date) -> tuple[Order, ...]:
        return self._sorted(order for order in self._tables.orders.values() if order.day == day)

    def _sorted(self, orders: Any) -> tuple[Order, ...]:
        return tuple(sorted(orders, key=lambda order: (order.created_at, order.key)))

    def add_fill(self, fill: Fill) -> bool:
        key = (fill.order_key, fill.cumulative_quantity)
        if key in self._tables.fills:
            return False
        self._put(self._tables.fills, key, fill)
        return True

    def save_trade(self, trade: Trade) -> None:
        self._put(self._tables.trades, trade.order_key, trade)
        if trade.rule == ExitReason.ATR_STOP_LOSS:
            day = trade.at.date()
            self._put(self._tables.stops, trade.symbol, max(day, self._tables.stops.get(trade.symbol, day)))

    def trade(self, key: OrderKey) -> Trade | None:
        return self._tables.trades.get(key)

    def trades(self, first: date, last: date) -> tuple[Trade, ...]:
        found = [trade for trade in self._tables.trades.values() if first <= trade.at.date() <= last]
        return tuple(sorted(found, key=lambda trade: trade.at))  # stable: the order of their first fills

    def last_stops(self) -> tuple[tuple[Symbol, date], ...]:
        return tuple(sorted(self._tables.stops.items()))

    # positions

    def save_position(self, position: Position) -> None:
        self._put(self._tables.positions, _entry(position), (position, None))

    def save_levels(self, position: Position) -> None:
        stored = self._tables.positions.get(_entry(position))
        if stored is not None:
            seen = replace(stored[0], highest=position.highest, trailing_armed=position.trailing_armed)
            self._put(self._tables.positions, _entry(position), (seen, stored[1]))

    def close_position(self, position: Position, at: datetime) -> None:
        if _entry(position) in self._tables.positions:
            self._put(self._tables.positions, _entry(position), (position, at))

    def open_positions(self) -> tuple[Position, ...]:
        return tuple(position for position, closed_at in self._tables.positions.values() if closed_at is None)

    # names, figures, marks

    def symbol_names(self) -> tuple[SymbolName, ...]:
        return tuple(sorted(self._tables.names.values(), key=lambda name: name.symbol))

    def save_symbol_name(self, name: SymbolName) -> None:
        self._put(self._tables.names, name.symbol, name)

    def add_account_snapshot(self, figures: AccountFigures) -> None:
        self._add(self._tables.snapshots, figures)

    def save_day_summary(self, summary: DaySummary) -> None:
        self._put(self._tables.summaries, summary.day, summary)

    def mark(self, name: str) -> str | None:
        return self._tables.marks.get(name)

    def set_mark(self, name: str, value: str) -> None:
        self._put(self._tables.marks, name, value)


class MemoryRecords:
    """`ports.Records` in memory; for what needs no file, such as a backtest."""

    def __init__(self) -> None:
        self.tables = Tables()

    degraded = ""

    def take_refused(self) -> tuple[str, ...]:
        return ()

    async def transact(self, work: Callable[[MemoryRows], T]) -> T:
        return self.transact_now(work)

    def transact_now(self, work: Callable[[MemoryRows], T]) -> T:
        rows = MemoryRows(self.tables)
        try:
            return work(rows)
        except BaseException:
            rows.undo()
            raise


def _entry(position: Position) -> EntryKey:
    return (position.symbol, position.entry_day, position.entry_seq)
