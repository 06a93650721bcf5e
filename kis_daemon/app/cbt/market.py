"""The exchange of the virtual account: its days by the calendar, its trades by what the live market tells.

Rules of this room
    A quote is a trade of as many shares as the day's volume has grown since the one before; without growth nothing
    has happened. The first one of a day (or after a start in the middle of it) brings the whole volume so far.
    Where a quote has no touch (REST tells none) it is taken a tick to either side, and none beyond the day's limits.
    The account is written after everything that changes it. What was open when the process ended goes on waiting if the
    day is the same, and has expired otherwise.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import date, datetime, time, timedelta
from pathlib import Path
from typing import Any

from kis_daemon.app.cbt.live_book import LiveBook
from kis_daemon.app.errors import ConfigurationError
from kis_daemon.domain.calendar import KST, CalendarNotCovered, SessionPhase, TradingCalendar, TradingDay
from kis_daemon.domain.market import Listing, Quote, QuoteSession, Rounding, Symbol, Won, tick_size, to_tick
from kis_daemon.domain.price_path import PathTick
from kis_daemon.ports import Clock
from kis_daemon.simulator import state as saved_state
from kis_daemon.simulator.account import Account
from kis_daemon.simulator.board import Board, board_of
from kis_daemon.simulator.exchange import Exchange
from kis_daemon.simulator.requests import HouseRules, OrderEvent
from kis_daemon.simulator.state import StateError, StateFile

RULES = HouseRules(
    divisions=("00", "01", "02", "03", "04"), takes_opening_auction=False, minimum_price=0, number_step=1
)
_DAY_BEGINS = time(7, 0)  # before the daemon prepares its day, after KIS has turned its own
_CLOSING_TRADES = timedelta(minutes=1)  # the closing auction's price comes up to half a minute after the close


class VirtualMarket:
    """See the rules above; `published` hears of everything that happens to an order."""

    def __init__(
        self,
        *,
        calendar: TradingCalendar,
        clock: Clock,
        cash: Won,
        commission_ppb: int,
        path: Path,
        published: Callable[[tuple[OrderEvent, ...]], None],
    ) -> None:
        self._calendar = calendar
        self._clock = clock
        self._published = published
        self._path = path
        self._state = StateFile(path)
        self.book = LiveBook()
        self.exchange = Exchange(
            prices=self.book,
            calendar=calendar,
            account=Account(cash=cash),
            rules=RULES,
            commission_ppb=commission_ppb,
        )
        self._taken: dict[Symbol, int] = {}  # today, before this process began
        self._begin(clock.now())

    # --- what the market tells ------------------------------------------------------------------------------

    def learn(self, listing: Listing) -> None:
        """Take in what the market says of a symbol today; a day that has begun keeps its trades."""
        self.book.learn(listing)
        day = self.exchange.day
        if day is None:
            return
        symbol = listing.symbol
        board = self.exchange.boards.get(symbol)
        if board is not None and board.trades:
            board.bar = self.book.bar(symbol, day.date)
            return
        board = board_of(self.book.listed(symbol), self.book, day.date, day.date - timedelta(days=1))
        board.taken = self._taken.get(symbol, 0)
        if listing.upper_limit:
            board.lower, board.upper = listing.lower_limit, listing.upper_limit
        self.exchange.boards[symbol] = board

    def learn_name(self, symbol: Symbol, name: str) -> None:
        self.book.learn_name(symbol, name)
        board = self.exchange.boards.get(symbol)
        if board is not None and name:
            board.name = name

    def see(self, quote: Quote) -> None:
        """Let a trade of the market happen, and publish what it filled."""
        board, day = self.exchange.boards.get(quote.symbol), self.exchange.day
        if board is None or day is None or quote.session is QuoteSession.AFTER_HOURS:
            return
        traded = quote.day_volume - board.volume
        phase = _phase(day, quote)
        if traded <= 0 or phase is SessionPhase.CLOSED:
            return
        ask, bid = _touch(quote, board)
        tick = PathTick(position=0.0, price=quote.price, ask=ask, bid=bid, volume=traded)
        events = self.exchange.on_tick(quote.symbol, tick, quote.at, phase)
        if events:
            self.publish(events)

    def publish(self, events: tuple[OrderEvent, ...]) -> None:
        """Write the account down, then tell what happened."""
        self.save()
        self._published(events)

    def unknown_holdings(self) -> tuple[Symbol, ...]:
        """Return what is held and has no price yet: to be asked for before the account is stated."""
        held = (symbol for symbol, row in self.exchange.account.holdings.items() if row.quantity)
        return tuple(symbol for symbol in held if not self.exchange.price(symbol))

    # --- the days -------------------------------------------------------------------------------------------

    async def run(self) -> None:
        """Close and begin the days, until cancelled."""
        while True:
            day = self.exchange.day
            if day is not None and self._clock.now() < day.closes_at + _CLOSING_TRADES:
                await self._clock.sleep_until(day.closes_at + _CLOSING_TRADES)
                self.exchange.close_day()
                self.save()
            try:
                following = self._calendar.next_trading_day(self._clock.now().date() if day is None else day.date)
            except CalendarNotCovered:  # told by the daemon itself, which opens nothing more
                await asyncio.Event().wait()
                return
            await self._clock.sleep_until(datetime.combine(following.date, _DAY_BEGINS, KST))
            self._open(following)

    def save(self) -> None:
        self._state.save(self.exchange, self._clock.now())

    def _open(self, day: TradingDay) -> None:
        self._taken.clear()
        self.book.forget()  # base prices are those of a day
        self.exchange.open_day(day)
        self.save()

    def _begin(self, now: datetime) -> None:
        """Take the account up where it was left."""
        saved = self._saved()
        today, before = _around(self._calendar, now.date())
        goes_on = saved is not None and today is not None and saved["day"] == today.date.isoformat()
        if saved is not None:
            self.exchange.account = saved_state.account_of(saved)
            for ordered_on, requests in saved_state.orders_of(saved).items():
                running = goes_on and today is not None and ordered_on == today.date
                self.exchange.orders.take_back(ordered_on, requests, running=running)
        if today is None:
            self.exchange.account.held_back = 0
            if before is not None:
                self.exchange.show(before)
        elif saved is not None and goes_on:
            self._go_on(today, saved["next_number"])
        else:
            self._open(today)
        if today is not None and now >= today.closes_at + _CLOSING_TRADES:
            self.exchange.close_day()

    def _go_on(self, day: TradingDay, next_number: int) -> None:
        self.exchange.show(day)
        self.exchange.orders.next_number = next_number
        for request in self.exchange.orders.days.setdefault(day.date, {}).values():
            self._taken[request.symbol] = self._taken.get(request.symbol, 0) + request.filled

    def _saved(self) -> dict[str, Any] | None:
        try:
            return saved_state.load(self._path)
        except StateError as error:
            raise ConfigurationError(str(error)) from None


def _around(calendar: TradingCalendar, day: date) -> tuple[TradingDay | None, TradingDay | None]:
    """Return the session of `day` and the one before it, None where there is none or nobody knows."""
    try:
        return calendar.trading_day(day), calendar.previous_trading_day(day)
    except CalendarNotCovered:
        return None, None


def _phase(day: TradingDay, quote: Quote) -> SessionPhase:
    """Return what part of `day` a trade belongs to, CLOSED where to none of it."""
    if quote.at.date() != day.date:
        return SessionPhase.CLOSED
    if quote.in_vi:
        return SessionPhase.OPENING_AUCTION
    phase = day.phase(quote.at)
    if phase is SessionPhase.CLOSED and day.closes_at <= quote.at < day.closes_at + _CLOSING_TRADES:
        return SessionPhase.CLOSING_AUCTION
    return phase


def _touch(quote: Quote, board: Board) -> tuple[Won, Won]:
    """Return (ask, bid) of a quote, a tick to either side of its price where it has none."""
    if quote.ask or quote.bid:
        return quote.ask, quote.bid
    price, day = quote.price, board.day
    ask = price + tick_size(price, board.market, day) if price < board.upper else 0
    bid = to_tick(price - 1, Rounding.DOWN, board.market, day) if price > board.lower else 0
    return ask, bid
