"""The breakout rule, held against a plain implementation that goes through every day and every symbol."""

from dataclasses import replace
from datetime import date
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from kis_daemon.app.backtest.breakout import BreakoutRules, run_breakout
from kis_daemon.app.backtest.columns import breakouts, wilder_atr
from kis_daemon.app.backtest.plan import BacktestPlan
from kis_daemon.app.backtest.result import BacktestResult, Fills
from kis_daemon.app.errors import UsageError
from kis_daemon.domain.indicators import IndicatorPeriods, IndicatorSeries
from kis_daemon.domain.market import Side
from tests.backtest.basket import FILE, OtherFuture, some_symbols, the_basket, the_calendar
from tests.backtest.plain import FEE_PPB, PlainBar, fee, limits, plain_bars, tax

FIRST, LAST = date(2015, 7, 1), date(2021, 12, 30)
CASH = 100_000_000

Row = tuple[Any, ...]


def run(data: Path, *, fills: Fills = Fills.PATH, rules: BreakoutRules | None = None) -> BacktestResult:
    prices = the_basket(data)
    plan = BacktestPlan(symbols=some_symbols(prices, 40), first=FIRST, last=LAST, cash=CASH, fills=fills)
    return run_breakout(plan, prices, the_calendar(), rules or BreakoutRules(), FEE_PPB)


@pytest.fixture(scope="module")
def result(shared_data: Path) -> BacktestResult:
    return run(shared_data)


def atr_after(bars: list[PlainBar], index: int) -> float:
    """Return Wilder's ATR of 14 bars after bar `index`, from the very first bar on."""
    ranges = [
        max(bar.high - bar.low, abs(bar.high - before.close), abs(bar.low - before.close))
        for before, bar in pairwise(bars[: index + 1])
    ]
    atr = sum(ranges[:14]) / 14
    for true_range in ranges[14:]:
        atr = (13 * atr + true_range) / 14
    return atr


class PlainRun:
    """Goes from day to day; what is decided after a close is done at the next bar of the symbol."""

    def __init__(self, bars: dict[str, list[PlainBar]]) -> None:
        self.bars = bars
        self.place = {symbol: {bar.day: i for i, bar in enumerate(rows)} for symbol, rows in bars.items()}
        self.cash = CASH
        self.held: dict[str, tuple[int, int, int, int]] = {}  # quantity, cost, fee, bought at
        self.wishes: dict[str, str] = {}
        self.trades: list[Row] = []

    def go(self) -> list[Row]:
        days = sorted({bar.day for rows in self.bars.values() for bar in rows if FIRST <= bar.day <= LAST})
        eve = max(bar.day for rows in self.bars.values() for bar in rows if bar.day < FIRST)
        for symbol in self.bars:
            if eve in self.place[symbol]:
                self.think(symbol, self.place[symbol][eve])
        for day in days:
            trading = [symbol for symbol in self.bars if day in self.place[symbol]]
            for symbol in trading:
                if symbol in self.held:
                    self.sell(symbol, self.place[symbol][day])
            for symbol in trading:
                if symbol not in self.held:
                    self.buy(symbol, self.place[symbol][day])
            for symbol in trading:
                self.think(symbol, self.place[symbol][day])
        return self.trades

    def think(self, symbol: str, at: int) -> None:
        bars = self.bars[symbol]
        close = bars[at].close
        if symbol in self.held:
            highest = max(bar.close for bar in bars[self.held[symbol][3] : at + 1])
            atr = atr_after(bars, at) if close < highest and at >= 14 else None
            if atr is not None and close < round(highest - 3 * atr, 6):
                self.wishes[symbol] = f"close {close} < highest close {highest} - 3 x ATR {atr:.2f}"
        elif at >= 20:
            highest = max(bar.close for bar in bars[at - 20 : at])
            if close > highest:
                self.wishes[symbol] = f"close {close} > highest close {highest} of 20"

    def buy(self, symbol: str, at: int) -> None:
        reason = self.wishes.pop(symbol, None)
        bar, last = self.bars[symbol][at], self.bars[symbol][at - 1].close
        if reason is None or bar.open >= limits(last, bar.day)[1]:
            return
        worth = self.cash + sum(cost + paid for _, cost, paid, _ in self.held.values())
        quantity = int(worth * (100 / 40 / 100)) // last
        while quantity and quantity * bar.open + quantity * bar.open * FEE_PPB / 10**9 > self.cash:
            quantity -= 1
        if quantity:
            amount = quantity * bar.open
            self.cash -= amount + fee(amount)
            self.held[symbol] = (quantity, amount, fee(amount), at)
            self.trades.append((bar.day, symbol, "BUY", bar.open, quantity, "BREAKOUT", reason))

    def sell(self, symbol: str, at: int) -> None:
        bar = self.bars[symbol][at]
        if symbol not in self.wishes or bar.open <= limits(self.bars[symbol][at - 1].close, bar.day)[0]:
            return
        reason = self.wishes.pop(symbol)
        quantity, _, _, _ = self.held.pop(symbol)
        amount = quantity * bar.open
        self.cash += amount - fee(amount) - tax(amount, bar.day)
        self.trades.append((bar.day, symbol, "SELL", bar.open, quantity, "TRAILING_ATR", reason))


def rows_of(result: BacktestResult) -> list[Row]:
    return [(t.at.date(), t.symbol, t.side.value, t.price, t.quantity, t.rule, t.reason) for t in result.trades]


def test_every_trade_of_seven_years_is_that_of_a_plain_implementation(
    result: BacktestResult, shared_data: Path
) -> None:
    plain = PlainRun(plain_bars(shared_data / FILE)).go()

    assert len(plain) > 1_000
    assert sorted(set(rows_of(result)) ^ set(plain), key=str) == []


def test_what_comes_later_changes_nothing_before(result: BacktestResult, shared_data: Path) -> None:
    prices = the_basket(shared_data)
    since = date(2018, 7, 2)
    plan = BacktestPlan(symbols=result.symbols, first=FIRST, last=LAST, cash=CASH)

    other = run_breakout(plan, OtherFuture(prices, since), the_calendar(), BreakoutRules(), FEE_PPB)

    assert [t for t in other.trades if t.at.date() < since] == [t for t in result.trades if t.at.date() < since]
    assert [d for d in other.equity if d.day < since] == [d for d in result.equity if d.day < since]
    assert other.trades != result.trades


def test_every_won_is_in_a_trade(result: BacktestResult) -> None:
    spent = sum((t.amount if t.side is Side.BUY else -t.amount) + t.fee + t.tax for t in result.trades)

    assert result.equity[-1].cash == CASH - spent
    assert min(day.cash for day in result.equity) >= 0


def test_the_order_of_high_and_low_decides_nothing_at_the_open(result: BacktestResult, shared_data: Path) -> None:
    worst = run(shared_data, fills=Fills.PESSIMISTIC)

    assert worst.trades == result.trades
    assert worst.bars_that_matter == 0


def test_the_lists_hold_the_daemons_atr_to_the_last_bit(shared_data: Path) -> None:
    prices = the_basket(shared_data)
    symbol = prices.listings()[0].symbol
    bars = [bar for bar in prices.bars(symbol, prices.first_day, prices.last_day) if bar.volume]
    series = IndicatorSeries(IndicatorPeriods())
    expected = []
    for bar in bars:
        series.feed(bar)
        expected.append(series.values.atr if series.values is not None else None)

    found = wilder_atr([bar.high for bar in bars], [bar.low for bar in bars], [bar.close for bar in bars], 14)

    assert found == expected


@pytest.mark.parametrize(
    ("closes", "found"),
    [([], []), ([5, 6], []), ([1, 2, 3], [2]), ([3, 2, 1, 3], [3]), ([3, 3, 3], []), ([9, 1, 2, 3, 4], [3, 4])],
)
def test_a_breakout_closes_above_each_close_before_it(closes: list[int], found: list[int]) -> None:
    assert breakouts(closes, 2) == found


def test_a_parameter_is_taken_over() -> None:
    assert BreakoutRules().with_parameters(["breakout_bars=55", "stop_atr = 2.5"]) == replace(
        BreakoutRules(), breakout_bars=55, stop_atr=2.5
    )


@pytest.mark.parametrize("written", ["breakout=1", "breakout_bars=1", "breakout_bars=20.5", "stop_atr=nan", "stop_atr"])
def test_a_parameter_that_cannot_be_is_refused(written: str) -> None:
    with pytest.raises(UsageError):
        BreakoutRules().with_parameters([written])
