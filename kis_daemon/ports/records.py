"""What is written down, and the one door to it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime
from typing import TYPE_CHECKING, Protocol, TypeVar

from kis_daemon.ports.desk import DeskRows

if TYPE_CHECKING:
    from kis_daemon.domain.approvals import Approval, OrderRequest, Proposal, TokenRefusal
    from kis_daemon.domain.breakers import Breaker, Trip
    from kis_daemon.domain.events import Event, OperatorEvent
    from kis_daemon.domain.locks import LockScope, SymbolLock
    from kis_daemon.domain.market import Symbol, Won
    from kis_daemon.domain.orders import Fill, Order, OrderIntent, OrderKey
    from kis_daemon.domain.positions import Position, Trade
    from kis_daemon.domain.safeguards import KillSwitch

T = TypeVar("T")


class StoreError(Exception):
    """The records could not be read or written; nothing of the transaction is in them (but see `OutcomeUnknown`)."""


class OutcomeUnknown(StoreError):
    """The connection broke while COMMIT was under way, and nobody could be asked since: all of the transaction is in
    the records, or nothing. What is claimed by a unique key may be claimed again; an order whose claim ends so is not
    sent, and is found as PENDING at the next look if it was written."""


class WriteRefused(StoreError):
    """The database is there and does not take what was written: a key or a rule of the schema forbids it. Nothing of
    the transaction is in it, and trying again would not help."""


class StaleVersion(StoreError):
    """Somebody else changed the row since it was read; read it again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SymbolName:
    """What a symbol is called, and when that was last learned (S3-L08, S3-L09)."""

    symbol: Symbol
    name: str
    updated_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountFigures:
    """The account at a moment, with what was won or lost today and what is open (C38)."""

    at: datetime
    cash: Won
    holdings_value: Won
    realized_pnl: Won
    open_pnl: Won
    positions: int


@dataclass(frozen=True, slots=True, kw_only=True)
class DaySummary:
    """How a trading day went."""

    day: date
    trades: int
    realized_pnl: Won
    open_pnl: Won
    fees: Won
    tax: Won
    cash: Won
    equity: Won
    positions: int


class Rows(DeskRows, Protocol):
    """The rows as one transaction sees them. Synchronous: a unit of work runs to its end or leaves no trace."""

    def append(self, event: Event) -> None:
        """Add `event` at the end of the chain."""

    def chain_head(self) -> str:
        """Return the hash of the last event, or `GENESIS_HASH`."""

    def unadopted_events(self) -> tuple[OperatorEvent, ...]:
        """Return the rows that an operator put into the log and that no `event_adopted` vouches for yet."""

    def adopt_events(self, at: datetime) -> tuple[OperatorEvent, ...]:
        """Append an `event_adopted` for each of them, and return them."""

    def kill_switch(self) -> KillSwitch:
        """Return the newest record, `NEVER_RELEASED` without one; an open `kill_switch_events` row of an operator
        stands above it (C13)."""

    def set_kill_switch(self, switch: KillSwitch, trigger_source: str = "manual") -> None:
        """Write the switch as the newest record; an activation with its `trigger_source` (L17), a release closes all
        that is open."""

    def symbol_locks(self) -> tuple[SymbolLock, ...]:
        """Return every lock that nobody has taken away, by symbol and scope; of one scope the newest."""

    def lock_symbol(self, lock: SymbolLock) -> None:
        """Keep the lock, in the place of the symbol's older one of its scope."""

    def unlock_symbol(self, symbol: Symbol, scope: LockScope, at: datetime, by: str, reason: str) -> bool:
        """Take the symbol's lock of that scope away; False where there is none."""

    def breaker_trips(self) -> tuple[Trip, ...]:
        """Return the open trip of each circuit breaker; an operator's row is one too."""

    def add_breaker_trip(self, trip: Trip) -> None:
        """Keep the trip, in the place of an older one of its breaker."""

    def end_breaker_trips(self, breaker: Breaker, at: datetime, by: str, status: str) -> bool:
        """Close what is open of that breaker; False where nothing is."""

    def add_proposal(self, proposal: Proposal) -> None: ...

    def add_approval(self, approval: Approval) -> None: ...

    def add_spent_approval(self, proposal: Proposal, approval: Approval, at: datetime) -> None:
        """Write an approval with its proposal, spent at `at`: by the transaction that writes it, so never again."""

    def use_approval(self, token_hash: str, at: datetime) -> TokenRefusal | None:
        """Spend the approval of that token; the reason if it cannot be (unknown, used, expired)."""

    def claim_order(self, order: Order) -> bool:
        """Write the order as PENDING; False, and nothing written, where its key or signal was claimed before."""

    def save_order(self, order: Order) -> None:
        """Write the order over its row of the version before; `StaleVersion` if that is not what stands there."""

    def add_refused_request(self, intent: OrderIntent | OrderRequest, at: datetime, reason: str) -> None:
        """Keep an order that was asked for and refused before it was begun."""

    def order(self, key: OrderKey) -> Order | None: ...

    def first_order_day(self, mode: str) -> date | None:
        """Return the day of the first order of `mode` that reached the broker, None before there was one."""

    def live_orders(self) -> tuple[Order, ...]: ...

    def orders_of(self, day: date) -> tuple[Order, ...]: ...

    def add_fill(self, fill: Fill) -> bool:
        """Write the fill; False where one with its order and cumulative quantity is there already."""

    def save_trade(self, trade: Trade) -> None:
        """Write the order's trade, or its newer sums over it."""

    def trade(self, key: OrderKey) -> Trade | None:
        """Return the trade of that order as booked so far."""

    def trades(self, first: date, last: date) -> tuple[Trade, ...]: ...

    def last_stops(self) -> tuple[tuple[Symbol, date], ...]:
        """Return the symbols sold at their stop, each with the day of its last one."""

    def save_position(self, position: Position) -> None: ...

    def save_levels(self, position: Position) -> None:
        """Write only what prices move: the highest price and whether trailing is armed."""

    def close_position(self, position: Position, at: datetime) -> None: ...

    def open_positions(self) -> tuple[Position, ...]: ...

    def symbol_names(self) -> tuple[SymbolName, ...]:
        """Return every name that is kept, by symbol."""

    def save_symbol_name(self, name: SymbolName) -> None:
        """Keep the name, over the one before."""

    def add_account_snapshot(self, figures: AccountFigures) -> None: ...

    def save_day_summary(self, summary: DaySummary) -> None:
        """Keep the day's figures, over those written before."""

    def mark(self, name: str) -> str | None:
        """Return the value kept under `name` by `set_mark`."""

    def set_mark(self, name: str, value: str) -> None: ...


class Records(Protocol):
    """The store's one door. While something stands in for the database, `degraded` says why; else it is ""."""

    @property
    def degraded(self) -> str: ...

    def take_refused(self) -> tuple[str, ...]:
        """Return, once, why something that was kept aside could not be taken over; a person is to know."""

    async def transact(self, work: Callable[[Rows], T]) -> T:
        """Run `work` in one transaction and return what it returned; `StoreError` if nothing was committed."""
