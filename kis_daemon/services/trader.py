"""The trader: from a price to an order, in one synchronous stretch.

Rules of this room (architecture, section 2; requirements, section 8)
    Only trades of the regular session are looked at. Inside a symbol's quiet band nothing can change: two comparisons.
    A held symbol is asked for its exit, any other one for its entry. Exits need neither history nor universe.
    What the door refuses is asked again at the next price.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import date
from time import perf_counter

from kis_daemon.domain import exits, strategy
from kis_daemon.domain.calendar import TradingCalendar
from kis_daemon.domain.indicators import Indicators
from kis_daemon.domain.market import Quote, QuoteSession, Side, Symbol, Won
from kis_daemon.domain.orders import Order
from kis_daemon.domain.strategy import EntrySetup, NoSetup
from kis_daemon.ports import Clock
from kis_daemon.services.book import Book
from kis_daemon.services.buyer import Buyer
from kis_daemon.services.desks import NO_PRICE_REACHES, SymbolDesk, TradingRules
from kis_daemon.services.hours import trading_hours
from kis_daemon.services.quotes import FRESH
from kis_daemon.services.seller import Seller


class Trader:
    """See the rules above."""

    def __init__(
        self, *, book: Book, buyer: Buyer, seller: Seller, calendar: TradingCalendar, clock: Clock, rules: TradingRules
    ) -> None:
        self._book = book
        self._buyer = buyer
        self._seller = seller
        self._calendar = calendar
        self._clock = clock
        self._rules = rules
        self._desks: dict[Symbol, SymbolDesk] = {}

    # what changes outside of prices

    def watch(self, universe: Iterable[Symbol]) -> None:
        """Look for entries in these symbols, in this order, and in no other."""
        for desk in self._desks.values():
            desk.rank = -1
            desk.open_band()
        for rank, symbol in enumerate(universe):
            self._desk_of(symbol).rank = rank

    def start_day(self) -> None:
        """Forget what held for the day before only; every symbol is looked at again at its first price.

        An exit that was decided and not sold (a halt, a closed gate) stands until it is.
        """
        for symbol in self._book.positions:
            self._desk_of(symbol)
        for desk in self._desks.values():
            desk.denied.clear()
            desk.open_band()

    def learn(self, symbol: Symbol, indicators: Indicators | None, highest_since: Callable[[date], Won]) -> None:
        """Take over the values after the last completed bar of `symbol`, and the high of bars that were missed."""
        desk = self._desk_of(symbol)
        desk.indicators = indicators
        desk.setup = strategy.setup(indicators, self._rules.entry)
        desk.open_band()
        position = self._book.positions.get(symbol)
        if position is not None and symbol not in self._book.unexamined:
            self._seller.catch_up(position, highest_since(position.entry_day))

    def forget_setup(self, symbol: Symbol, reason: str) -> None:
        """Close entries in `symbol`: its history is not up to date. Its exits go on with what is known."""
        self._desk_of(symbol).setup = NoSetup(reason=reason)

    def on_change(self, order: Order) -> None:
        """An order moved, and perhaps the position of its symbol: its band no longer holds."""
        desk = self._desk_of(order.intent.symbol)
        desk.open_band()
        if desk.symbol not in self._book.positions:
            self._seller.sold_out(desk)
        elif order.intent.side is Side.SELL and not order.is_live:
            self._seller.ended(desk, order)

    def on_account_change(self, symbol: Symbol) -> None:
        """The broker's account changed what we hold of `symbol`."""
        desk = self._desk_of(symbol)
        desk.open_band()
        if symbol not in self._book.positions:
            self._seller.sold_out(desk)

    def on_refusal(self, order: Order, market_closed: bool) -> None:
        """The broker refused an order."""
        if order.intent.side is Side.SELL:
            self._seller.refused(self._desk_of(order.intent.symbol), order, market_closed)

    def symbols(self) -> list[Symbol]:
        """Return the symbols that matter, most important first: held ones, then the universe by rank."""
        ranked = sorted((desk for desk in self._desks.values() if desk.rank >= 0), key=lambda desk: desk.rank)
        return list(dict.fromkeys([*self._book.positions, *(desk.symbol for desk in ranked)]))

    # prices

    def on_quote(self, quote: Quote) -> None:
        """Decide what this price asks for."""
        desk = self._desks.get(quote.symbol)
        if desk is None:
            if quote.symbol not in self._book.positions:
                return
            desk = self._desk_of(quote.symbol)
        if desk.low < quote.price < desk.high and quote.high <= desk.known_high:
            return
        self._look(desk, quote, perf_counter())

    def recheck(self, last_quote: Callable[[Symbol], Quote | None]) -> None:
        """Ask again for every held symbol with its last price: an exit must not wait for the next trade (S3-X06)."""
        for symbol in tuple(self._book.positions):
            quote = last_quote(symbol)
            if quote is not None:
                self.on_quote(quote)

    def _look(self, desk: SymbolDesk, quote: Quote, seen_at: float) -> None:
        today = quote.at.date()
        if today != self._clock.now().date():
            return  # a price of an earlier day says nothing about this one
        if desk.symbol in self._book.unexamined:
            return  # our levels may be those of shares that were split
        day = trading_hours(self._calendar, today)
        if day is None or not day.opens_at <= quote.at <= day.closes_at:
            return
        if quote.session is QuoteSession.AFTER_HOURS or quote.day_volume <= 0:
            return  # block and basket trades, and yesterday's price before today's first trade, decide nothing
        phase = day.phase(self._clock.now())
        position = self._book.positions.get(desk.symbol)
        if position is not None:
            self._seller.look(desk, position, quote, phase, seen_at)
        elif (
            desk.rank >= 0
            and isinstance(desk.setup, EntrySetup)
            and quote.price > desk.setup.level
            and self._clock.now() - quote.at <= FRESH  # a price out of a backlog opens nothing; it may close
        ):
            self._buyer.look(desk, desk.setup, quote, phase, seen_at)
        desk.low, desk.high = self._band(desk, today)

    def _band(self, desk: SymbolDesk, on: date) -> tuple[Won, Won]:
        """Return the interval inside which the answer stays "nothing"; (0, 0) where every price is to be looked at."""
        position = self._book.positions.get(desk.symbol)
        if position is not None:
            desk.known_high = position.highest if position.entry_day < on else NO_PRICE_REACHES
            looks_on = desk.wanted is not None or desk.opened_on != on
            if looks_on or self._seller.broken_trend(desk, position) is not None:
                return 0, 0
            return exits.quiet_band(position, on, self._rules.protection)
        desk.known_high = NO_PRICE_REACHES
        if desk.rank < 0 or isinstance(desk.setup, NoSetup):
            return -1, NO_PRICE_REACHES
        return -1, desk.setup.level + 1

    def _desk_of(self, symbol: Symbol) -> SymbolDesk:
        desk = self._desks.get(symbol)
        if desk is None:
            desk = self._desks[symbol] = SymbolDesk(symbol)
        return desk
