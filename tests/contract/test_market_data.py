"""Market data and stream over the simulator: what they tell is what the market did."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from kis_daemon.domain.market import Market, Quote, QuoteSource, Side, Symbol, move_ticks, price_limits
from kis_daemon.ports import Accepted, ExecutionNotice, FeedState, NoticeKind
from tests.contract.venues import KisVenue, on_kis, promised
from tests.services.builders import HYNIX, SAMSUNG, TODAY, YESTERDAY, a_sent_order, an_intent
from tests.simulator.builders import a_book


class Heard:
    """`ports.FeedSink` that keeps everything."""

    def __init__(self) -> None:
        self.quotes: list[Quote] = []
        self.notices: list[ExecutionNotice] = []
        self.states: list[FeedState] = []

    def on_quote(self, quote: Quote) -> None:
        self.quotes.append(quote)

    def on_notice(self, notice: ExecutionNotice) -> None:
        self.notices.append(notice)

    def on_feed_state(self, state: FeedState) -> None:
        self.states.append(state)

    def on_gap(self, symbol: Symbol, missed: int) -> None:
        raise AssertionError(f"{missed} shares of {symbol} are missing")


@asynccontextmanager
async def listening(venue: KisVenue) -> AsyncIterator[Heard]:
    """Listen to both symbols; entered once they are registered."""
    heard = Heard()
    venue.kis.feed.want([SAMSUNG, HYNIX])
    reading = asyncio.create_task(venue.kis.feed.run(heard))
    try:
        await asyncio.sleep(10)
        assert heard.states[-1] == FeedState(connected=True, symbols=(SAMSUNG, HYNIX))
        yield heard
    finally:
        reading.cancel()
        await asyncio.gather(reading, return_exceptions=True)


def yes() -> bool:
    return True


@on_kis
async def test_the_chart_has_the_bars_of_the_price_book(venue: KisVenue) -> None:
    chart = await venue.kis.market_data.chart(SAMSUNG, YESTERDAY, YESTERDAY)

    assert chart.bars == a_book().bars(SAMSUNG, YESTERDAY, YESTERDAY)
    assert (chart.symbol, chart.name) == (SAMSUNG, "삼성전자")


@promised(now="16:00", venues=("paper", "real"))
async def test_the_bar_of_a_day_that_is_over_is_the_price_books(venue: KisVenue) -> None:
    chart = await venue.kis.market_data.chart(SAMSUNG, YESTERDAY, TODAY)

    assert chart.bars == a_book().bars(SAMSUNG, YESTERDAY, TODAY)


@on_kis
async def test_the_listing_of_a_snapshot_follows_from_the_close_before(venue: KisVenue) -> None:
    base = a_book().base_price(SAMSUNG, TODAY)

    listing = (await venue.kis.market_data.snapshot(SAMSUNG)).listing

    assert (listing.symbol, listing.market, listing.base_price) == (SAMSUNG, Market.KOSPI, base)
    assert (listing.lower_limit, listing.upper_limit) == price_limits(base, Market.KOSPI, TODAY)
    assert not any((listing.suspended, listing.under_administration, listing.in_liquidation))


@on_kis
async def test_the_quote_of_a_snapshot_is_the_last_trade(venue: KisVenue) -> None:
    quote = (await venue.kis.market_data.snapshot(SAMSUNG)).quote

    board = venue.simulator.exchange.boards[SAMSUNG]
    assert quote is not None
    assert quote.source is QuoteSource.REST
    assert (quote.price, quote.open, quote.high, quote.low) == (board.price, board.open, board.high, board.low)
    assert quote.day_volume == board.volume


@on_kis
async def test_the_stream_delivers_every_trade_of_the_registered_symbols(venue: KisVenue) -> None:
    boards = venue.simulator.exchange.boards

    async with listening(venue) as heard:
        before = boards[SAMSUNG].trades
        heard.quotes.clear()
        await asyncio.sleep(2 * 3600)

    ours = [quote for quote in heard.quotes if quote.symbol == SAMSUNG]
    last, board = ours[-1], boards[SAMSUNG]
    assert {quote.symbol for quote in heard.quotes} == {SAMSUNG, HYNIX}
    assert len(ours) == board.trades - before
    assert (last.price, last.ask, last.bid) == (board.price, board.ask, board.bid)
    assert (last.open, last.high, last.low, last.day_volume) == (board.open, board.high, board.low, board.volume)
    assert [quote.at for quote in ours] == sorted(quote.at for quote in ours)


@on_kis
async def test_the_notices_of_a_buy_agree_with_the_listing(venue: KisVenue) -> None:
    async with listening(venue) as heard:
        limit = move_ticks(venue.ask(SAMSUNG), 3, Market.KOSPI, TODAY)
        answer = await venue.broker.submit(an_intent(price=limit), yes, urgent=False)
        await asyncio.sleep(5)
        listed = {row.order_no: row for row in await venue.broker.orders(TODAY, TODAY)}

    assert isinstance(answer, Accepted)
    assert [notice.kind for notice in heard.notices] == [NoticeKind.ACCEPTED, NoticeKind.FILLED]
    accepted, filled = heard.notices
    row = listed[answer.order_no]
    assert {accepted.order_no, filled.order_no} == {answer.order_no}
    assert (filled.symbol, filled.side) == (SAMSUNG, Side.BUY)
    assert filled.quantity == row.filled_quantity
    assert filled.quantity * filled.price == row.filled_amount


@on_kis
async def test_the_notice_of_a_cancel_points_to_the_order_it_concerns(venue: KisVenue) -> None:
    async with listening(venue) as heard:
        answer = await venue.broker.submit(an_intent(price=60_000), yes, urgent=False)
        assert isinstance(answer, Accepted)
        order = a_sent_order(order_no=answer.order_no, branch_no=answer.branch_no)
        cancelled = await venue.broker.cancel(order, yes)
        await asyncio.sleep(5)

    assert isinstance(cancelled, Accepted)
    last = heard.notices[-1]
    assert (last.kind, last.order_no, last.original_no) == (
        NoticeKind.CANCELLED,
        cancelled.order_no,
        answer.order_no,
    )
