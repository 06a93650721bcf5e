"""The exchange and the broker's counter in one: takes requests, lets trades happen, fills what they reach.

Rules of this room
    Synchronous and pure: time comes in with every call, nothing waits, nothing is read from outside.
    Continuous trading: a buy that its limit allows fills at the ask of the last trade, a sell at the bid. An order
    that rested while the market came to it fills at its own limit.
    An auction trade fills every order it satisfies at its single price.
    The account takes at most a tenth of the day's volume so far. A side of the book that is empty (0) fills nothing.
    Nothing fills beyond the day's limits. Orders live for a day.
    Costs are those of the order's sum, so parts never cost more than the whole.
"""

from __future__ import annotations

from datetime import date, datetime, timedelta

from kis_daemon.domain.calendar import CalendarNotCovered, SessionPhase, TradingCalendar, TradingDay
from kis_daemon.domain.costs import order_costs
from kis_daemon.domain.market import Side, Symbol, Won
from kis_daemon.domain.price_path import PathTick
from kis_daemon.simulator.account import Account
from kis_daemon.simulator.board import Board, board_of
from kis_daemon.simulator.matching import fill_price, limit_of, priority, reaches, takes, unit_to_hold
from kis_daemon.simulator.order_book import OrderBook
from kis_daemon.simulator.prices import PriceBook
from kis_daemon.simulator.requests import (
    DIVISIONS,
    EventKind,
    HouseRules,
    OrderEvent,
    Patience,
    Placed,
    Refusal,
    Request,
    RequestKind,
)


class Exchange:
    """A day of trading at a time, for one account."""

    def __init__(
        self,
        *,
        prices: PriceBook,
        calendar: TradingCalendar,
        account: Account,
        rules: HouseRules,
        commission_ppb: int,
    ) -> None:
        self.prices = prices
        self.calendar = calendar
        self.account = account
        self.rules = rules
        self.commission_ppb = commission_ppb
        self.day: TradingDay | None = None
        self.boards: dict[Symbol, Board] = {}
        self.orders = OrderBook(rules.number_step)
        self._settles_on = date.min

    # --- the day --------------------------------------------------------------------------------------------

    def open_day(self, day: TradingDay) -> None:
        """Begin `day`: new boards, settled cash, no orders."""
        self.show(day)
        self.account.roll(day.date)
        self.account.opening_equity = self.equity()
        self.orders.begin(day.date)

    def show(self, day: TradingDay) -> None:
        """Set up the boards of `day` without touching account or orders (a start in the middle of it)."""
        try:
            before = self.calendar.previous_trading_day(day.date).date
        except CalendarNotCovered:  # the calendar's first day has no day before
            before = day.date - timedelta(days=1)
        self.day = day
        self._settles_on = self.calendar.settlement_date(day.date)
        self.boards = {
            listed.symbol: board_of(listed, self.prices, day.date, before) for listed in self.prices.listings()
        }

    def close_day(self) -> None:
        """End the day: what is still open expires."""
        for request in self.orders.expire():
            self._hold(request, 0)

    def on_tick(
        self, symbol: Symbol, tick: PathTick, at: datetime, phase: SessionPhase = SessionPhase.REGULAR
    ) -> tuple[OrderEvent, ...]:
        """Let a trade of the market happen and return what it filled; an auction's `phase` makes it a single price."""
        board = self.boards[symbol]
        ask_before, bid_before = board.ask, board.bid
        board.record(tick, at)
        waiting = self.orders.waiting(symbol)
        if not waiting:
            return ()
        events: list[OrderEvent] = []
        for request in sorted(waiting, key=priority):
            price = fill_price(request, board, phase, ask_before, bid_before)
            if price:
                events += self._fill(request, board, price, request.remaining, at)
        if events:
            self.orders.drop_done(symbol)
        return tuple(events)

    # --- requests -------------------------------------------------------------------------------------------

    def submit(
        self, *, side: Side, symbol: Symbol, division: str, quantity: int, price: Won, at: datetime
    ) -> Placed | Refusal:
        """Take a new order, fill what can be filled at once, and let the rest wait; or say why not."""
        phase = self._phase(at)
        if isinstance(phase, Refusal):
            return phase
        board = self.boards.get(symbol)
        if board is None:
            return Refusal.UNKNOWN_SYMBOL
        if board.halted or board.base < self.rules.minimum_price:
            return Refusal.BLOCKED
        if not takes(self.rules, division, phase):
            return Refusal.WRONG_DIVISION
        if quantity <= 0:
            return Refusal.WRONG_QUANTITY
        limit = limit_of(board, side, division, price)
        if isinstance(limit, Refusal):
            return limit
        if side is Side.SELL and quantity > self.sellable(symbol):
            return Refusal.NOT_ENOUGH_SHARES
        if side is Side.BUY and self._needs(quantity * unit_to_hold(board, division, limit)) > self.account.spendable:
            return Refusal.NOT_ENOUGH_CASH
        request = self.orders.number(RequestKind.NEW, None, symbol, side, division, quantity, price, at)
        request.limit = limit
        accepted = OrderEvent(kind=EventKind.ACCEPTED, request=request, quantity=quantity, price=price, at=at)
        return Placed(request=request, events=(accepted, *self._enter(request, board, phase, at)))

    def cancel(self, number: int, quantity: int | None, at: datetime) -> Placed | Refusal:
        """Cancel `quantity` shares of what remains of an order of today, all of it where None."""
        original = self._changeable(number, quantity, at)
        if isinstance(original, Refusal):
            return original
        left = original.remaining if quantity is None else quantity
        original.cancelled += left
        self._settle_down(original)
        request = self.orders.number(
            RequestKind.CANCEL, number, original.symbol, original.side, original.division, left, 0, at
        )
        request.cancelled = left
        event = OrderEvent(kind=EventKind.CANCELLED, request=request, quantity=left, price=0, at=at)
        return Placed(request=request, events=(event,))

    def modify(self, number: int, *, division: str, quantity: int | None, price: Won, at: datetime) -> Placed | Refusal:
        """Move `quantity` shares of what remains of an order (all where None) to a new number, type and price."""
        original = self._changeable(number, quantity, at)
        if isinstance(original, Refusal):
            return original
        phase = self._phase(at)
        if isinstance(phase, Refusal):
            return phase
        if not takes(self.rules, division, phase):
            return Refusal.WRONG_DIVISION
        board = self.boards[original.symbol]
        left = original.remaining if quantity is None else quantity
        limit = limit_of(board, original.side, division, price)
        if isinstance(limit, Refusal):
            return limit
        kept = self._needs((original.remaining - left) * unit_to_hold(board, original.division, original.limit))
        free = self.account.spendable + original.held - kept
        if original.side is Side.BUY and self._needs(left * unit_to_hold(board, division, limit)) > free:
            return Refusal.NOT_ENOUGH_CASH
        original.cancelled += left
        self._settle_down(original)
        request = self.orders.number(
            RequestKind.MODIFY, number, original.symbol, original.side, division, left, price, at
        )
        request.limit = limit
        event = OrderEvent(kind=EventKind.MODIFIED, request=request, quantity=left, price=price, at=at)
        return Placed(request=request, events=(event, *self._enter(request, board, phase, at)))

    # --- questions ------------------------------------------------------------------------------------------

    def sellable(self, symbol: Symbol) -> int:
        """Return the shares held less those in open sell orders."""
        return self.account.quantity(symbol) - self.orders.open_sales(symbol)

    def buyable(self, price: Won) -> int:
        """Return how many shares the cash covers at `price`, commission included."""
        cash = max(self.account.spendable, 0)
        quantity = cash // price
        while quantity and self._needs(quantity * price) > cash:
            quantity -= 1
        return quantity

    def price(self, symbol: Symbol) -> Won:
        """Return the last price known: today's, or the close before."""
        board = self.boards.get(symbol)
        return board.price if board is not None else 0

    def holdings_value(self) -> Won:
        return sum(row.quantity * self.price(symbol) for symbol, row in self.account.holdings.items())

    def equity(self) -> Won:
        return self.account.cash_d2 + self.holdings_value()

    # --- inside ---------------------------------------------------------------------------------------------

    def _phase(self, at: datetime) -> SessionPhase | Refusal:
        day = self.day
        if day is None or day.date != at.date():
            return Refusal.NOT_A_TRADING_DAY
        if at < (day.opening_auction_at if self.rules.takes_opening_auction else day.opens_at):
            return Refusal.BEFORE_HOURS
        if at >= day.closes_at:
            return Refusal.AFTER_HOURS
        return day.phase(at)

    def _needs(self, amount: Won) -> Won:
        return amount + amount * self.commission_ppb // 1_000_000_000

    def _changeable(self, number: int, quantity: int | None, at: datetime) -> Request | Refusal:
        phase = self._phase(at)
        if isinstance(phase, Refusal):
            return phase
        original = self.orders.find(at.date(), number)
        if original is None or not original.is_open:
            return Refusal.NOTHING_TO_CHANGE
        if quantity is not None and not 0 < quantity <= original.remaining:
            return Refusal.NOTHING_TO_CHANGE
        return original

    def _enter(self, request: Request, board: Board, phase: SessionPhase, at: datetime) -> list[OrderEvent]:
        """Fill what the present touch allows, and let the rest wait or lapse."""
        self._reserve(request, board)
        events: list[OrderEvent] = []
        patience = DIVISIONS[request.division].patience
        if phase is SessionPhase.REGULAR and board.trades:
            touch = board.ask if request.side is Side.BUY else board.bid
            enough = patience is not Patience.ALL_OR_NOTHING or board.takeable >= request.quantity
            if enough and reaches(request, touch):
                events += self._fill(request, board, touch, request.quantity, at)
        if request.remaining and patience is not Patience.DAY:
            left = request.remaining
            request.cancelled += left
            self._hold(request, 0)
            events.append(OrderEvent(kind=EventKind.LAPSED, request=request, quantity=left, price=0, at=at))
        if request.remaining:
            self.orders.wait(request)
        return events

    def _fill(self, request: Request, board: Board, price: Won, wanted: int, at: datetime) -> list[OrderEvent]:
        quantity = min(wanted, board.takeable)
        # a price beyond the limits is a break in the series (a split not adjusted for): nobody trades through it
        if quantity <= 0 or not board.lower <= price <= board.upper:
            return []
        board.taken += quantity
        request.filled += quantity
        request.amount += quantity * price
        costs = order_costs(request.side, request.amount, board.market, board.day, self.commission_ppb)
        self.account.book(
            request.side, request.symbol, quantity, quantity * price, costs - request.costs, self._settles_on
        )
        request.costs = costs
        self._reserve(request, board)
        return [OrderEvent(kind=EventKind.FILLED, request=request, quantity=quantity, price=price, at=at)]

    def _settle_down(self, request: Request) -> None:
        """After a cancel or a move: hold back less, and wait no longer if nothing remains."""
        self._reserve(request, self.boards[request.symbol])
        self.orders.drop_done(request.symbol)

    def _reserve(self, request: Request, board: Board) -> None:
        if request.side is Side.BUY:
            unit = unit_to_hold(board, request.division, request.limit)
            whole = self._needs(request.amount + request.remaining * unit)
            self._hold(request, whole - request.amount - request.costs.fee if request.remaining else 0)

    def _hold(self, request: Request, held: Won) -> None:
        self.account.held_back += held - request.held
        request.held = held
