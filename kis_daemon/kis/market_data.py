"""Questions about symbols to KIS, behind the `MarketData` port."""

from __future__ import annotations

from datetime import date, timedelta

from kis_daemon.domain.market import Bar, Symbol
from kis_daemon.kis.budget import Priority
from kis_daemon.kis.capabilities import KisProfile
from kis_daemon.kis.questions import Questions
from kis_daemon.kis.wire_market import BARS_A_PAGE, ask_chart, ask_price, read_chart, read_snapshot
from kis_daemon.ports import Chart, Clock, ProtocolError, Snapshot

_MAX_PAGES = 200  # eighty years of days


class KisMarketData:
    """Snapshots, and charts of any length from pages of a hundred bars."""

    def __init__(self, questions: Questions, profile: KisProfile, clock: Clock) -> None:
        self._questions = questions
        self._profile = profile
        self._clock = clock

    async def snapshot(self, symbol: Symbol) -> Snapshot:
        body = await self._questions.ask(ask_price(symbol, self._profile), Priority.QUOTE)
        return read_snapshot(body, symbol, self._clock.now())

    async def chart(self, symbol: Symbol, first: date, last: date) -> Chart:
        """Return the bars of `first` to `last`; days without trade are left out."""
        name = ""
        newest_first: list[Bar] = []
        end = last
        for _ in range(_MAX_PAGES):
            if end < first:
                break
            body = await self._questions.ask(ask_chart(symbol, first, end, self._profile), Priority.HISTORY)
            page = read_chart(body, symbol, first, end)
            name = name or page.name
            newest_first += page.bars
            if page.oldest is None or page.count < BARS_A_PAGE:
                break
            end = page.oldest - timedelta(days=1)
        else:
            raise ProtocolError(f"{symbol}: a chart without end")
        return Chart(symbol=symbol, name=name, bars=tuple(reversed(newest_first)))
