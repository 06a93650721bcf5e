"""Campaigns of the backtest: the daemon's orders over a year, seven years recomputed, and how fast the bars go."""

from __future__ import annotations

import pickle
import subprocess
import tempfile
from datetime import date
from pathlib import Path
from statistics import median

from kis_daemon.app.backtest.breakout import BreakoutRules, run_breakout
from kis_daemon.app.backtest.plan import BacktestPlan
from kis_daemon.app.backtest.result import BacktestResult
from kis_daemon.domain.market import Bar, Market, Symbol, Won
from kis_daemon.simulator.prices import ListedSymbol, Series
from tests.backtest.basket import FILE, FIRST, SESSIONS, replayed, some_symbols, the_basket, the_calendar
from tests.backtest.daemon_run import compared, daemon_summary
from tests.backtest.plain import FEE_PPB
from tests.backtest.recomputed import Recomputation
from tests.campaign_runs import Told
from tests.conftest import ROOT
from tests.store.servers import mariadb
from tests.sweep.market import a_price_file, sweep_command
from tests.sweep.runs import killed_at, run_to_its_end, run_together

_DATA = ROOT.parent / "shared" / "data"
_DAYS, _SYMBOLS = 252, 39
_ALL_DAYS = 1_722  # 2015-01-05 to 2021-12-30
_LONGEST_S = 3600.0
_FAST_SYMBOLS, _FAST_BARS, _FASTER_THAN = 20, 2_500, 200_000.0


def backtest_orders() -> Told:
    """A year of 39 symbols through the daemon and through the backtest: the same orders, to the microsecond."""
    prices = the_basket(_DATA)
    symbols = some_symbols(prices, _SYMBOLS)
    result = replayed(prices, symbols, _DAYS)
    with tempfile.TemporaryDirectory() as folder:
        summary, orders = daemon_summary(Path(folder), _DATA / FILE, symbols, FIRST, _DAYS, _LONGEST_S)
    differences = compared(result, summary, orders)
    told = f"{_DAYS} days x {_SYMBOLS} symbols, {len(orders)} orders, {len(summary['trades'])} trades, "
    told += f"{len(differences)} differences"
    return not differences and len(result.orders) > _DAYS, told


def backtest_recomputed() -> Told:
    """Every order and trade of seven years and 40 symbols, recomputed by code that shares none with the project."""
    result = _seven_years()
    found = Recomputation(result, _DATA / FILE, _DATA / SESSIONS)
    differences = found.run()
    whole = (found.orders_checked, found.trades_checked) == (len(result.orders), len(result.trades))
    told = f"{result.first} to {result.last}, {found.orders_checked} orders, {found.trades_checked} trades, "
    told += f"{found.certain_quantities} quantities of one possible statement, {found.trial_quantities} of a breaker's "
    told += f"trial, {len(differences)} differences"
    years = {trade.at.year for trade in result.trades}
    return whole and not differences and years == set(range(2015, 2022)), told


def _seven_years() -> BacktestResult:
    """Return the backtest of all days; it is kept in build/campaign, so that a campaign that was cut short goes on."""
    command = ["git", "describe", "--always", "--dirty=+"]
    commit = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout.strip()
    kept = ROOT / "build" / "campaign" / f"seven-years-{commit}.pickle"
    if kept.is_file() and not commit.endswith("+"):
        with kept.open("rb") as file:
            found: BacktestResult = pickle.load(file)
            return found
    prices = the_basket(_DATA)
    result = replayed(prices, some_symbols(prices, 40), _ALL_DAYS, first=date(2015, 1, 5))
    kept.parent.mkdir(parents=True, exist_ok=True)
    half = kept.with_suffix(".half")
    half.write_bytes(pickle.dumps(result))
    half.rename(kept)
    return result


def backtest_speed() -> Told:
    """20 symbols x 2,500 bars with the breakout rule on one core, the median of five runs: 200,000 bars a second."""
    prices = MixedPrices()
    days = [day.date for day in the_calendar().trading_days(prices.first_day, prices.last_day)]
    symbols = tuple(listing.symbol for listing in prices.listings())
    plan = BacktestPlan(symbols=symbols, first=days[20], last=days[-1])
    runs = [run_breakout(plan, prices, the_calendar(), BreakoutRules(), FEE_PPB) for _ in range(5)]
    rate = median(run.bars_per_second for run in runs)
    bars, trades = runs[0].bars, len(runs[0].trades)
    return rate >= _FASTER_THAN and bars == _FAST_SYMBOLS * _FAST_BARS, f"{bars} bars, {trades} trades, {rate:,.0f} /s"


def backtest_sweep(trials: int = 200) -> Told:
    """A sweep of 200 trials in two processes, killed three times; and one of as many in MariaDB, shared by two."""
    quarter = trials // 4
    with tempfile.TemporaryDirectory() as name:
        home = Path(name)
        command = sweep_command(a_price_file(home), "--trials", str(trials), "--jobs", "2")
        seen = [killed_at(command, home, quarter * part) for part in (1, 2, 3)]
        ended = run_to_its_end(command, home, "ended")
        server = mariadb()
        try:
            shared = [*sweep_command(home / "bars.csv", "--trials", str(trials), "--storage", server.url("mysql"))]
            both = run_together(shared, home, 2)
        finally:
            server.stop()
    told = f"{trials} trials, killed at {', '.join(map(str, seen))}, then on from {ended.progress[0]}; "
    told += f"{len(both[0].numbers)} in MariaDB shared by two"
    alone = [len(set(run.numbers)) == len(run.numbers) == trials for run in (ended, *both)]
    return all(alone) and both[0].told["studies"] == both[1].told["studies"] and ended.progress[0] >= seen[-1], told


class MixedPrices:
    """Twenty symbols of 2,520 bars: the basket's real bars, their dates laid over the calendar one after the other."""

    def __init__(self) -> None:
        basket = the_basket(_DATA)
        calendar = the_calendar()
        days = [day.date for day in calendar.trading_days(calendar.first, calendar.last)][: _FAST_BARS + 20]
        names = [listing.symbol for listing in basket.listings()]
        self._series: dict[Symbol, Series] = {}
        for place in range(_FAST_SYMBOLS):
            series = Series(Market.KOSPI)
            real = [
                bar
                for symbol in (names[place], names[place + _FAST_SYMBOLS])
                for bar in basket.bars(symbol, basket.first_day, basket.last_day)
                if bar.volume
            ]
            for day, bar in zip(days, real, strict=False):
                moved = Bar(date=day, open=bar.open, high=bar.high, low=bar.low, close=bar.close, volume=bar.volume)
                series.append(moved, on_tick=True)
            self._series[Symbol(f"{place:06d}")] = series
        self.first_day, self.last_day = days[0], days[-1]

    def listings(self) -> tuple[ListedSymbol, ...]:
        return tuple(ListedSymbol(symbol=name, name=name, market=Market.KOSPI) for name in self._series)

    def bar(self, symbol: Symbol, day: date) -> Bar | None:
        return self._series[symbol].bar(day)

    def bars(self, symbol: Symbol, first: date, last: date) -> tuple[Bar, ...]:
        return self._series[symbol].between(first, last)

    def base_price(self, symbol: Symbol, day: date) -> Won:
        return self._series[symbol].base(day)
