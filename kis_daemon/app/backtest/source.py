"""Which bars a backtest replays: a file, some of its symbols, and the days between two dates.

Every refusal is one line that says what is there instead.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from kis_daemon.app.errors import UsageError
from kis_daemon.domain.calendar import TradingCalendar
from kis_daemon.domain.market import Symbol
from kis_daemon.simulator.price_file import FilePrices
from kis_daemon.simulator.price_rows import PriceFileError

_SHOWN = 12


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """Bars, and which of them are to be replayed; those before `first` are history."""

    prices: FilePrices
    symbols: tuple[Symbol, ...]
    first: date
    last: date


def load_prices(path: Path, calendar: TradingCalendar) -> FilePrices:
    """Return the bars of `path`; `UsageError` with file and row if it cannot be used."""
    try:
        return FilePrices(path, calendar)
    except PriceFileError as error:
        raise UsageError(str(error)) from None


def chosen(
    prices: FilePrices,
    calendar: TradingCalendar,
    symbols: Sequence[Symbol],
    first: date | None,
    last: date | None,
    history: int,
) -> Source:
    """Return what of `prices` is to be replayed; without `first` it begins after `history` days."""
    listed = [listing.symbol for listing in prices.listings()]
    unknown = [symbol for symbol in symbols if symbol not in listed]
    if unknown:
        shown = ",".join(listed[:_SHOWN]) + (f" … ({len(listed)})" if len(listed) > _SHOWN else "")
        raise UsageError("usage.backtest_symbols", symbols=",".join(unknown), known=shown)
    days = [
        day.date
        for day in calendar.trading_days(max(prices.first_day, calendar.first), min(prices.last_day, calendar.last))
    ]
    # the first day needs one before it: what a price is compared with
    begin = first or (days[min(history, len(days) - 1)] if days else prices.last_day)
    played = [day for day in days[1:] if begin <= day <= (last or prices.last_day)]
    if not played:
        raise UsageError(
            "usage.backtest_range",
            first=begin,
            last=last or prices.last_day,
            earliest=days[1] if len(days) > 1 else prices.first_day,
            latest=days[-1] if days else prices.last_day,
        )
    return Source(prices=prices, symbols=tuple(symbols) or tuple(listed), first=played[0], last=played[-1])
