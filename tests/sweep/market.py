"""A small invented market as a file, and a sweep of it as an operator starts it."""

from __future__ import annotations

import csv
import sys
from collections.abc import Sequence
from datetime import date
from functools import cache
from pathlib import Path

from kis_daemon.app.files import load_calendar
from kis_daemon.domain.calendar import TradingCalendar
from kis_daemon.domain.market import Bar
from kis_daemon.simulator.price_generator import GeneratedPrices
from tests.conftest import ROOT

FIRST, LAST = date(2016, 1, 4), date(2017, 12, 28)
RANGES = ("--params", "breakout_bars=5:60", "--params", "stop_atr=1:6:0.5")


@cache
def the_calendar() -> TradingCalendar:
    return load_calendar(ROOT / "config")


@cache
def _bars(symbols: int) -> tuple[tuple[str, Bar], ...]:
    prices = GeneratedPrices(7, the_calendar())
    return tuple(
        (listing.symbol, bar)
        for listing in prices.listings()[:symbols]
        for bar in prices.bars(listing.symbol, FIRST, LAST)
    )


def a_price_file(folder: Path, symbols: int = 2) -> Path:
    """Write two years of so many symbols."""
    file = folder / "bars.csv"
    with file.open("w", encoding="utf-8", newline="") as out:
        rows = csv.writer(out)
        rows.writerow(("symbol", "date", "open", "high", "low", "close", "volume"))
        rows.writerows((name, b.date, b.open, b.high, b.low, b.close, b.volume) for name, b in _bars(symbols))
    return file


def sweep_command(prices: Path, *options: str | Path) -> Sequence[str]:
    """Return the command line of a sweep of the fast rule."""
    fixed = ("--prices", prices, "--rule", "breakout", "--config-dir", ROOT / "config")
    return [sys.executable, str(ROOT / "main.py"), "backtest", "sweep", *map(str, (*fixed, *RANGES, *options))]
