"""A broker, a notifier and records in memory: they implement their ports, remember, and do as a test tells them."""

from __future__ import annotations

import asyncio
import random
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from typing import Any, TypeVar

from kis_daemon.domain.calendar import SessionPhase, TradingCalendar
from kis_daemon.domain.costs import order_costs
from kis_daemon.domain.market import Market, Side, Symbol, Won, price_limits
from kis_daemon.domain.orders import Order, OrderIntent, OrderNo, OrderType
from kis_daemon.ports import (
    Accepted,
    AccountStatement,
    Alert,
    BrokerError,
    BrokerOrder,
    BrokerUnreachable,
    Clock,
    DayProfit,
    Holding,
    InsufficientCash,
    MarketClosed,
    NoAnswer,
    NothingToCancel,
    NothingToSell,
    OrderListing,
    Permit,
    Records,
    Rows,
    StoreError,
    TradeProfit,
    UnreadableOrder,
    Withdrawn,
)
from tests.services.builders import BRANCH, COMMISSION_PPB, HYNIX, SAMSUNG
from tests.services.earnings import Earnings

T = TypeVar("T")

_TIME_LIMIT_S = 15.0  # how long a caller waits for an answer that never comes


@dataclass(frozen=True, slots=True)
class Silence:
    """The answer to a request that never comes back; it may have arrived all the same."""

    arrived: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Echo:
    """The answer to a request is the one that an earlier request had."""

    order_no: OrderNo


class FakeBroker:
    """`ports.Broker` over one account in memory.

    Orders rest until `fill` is called, except for the `depth` shares of a symbol that are on offer at its price.
    `answers` and `cancel_answers` are what the next requests meet, `failing` what every question meets.
    `lag_s` is how far its listing and its statement are behind, `unreadable` what stands in the listing besides.
    """

    def __init__(self, clock: Clock, calendar: TradingCalendar, *, cash: Won = 10_000_000) -> None:
        self._clock = clock
        self._calendar = calendar
        self._rows: dict[OrderNo, BrokerOrder] = {}
        self._holdings: dict[Symbol, Holding] = {}
        self._shown: list[tuple[datetime, tuple[BrokerOrder, ...], AccountStatement]] = []
        self.cash = cash
        self.prices: dict[Symbol, Won] = {SAMSUNG: 70_000, HYNIX: 150_000}
        self.depth: dict[Symbol, int] = {}
        self.answers: deque[BrokerError | Silence | Echo] = deque()
        self.cancel_answers: deque[BrokerError | Silence] = deque()
        self.failing: BrokerError | None = None
        self.answer_takes_s = 0.0
        self.question_takes_s = 0.0
        self.lag_s = 0.0
        self.unreadable: tuple[UnreadableOrder, ...] = ()
        self._earnings = Earnings()
        self.before_permit: Callable[[], None] | None = None
        self.sent: list[OrderIntent] = []
        self.cancelled: list[OrderNo | None] = []
        self.questions: list[tuple[datetime, str]] = []
        self._show()

    # the port

    async def submit(self, intent: OrderIntent, permit: Permit, *, urgent: bool) -> Accepted | Withdrawn:
        if self.before_permit is not None:
            self.before_permit()
        answer = self.answers.popleft() if self.answers else None
        if isinstance(answer, BrokerUnreachable):
            raise answer  # no connection: the permit is not even asked for
        if not permit():
            return Withdrawn()
        self.sent.append(intent)
        if isinstance(answer, BrokerError):
            raise answer
        if isinstance(answer, Silence):
            if answer.arrived:
                self.take(intent)
            await asyncio.sleep(_TIME_LIMIT_S)
            raise NoAnswer("no answer")
        order_no = self.take(intent)
        if isinstance(answer, Echo):
            order_no = answer.order_no
        await asyncio.sleep(self.answer_takes_s)
        return Accepted(order_no=order_no, branch_no=BRANCH)

    async def cancel(self, order: Order, permit: Permit) -> Accepted | Withdrawn:
        if not permit():
            return Withdrawn()
        self.cancelled.append(order.order_no)
        answer = self.cancel_answers.popleft() if self.cancel_answers else None
        if isinstance(answer, BrokerError):
            raise answer
        if isinstance(answer, Silence) and not answer.arrived:
            raise NoAnswer("no answer")
        self._require_session()
        order_no = self._cancel(order)
        if isinstance(answer, Silence):
            raise NoAnswer("no answer")
        return Accepted(order_no=order_no, branch_no=BRANCH)

    async def modify(self, order: Order, quantity: int | None, price: Won, permit: Permit) -> Accepted | Withdrawn:
        if not permit():
            return Withdrawn()
        self._require_session()
        row = self._rows.get(order.order_no or OrderNo(""))
        moved = (row.remaining_quantity if quantity is None else quantity) if row is not None else 0
        if row is None or not 0 < moved <= row.remaining_quantity:
            raise NothingToCancel("nothing left to change", code="40330000")
        order_no = self._supersede(row, moved, price)
        return Accepted(order_no=order_no, branch_no=BRANCH)

    async def orders(self, first: date, last: date) -> OrderListing:
        rows, _ = self._asked("orders")
        shown = tuple(row for row in rows if first <= row.at.date() <= last)
        await asyncio.sleep(self.question_takes_s)
        return OrderListing(rows=shown, unreadable=self.unreadable)

    async def open_orders(self) -> OrderListing:
        rows, _ = self._asked("open orders")
        return OrderListing(rows=tuple(row for row in rows if row.remaining_quantity), unreadable=self.unreadable)

    async def account(self) -> AccountStatement:
        return self._asked("account")[1]

    async def buyable_quantity(self, symbol: Symbol, price: Won) -> int:
        self._asked("buyable")
        quantity = max(self._spendable(), 0) // price
        while quantity and _with_fee(quantity * price) > self._spendable():
            quantity -= 1
        return quantity

    async def sellable_quantity(self, symbol: Symbol) -> int:
        _, statement = self._asked("sellable")
        return next((held.sellable for held in statement.holdings if held.symbol == symbol), 0)

    async def realized_today(self) -> Won:
        today = self._clock.now().date()
        return sum(day.profit for day in await self.realized_by_day(today, today))

    async def realized_by_day(self, first: date, last: date) -> tuple[DayProfit, ...]:
        self._asked("realized")
        return self._earnings.by_day(first, last)

    async def realized_by_symbol(self, first: date, last: date) -> tuple[TradeProfit, ...]:
        self._asked("realized")
        return self._earnings.by_symbol(first, last)

    # what a test lets happen

    def take(self, intent: OrderIntent) -> OrderNo:
        """Take an order as the broker does, from us or from somebody else with the same account."""
        self._require_session()
        if intent.side is Side.SELL and intent.quantity > self._sellable(intent.symbol):
            raise NothingToSell(f"{self._sellable(intent.symbol)} sellable", code="40240000")
        if intent.side is Side.BUY and _with_fee(intent.quantity * self._dearest(intent)) > self._spendable():
            raise InsufficientCash("not enough cash", code="40250000")
        order_no = OrderNo(str(len(self._rows) + 1))
        self._rows[order_no] = BrokerOrder(
            order_no=order_no,
            original_no=None,
            branch_no=BRANCH,
            at=self._clock.now().replace(microsecond=0),
            symbol=intent.symbol,
            side=intent.side,
            order_type=intent.order_type,
            quantity=intent.quantity,
            price=intent.price or 0,
            filled_quantity=0,
            filled_amount=0,
            remaining_quantity=intent.quantity,
            cancelled_quantity=0,
            rejected_quantity=0,
        )
        self._show()
        offered = min(self.depth.get(intent.symbol, 0), intent.quantity)
        if offered and _reaches(intent, self.prices[intent.symbol]):
            self.depth[intent.symbol] -= offered
            self.fill(order_no, offered)
        return order_no

    def fill(self, order_no: OrderNo | str, quantity: int, price: Won | None = None) -> None:
        """Execute `quantity` shares of an order at `price`, or at what the symbol costs."""
        row = self._rows[OrderNo(order_no)]
        amount = quantity * (self.prices[row.symbol] if price is None else price)
        before, after = row.filled_amount, row.filled_amount + amount
        costs = _costs(row, after) - _costs(row, before)
        sign = 1 if row.side is Side.BUY else -1
        self.cash -= sign * amount + costs
        held = self._holdings.get(row.symbol, self._nothing_of(row.symbol))
        cost = amount if row.side is Side.BUY else -held.cost * quantity // held.quantity
        if row.side is Side.SELL:
            self._earnings.add(self._clock.now().date(), row.symbol, quantity, amount, -cost, costs)
        self._holdings[row.symbol] = replace(held, quantity=held.quantity + sign * quantity, cost=held.cost + cost)
        self._rows[row.order_no] = replace(
            row,
            filled_quantity=row.filled_quantity + quantity,
            filled_amount=after,
            remaining_quantity=row.remaining_quantity - quantity,
        )
        self._show()

    def reject(self, order_no: OrderNo | str) -> None:
        """Let the exchange refuse an order that the broker had taken."""
        row = self._rows[OrderNo(order_no)]
        self._rows[row.order_no] = replace(row, remaining_quantity=0, rejected_quantity=row.remaining_quantity)
        self._show()

    def revise(self, order_no: OrderNo | str, **changes: Any) -> None:
        """Let the listing say something else of an order from now on."""
        row = self._rows[OrderNo(order_no)]
        self._rows[row.order_no] = replace(row, **changes)
        self._show()

    def lose(self, order_no: OrderNo | str) -> None:
        """Leave an order out of the listing for a while."""
        del self._rows[OrderNo(order_no)]
        self._show()

    def hold(self, symbol: Symbol, quantity: int, cost: Won = 0) -> None:
        """Let the account hold `quantity` shares of `symbol`."""
        self._holdings[symbol] = replace(self._nothing_of(symbol), quantity=quantity, cost=cost)
        self._show()

    def pay_in(self, cash: Won) -> None:
        """Move cash that no trade explains."""
        self.cash += cash
        self._show()

    @property
    def listing(self) -> tuple[BrokerOrder, ...]:
        """What is true, whatever `lag_s` lets us see of it."""
        return tuple(self._rows.values())

    def asked(self, what: str) -> int:
        """Return how often that was asked."""
        return sum(1 for _, name in self.questions if name == what)

    # inside

    def _cancel(self, order: Order) -> OrderNo:
        row = self._rows.get(order.order_no or OrderNo(""))
        if row is None or row.remaining_quantity == 0:
            raise NothingToCancel("nothing left", code="40330000")
        left = row.remaining_quantity
        self._rows[row.order_no] = replace(row, remaining_quantity=0, cancelled_quantity=left)
        order_no = OrderNo(str(len(self._rows) + 1))
        self._rows[order_no] = replace(
            row,
            order_no=order_no,
            original_no=row.order_no,
            at=self._clock.now().replace(microsecond=0),
            quantity=left,
            filled_quantity=0,
            filled_amount=0,
            remaining_quantity=0,
            cancelled_quantity=left,
        )
        self._show()
        return order_no

    def _supersede(self, row: BrokerOrder, moved: int, price: Won) -> OrderNo:
        """Let `moved` shares of an order go on at `price` under a number of their own."""
        left, gone = row.remaining_quantity - moved, row.cancelled_quantity + moved
        self._rows[row.order_no] = replace(row, remaining_quantity=left, cancelled_quantity=gone)
        order_no = OrderNo(str(len(self._rows) + 1))
        self._rows[order_no] = replace(
            row,
            order_no=order_no,
            original_no=row.order_no,
            at=self._clock.now().replace(microsecond=0),
            order_type=OrderType.LIMIT,
            quantity=moved,
            price=price,
            filled_quantity=0,
            filled_amount=0,
            remaining_quantity=moved,
            cancelled_quantity=0,
        )
        self._show()
        return order_no

    def _asked(self, what: str) -> tuple[tuple[BrokerOrder, ...], AccountStatement]:
        now = self._clock.now()
        self.questions.append((now, what))
        if self.failing is not None:
            raise self.failing
        seen_until = now - timedelta(seconds=self.lag_s)
        shown = [entry for entry in self._shown if entry[0] <= seen_until] or self._shown[:1]
        return shown[-1][1:]

    def _show(self) -> None:
        holdings = tuple(
            replace(held, price=self.prices[held.symbol], sellable=self._sellable(held.symbol))
            for held in self._holdings.values()
            if held.quantity
        )
        value = sum(held.quantity * held.price for held in holdings)
        statement = AccountStatement(cash=self.cash, holdings=holdings, holdings_value=value)
        self._shown.append((self._clock.now(), tuple(self._rows.values()), statement))

    def _require_session(self) -> None:
        if self._calendar.phase(self._clock.now()) is SessionPhase.CLOSED:
            raise MarketClosed("closed", code="40580000")

    def _spendable(self) -> Won:
        open_buys = (row for row in self._rows.values() if row.side is Side.BUY)
        return self.cash - sum(_with_fee(row.remaining_quantity * row.price) for row in open_buys)

    def _sellable(self, symbol: Symbol) -> int:
        held = self._holdings.get(symbol)
        resting = sum(
            row.remaining_quantity for row in self._rows.values() if row.symbol == symbol and row.side is Side.SELL
        )
        return (0 if held is None else held.quantity) - resting

    def _dearest(self, intent: OrderIntent) -> Won:
        limits = price_limits(self.prices[intent.symbol], Market.KOSPI, self._clock.now().date())
        return intent.price or limits[1]

    def _nothing_of(self, symbol: Symbol) -> Holding:
        return Holding(symbol=symbol, name="", quantity=0, sellable=0, cost=0, price=self.prices[symbol])


def _reaches(intent: OrderIntent, price: Won) -> bool:
    if intent.price is None:
        return True
    return intent.price >= price if intent.side is Side.BUY else intent.price <= price


def _with_fee(amount: Won) -> Won:
    return amount + amount * COMMISSION_PPB // 1_000_000_000


def _costs(row: BrokerOrder, amount: Won) -> Won:
    costs = order_costs(row.side, amount, Market.KOSPI, row.at.date(), COMMISSION_PPB)
    return costs.fee + costs.tax


class HeardNotifier:
    """`ports.Notifier` that keeps what it was told."""

    def __init__(self) -> None:
        self.alerts: list[Alert] = []

    def tell(self, alert: Alert) -> None:
        self.alerts.append(alert)

    @property
    def events(self) -> list[str]:
        return [alert.event for alert in self.alerts]


class BreakableRecords:
    """`ports.Records` that refuses while it is `broken` (or `refuses`), as a full disk does."""

    def __init__(self, records: Records) -> None:
        self._records = records
        self.broken = False
        self.refuses: Callable[[], bool] = lambda: self.broken
        self.degraded = ""
        self.refused: list[str] = []

    def take_refused(self) -> tuple[str, ...]:
        taken = tuple(self.refused)
        self.refused.clear()
        return taken

    async def transact(self, work: Callable[[Rows], T]) -> T:
        if self.refuses():
            raise StoreError("disk is full")
        return await self._records.transact(work)


class SeededEntropy:
    """`ports.Entropy` that repeats itself."""

    def __init__(self, seed: int = 1) -> None:
        self._random = random.Random(seed)

    def token_bytes(self, count: int) -> bytes:
        return self._random.randbytes(count)
