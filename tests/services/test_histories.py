"""Completed bars: brought once, extended, fetched again when re-based, and never ahead of their session."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path

import pytest

from kis_daemon.domain.indicators import IndicatorPeriods, Indicators, IndicatorSeries
from kis_daemon.domain.market import Bar, Symbol
from kis_daemon.ports import BrokerUnreachable
from kis_daemon.services.histories import Histories
from tests.services.builders import HYNIX, SAMSUNG, TODAY, YESTERDAY
from tests.services.trading import Floor, a_floor, a_listing, rising_bars, the_calendar

FRIDAY_BEFORE = date(2024, 2, 29)  # the trading day before YESTERDAY; 1 March is a holiday
FULL = 250


@pytest.fixture
def floor(tmp_path: Path) -> Iterator[Floor]:
    with a_floor(tmp_path) as made:
        yield made


@pytest.fixture
def learned() -> list[tuple[Symbol, Indicators | None]]:
    return []


@pytest.fixture
def histories(floor: Floor, learned: list[tuple[Symbol, Indicators | None]]) -> Histories:
    return some_histories(floor, learned)


def some_histories(floor: Floor, learned: list[tuple[Symbol, Indicators | None]]) -> Histories:
    return Histories(
        market_data=floor.market,
        book=floor.book,
        journal=floor.journal,
        periods=IndicatorPeriods(),
        full_bars=FULL,
        outages=floor.outages,
        learn=lambda symbol, values, _: learned.append((symbol, values)),
        forget=lambda symbol, _: learned.append((symbol, None)),
    )


def values_of(bars: tuple[Bar, ...]) -> Indicators | None:
    series = IndicatorSeries(IndicatorPeriods())
    series.feed_all(bars)
    return series.values


def halved(bars: tuple[Bar, ...]) -> tuple[Bar, ...]:
    """Return the bars as a split of one to two re-bases them."""
    return tuple(
        replace(bar, open=bar.open // 2, high=bar.high // 2, low=bar.low // 2, close=bar.close // 2) for bar in bars
    )


def test_a_first_history_is_asked_for_as_a_whole(
    floor: Floor, histories: Histories, learned: list[tuple[Symbol, Indicators | None]]
) -> None:
    bars = rising_bars(YESTERDAY, 300)
    floor.market.bars[SAMSUNG] = bars

    assert floor.run(histories.bring_up_to(SAMSUNG, YESTERDAY))

    ((first, last),) = floor.market.spans
    assert last == YESTERDAY
    asked_for = tuple(bar for bar in bars if bar.date >= first)
    assert len(asked_for) >= FULL
    assert learned == [(SAMSUNG, values_of(asked_for))]
    assert histories.has(SAMSUNG)
    assert floor.book.names[SAMSUNG] == "삼성전자"


def test_on_no_day_of_the_calendar_does_a_decision_rest_on_fewer_than_250_bars(floor: Floor) -> None:
    """Wilder remembers: from 250 bars on ADX says of no day something else than the full history (section 8)."""
    days = [day.date for day in the_calendar().trading_days(the_calendar().first, the_calendar().last)]
    bar = rising_bars(YESTERDAY, 1)[0]
    floor.market.bars[SAMSUNG] = tuple(replace(bar, date=day) for day in days)

    for last in days[FULL + 40 :: 6]:
        histories = some_histories(floor, [])
        floor.run(histories.bring_up_to(SAMSUNG, last))
        assert len(histories.bars(SAMSUNG)) >= FULL, last


def test_the_bar_of_the_running_day_never_enters(
    floor: Floor, histories: Histories, learned: list[tuple[Symbol, Indicators | None]]
) -> None:
    floor.market.bars[SAMSUNG] = rising_bars(TODAY)

    floor.run(histories.bring_up_to(SAMSUNG, YESTERDAY))

    values = learned[-1][1]
    assert values is not None
    assert values.last.date == YESTERDAY


def test_a_further_bar_is_learned_from_one_short_page(
    floor: Floor, histories: Histories, learned: list[tuple[Symbol, Indicators | None]]
) -> None:
    bars = floor.market.bars[SAMSUNG] = rising_bars(TODAY, 240)
    floor.run(histories.bring_up_to(SAMSUNG, YESTERDAY))

    assert floor.run(histories.bring_up_to(SAMSUNG, TODAY))

    assert floor.market.spans[1] == (TODAY - timedelta(days=60), TODAY)
    assert learned[-1] == (SAMSUNG, values_of(bars))
    assert floor.events("history_rebased") == []


def test_a_history_that_is_up_to_date_is_not_asked_for(floor: Floor, histories: Histories) -> None:
    floor.market.bars[SAMSUNG] = rising_bars(YESTERDAY)
    floor.run(histories.bring_up_to(SAMSUNG, YESTERDAY))

    assert floor.run(histories.bring_up_to(SAMSUNG, YESTERDAY))

    assert len(floor.market.spans) == 1


def test_a_history_whose_overlap_differs_is_fetched_again_as_a_whole(
    floor: Floor, histories: Histories, learned: list[tuple[Symbol, Indicators | None]]
) -> None:
    floor.market.bars[SAMSUNG] = rising_bars(YESTERDAY, 240)
    floor.run(histories.bring_up_to(SAMSUNG, YESTERDAY))
    rebased = floor.market.bars[SAMSUNG] = halved(rising_bars(TODAY, 241))

    assert floor.run(histories.bring_up_to(SAMSUNG, TODAY))

    assert floor.events("history_rebased") == [{"symbol": SAMSUNG}]
    assert learned[-1] == (SAMSUNG, values_of(rebased))
    assert floor.market.spans[2] == (TODAY - timedelta(days=414), TODAY)


def test_a_rebased_history_that_cannot_be_had_is_asked_for_again(
    floor: Floor, histories: Histories, learned: list[tuple[Symbol, Indicators | None]]
) -> None:
    floor.market.bars[SAMSUNG] = rising_bars(FRIDAY_BEFORE, 240)
    floor.run(histories.bring_up_to(SAMSUNG, FRIDAY_BEFORE))
    rebased = floor.market.bars[SAMSUNG] = halved(rising_bars(TODAY, 242))
    floor.market.failing[SAMSUNG] = BrokerUnreachable("a test")
    assert not floor.run(histories.bring_up_to(SAMSUNG, YESTERDAY))
    del floor.market.failing[SAMSUNG]

    assert floor.run(histories.bring_up_to(SAMSUNG, TODAY))

    assert learned[-1] == (SAMSUNG, values_of(rebased))


def test_a_failing_history_closes_only_its_own_symbol(floor: Floor) -> None:
    floor.market.bars[HYNIX] = rising_bars(YESTERDAY)
    floor.market.failing[SAMSUNG] = BrokerUnreachable("no route", code="X1")
    floor.trader.watch([SAMSUNG, HYNIX])
    for symbol in (SAMSUNG, HYNIX):
        floor.book.listings[symbol] = a_listing(symbol=symbol)
        floor.run(floor.histories.bring_up_to(symbol, YESTERDAY))

    floor.price(70_000)
    floor.price(70_000, symbol=HYNIX)

    assert [intent.symbol for intent in floor.sent] == [HYNIX]
    assert floor.events("history_failed") == [{"symbol": SAMSUNG, "code": "X1", "reason": "no route"}]


def test_a_history_that_cannot_be_extended_closes_entries_in_its_symbol(floor: Floor) -> None:
    floor.is_ready_to_buy()
    floor.market.bars[SAMSUNG] = rising_bars(YESTERDAY)
    floor.run(floor.histories.bring_up_to(SAMSUNG, FRIDAY_BEFORE))
    floor.market.failing[SAMSUNG] = BrokerUnreachable("no route")
    assert not floor.run(floor.histories.bring_up_to(SAMSUNG, YESTERDAY))

    floor.price(70_000)

    assert floor.sent == []


def test_a_symbol_without_bars_has_no_history(
    floor: Floor, histories: Histories, learned: list[tuple[Symbol, Indicators | None]]
) -> None:
    assert floor.run(histories.bring_up_to(SAMSUNG, YESTERDAY))

    assert learned == [(SAMSUNG, None)]
    assert not histories.has(SAMSUNG)
