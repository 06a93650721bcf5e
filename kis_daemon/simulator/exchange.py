"""The exchange and the broker's counter in one: takes requests, lets trades happen, fills what they reach.

Rules of this room
    Synchronous and pure: time comes in with every call, nothing waits, nothing is read from outside.
    Continuous trading: a buy that its limit allows fills at the ask of the last trade, a sell at the bid. An order
    that rested while the market came to it fills at its own limit.
    An auction trade fills every order it satisfies at its single price.
    The account takes at most a tenth of the day's volume so far. A side of the book that is empty (0) fills nothing.
    Nothing fills beyond the day's limits. Orders live for a day; those of other hours than the regular session's
    meet the books of those hours alone (`late_hours`), and end with them.
    A middle-priced order trades between the two sides of the touch, with who would else have traded at its own side.
    An interruption is an auction: market orders wait for its single price, impatient ones are refused.
    Costs are those of the order's sum, so parts never cost more than the whole.
"""

from __future__ import annotations

from datetime import datetime

from kis_daemon.domain.calendar import SessionPhase, TradingDay
from kis_daemon.domain.market import Market, Side, Symbol, Won
from kis_daemon.simulator.board import Board
from kis_daemon.simulator.late_hours import LateHours
from kis_daemon.simulator.matching import entry_price, limit_of, takes, unit_to_hold
from kis_daemon.simulator.queueing import stands_before
from kis_daemon.simulator.requests import (
    DIVISIONS,
    Channel,
    EventKind,
    Hours,
    OrderEvent,
    Patience,
    Placed,
    Refusal,
    Request,
    RequestKind,
)
from kis_daemon.simulator.sessions import hours_of

_REGULAR = SessionPhase.REGULAR


class Exchange(LateHours):
    """A day of trading at a time, for one account."""

    # --- the day --------------------------------------------------------------------------------------------

    def open_day(self, day: TradingDay) -> None:
        """Begin `day`: new boards, settled cash, no orders, and what companies did since the day before."""
        self.end_hours(tuple(Hours))
        self.show(day)
        since = self.account.day
        self.account.roll(day.date)
        for action in self.prices.actions_between(since, day.date):
            base = self.boards[action.symbol].base
            self.account.convert(action.symbol, action.ratio_num, action.ratio_den, base)
        self.account.opening_equity = self.equity()
        self.past.forget()
        self.orders.begin(day.date)

    def show(self, day: TradingDay) -> None:
        super().show(day)
        self._settles_on = self.calendar.settlement_date(day.date)

    def close_day(self) -> None:
        """End the regular session: what is still open expires."""
        for request in self.orders.expire():
            self._hold(request, 0)
        self._keep_disturbed()

    def end_hours(self, hours: tuple[Hours, ...]) -> None:
        """End hours outside of the regular session: what waited in them expires."""
        for request in self.orders.expire_aside(hours):
            self._hold(request, 0)

    # --- requests -------------------------------------------------------------------------------------------

    def submit(
        self,
        *,
        side: Side,
        symbol: Symbol,
        division: str,
        quantity: int,
        price: Won,
        at: datetime,
        trigger: Won = 0,
        channel: Channel = Channel.API,
    ) -> Placed | Refusal:
        """Take a new order, fill what can be filled at once, and let the rest wait; or say why not.

        `trigger` is the price that wakes a stop.
        """
        phase = self._phase(division, symbol, at)
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
        board = self._book(board, division, at)
        limit = limit_of(board, side, division, price)
        if isinstance(limit, Refusal):
            return limit
        if DIVISIONS[division].has_trigger and isinstance(limit_of(board, side, division, trigger), Refusal):
            return Refusal.OFF_TICK
        if side is Side.SELL and quantity > self._sellable_now(symbol, at):
            return Refusal.NOT_ENOUGH_SHARES
        if side is Side.BUY and self._needs(quantity * unit_to_hold(board, division, limit)) > self.account.spendable:
            return Refusal.NOT_ENOUGH_CASH
        request = self.orders.number(RequestKind.NEW, None, symbol, side, division, quantity, price, at, channel)
        request.limit = limit
        request.trigger = trigger if DIVISIONS[division].has_trigger else 0
        if self._rejects(request):
            return self._rejected(request, at)
        accepted = OrderEvent(kind=EventKind.ACCEPTED, request=request, quantity=quantity, price=price, at=at)
        return Placed(request=request, events=(accepted, *self._enter(request, board, phase, at)))

    def cancel(self, number: int, quantity: int | None, at: datetime) -> Placed | Refusal:
        """Cancel `quantity` shares of what remains of an order of today, all of it where None."""
        original = self._changeable(number, quantity, at)
        if isinstance(original, Refusal):
            return original
        left = original.remaining if quantity is None else quantity
        request = self.orders.number(
            RequestKind.CANCEL, number, original.symbol, original.side, original.division, left, 0, at
        )
        if self._rejects(request):
            return self._rejected(request, at)
        self._give_up(original, left, at)
        request.cancelled = left
        event = OrderEvent(kind=EventKind.CANCELLED, request=request, quantity=left, price=0, at=at)
        return Placed(request=request, events=(event,))

    def modify(
        self, number: int, *, division: str, quantity: int | None, price: Won, at: datetime, trigger: Won = 0
    ) -> Placed | Refusal:
        """Move `quantity` shares of what remains of an order (all where None) to a new number, type and price.

        A stop keeps its trigger unless it is given another, and then sleeps anew.
        """
        original = self._changeable(number, quantity, at)
        if isinstance(original, Refusal):
            return original
        phase = self._phase(division, original.symbol, at)
        if isinstance(phase, Refusal):
            return phase
        if not takes(self.rules, division, phase) or not _same_hours(division, original.division):
            return Refusal.WRONG_DIVISION
        board = self.boards[original.symbol]
        if board.halted:
            return Refusal.BLOCKED
        left = original.remaining if quantity is None else quantity
        board = self._book(board, division, at)
        limit = limit_of(board, original.side, division, price)
        if isinstance(limit, Refusal):
            return limit
        woken_by = (trigger or original.trigger) if DIVISIONS[division].has_trigger else 0
        if DIVISIONS[division].has_trigger and isinstance(limit_of(board, original.side, division, woken_by), Refusal):
            return Refusal.OFF_TICK
        kept = self._needs((original.remaining - left) * unit_to_hold(board, original.division, original.limit))
        free = self.account.spendable + original.held - kept
        if original.side is Side.BUY and self._needs(left * unit_to_hold(board, division, limit)) > free:
            return Refusal.NOT_ENOUGH_CASH
        request = self.orders.number(
            RequestKind.MODIFY, number, original.symbol, original.side, division, left, price, at
        )
        if self._rejects(request):
            return self._rejected(request, at)
        self._give_up(original, left, at)
        request.limit = limit
        request.trigger = woken_by
        if woken_by == original.trigger:
            request.triggered_at = original.triggered_at
        event = OrderEvent(kind=EventKind.MODIFIED, request=request, quantity=left, price=price, at=at)
        return Placed(request=request, events=(event, *self._enter(request, board, phase, at)))

    def reject_next(self, kind: RequestKind | None = None, symbol: Symbol | None = None) -> None:
        """Have the exchange reject the next request of this kind and symbol that the counter takes (None: any)."""
        self.rejects.append((kind, symbol))

    def transfer(self, amount: Won, at: datetime) -> Won | Refusal:
        """Pay `amount` in, or out where it is negative; return the cash of today, or that it is not there."""
        if amount < 0 and -amount > self.account.withdrawable:
            return Refusal.NOT_ENOUGH_CASH
        self.past.note_account(self.account, at)
        self.account.cash += amount
        return self.account.cash

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

    def holdings_value(self) -> Won:
        return sum(row.quantity * self.price(symbol) for symbol, row in self.account.holdings.items())

    def equity(self) -> Won:
        return self.account.cash_d2 + self.holdings_value()

    # --- inside ---------------------------------------------------------------------------------------------

    def _phase(self, division: str, symbol: Symbol, at: datetime) -> SessionPhase | Refusal:
        """Return what an order of this type meets at `at`: an auction, continuous trading, or nothing yet (CLOSED)."""
        day = self.day
        if day is None or day.date != at.date():
            return Refusal.NOT_A_TRADING_DAY
        kind = DIVISIONS.get(division)
        if kind is not None and kind.hours is not Hours.REGULAR:
            span = hours_of(kind.hours, day, reformed=self.is_reformed(day.date))
            if division not in self.rules.divisions or span is None or not span[0] <= at < span[1]:
                return Refusal.WRONG_DIVISION
            if kind.hours is not Hours.AFTER_MARKET:
                return SessionPhase.CLOSED
            listed = self.boards.get(symbol)
            return Refusal.WRONG_DIVISION if listed is not None and listed.market is Market.ETF else _REGULAR
        if at < (day.opening_auction_at if self.rules.takes_opening_auction else day.opens_at):
            return Refusal.BEFORE_HOURS
        if at >= day.closes_at:
            if at >= self.closing_price_at(symbol, day):
                return Refusal.AFTER_HOURS
            return SessionPhase.CLOSING_AUCTION
        phase = day.phase(at)
        board = self.boards.get(symbol)
        if phase is _REGULAR and board is not None and (board.in_vi or board.single_priced):
            return SessionPhase.OPENING_AUCTION
        return phase

    def _book(self, board: Board, division: str, at: datetime) -> Board:
        """Return the board that an order of this type meets: the regular one, or that of its hours."""
        hours = DIVISIONS[division].hours
        return board if hours is Hours.REGULAR else self.late_book(hours, board.symbol, at)

    def _changeable(self, number: int, quantity: int | None, at: datetime) -> Request | Refusal:
        if self.day is None or self.day.date != at.date():
            return Refusal.NOT_A_TRADING_DAY
        original = self.orders.find(at.date(), number)
        waits_aside = original is not None and DIVISIONS[original.division].hours is not Hours.REGULAR
        if original is None or not waits_aside:
            phase = self._phase("00", original.symbol if original is not None else Symbol(""), at)
            if isinstance(phase, Refusal):
                return phase
        if original is None or not original.is_open:
            return Refusal.NOTHING_TO_CHANGE
        if quantity is not None and not 0 < quantity <= original.remaining:
            return Refusal.NOTHING_TO_CHANGE
        return original

    def _enter(self, request: Request, board: Board, phase: SessionPhase, at: datetime) -> list[OrderEvent]:
        """Fill what the present touch allows, and let the rest wait or lapse."""
        self.past.note_account(self.account, at)
        self._reserve(request, board)
        events: list[OrderEvent] = []
        patience = DIVISIONS[request.division].patience
        if phase is _REGULAR and board.trades and not request.sleeps:
            price = entry_price(request, board)
            enough = patience is not Patience.ALL_OR_NOTHING or board.takeable >= request.quantity
            if enough and price:
                events += self._fill(request, board, price, request.quantity, at)
        if request.remaining and patience is not Patience.DAY:
            left = request.remaining
            request.cancelled += left
            self._hold(request, 0)
            events.append(OrderEvent(kind=EventKind.LAPSED, request=request, quantity=left, price=0, at=at))
        if request.remaining:
            if self.market.queue and phase is _REGULAR and not request.filled:
                request.ahead = stands_before(request, board)
            self.orders.wait(request)
        return events

    def _give_up(self, request: Request, quantity: int, at: datetime) -> None:
        """Cancel or move a part: hold back less, and wait no longer if nothing remains."""
        self.past.note_request(request, at)
        self.past.note_account(self.account, at)
        request.cancelled += quantity
        self._reserve(request, self.boards[request.symbol])
        self.orders.drop_done(request.symbol)

    def _rejects(self, request: Request) -> bool:
        """Tell whether a command has the exchange reject this request; it does so once."""
        for place, (kind, symbol) in enumerate(self.rejects):
            if kind in (None, request.kind) and symbol in (None, request.symbol):
                del self.rejects[place]
                return True
        return False

    def _rejected(self, request: Request, at: datetime) -> Placed:
        """Let the exchange reject what the counter took: the row stays, and a notice tells it."""
        request.rejected = request.quantity
        event = OrderEvent(
            kind=EventKind.REJECTED, request=request, quantity=request.quantity, price=request.price, at=at
        )
        return Placed(request=request, events=(event,))

    def _sellable_now(self, symbol: Symbol, at: datetime) -> int:
        """Return what the counter lets be sold: the truth, or what a lagging balance knows of it."""
        if not self.market.sells_what_the_balance_shows:
            return self.sellable(symbol)
        shown = self.account_shown(at).quantity(symbol)
        return min(self.sellable(symbol), shown - self.orders.open_sales(symbol))


def _same_hours(division: str, other: str) -> bool:
    return DIVISIONS[division].hours is DIVISIONS[other].hours
