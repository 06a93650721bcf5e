"""The pit: where the market's trades meet the orders that wait for them.

Rules of this room
    A trade reaches the waiting orders of its symbol in their priority, and no further than `matching` and `queueing`
    say. What is filled is booked at once, and what an open buy holds back follows.
    Before anything changes, `past` notes it.
"""

from __future__ import annotations

from datetime import date, datetime, timedelta

from kis_daemon.domain.calendar import SessionPhase, TradingCalendar
from kis_daemon.domain.costs import order_costs
from kis_daemon.domain.market import Side, Symbol, Won
from kis_daemon.domain.price_path import PathTick
from kis_daemon.simulator.account import Account
from kis_daemon.simulator.board import Board
from kis_daemon.simulator.floor import Floor
from kis_daemon.simulator.hindsight import Hindsight
from kis_daemon.simulator.market_rules import MarketRules
from kis_daemon.simulator.matching import fill_price, priority, turns_to_market, unit_to_hold, wakes
from kis_daemon.simulator.order_book import OrderBook
from kis_daemon.simulator.prices import PriceBook
from kis_daemon.simulator.queueing import left_for
from kis_daemon.simulator.requests import EventKind, HouseRules, OrderEvent, Request, RequestKind


class Pit(Floor):
    """The boards, the waiting orders and the account that their fills are booked to."""

    def __init__(
        self,
        *,
        prices: PriceBook,
        calendar: TradingCalendar,
        account: Account,
        rules: HouseRules,
        commission_ppb: int,
        market: MarketRules | None = None,
        seed: int = 1,
        reformed: bool | None = None,
    ) -> None:
        market = market or MarketRules()
        super().__init__(prices=prices, calendar=calendar, market=market, seed=seed, reformed=reformed)
        self.account = account
        self.rules = rules
        self.commission_ppb = commission_ppb
        self.orders = OrderBook(rules.number_step)
        self.past = Hindsight()
        self.listing_lag = timedelta(seconds=market.listing_lag_s)
        self.balance_lag = timedelta(seconds=market.balance_lag_s)
        self.rejects: list[tuple[RequestKind | None, Symbol | None]] = []
        self._settles_on = date.min

    def on_tick(
        self, symbol: Symbol, tick: PathTick, at: datetime, phase: SessionPhase = SessionPhase.REGULAR
    ) -> tuple[OrderEvent, ...]:
        """Let a trade of the market happen and return what it filled; an auction's `phase` makes it a single price.

        A halt or an interruption may keep it back: then the board's `trades` have not grown.
        """
        board = self.boards[symbol]
        if self.interruptions.watching or not board.usual:
            passed = self._pass(board, tick, at, phase)
            if passed is None:
                return ()
            tick = passed
        return self._trade(board, tick, at, phase)

    def replay(self, symbol: Symbol, tick: PathTick, at: datetime, phase: SessionPhase) -> None:
        """Let a trade have happened before we came: it fills nothing."""
        board = self.boards[symbol]
        if board.interrupted_to is not None and board.interrupted_to <= at and self.day is not None:
            kept = self.interruptions.released(board, board.interrupted_to, self.day)
            if kept is not None:
                board.record(kept, at)
        passed = self._pass(board, tick, at, phase)
        if passed is not None:
            board.record(passed, at)

    def release(self, symbol: Symbol, at: datetime) -> tuple[OrderEvent, ...]:
        """End the interruption of `symbol` that ends at `at` and return what its single price filled."""
        board, day = self.boards[symbol], self.day
        if board.interrupted_to != at or day is None:
            return ()
        closing = at > day.closing_auction_at
        tick = self.interruptions.released(board, at, day)
        phase = SessionPhase.CLOSING_AUCTION if closing else SessionPhase.OPENING_AUCTION
        if tick is not None:
            return self._trade(board, tick, at, phase)
        if at == day.closing_auction_at:
            return ()
        waiting = self.orders.waiting(symbol)
        return self._fill_waiting(waiting, board, None, at, SessionPhase.REGULAR, board.ask, board.bid)

    def interrupted(self) -> list[tuple[datetime, Symbol]]:
        """Return the interruptions that run, the first to end first."""
        running = [(b.interrupted_to, s) for s, b in self.boards.items() if b.interrupted_to is not None]
        return sorted(running)

    # --- as the ledger shows it ------------------------------------------------------------------------------

    def account_as_of(self, at: datetime) -> Account:
        """Return the account as it stood at `at`: at most ten minutes ago; to be read only."""
        return self.past.account(self.account, at)

    def orders_as_of(self, at: datetime, first: date, last: date) -> list[Request]:
        """Return the rows of the days `first` to `last` as they stood at `at`, oldest first; to be read only."""
        return self.past.requests(self.orders.between(first, last), at)

    def account_shown(self, now: datetime) -> Account:
        """Return the account as the balance shows it now: `balance_lag` behind the truth."""
        return self.account_as_of(now - self.balance_lag) if self.balance_lag else self.account

    def orders_shown(self, now: datetime, first: date, last: date) -> list[Request]:
        """Return the rows as the listing shows them now: `listing_lag` behind the truth."""
        if not self.listing_lag:
            return self.orders.between(first, last)
        return self.orders_as_of(now - self.listing_lag, first, last)

    # --- inside ---------------------------------------------------------------------------------------------

    def _pass(self, board: Board, tick: PathTick, at: datetime, phase: SessionPhase) -> PathTick | None:
        """Return the trade as halts, interruptions and gaps let it through."""
        if self.day is None:
            return tick
        known = len(self.interruptions.records)
        passed = self.interruptions.passed(board, tick, at, phase, self.day)
        for begun in self.interruptions.records[known:]:
            self.on_interruption(begun)
        return passed

    def _trade(self, board: Board, tick: PathTick, at: datetime, phase: SessionPhase) -> tuple[OrderEvent, ...]:
        ask_before, bid_before = board.ask, board.bid
        board.record(tick, at)
        waiting = self.orders.waiting(board.symbol)
        if not waiting:
            return ()
        return self._fill_waiting(waiting, board, tick, at, phase, ask_before, bid_before)

    def _fill_waiting(
        self,
        waiting: list[Request],
        board: Board,
        tick: PathTick | None,
        at: datetime,
        phase: SessionPhase,
        ask_before: Won,
        bid_before: Won,
    ) -> tuple[OrderEvent, ...]:
        events: list[OrderEvent] = []
        for request in sorted(waiting, key=priority):
            if request.sleeps:
                if not wakes(request, board.price):
                    continue
                request.triggered_at = at
                ask_now = bid_now = 0  # it enters with this trade: it has not rested before
            else:
                ask_now, bid_now = ask_before, bid_before
            wanted = request.remaining
            if self.market.queue and tick is not None and phase is SessionPhase.REGULAR:
                price, left = left_for(request, board, tick)
                wanted = min(wanted, left)
            else:
                price = fill_price(request, board, phase, ask_now, bid_now)
            if price:
                events += self._fill(request, board, price, wanted, at, phase)
        if events:
            self.orders.drop_done(board.symbol)
        return tuple(events)

    def _fill(
        self,
        request: Request,
        board: Board,
        price: Won,
        wanted: int,
        at: datetime,
        phase: SessionPhase = SessionPhase.REGULAR,
    ) -> list[OrderEvent]:
        if self.market.limits_never_fill and request.limit and not turns_to_market(request, phase):
            return []
        quantity = min(wanted, board.takeable)
        # a price beyond the limits is a break in the series (a split not adjusted for): nobody trades through it
        if quantity <= 0 or not board.lower <= price <= board.upper:
            return []
        self.past.note_request(request, at)
        self.past.note_account(self.account, at)
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

    def _needs(self, amount: Won) -> Won:
        return amount + amount * self.commission_ppb // 1_000_000_000

    def _reserve(self, request: Request, board: Board) -> None:
        if request.side is Side.BUY:
            unit = unit_to_hold(board, request.division, request.limit)
            whole = self._needs(request.amount + request.remaining * unit)
            self._hold(request, whole - request.amount - request.costs.fee if request.remaining else 0)

    def _hold(self, request: Request, held: Won) -> None:
        self.account.held_back += held - request.held
        request.held = held
