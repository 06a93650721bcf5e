"""Quotes of many, books, minutes, rankings and master records over the simulator: what they tell is what there is."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest

from kis_daemon.domain.market import Market, QuoteSource
from kis_daemon.ports import MarketResearch, MinuteBar, NotOnThisVenue, Ranking
from tests.contract.venues import KisVenue, on_kis, promised
from tests.services.builders import HYNIX, SAMSUNG, TODAY, YESTERDAY
from tests.simulator.builders import a_book

on_real = promised(venues=("real",))
on_paper = promised(venues=("paper",))


@on_kis
async def test_quotes_of_many_are_the_last_trades_and_the_unknown_is_left_out(venue: KisVenue) -> None:
    quotes = {quote.symbol: quote for quote in await venue.kis.market_data.quotes([SAMSUNG, HYNIX])}

    assert list(quotes) == [SAMSUNG, HYNIX]
    for symbol, quote in quotes.items():
        board = venue.simulator.exchange.boards[symbol]
        assert (quote.price, quote.open, quote.high, quote.low) == (board.price, board.open, board.high, board.low)
        assert (quote.day_volume, quote.source) == (board.volume, QuoteSource.REST)


@on_real
async def test_quotes_of_many_carry_the_touch(venue: KisVenue) -> None:
    (quote,) = await venue.kis.market_data.quotes([SAMSUNG])

    assert (quote.ask, quote.bid) == (venue.ask(SAMSUNG), venue.bid(SAMSUNG))


@on_kis
async def test_an_urgent_snapshot_tells_what_any_tells(venue: KisVenue) -> None:
    calm = await venue.kis.market_data.snapshot(SAMSUNG)
    urgent = await venue.kis.market_data.snapshot(SAMSUNG, urgent=True)

    assert urgent.listing == calm.listing


@on_kis
async def test_the_book_begins_with_the_touch(venue: KisVenue) -> None:
    book = await venue.kis.market_data.order_book(SAMSUNG)

    assert (book.asks[0].price, book.bids[0].price) == (venue.ask(SAMSUNG), venue.bid(SAMSUNG))
    assert book.continuous
    assert not book.in_vi


@on_kis
async def test_the_last_thirty_days_are_those_of_the_chart(venue: KisVenue) -> None:
    chart = await venue.kis.market_data.chart(SAMSUNG, YESTERDAY - timedelta(days=60), YESTERDAY)

    recent = await venue.kis.market_data.recent_bars(SAMSUNG)

    before_today = tuple(bar for bar in recent if bar.date < TODAY)
    assert len(before_today) >= 1
    assert before_today == chart.bars[-len(before_today) :]


@on_kis
async def test_the_minutes_of_today_are_whole_and_make_the_day(venue: KisVenue) -> None:
    await asyncio.sleep(3600)

    minutes = await venue.kis.market_data.minute_bars(SAMSUNG, TODAY)

    board = venue.simulator.exchange.boards[SAMSUNG]
    assert [bar.at for bar in minutes] == sorted({bar.at for bar in minutes})
    assert (min(bar.low for bar in minutes), max(bar.high for bar in minutes)) == (board.low, board.high)
    assert minutes[-1].close == board.price
    assert sum(bar.volume for bar in minutes) == board.volume


@on_real
async def test_the_minutes_of_a_past_day_stay_within_its_bar(venue: KisVenue) -> None:
    minutes: tuple[MinuteBar, ...] = await venue.kis.market_data.minute_bars(SAMSUNG, YESTERDAY)

    (bar,) = a_book().bars(SAMSUNG, YESTERDAY, YESTERDAY)
    assert {found.at.date() for found in minutes} <= {YESTERDAY}
    assert all(bar.low <= found.low <= found.high <= bar.high for found in minutes)


@on_real
async def test_rankings_are_in_their_order(venue: KisVenue) -> None:
    for by in Ranking:
        ranked = await venue.kis.market_data.ranking(by)
        assert [place.rank for place in ranked] == list(range(1, len(ranked) + 1))
        assert {place.symbol for place in ranked} == {SAMSUNG, HYNIX}
        for place in ranked:
            assert place.price == venue.simulator.exchange.boards[place.symbol].price


@on_real
async def test_a_master_record_names_its_symbol(venue: KisVenue) -> None:
    info = await venue.kis.market_data.stock_info(SAMSUNG)

    assert (info.symbol, info.name, info.market) == (SAMSUNG, "삼성전자", Market.KOSPI)
    assert info.previous_close == a_book().base_price(SAMSUNG, TODAY)
    assert (info.suspended, info.under_administration, info.delisted_on) == (False, False, None)


@on_real
async def test_the_days_are_those_of_the_calendar(venue: KisVenue) -> None:
    last = TODAY + timedelta(days=40)  # beyond a page

    days = await venue.kis.market_data.market_days(TODAY, last)

    assert [day.date for day in days] == [TODAY + timedelta(days=n) for n in range(41)]
    assert next(day.is_open for day in days if day.date == TODAY)
    assert not any(day.is_open for day in days if day.date.weekday() >= 5)


@on_paper
async def test_what_paper_lacks_is_said_so(venue: KisVenue) -> None:
    market: MarketResearch = venue.kis.market_data

    for question in (
        market.ranking(Ranking.VOLUME),
        market.stock_info(SAMSUNG),
        market.market_days(TODAY, TODAY),
        market.minute_bars(SAMSUNG, YESTERDAY),
    ):
        with pytest.raises(NotOnThisVenue):
            await question
