"""The daily bars that a daemon worked with, as a `PriceBook`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date

from kis_daemon.domain.market import Bar, Symbol, Won
from kis_daemon.simulator.prices import ListedSymbol, Series


class KeptPrices:
    """The bars of `kept`, each symbol's oldest first; a symbol without any is not listed. `ValueError` without one."""

    def __init__(self, listed: Iterable[ListedSymbol], kept: Mapping[Symbol, Iterable[Bar]]) -> None:
        self._series: dict[Symbol, Series] = {}
        self._listings: list[ListedSymbol] = []
        for listing in listed:
            series = Series(listing.market)
            for bar in kept.get(listing.symbol, ()):
                series.append(bar, on_tick=False)
            if series.days:
                self._series[listing.symbol] = series
                self._listings.append(listing)
        if not self._series:
            raise ValueError("no bars: expected those of one symbol at least")

    @property
    def first_day(self) -> date:
        return min(series.days[0] for series in self._series.values())

    @property
    def last_day(self) -> date:
        return max(series.days[-1] for series in self._series.values())

    def listings(self) -> tuple[ListedSymbol, ...]:
        return tuple(self._listings)

    def bar(self, symbol: Symbol, day: date) -> Bar | None:
        return self._series[symbol].bar(day)

    def bars(self, symbol: Symbol, first: date, last: date) -> tuple[Bar, ...]:
        return self._series[symbol].between(first, last)

    def base_price(self, symbol: Symbol, day: date) -> Won:
        return self._series[symbol].base(day)
