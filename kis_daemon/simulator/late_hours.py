"""The pit outside of the regular session: the books of the other hours, and the orders that wait in them.

Rules of this room
    A book is brought up to the moment whenever somebody looks: it holds every trade of its hours up to then.
    Fills there are booked like any other, at costs of the order's sum; the regular board, its close and its bar do not
    change by them.
"""

from __future__ import annotations

from datetime import date, datetime

from kis_daemon.domain.calendar import SessionPhase, TradingDay
from kis_daemon.domain.market import Bar, Market, Symbol
from kis_daemon.simulator.board import Board
from kis_daemon.simulator.late_market import late_trades, with_after_market
from kis_daemon.simulator.pit import Pit
from kis_daemon.simulator.requests import Hours, OrderEvent
from kis_daemon.simulator.sessions import trades_of


class LateHours(Pit):
    """A pit that trades before the open and after the close, too."""

    def show(self, day: TradingDay) -> None:
        super().show(day)
        self._late_books: dict[tuple[Hours, Symbol], Board] = {}

    def trade_late(self, hours: Hours, at: datetime) -> tuple[OrderEvent, ...]:
        """Let the trades of `hours` at `at` happen and return what they filled."""
        events: list[OrderEvent] = []
        phase = SessionPhase.REGULAR if hours is Hours.AFTER_MARKET else SessionPhase.CLOSING_AUCTION
        for symbol, waiting in self.orders.waiting_aside(hours).items():
            book = self.late_book(hours, symbol, at, before=True)
            known, ask, bid = book.trades, book.ask, book.bid
            book = self.late_book(hours, symbol, at)
            if book.trades == known or self.boards[symbol].halted:
                continue
            if hours is not Hours.AFTER_MARKET:
                for request in waiting:
                    request.limit = book.price  # a close put off was not known when the order came
            events += self._fill_waiting(waiting, book, book.last_tick, at, phase, ask, bid)
        return tuple(events)

    def late_book(self, hours: Hours, symbol: Symbol, at: datetime, *, before: bool = False) -> Board:
        """Return the book of `symbol` in `hours`, with their trades up to `at`, or to those `before` it."""
        regular, day = self.boards[symbol], self.day
        assert day is not None  # boards are of a day
        book = self._late_books.get((hours, symbol))
        if book is None:
            book = self._late_books[hours, symbol] = regular.cleared()
            book.base, book.price = regular.base, regular.price
            book.taken = self.orders.taken_in(hours, symbol, day.date)
        moments = trades_of(hours, day, reformed=self.is_reformed(day.date))
        if moments and at >= moments[0]:
            for due, tick in late_trades(hours, regular, moments, self._seed)[book.trades :]:
                if due > at or (before and due == at):
                    break
                book.record(tick, due)
        return book

    def chart(self, symbol: Symbol, first: date, last: date, *, adjusted: bool) -> tuple[Bar, ...]:
        bars = super().chart(symbol, first, last, adjusted=adjusted)
        if not self.market.bars_take_after_market:
            return bars
        return tuple(self._with_after_market(symbol, bar, None) for bar in bars)

    def bar_at(self, symbol: Symbol, bar: Bar, at: datetime) -> Bar:
        """Return the running day's bar as a chart shows it at `at`: with the after-market where the switch says so."""
        return self._with_after_market(symbol, bar, at) if self.market.bars_take_after_market else bar

    # --- inside ---------------------------------------------------------------------------------------------

    def _with_after_market(self, symbol: Symbol, bar: Bar, at: datetime | None) -> Bar:
        day = self.calendar.trading_day(bar.date) if self.calendar.covers(bar.date) else None
        if day is None:
            return bar
        moments = trades_of(Hours.AFTER_MARKET, day, reformed=self.is_reformed(bar.date))
        count = len(moments) if at is None else sum(moment <= at for moment in moments)
        market = self.boards[symbol].market
        if market is Market.ETF:  # funds do not trade there
            return bar
        return with_after_market(bar, symbol, market, self.prices.base_price(symbol, bar.date), count, self._seed)
