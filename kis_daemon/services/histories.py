"""Histories: completed daily bars of every symbol, brought from the broker and kept up to date.

Rules of this room (requirements, section 8)
    A day's bar counts once its regular session is over. Adjusted prices are re-based whenever a corporate action
    happens, so a history whose overlap with the broker's newest page differs is fetched again as a whole.
    A history that cannot be had closes entries in its symbol and nothing else.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, timedelta

from kis_daemon.domain.indicators import IndicatorPeriods, Indicators, IndicatorSeries
from kis_daemon.domain.market import Bar, Symbol, Won
from kis_daemon.ports import BrokerError, MarketData, Severity
from kis_daemon.services.book import Book
from kis_daemon.services.journal import Journal
from kis_daemon.services.outages import Outages

_CALENDAR_DAYS_A_BAR = 1.6  # 365 days hold about 245 sessions; the margin covers long holidays
_RECENT_DAYS = 60  # what one page of an evening's look back covers


class Histories:
    """See the rules above."""

    def __init__(
        self,
        *,
        market_data: MarketData,
        book: Book,
        journal: Journal,
        periods: IndicatorPeriods,
        full_bars: int,
        outages: Outages,
        learn: Callable[[Symbol, Indicators | None, Callable[[date], Won]], None],
        forget: Callable[[Symbol, str], None],
    ) -> None:
        self._market_data = market_data
        self._book = book
        self._journal = journal
        self._periods = periods
        self._full_bars = full_bars
        self._outages = outages
        self._learn = learn
        self._forget = forget
        self._bars: dict[Symbol, tuple[Bar, ...]] = {}
        self._series: dict[Symbol, IndicatorSeries] = {}

    def has(self, symbol: Symbol) -> bool:
        return symbol in self._series

    def bars(self, symbol: Symbol) -> tuple[Bar, ...]:
        """Return the completed bars of `symbol` that are known."""
        return self._bars.get(symbol, ())

    def indicators(self, symbol: Symbol) -> Indicators | None:
        """Return the values after the last completed bar of `symbol`, None without a history."""
        series = self._series.get(symbol)
        return None if series is None else series.values

    def teach(self, symbol: Symbol) -> None:
        """Tell again what is known of `symbol`."""
        series = self._series.get(symbol)
        if series is not None:
            self._learn(symbol, series.values, self._highest_since(symbol))

    async def bring_up_to(self, symbol: Symbol, last: date, *, again: bool = False) -> bool:
        """Have every completed bar of `symbol` up to `last`; False (and a fact) where the broker did not give it.

        `again`: what is known is held against the broker's newest page also where no bar is missing.
        """
        try:
            known = self._bars.get(symbol)
            if known is None:
                await self._load(symbol, last)
            elif known[-1].date < last or again:
                await self._extend(symbol, known, last)
            else:
                return True
        except BrokerError as error:
            self._outages.failed(error)
            self._journal.note(
                self._journal.fact(
                    "history_failed",
                    severity=Severity.WARNING,
                    symbol=symbol,
                    code=error.code,
                    reason=str(error),
                )
            )
            self._forget(symbol, "history not up to date")
            return False
        self._outages.answered()
        return True

    async def _load(self, symbol: Symbol, last: date) -> None:
        first = last - timedelta(days=int(self._full_bars * _CALENDAR_DAYS_A_BAR) + 14)
        chart = await self._market_data.chart(symbol, first, last)
        self._book.rename(symbol, chart.name)
        self._keep(symbol, chart.bars)

    async def _extend(self, symbol: Symbol, known: tuple[Bar, ...], last: date) -> None:
        first = max(last - timedelta(days=_RECENT_DAYS), known[0].date)
        chart = await self._market_data.chart(symbol, first, last)
        self._book.rename(symbol, chart.name)
        overlap = tuple(bar for bar in known if bar.date >= first)
        if not overlap or chart.bars[: len(overlap)] != overlap:
            self._journal.note(self._journal.fact("history_rebased", symbol=symbol))
            await self._load(symbol, last)
            return
        new = chart.bars[len(overlap) :]
        series = self._series[symbol]
        series.feed_all(new)
        self._bars[symbol] = known + new
        self._learn(symbol, series.values, self._highest_since(symbol))

    def _keep(self, symbol: Symbol, bars: tuple[Bar, ...]) -> None:
        if not bars:
            self._forget(symbol, "no history")
            return
        series = IndicatorSeries(self._periods)
        series.feed_all(bars)
        self._bars[symbol] = bars
        self._series[symbol] = series
        self._learn(symbol, series.values, self._highest_since(symbol))

    def _highest_since(self, symbol: Symbol) -> Callable[[date], Won]:
        bars = self._bars[symbol]

        def highest(entry_day: date) -> Won:
            return max((bar.high for bar in bars if bar.date > entry_day), default=0)

        return highest
