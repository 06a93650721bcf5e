"""The bars of a symbol as plain lists, and what the breakout rule reads in them.

Days without trade are left out. ATR is Wilder's, to the last bit that of `domain.indicators` (a test holds them
against each other).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date

from kis_daemon.domain.market import Bar, Market, Symbol, Won


@dataclass(frozen=True, slots=True, kw_only=True)
class Columns:
    """One symbol, oldest bar first; those before the index `start` are history."""

    symbol: Symbol
    name: str
    market: Market
    days: list[date]
    opens: list[Won]
    highs: list[Won]
    lows: list[Won]
    closes: list[Won]
    start: int


def columns_of(symbol: Symbol, name: str, market: Market, bars: Iterable[Bar], first: date) -> Columns:
    """Return the bars with trade as columns, those from `first` on to be replayed."""
    traded = [bar for bar in bars if bar.volume > 0]
    return Columns(
        symbol=symbol,
        name=name,
        market=market,
        days=[bar.date for bar in traded],
        opens=[bar.open for bar in traded],
        highs=[bar.high for bar in traded],
        lows=[bar.low for bar in traded],
        closes=[bar.close for bar in traded],
        start=sum(bar.date < first for bar in traded),
    )


def wilder_atr(highs: list[Won], lows: list[Won], closes: list[Won], n: int) -> list[float | None]:
    """Return the ATR after each bar, None for the first n."""
    found: list[float | None] = [None] * min(n, len(closes))
    if len(closes) <= n:
        return found
    ranges = true_ranges(highs, lows, closes)
    atr = sum(ranges[:n]) / n
    found.append(atr)
    before = n - 1
    for true_range in ranges[n:]:
        atr = (atr * before + true_range) / n
        found.append(atr)
    return found


def true_ranges(highs: list[Won], lows: list[Won], closes: list[Won]) -> list[Won]:
    """Return the true range of every bar but the first."""
    return [
        (high if high > close else close) - (low if low < close else close)  # noqa: FURB136  # calls cost twice as much
        for high, low, close in zip(highs[1:], lows[1:], closes, strict=False)
    ]


def breakouts(closes: list[Won], n: int) -> list[int]:
    """Return the indices of the bars that close above each of the `n` closes before them."""
    found: list[int] = []
    if len(closes) <= n:
        return found
    highest = max(closes[:n])
    for index in range(n, len(closes)):
        close = closes[index]
        if close > highest:
            found.append(index)
            highest = close
        elif closes[index - n] == highest:  # it leaves the window, and may have been the highest alone
            highest = max(closes[index - n + 1 : index + 1])
    return found
