"""The account at the broker: orders, what became of them, what is held."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date, datetime
from typing import TYPE_CHECKING, Protocol, TypeAlias

if TYPE_CHECKING:
    from kis_daemon.domain.market import Side, Symbol, Won
    from kis_daemon.domain.orders import Order, OrderIntent, OrderNo, OrderType


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
class UnreadableOrder:
    """A row of a listing that could not be read: an order of which we know no more than this.

    `order_no` is None where even that is unreadable; `product` is what stands where the symbol should.
    """

    order_no: OrderNo | None
    product: str
    reason: str

    def may_concern(self, symbol: Symbol) -> bool:
        """Whether this may be an order of `symbol`: unless it plainly names another product."""
        is_a_code = self.product.isascii() and self.product.isalnum()
        return not is_a_code or symbol in self.product


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderListing:
    """A whole listing, oldest first: every row of it is in `rows`, or in `unreadable` if it could not be read.

    Nothing may be concluded from an order's absence while `may_hide` says that it may be among the unreadable.
    """

    rows: tuple[BrokerOrder, ...] = ()
    unreadable: tuple[UnreadableOrder, ...] = ()

    def may_hide(self, symbol: Symbol, order_no: OrderNo | None) -> bool:
        """Whether an unreadable row may be the order in `symbol` of that number, or of a number not known yet."""
        for row in self.unreadable:
            if row.order_no is not None and order_no is not None:
                if row.order_no == order_no:
                    return True
            elif row.may_concern(symbol):
                return True
        return False

    def __iter__(self) -> Iterator[BrokerOrder]:
        return iter(self.rows)

    def __len__(self) -> int:
        return len(self.rows)

    def __contains__(self, row: object) -> bool:
        return row in self.rows


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


@dataclass(frozen=True, slots=True, kw_only=True)
class DayProfit:
    """What the sales of one day brought, as the broker reckons it after fees, tax and interest."""

    day: date
    profit: Won
    bought: Won
    sold: Won
    fee: Won
    tax: Won
    interest: Won


@dataclass(frozen=True, slots=True, kw_only=True)
class TradeProfit(DayProfit):
    """What the sales of one symbol brought on one day."""

    symbol: Symbol
    name: str
    bought_quantity: int
    sold_quantity: int


class Broker(Protocol):
    """The one door to the account."""

    async def submit(self, intent: OrderIntent, permit: Permit, *, urgent: bool) -> Accepted | Withdrawn:
        """Send the order once. Budget slot, token and connection come first; then, with no await between, `permit()`
        and the write. Raises `OrderRefused` (nothing was ordered) or `NoAnswer` (unknown); never repeats."""

    async def cancel(self, order: Order, permit: Permit) -> Accepted | Withdrawn:
        """Ask once to cancel all that remains of `order`. Raises as `submit`."""

    async def modify(self, order: Order, quantity: int | None, price: Won, permit: Permit) -> Accepted | Withdrawn:
        """Ask once to move all that remains of `order`, or `quantity` shares of it, to the limit `price`.

        What is moved goes on under the number of the answer, loses its place in the queue, and is listed as a row
        of its own whose `original_no` names `order`. Raises as `submit`; `NothingToCancel` where nothing remains.
        """

    async def orders(self, first: date, last: date) -> OrderListing:
        """Return the whole listing of the days `first` to `last`, oldest first, or raise: never a part of it."""

    async def open_orders(self) -> OrderListing:
        """Return today's orders of which shares are still open, all of them, oldest first, or raise."""

    async def account(self) -> AccountStatement:
        """Return cash and all holdings with at least one share, or raise: never a part of them."""

    async def buyable_quantity(self, symbol: Symbol, price: Won) -> int:
        """Return how many shares can be bought at `price` without debt."""

    async def sellable_quantity(self, symbol: Symbol) -> int:
        """Return how many shares can be sold now: those held less those that open sales already offer."""

    async def realized_today(self) -> Won:
        """Return what today's sales brought. This and the next two: `NotOnThisVenue` on paper; our records stand in."""

    async def realized_by_day(self, first: date, last: date) -> tuple[DayProfit, ...]:
        """Return what the days with trades brought, oldest first."""

    async def realized_by_symbol(self, first: date, last: date) -> tuple[TradeProfit, ...]:
        """Return what each symbol brought on each day, oldest first."""
