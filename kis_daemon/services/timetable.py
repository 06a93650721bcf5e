"""The timetable: what happens at which hour of a trading day.

    open - 60 min   prepare: universe, listings of the day, histories, registrations
    close + 1 min   capture the day's bars, before any after-market trade can enter them
    close + 5 min   sweep: orders that lived for the day only are ended by the broker's evidence
    close + 10 min  sum up
    20:05           sweep again: the markets after the close are over too

Rules of this room (S3-X; requirements, section 8)
    A start in mid-day prepares at once. What is held comes first, and before the universe is asked for: many candidates
    take minutes, and a universe that cannot be had closes entries only. A day the calendar does not cover closes
    entries and calls a person; what is held goes on being protected. So it does on a day that only the broker opens.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import asdict
from datetime import date, datetime, time, timedelta
from typing import Protocol, TypeAlias

from kis_daemon.domain.calendar import KST, TradingCalendar, TradingDay
from kis_daemon.domain.market import Symbol
from kis_daemon.domain.performance import perform
from kis_daemon.domain.positions import Position
from kis_daemon.ports import BrokerError, Clock, DaySummary, MarketData, QuoteFeed, Rows, Severity
from kis_daemon.services.book import Book
from kis_daemon.services.control import Control
from kis_daemon.services.corporate_actions import CorporateActions
from kis_daemon.services.histories import Histories
from kis_daemon.services.journal import Journal
from kis_daemon.services.market_days import MarketDays
from kis_daemon.services.order_synchronizer import OrderSynchronizer
from kis_daemon.services.quotes import QuoteBoard
from kis_daemon.services.reconciler import Reconciler
from kis_daemon.services.trader import Trader


class Selector(Protocol):
    """Who says which symbols are watched on a day; never raises for what the broker did not answer."""

    async def select(self, day: TradingDay) -> tuple[Symbol, ...]: ...


EndOfDay: TypeAlias = Callable[[date], Awaitable[None]]
"""What else is done once a day is summed up; it fails by itself or not at all."""

_PREPARE_BEFORE = timedelta(minutes=60)
_CAPTURE_AFTER = timedelta(minutes=1)
_SWEEP_AFTER = timedelta(minutes=5)
_SUM_UP_AFTER = timedelta(minutes=10)
_LAST_SWEEP = time(20, 5)  # every market of the day is over: what an owner's late order did is known


class Timetable:
    """Runs the days, one after the other."""

    def __init__(
        self,
        *,
        book: Book,
        board: QuoteBoard,
        journal: Journal,
        trader: Trader,
        histories: Histories,
        selector: Selector,
        reconciler: Reconciler,
        actions: CorporateActions,
        market_days: MarketDays,
        synchronizer: OrderSynchronizer,
        control: Control,
        market_data: MarketData,
        feed: QuoteFeed,
        calendar: TradingCalendar,
        clock: Clock,
        prewarm: Callable[[datetime], Awaitable[bool]],
        on_day_over: Callable[[date], None],
        at_day_end: Sequence[EndOfDay] = (),
    ) -> None:
        self._book = book
        self._board = board
        self._journal = journal
        self._trader = trader
        self._histories = histories
        self._selector = selector
        self._reconciler = reconciler
        self._actions = actions
        self._market_days = market_days
        self._synchronizer = synchronizer
        self._control = control
        self._market_data = market_data
        self._feed = feed
        self._calendar = calendar
        self._clock = clock
        self._prewarm = prewarm
        self._on_day_over = on_day_over
        self._at_day_end = at_day_end

    async def run(self) -> None:
        """Live through one trading day after the other, until cancelled."""
        while True:
            day = self._coming_day()
            if day is None or self._clock.now().date() in self._calendar.opened_elsewhere:
                await self._live_without_a_calendar()
                continue
            if opened := self._opened_before(day):
                await self._clock.sleep_until(datetime.combine(opened, time(), KST))
                continue
            self._actions.await_examination(day.date)
            await self._clock.sleep_until(day.opens_at - _PREPARE_BEFORE)
            await self.prepare(day)
            await self._clock.sleep_until(day.closes_at + _CAPTURE_AFTER)
            await self._capture(day)
            await self._clock.sleep_until(day.closes_at + _SWEEP_AFTER)
            await self._reconciler.attempt()
            await self._clock.sleep_until(day.closes_at + _SUM_UP_AFTER)
            await self.sum_up(day.date)
            for end in self._at_day_end:
                await end(day.date)
            self._on_day_over(day.date)
            await self._clock.sleep_until(datetime.combine(day.date, _LAST_SWEEP, KST))
            await self._reconciler.attempt()

    def _coming_day(self) -> TradingDay | None:
        """Return today while it is not summed up, else the next trading day; None where the calendar ends."""
        now = self._clock.now()
        today = now.date()
        if not self._calendar.covers(today):
            return None
        day = self._calendar.trading_day(today)
        if day is not None and now < day.closes_at + _SUM_UP_AFTER:
            return day
        try:
            return self._calendar.next_trading_day(today)
        except LookupError:
            return None

    def _opened_before(self, day: TradingDay) -> date | None:
        """Return the next day that only the broker opens, where it lies between today and `day`."""
        today = self._clock.now().date()
        return min((one for one in self._calendar.opened_elsewhere if today < one < day.date), default=None)

    async def _live_without_a_calendar(self) -> None:
        """Watch over what is held for one day that the calendar does not have; entries are closed by the gate."""
        now = self._clock.now()
        self._book.unexamined = set()
        self._begin_day(now.date())
        self._trader.watch(())
        held = tuple(self._book.positions)
        self._feed.want(held)
        if self._calendar.covers(now.date()):
            await self._market_days.compare()
        else:
            day = now.date().isoformat()
            await self._journal.write(
                self._journal.fact("calendar_not_covered", severity=Severity.ERROR, alerts=True, day=day)
            )
        for symbol in held:
            await self._take_listing(symbol)
        await self._clock.sleep_until(datetime.combine(now.date() + timedelta(days=1), time(), KST))

    def _begin_day(self, day: date) -> None:
        self._book.start_day(day)
        self._book.listings.clear()
        self._synchronizer.start_day()
        self._trader.start_day()

    # the hours

    async def prepare(self, day: TradingDay) -> None:
        """Have everything that the day's first price needs; held symbols first."""
        self._begin_day(day.date)
        self._control.universe_ready = False  # yesterday's symbols are not today's
        self._trader.watch(())
        held = tuple(self._book.positions)
        self._feed.want(held)
        last = self._calendar.previous_trading_day(day.date).date
        await self._actions.examine(lambda symbol: self._bring_up(symbol, last))
        await self._prewarm(day.closes_at)
        listed, ready = await self._bring(held, last)
        await self._market_days.compare()
        universe = await self._selector.select(day)
        self._control.universe_ready = bool(universe)
        self._trader.watch(universe)
        symbols = list(dict.fromkeys([*self._book.positions, *held, *universe]))
        self._feed.want(tuple(self._book.positions), universe)
        await self._journal.write(self._journal.fact("day_started", day=day.date.isoformat(), symbols=len(symbols)))
        others_listed, others_ready = await self._bring([one for one in symbols if one not in held], last)
        await self._journal.write(
            self._journal.fact(
                "day_prepared",
                day=day.date.isoformat(),
                listings=listed + others_listed,
                histories=ready + others_ready,
            )
        )

    async def _bring(self, symbols: Sequence[Symbol], last: date) -> tuple[int, int]:
        """Have listings and histories of `symbols`; return how many of each are there."""
        listed = 0
        for symbol in symbols:
            listed += symbol in self._book.listings or await self._take_listing(symbol)
        ready = 0
        for symbol in symbols:
            ready += await self._histories.bring_up_to(symbol, last)
        return listed, ready

    async def _bring_up(self, symbol: Symbol, last: date) -> None:
        await self._take_listing(symbol)
        await self._histories.bring_up_to(symbol, last, again=True)

    async def _take_listing(self, symbol: Symbol) -> bool:
        try:
            snapshot = await self._market_data.snapshot(symbol)
        except BrokerError as error:
            self._journal.note(
                self._journal.fact(
                    "listing_failed",
                    severity=Severity.WARNING,
                    symbol=symbol,
                    code=error.code,
                    reason=str(error),
                )
            )
            return False
        self._book.listings[symbol] = snapshot.listing
        self._book.rename(symbol, snapshot.listing.name)
        if snapshot.quote is not None:
            self._board.publish(snapshot.quote)
        return True

    async def _capture(self, day: TradingDay) -> None:
        traded = [trade.symbol for trade in self._book.trades_today]  # what was sold, too: the day is looked at again
        for symbol in dict.fromkeys([*self._trader.symbols(), *traded]):
            await self._histories.bring_up_to(symbol, day.date)

    async def sum_up(self, day: date) -> None:
        """Keep what the day moved in memory only (the highest prices), and tell how it went."""
        positions: Sequence[Position] = tuple(self._book.positions.values())
        prices = self._board.prices(self._book.positions)
        known = [position for position in positions if position.symbol in prices]
        result = perform(self._book.trades_today, known, prices)
        summary = DaySummary(
            day=day,
            trades=result.buys + result.sells,
            realized_pnl=result.realized_pnl,
            open_pnl=result.open_pnl,
            fees=result.fees,
            tax=result.tax,
            cash=self._book.statement_cash,
            equity=self._book.statement_cash + result.holdings_value,
            positions=len(positions),
        )
        fact = self._journal.fact(
            "daily_summary",
            alerts=True,
            **{**asdict(summary), "day": day.isoformat()},
        )

        def work(rows: Rows) -> None:
            for position in positions:
                rows.save_levels(position)
            rows.save_day_summary(summary)

        await self._journal.transact(work, fact)
        await self._actions.keep_closes()
