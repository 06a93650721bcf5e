"""Where the simulated market's daily bars come from: one protocol, and the series that answers it.

Rules of this room
    Prices are on the tick of their date and market, so that the chart, the base price and the trades of a day agree.
    A day on which a listed symbol did not trade has a bar of volume 0: open, high and low 0, the close carried on.
    A symbol has no bar before its first one or after its last one.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from dataclasses import dataclass
from datetime import date
from typing import Protocol

from kis_daemon.domain.market import Bar, Market, Symbol, Won
from kis_daemon.domain.price_path import snapped

# how far a trade may lie from the one before, in percent: members of the KOSPI 200 and funds 3, all others 6
_INTERRUPTS_PCT = {Market.KOSPI: 3, Market.KOSDAQ: 6, Market.ETF: 3}


@dataclass(frozen=True, slots=True, kw_only=True)
class ListedSymbol:
    """A symbol of the simulated market: its code, its Korean name and its board.

    `dynamic_pct` is the distance between two trades that interrupts it; None is that of its board's large companies.
    """

    symbol: Symbol
    name: str
    market: Market
    dynamic_pct: int | None = None

    @property
    def interrupts_pct(self) -> int:
        return _INTERRUPTS_PCT[self.market] if self.dynamic_pct is None else self.dynamic_pct


class PriceBook(Protocol):
    """The daily bars of every listed symbol, past and future."""

    @property
    def first_day(self) -> date:
        """Return the first day on which any symbol has a bar."""

    @property
    def last_day(self) -> date:
        """Return the last day on which any symbol has a bar."""

    def listings(self) -> tuple[ListedSymbol, ...]:
        """Return all symbols, always in the same order."""

    def bar(self, symbol: Symbol, day: date) -> Bar | None:
        """Return the bar of `day`, or None where the symbol has none."""

    def bars(self, symbol: Symbol, first: date, last: date) -> tuple[Bar, ...]:
        """Return the bars from `first` to `last`, both included, oldest first."""

    def base_price(self, symbol: Symbol, day: date) -> Won:
        """Return the close of the last day before `day` with trade; the day's own open where there is none, else 0."""


class Series:
    """The bars of one symbol in order of their date; snapped to their ticks the first time they are asked for."""

    __slots__ = ("_bars", "_market", "_snapped", "days")

    def __init__(self, market: Market) -> None:
        self.days: list[date] = []
        self._market = market
        self._bars: list[Bar] = []
        self._snapped: list[bool] = []

    def append(self, bar: Bar, *, on_tick: bool) -> None:
        """Add the next bar; `on_tick` says that its prices are valid ticks already."""
        self.days.append(bar.date)
        self._bars.append(bar)
        self._snapped.append(on_tick)

    def at(self, index: int) -> Bar:
        """Return the bar at `index`, on its ticks."""
        if not self._snapped[index]:
            raw = self._bars[index]
            if raw.volume:
                self._bars[index] = snapped(raw, self._market)
            else:  # the close is carried on, as it was played
                previous = self.last_traded(index)
                close = previous.close if previous is not None else raw.close
                self._bars[index] = Bar(date=raw.date, open=0, high=0, low=0, close=close, volume=0)
            self._snapped[index] = True
        return self._bars[index]

    def last_traded(self, before: int) -> Bar | None:
        """Return the last bar with trade before `before`."""
        for index in range(before - 1, -1, -1):
            if self._bars[index].volume:
                return self.at(index)
        return None

    def bar(self, day: date) -> Bar | None:
        index = bisect_left(self.days, day)
        if index == len(self.days) or self.days[index] != day:
            return None
        return self.at(index)

    def between(self, first: date, last: date) -> tuple[Bar, ...]:
        return tuple(self.at(index) for index in range(bisect_left(self.days, first), bisect_right(self.days, last)))

    def base(self, day: date) -> Won:
        index = bisect_left(self.days, day)
        previous = self.last_traded(index)
        if previous is not None:
            return previous.close
        own = self.bar(day)
        return own.open if own is not None and own.volume else 0
