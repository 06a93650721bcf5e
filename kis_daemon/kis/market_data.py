"""Questions about symbols and the market to KIS, behind the `MarketData` and `MarketResearch` ports."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime, time, timedelta

from kis_daemon.domain.calendar import KST
from kis_daemon.domain.market import Bar, Market, Quote, Symbol
from kis_daemon.kis.budget import Priority
from kis_daemon.kis.capabilities import KisProfile, Purpose, is_offered
from kis_daemon.kis.listings import Listings
from kis_daemon.kis.questions import Questions
from kis_daemon.kis.wire import Body, Question
from kis_daemon.kis.wire_market import (
    BARS_A_PAGE,
    ask_chart,
    ask_price,
    ask_recent_days,
    read_chart,
    read_recent_days,
    read_snapshot,
)
from kis_daemon.kis.wire_minutes import ask_minutes, minutes_a_page, read_minutes
from kis_daemon.kis.wire_quotes import (
    SYMBOLS_A_CALL,
    ask_multi_price,
    ask_order_book,
    read_multi_price,
    read_order_book,
)
from kis_daemon.kis.wire_research import (
    ask_days,
    ask_ranking,
    ask_stock_info,
    has_day,
    read_days,
    read_ranking,
    read_stock_info,
)
from kis_daemon.ports import (
    Chart,
    Clock,
    MarketDay,
    MinuteBar,
    OrderBook,
    ProtocolError,
    Ranked,
    Ranking,
    Snapshot,
    StockInfo,
    SymbolBlocked,
)

_MAX_PAGES = 200  # eighty years of days
_MAX_MINUTE_PAGES = 30  # a day from the first auction to the end of the after-market has fewer
_LAST_MINUTE = time(20, 0)


class KisMarketData:
    """Snapshots, quotes of many, and charts of any length from pages of a hundred bars."""

    def __init__(self, questions: Questions, profile: KisProfile, clock: Clock) -> None:
        self._questions = questions
        self._listings = Listings(questions)
        self._profile = profile
        self._clock = clock

    # the trading day

    async def snapshot(self, symbol: Symbol, *, urgent: bool = False) -> Snapshot:
        priority = Priority.EXIT if urgent else Priority.QUOTE
        body = await self._questions.ask(ask_price(symbol, self._profile), priority)
        return read_snapshot(body, symbol, self._clock.now())

    async def quotes(self, symbols: Sequence[Symbol]) -> tuple[Quote, ...]:
        if not is_offered(Purpose.MULTI_PRICE, self._profile):
            return await self._one_by_one(symbols)
        quotes: list[Quote] = []
        wanted = list(dict.fromkeys(symbols))
        for start in range(0, len(wanted), SYMBOLS_A_CALL):
            part = wanted[start : start + SYMBOLS_A_CALL]
            body = await self._questions.ask(ask_multi_price(part, self._profile), Priority.QUOTE)
            quotes += read_multi_price(body, part, self._clock.now())
        return tuple(quotes)

    async def _one_by_one(self, symbols: Sequence[Symbol]) -> tuple[Quote, ...]:
        quotes: list[Quote] = []
        for symbol in dict.fromkeys(symbols):
            try:
                snapshot = await self.snapshot(symbol)
            except SymbolBlocked:
                continue  # unknown to the broker
            if snapshot.quote is not None:
                quotes.append(snapshot.quote)
        return tuple(quotes)

    async def chart(self, symbol: Symbol, first: date, last: date) -> Chart:
        """Return the bars of `first` to `last`; days without trade are left out."""
        name = ""
        newest_first: list[Bar] = []
        end = last
        for _ in range(_MAX_PAGES):
            if end < first:
                break
            body = await self._ask_history(ask_chart(symbol, first, end, self._profile))
            page = read_chart(body, symbol, first, end)
            name = name or page.name
            newest_first += page.bars
            if page.oldest is None or page.count < BARS_A_PAGE:
                break
            end = page.oldest - timedelta(days=1)
        else:
            raise ProtocolError(f"{symbol}: a chart without end")
        return Chart(symbol=symbol, name=name, bars=tuple(reversed(newest_first)))

    # what may wait

    async def order_book(self, symbol: Symbol) -> OrderBook:
        body = await self._questions.ask(ask_order_book(symbol, self._profile), Priority.QUOTE)
        return read_order_book(body, symbol)

    async def recent_bars(self, symbol: Symbol, *, adjusted: bool = True) -> tuple[Bar, ...]:
        question = ask_recent_days(symbol, adjusted=adjusted, profile=self._profile)
        return read_recent_days(await self._ask_history(question))

    async def minute_bars(self, symbol: Symbol, day: date) -> tuple[MinuteBar, ...]:
        now = self._clock.now()
        newest_first: list[MinuteBar] = []
        until = min(now, datetime.combine(day, _LAST_MINUTE, KST))
        for _ in range(_MAX_MINUTE_PAGES):
            question = ask_minutes(symbol, day, until.time(), now.date(), self._profile)
            oldest = newest_first[-1].at if newest_first else None
            page = read_minutes(await self._ask_history(question), symbol, day, oldest)
            newest_first += page
            if len(page) < minutes_a_page(day, now.date()):
                return tuple(reversed(newest_first))
            until = page[-1].at - timedelta(minutes=1)
        raise ProtocolError(f"{symbol}: a day of minutes without end")

    async def ranking(self, by: Ranking, market: Market | None = None) -> tuple[Ranked, ...]:
        return read_ranking(await self._ask_history(ask_ranking(by, market, self._profile)))

    async def stock_info(self, symbol: Symbol) -> StockInfo:
        return read_stock_info(await self._ask_history(ask_stock_info(symbol, self._profile)), symbol)

    async def market_days(self, first: date, last: date) -> tuple[MarketDay, ...]:
        return await self._listings.whole(
            ask_days(first, self._profile),
            Priority.HISTORY,
            lambda pages: read_days(pages, first, last),
            lambda page: has_day(page, last),
        )

    async def _ask_history(self, question: Question) -> Body:
        return await self._questions.ask(question, Priority.HISTORY)
