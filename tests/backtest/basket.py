"""The basket of real bars, and backtests on it."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from functools import cache
from pathlib import Path

from kis_daemon.app.backtest.engine import run_backtest
from kis_daemon.app.backtest.plan import BacktestPlan
from kis_daemon.app.backtest.result import BacktestResult, Fills
from kis_daemon.app.files import load_calendar
from kis_daemon.app.options import RunOptions
from kis_daemon.app.settings import Settings, load_settings
from kis_daemon.domain.calendar import TradingCalendar
from kis_daemon.domain.market import Bar, Symbol, Won
from kis_daemon.simulator.price_file import FilePrices
from kis_daemon.simulator.prices import ListedSymbol, PriceBook
from tests.conftest import ROOT

FILE = "ohlcv/basket40_daily_adj_2015_2021.csv.gz"
SESSIONS = "calendar/krx_sessions_2015_2024.csv"
FIRST = date(2016, 1, 4)


@cache
def the_calendar() -> TradingCalendar:
    return load_calendar(ROOT / "config")


@cache
def the_basket(data: Path) -> FilePrices:
    return FilePrices(data / FILE, the_calendar())


def some_symbols(prices: PriceBook, count: int) -> tuple[Symbol, ...]:
    return tuple(listing.symbol for listing in prices.listings())[:count]


def the_settings() -> Settings:
    return load_settings(RunOptions(config_dir=ROOT / "config", symbols=(Symbol("000000"),)), {}, None)


def days_from(first: date, count: int) -> list[date]:
    calendar = the_calendar()
    return [day.date for day in calendar.trading_days(first, calendar.last)[:count]]


def replayed(
    prices: PriceBook,
    symbols: tuple[Symbol, ...],
    days: int,
    *,
    fills: Fills = Fills.PATH,
    first: date = FIRST,
    volume_share: int = 10,
) -> BacktestResult:
    """Return what the daemon's rules make of `days` trading days from `first` on."""
    last = min(days_from(first, days)[-1], prices.last_day)
    plan = BacktestPlan(symbols=symbols, first=first, last=last, fills=fills, volume_share=volume_share)
    return run_backtest(the_settings(), plan, prices, the_calendar())


class OtherFuture:
    """A price book that from `since` on tells of another world: every price a tenth higher, every day the other way."""

    def __init__(self, prices: PriceBook, since: date) -> None:
        self._prices = prices
        self._since = since

    @property
    def first_day(self) -> date:
        return self._prices.first_day

    @property
    def last_day(self) -> date:
        return self._prices.last_day

    def listings(self) -> tuple[ListedSymbol, ...]:
        return self._prices.listings()

    def bar(self, symbol: Symbol, day: date) -> Bar | None:
        bar = self._prices.bar(symbol, day)
        return None if bar is None else self._changed(bar)

    def bars(self, symbol: Symbol, first: date, last: date) -> tuple[Bar, ...]:
        return tuple(self._changed(bar) for bar in self._prices.bars(symbol, first, last))

    def base_price(self, symbol: Symbol, day: date) -> Won:
        if day <= self._since:
            return self._prices.base_price(symbol, day)
        before = [bar.close for bar in self.bars(symbol, self.first_day, day) if bar.date < day and bar.volume]
        return before[-1] if before else 0

    def _changed(self, bar: Bar) -> Bar:
        if bar.date < self._since or not bar.volume:
            return bar
        low, high = bar.low * 9 // 10 // 1000 * 1000 + 1000, bar.high * 11 // 10 // 1000 * 1000 + 1000
        return replace(bar, open=high, high=high, low=low, close=low)
