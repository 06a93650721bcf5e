"""The doors of the house: what the services ask of the world, and the errors that may come through.

    BrokerError                 anything the broker's side may answer instead of a result
    ├── BrokerUnreachable       no answer to a question; asking again is safe
    ├── NoAnswer                an order or cancel was sent and its outcome is unknown; never send it again
    ├── RateLimited             too many calls; ask again after `retry_after_s`
    ├── AccessRefused           key, token or account are not accepted; a person must look
    ├── OrderRefused            the broker said no, and nothing was ordered
    │   ├── MarketClosed        not at this hour or on this day
    │   ├── NothingToSell       fewer shares are sellable than the order asks for
    │   ├── InsufficientCash    the cash does not cover the order
    │   ├── NothingToCancel     already filled, cancelled or gone: ask, do not assume
    │   └── SymbolBlocked       halted, in liquidation, or unknown to the broker
    ├── ListingChanged          a listing changed between its pages; read it again from the start
    └── ProtocolError           an answer we cannot read

An error's type says what the caller may do next; `code` is the broker's own.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from enum import StrEnum
from typing import TYPE_CHECKING, Protocol, TypeAlias, TypeVar

if TYPE_CHECKING:
    from kis_daemon.domain.approvals import Approval, Proposal, TokenRefusal
    from kis_daemon.domain.events import Event, Scalar
    from kis_daemon.domain.market import Bar, Listing, Quote, Side, Symbol, Won
    from kis_daemon.domain.orders import Fill, Order, OrderIntent, OrderKey, OrderNo, OrderType
    from kis_daemon.domain.positions import Position, Trade
    from kis_daemon.domain.safeguards import KillSwitch

T = TypeVar("T")


# --- time and chance -------------------------------------------------------------------------------------------------


class Clock(Protocol):
    """Dates. Durations belong to the loop (`asyncio.sleep`, `asyncio.timeout`)."""

    def now(self) -> datetime:
        """Return the present moment, aware, in Asia/Seoul."""

    async def sleep_until(self, when: datetime) -> None:
        """Return once `now()` has reached `when`; at once if it has already."""


class Entropy(Protocol):
    """Where secrets and token ids come from: the operating system, or a seed in the embedded simulator."""

    def token_bytes(self, count: int) -> bytes: ...


# --- what the broker may say -----------------------------------------------------------------------------------------


class BrokerError(Exception):
    """Something the broker's side answered, or did not, instead of a result."""

    def __init__(self, message: str, *, code: str = "") -> None:
        super().__init__(message)
        self.code = code


class BrokerUnreachable(BrokerError):
    """No answer to a question; asking again is safe."""


class NoAnswer(BrokerError):
    """An order or a cancel was sent and its outcome is unknown; it must never be sent again."""


class RateLimited(BrokerError):
    """Too many calls; ask again after `retry_after_s` seconds."""

    def __init__(self, message: str, *, code: str = "", retry_after_s: float = 1.0) -> None:
        super().__init__(message, code=code)
        self.retry_after_s = retry_after_s


class AccessRefused(BrokerError):
    """Key, token or account are not accepted; a person must look."""


class OrderRefused(BrokerError):
    """The broker said no: nothing was ordered, changed or cancelled."""


class MarketClosed(OrderRefused):
    """Not at this hour, or not on this day."""


class NothingToSell(OrderRefused):
    """Fewer shares are sellable than the order asks for."""


class InsufficientCash(OrderRefused):
    """The cash does not cover the order."""


class NothingToCancel(OrderRefused):
    """The order is already filled, cancelled or gone: ask which, never assume."""


class SymbolBlocked(OrderRefused):
    """The symbol is halted, in liquidation, or unknown to the broker."""


class ListingChanged(BrokerError):
    """A listing changed between two of its pages; read it again from the first."""


class ProtocolError(BrokerError):
    """An answer that we cannot read."""


# --- the broker ------------------------------------------------------------------------------------------------------

Permit: TypeAlias = Callable[[], bool]
"""Asked synchronously right before the bytes leave; False means: send nothing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Accepted:
    """The broker took the order (or cancel) and gave it a number."""

    order_no: OrderNo
    branch_no: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Withdrawn:
    """The permit said no at the last moment; nothing was sent."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BrokerOrder:
    """One row of the broker's order listing: the cumulative truth about one order number.

    quantity = filled + remaining + cancelled + rejected. A modify or cancel request is a row of its own whose
    `original_no` names the order it concerns. `at` is the time of the order, in seconds.
    """

    order_no: OrderNo
    original_no: OrderNo | None
    branch_no: str
    at: datetime
    symbol: Symbol
    side: Side
    order_type: OrderType
    quantity: int
    price: Won
    filled_quantity: int
    filled_amount: Won
    remaining_quantity: int
    cancelled_quantity: int
    rejected_quantity: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Holding:
    """Shares of one symbol in the account; `cost` is what they were bought for, fees left out."""

    symbol: Symbol
    name: str
    quantity: int
    sellable: int
    cost: Won
    price: Won


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountStatement:
    """The account as the broker states it. `cash` is the settled sum two days on (D+2): today's trades are in it."""

    cash: Won
    holdings: tuple[Holding, ...]
    holdings_value: Won

    @property
    def equity(self) -> Won:
        return self.cash + self.holdings_value


class Broker(Protocol):
    """The one door to the account."""

    async def submit(self, intent: OrderIntent, permit: Permit, *, urgent: bool) -> Accepted | Withdrawn:
        """Send the order once. Budget slot, token and connection come first; then, with no await between, `permit()`
        and the write. Raises `OrderRefused` (nothing was ordered) or `NoAnswer` (unknown); never repeats."""

    async def cancel(self, order: Order, permit: Permit) -> Accepted | Withdrawn:
        """Ask once to cancel all that remains of `order`. Raises as `submit`."""

    async def orders(self, first: date, last: date) -> tuple[BrokerOrder, ...]:
        """Return the complete listing of the days `first` to `last`, oldest first, or raise: never a part of it."""

    async def account(self) -> AccountStatement:
        """Return cash and all holdings with at least one share, or raise: never a part of them."""

    async def buyable_quantity(self, symbol: Symbol, price: Won) -> int:
        """Return how many shares can be bought at `price` without debt."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Snapshot:
    """A symbol's listing and its last trade, from one question. `quote` is None before any trade was ever known."""

    listing: Listing
    quote: Quote | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Chart:
    """Adjusted daily bars, oldest first; a bar of the running day is in it as the broker has it so far."""

    symbol: Symbol
    name: str
    bars: tuple[Bar, ...]


class MarketData(Protocol):
    """Questions about symbols; all may be repeated."""

    async def snapshot(self, symbol: Symbol) -> Snapshot: ...

    async def chart(self, symbol: Symbol, first: date, last: date) -> Chart:
        """Return the bars of `first` to `last`; days without trade are left out."""


# --- the stream ------------------------------------------------------------------------------------------------------


class NoticeKind(StrEnum):
    ACCEPTED = "ACCEPTED"
    REJECTED = "REJECTED"
    FILLED = "FILLED"
    MODIFIED = "MODIFIED"
    CANCELLED = "CANCELLED"


@dataclass(frozen=True, slots=True, kw_only=True)
class ExecutionNotice:
    """What the stream says of an order: a hint. The order listing is the truth."""

    kind: NoticeKind
    order_no: OrderNo
    original_no: OrderNo | None
    symbol: Symbol
    side: Side
    quantity: int
    price: Won
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class FeedState:
    """The stream's link: up with these symbols acknowledged, or down with the reason."""

    connected: bool
    symbols: tuple[Symbol, ...] = ()
    reason: str = ""


class FeedSink(Protocol):
    """Who listens to the feed. Called synchronously from the reader: it must not wait."""

    def on_quote(self, quote: Quote) -> None: ...

    def on_notice(self, notice: ExecutionNotice) -> None: ...

    def on_feed_state(self, state: FeedState) -> None: ...


class QuoteFeed(Protocol):
    """The broker's stream of trades and of notices about our orders."""

    async def run(self, sink: FeedSink) -> None:
        """Connect, register, read and reconnect until cancelled."""

    def want(self, symbols: Sequence[Symbol]) -> None:
        """Say which symbols to register, most important first; the notice is always registered."""


# --- the operator ----------------------------------------------------------------------------------------------------


class Severity(StrEnum):
    INFO = "info"
    WARNING = "warning"
    ERROR = "error"


@dataclass(frozen=True, slots=True, kw_only=True)
class Alert:
    """Something to tell a person: the name of the fact and its data; the words come from the catalogue."""

    event: str
    severity: Severity
    at: datetime
    data: Mapping[str, Scalar] = field(default_factory=dict)


class Notifier(Protocol):
    def tell(self, alert: Alert) -> None:
        """Take the alert and return at once; delivery is the notifier's own affair and never stops trading."""


# --- the records -----------------------------------------------------------------------------------------------------


class StoreError(Exception):
    """The records could not be read or written; nothing of the transaction is in them."""


class StaleVersion(StoreError):
    """Somebody else changed the row since it was read; read it again."""


class Rows(Protocol):
    """The rows as one transaction sees them. Synchronous: a unit of work runs to its end or leaves no trace."""

    def append(self, event: Event) -> None:
        """Add `event` at the end of the chain."""

    def chain_head(self) -> str:
        """Return the hash of the last event, or `GENESIS_HASH`."""

    def kill_switch(self) -> KillSwitch:
        """Return the newest record, `NEVER_RELEASED` without one."""

    def set_kill_switch(self, switch: KillSwitch) -> None: ...

    def add_proposal(self, proposal: Proposal) -> None: ...

    def add_approval(self, approval: Approval) -> None: ...

    def use_approval(self, token_hash: str, at: datetime) -> TokenRefusal | None:
        """Spend the approval of that token; the reason if it cannot be (unknown, used, expired)."""

    def claim_order(self, order: Order) -> bool:
        """Write the order as PENDING; False, and nothing written, where its key or signal was claimed before."""

    def save_order(self, order: Order) -> None:
        """Write the order over its row of the version before; `StaleVersion` if that is not what stands there."""

    def add_refused_request(self, intent: OrderIntent, at: datetime, reason: str) -> None:
        """Keep an order that was asked for and refused before it was begun."""

    def order(self, key: OrderKey) -> Order | None: ...

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

    def mark(self, name: str) -> str | None:
        """Return the value kept under `name` by `set_mark`."""

    def set_mark(self, name: str, value: str) -> None: ...


class Records(Protocol):
    """The store's one door."""

    async def transact(self, work: Callable[[Rows], T]) -> T:
        """Run `work` in one transaction and return what it returned; `StoreError` if nothing was committed."""
