"""The market that all run on: our generator's prices, twenty symbols of 2,500 bars, no halts and no open at a limit.

`python -m bench.peers.market FILE [SYMBOLS]` writes it as CSV. Nothing of it is anybody's data.
"""

from __future__ import annotations

import csv
import sys
from collections.abc import Iterator
from datetime import date
from pathlib import Path

from kis_daemon.app.files import load_calendar
from kis_daemon.domain.calendar import TradingCalendar
from kis_daemon.domain.market import Bar, Market, Symbol, Won, price_limits
from kis_daemon.simulator.prices import ListedSymbol, Series

SYMBOLS, BARS = 20, 2_500
HEADER = ("symbol", "date", "open", "high", "low", "close", "volume")
ROOT = Path(__file__).resolve().parent.parent.parent

Row = tuple[str, str, int, int, int, int, int]


def the_calendar() -> TradingCalendar:
    return load_calendar(ROOT / "config")


def generated(symbols: int = SYMBOLS, bars: int = BARS) -> Iterator[Row]:
    """Yield the rows symbol by symbol, on the first `bars` trading days.

    Dates say nothing here: a symbol's bars lie one after the other, so that all have as many. An open at a limit, where
    our exchange lets nobody buy or sell, is left out: the others know no limits.
    """
    from kis_daemon.simulator.price_generator import GeneratedPrices  # for whoever writes the file, not for a run

    calendar = the_calendar()
    days = [day.date for day in calendar.trading_days(calendar.first, calendar.last)][:bars]
    seed, made = 1, 0
    while True:
        prices = GeneratedPrices(seed, calendar)
        for listing in prices.listings():
            if made == symbols:
                return
            real = prices.bars(listing.symbol, prices.first_day, prices.last_day)
            kept = list(_tradable(real, days))
            if len(kept) == bars:
                yield from ((f"{made:06d}", str(b.date), b.open, b.high, b.low, b.close, b.volume) for b in kept)
                made += 1
        seed += 1


def _tradable(bars: tuple[Bar, ...], days: list[date]) -> Iterator[Bar]:
    last: Won | None = None
    free = iter(days)
    day = next(free)
    for bar in bars:
        if not bar.volume:
            continue
        if last is not None:
            lower, upper = price_limits(last, Market.KOSPI, day)
            if not lower < bar.open < upper:
                continue
        yield Bar(date=day, open=bar.open, high=bar.high, low=bar.low, close=bar.close, volume=bar.volume)
        last = bar.close
        following = next(free, None)
        if following is None:
            return
        day = following


class Loaded:
    """The rows as the `PriceBook` that our backtest reads; `copies` lays the market out again under other names."""

    def __init__(self, file: Path, copies: int = 1) -> None:
        self._series: dict[Symbol, Series] = {}
        days: dict[str, date] = {}
        seen: dict[Won, Won] = {}
        for copy in range(copies):
            for code, day, *prices, volume in read(file):
                name = Symbol(f"{int(code) + copy * SYMBOLS:06d}")
                at = days.setdefault(day, date.fromisoformat(day))
                opened, high, low, close = (seen.setdefault(price, price) for price in prices)  # as price_file does
                bar = Bar(date=at, open=opened, high=high, low=low, close=close, volume=volume)
                self._series.setdefault(name, Series(Market.KOSPI)).append(bar, on_tick=True)
        self.first_day = min(series.days[0] for series in self._series.values())
        self.last_day = max(series.days[-1] for series in self._series.values())

    def listings(self) -> tuple[ListedSymbol, ...]:
        return tuple(ListedSymbol(symbol=name, name=name, market=Market.KOSPI) for name in self._series)

    def bar(self, symbol: Symbol, day: date) -> Bar | None:
        return self._series[symbol].bar(day)

    def bars(self, symbol: Symbol, first: date, last: date) -> tuple[Bar, ...]:
        return self._series[symbol].between(first, last)

    def base_price(self, symbol: Symbol, day: date) -> Won:
        return self._series[symbol].base(day)


def read(file: Path) -> Iterator[Row]:
    """Yield the rows of a file that was written here."""
    with file.open(encoding="utf-8", newline="") as opened:
        rows = csv.reader(opened)
        next(rows)
        for code, day, *numbers in rows:
            opened_at, high, low, close, volume = map(int, numbers)
            yield code, day, opened_at, high, low, close, volume


def write(file: Path, rows: Iterator[Row]) -> None:
    """Write the rows as CSV."""
    with file.open("w", encoding="utf-8", newline="") as opened:
        out = csv.writer(opened)
        out.writerow(HEADER)
        out.writerows(rows)


def main() -> None:
    write(Path(sys.argv[1]), generated())


if __name__ == "__main__":
    main()
