"""The floor of the exchange: the boards of a day, and what keeps the market's trades from them.

Rules of this room
    Nothing here knows an order. Time comes in with every call.
    A command (halt, resume, interruption, gap, designation) takes effect at once and is remembered with the state.
    A day that a command or an interruption disturbed goes into the prices as it was traded.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, datetime, timedelta

from kis_daemon.domain.calendar import CalendarNotCovered, TradingCalendar, TradingDay
from kis_daemon.domain.market import Bar, Symbol, Won
from kis_daemon.simulator.board import Board, Trading, board_of
from kis_daemon.simulator.interruptions import Interruption, InterruptionKind, Interruptions, random_end, settle
from kis_daemon.simulator.listing_view import ListingView, view_of
from kis_daemon.simulator.lived_prices import LivedPrices
from kis_daemon.simulator.market_rules import CorporateAction, Designation, MarketRules
from kis_daemon.simulator.prices import PriceBook
from kis_daemon.simulator.sessions import REFORM

_MILLION = 1_000_000


class Floor:
    """Where the market's trades arrive; `on_interruption` hears of each one, so that somebody ends it in time."""

    def __init__(
        self,
        *,
        prices: PriceBook,
        calendar: TradingCalendar,
        market: MarketRules,
        seed: int,
        reformed: bool | None,
    ) -> None:
        self.prices = LivedPrices(prices, market.actions, calendar)
        self.calendar = calendar
        self.market = market
        self.day: TradingDay | None = None
        self.boards: dict[Symbol, Board] = {}
        self.interruptions = Interruptions(watching=market.interruptions, seed=seed)
        self.designations: dict[Symbol, Designation] = dict(market.designations)
        self.halts: set[Symbol] = set()
        self.on_interruption: Callable[[Interruption], None] = lambda _: None
        self._seed = seed
        self._reformed = reformed

    def show(self, day: TradingDay) -> None:
        """Set up the boards of `day` without touching account or orders (a start in the middle of it)."""
        try:
            before = self.calendar.previous_trading_day(day.date).date
        except CalendarNotCovered:  # the calendar's first day has no day before
            before = day.date - timedelta(days=1)
        self.day = day
        self.interruptions.records.clear()
        self.boards = {
            listed.symbol: board_of(listed, self.prices, day.date, before, self.market.volume_share)
            for listed in self.prices.listings()
        }
        for symbol, designation in self.designations.items():
            self.boards[symbol].designate(designation)
        for symbol in self.halts:
            self._stop(self.boards[symbol])

    def is_reformed(self, day: date) -> bool:
        """Tell whether the after-market and the longer frames of 2026-09-14 are in force on `day`."""
        return day >= REFORM if self._reformed is None else self._reformed

    def closing_price_at(self, symbol: Symbol, day: TradingDay) -> datetime:
        """Return when the closing auction of `symbol` makes its price: at the close, or up to 30 seconds later."""
        if not self.market.random_close:
            return day.closes_at
        return day.closes_at + random_end(self._seed, symbol, day.closes_at)

    # --- commands -------------------------------------------------------------------------------------------

    def halt(self, symbol: Symbol) -> None:
        """Stop the trading of `symbol` until it is resumed, over days: no trade, no new order, cancels only."""
        self.halts.add(symbol)
        self._stop(self._board(symbol))

    def resume(self, symbol: Symbol) -> None:
        """Let `symbol` trade again; the next trade of the market is its first."""
        self.halts.discard(symbol)
        board = self._board(symbol)
        if board.trading is Trading.HALTED:
            board.trading = Trading.OPEN
            settle(board)

    def trigger_vi(self, symbol: Symbol, at: datetime, kind: InterruptionKind = InterruptionKind.STATIC) -> bool:
        """Interrupt `symbol` at `at`; False where it does not trade continuously then."""
        board, day = self._board(symbol), self.day
        if day is None or board.trading is not Trading.OPEN or not day.opens_at <= at < day.closing_auction_at:
            return False
        board.disturbed = True
        self.on_interruption(self.interruptions.begin(board, kind, board.price, at, day))
        return True

    def shift(self, symbol: Symbol, percent: float) -> None:
        """Move all further trades of the day by `percent` of the book's price, inside the day's limits: a gap."""
        board = self._board(symbol)
        board.shift_ppm = round(percent / 100 * _MILLION)
        board.disturbed = True
        settle(board)

    def designate(self, symbol: Symbol, designation: Designation) -> None:
        """Declare `symbol` to be something from now on; its limits and hours of trade follow on the next day."""
        self.designations[symbol] = designation
        self._board(symbol).designation = designation

    # --- questions ------------------------------------------------------------------------------------------

    def price(self, symbol: Symbol) -> Won:
        """Return the last price known: today's, or the close before."""
        board = self.boards.get(symbol)
        return board.price if board is not None else 0

    def listing(self, symbol: Symbol, at: datetime) -> ListingView | None:
        """Return `symbol` as quotes show it at `at`, None where it is not listed."""
        board, day = self.boards.get(symbol), self.day
        if board is None or day is None:
            return None
        return view_of(board, day, self.prices.actions_of(symbol, day.date), at)

    def chart(self, symbol: Symbol, first: date, last: date, *, adjusted: bool) -> tuple[Bar, ...]:
        """Return the finished days of a symbol, oldest first, raw or in the shares of today."""
        if self.day is None:
            return ()
        last = min(last, self.day.date - timedelta(days=1))
        if adjusted:
            return self.prices.adjusted(symbol, first, last, self.day.date)
        return self.prices.bars(symbol, first, last)

    def actions_on(self, symbol: Symbol, day: date) -> tuple[CorporateAction, ...]:
        """Return what the company did on `day`; `listing_view.action_codes` has the codes of it."""
        return self.prices.actions_of(symbol, day)

    # --- inside ---------------------------------------------------------------------------------------------

    def _board(self, symbol: Symbol) -> Board:
        board = self.boards.get(symbol)
        if board is None:
            raise KeyError(f"symbol {symbol}: expected a listed one")
        return board

    def _stop(self, board: Board) -> None:
        board.trading, board.interrupted_to, board.kept_back = Trading.HALTED, None, None
        board.disturbed = True
        settle(board)

    def _keep_disturbed(self) -> None:
        """Remember the days that were not those of the book."""
        for symbol, board in self.boards.items():
            if board.disturbed and board.bar is not None and board.bar.volume:
                self.prices.amend(symbol, board.bar_so_far())
