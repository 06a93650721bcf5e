"""The path of a day through its bar: where it goes, what it quotes, and what nobody can buy."""

from __future__ import annotations

from datetime import date
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kis_daemon.domain.market import Bar, Market, Rounding, Won, price_limits, tick_size, to_tick
from kis_daemon.domain.price_path import PathTick, intraday_path, snapped
from tests.domain.builders import TODAY, a_bar, real_bars

MARKETS = st.sampled_from(Market)
DAYS = st.sampled_from((date(2014, 3, 5), date(2020, 3, 5), date(2023, 6, 1), TODAY))
TICKS = st.integers(4, 30)


@st.composite
def bars(draw: st.DrawFn) -> Bar:
    """Any traded bar, on ticks or not."""
    low = draw(st.integers(5, 1_500_000))
    high = low + draw(st.integers(0, low))
    inside = st.integers(low, high)
    return a_bar(
        day=draw(DAYS),
        low=low,
        high=high,
        opens=draw(st.one_of(inside, st.sampled_from((low, high)))),
        close=draw(st.one_of(inside, st.sampled_from((low, high)))),
        volume=draw(st.integers(1, 10**9)),
    )


def prices_of(path: tuple[PathTick, ...]) -> list[Won]:
    return [tick.price for tick in path]


def in_order(wanted: list[Won], path: tuple[PathTick, ...]) -> bool:
    """Whether the path meets the `wanted` prices one after the other (a price may serve twice)."""
    left = iter(prices_of(path))
    at: Won | None = None
    for price in wanted:
        while at != price:
            at = next(left, None)
            if at is None:
                return False
    return True


# ── the way


@given(bars(), MARKETS, TICKS)
def test_a_path_goes_from_open_over_the_nearer_extreme_to_the_other_and_the_close(
    bar: Bar, market: Market, ticks: int
) -> None:
    day = snapped(bar, market)
    nearer, farther = (day.low, day.high) if day.open - day.low <= day.high - day.open else (day.high, day.low)

    path = intraday_path(bar, market, bar.close, ticks)

    assert path[0].price == day.open
    assert path[-1].price == day.close
    assert in_order([day.open, nearer, farther, day.close], path)


@given(bars(), MARKETS, TICKS)
def test_a_path_never_leaves_the_range_of_its_day(bar: Bar, market: Market, ticks: int) -> None:
    day = snapped(bar, market)

    path = intraday_path(bar, market, bar.close, ticks)

    assert min(prices_of(path)) == day.low
    assert max(prices_of(path)) == day.high
    for tick in path:
        assert all(day.low <= price <= day.high for price in (tick.ask, tick.bid) if price)


@given(bars(), MARKETS)
def test_a_bar_is_brought_onto_ticks_inside_of_its_own_range(bar: Bar, market: Market) -> None:
    day = snapped(bar, market)

    assert day.low <= min(day.open, day.close)
    assert max(day.open, day.close) <= day.high
    if to_tick(bar.low, Rounding.UP, market, bar.date) <= bar.high:  # a tick lies in the range
        assert bar.low <= day.low <= day.high <= bar.high
    else:
        assert day.low == day.high
    assert (day.date, day.volume) == (bar.date, bar.volume)


def test_a_range_without_a_tick_becomes_the_nearest_one() -> None:
    day = snapped(a_bar(opens=71_910, high=71_960, low=71_910, close=71_955), Market.KOSPI)

    assert (day.open, day.high, day.low, day.close) == (72_000,) * 4


@given(bars(), MARKETS, TICKS)
def test_every_price_and_touch_is_on_the_tick_of_its_date_and_board(bar: Bar, market: Market, ticks: int) -> None:
    for tick in intraday_path(bar, market, bar.close, ticks):
        for price in (tick.price, tick.ask, tick.bid):
            assert price % tick_size(price, market, bar.date) == 0


@given(bars(), MARKETS, st.integers(-1, 30))
def test_a_path_has_the_ticks_asked_for_and_four_at_least(bar: Bar, market: Market, ticks: int) -> None:
    path = intraday_path(bar, market, bar.close, ticks)

    assert len(path) == max(ticks, 4)


@given(bars(), MARKETS, TICKS)
def test_a_path_runs_from_the_opening_to_the_close(bar: Bar, market: Market, ticks: int) -> None:
    positions = [tick.position for tick in intraday_path(bar, market, bar.close, ticks)]

    assert (positions[0], positions[-1]) == (0, 1)
    assert positions == sorted(set(positions))


@given(bars(), MARKETS, TICKS)
def test_the_volumes_of_a_path_sum_to_the_days(bar: Bar, market: Market, ticks: int) -> None:
    volumes = [tick.volume for tick in intraday_path(bar, market, bar.close, ticks)]

    assert sum(volumes) == bar.volume
    assert min(volumes) >= 0
    assert volumes[0] == max(volumes)


@pytest.mark.parametrize(
    "bar", [a_bar(volume=0), a_bar(opens=0, high=0, low=0, close=105, volume=0), a_bar(close=0, low=0)]
)
def test_a_day_without_trade_has_an_empty_path(bar: Bar) -> None:
    assert intraday_path(bar, Market.KOSPI, 100, 12) == ()


def test_one_bar_has_one_path() -> None:
    # 10,000 → low 9,900 (nearer) → high 10,200 → close 10,150, ticks of 10
    path = intraday_path(a_bar(opens=10_000, high=10_200, low=9_900, close=10_150), Market.KOSPI, 10_000, 10)

    assert prices_of(path) == [10_000, 9_950, 9_900, 9_950, 10_000, 10_050, 10_100, 10_150, 10_200, 10_150]
    assert [tick.volume for tick in path] == [100] * 10


def test_between_extremes_equally_near_the_low_comes_first() -> None:
    path = intraday_path(a_bar(opens=10_000, high=10_100, low=9_900, close=10_000), Market.KOSPI, 10_000, 5)

    assert prices_of(path) == [10_000, 9_900, 10_000, 10_100, 10_000]


# ── the touch


@given(bars(), MARKETS, TICKS)
def test_a_rise_trades_at_the_ask_and_a_fall_at_the_bid(bar: Bar, market: Market, ticks: int) -> None:
    path = intraday_path(bar, market, bar.close, ticks)

    for before, tick in pairwise(path):
        if tick.price > before.price:
            assert tick.ask in (tick.price, 0)
        if tick.price < before.price:
            assert tick.bid in (tick.price, 0)


@given(bars(), MARKETS, TICKS)
def test_bid_and_ask_are_at_most_a_tick_apart_and_never_crossed(bar: Bar, market: Market, ticks: int) -> None:
    for tick in intraday_path(bar, market, bar.close, ticks):
        if tick.ask and tick.bid:
            assert tick.bid <= tick.price <= tick.ask
            assert tick.price in (tick.bid, tick.ask)
            assert tick.ask - tick.bid <= tick_size(tick.bid, market, bar.date)


@pytest.mark.parametrize("ticks", [4, 12, 30])
def test_nobody_can_buy_on_a_day_locked_at_its_upper_limit(ticks: int) -> None:
    path = intraday_path(a_bar(opens=13_000, high=13_000, low=13_000, close=13_000), Market.KOSPI, 10_000, ticks)

    assert {(tick.price, tick.ask, tick.bid) for tick in path} == {(13_000, 0, 13_000)}


@pytest.mark.parametrize("ticks", [4, 12, 30])
def test_nobody_can_sell_on_a_day_locked_at_its_lower_limit(ticks: int) -> None:
    path = intraday_path(a_bar(opens=7_000, high=7_000, low=7_000, close=7_000), Market.KOSPI, 10_000, ticks)

    assert {(tick.price, tick.ask, tick.bid) for tick in path} == {(7_000, 7_000, 0)}


def test_a_day_that_closes_at_its_upper_limit_without_being_locked_all_day_offers_nothing_there() -> None:
    path = intraday_path(a_bar(opens=11_000, high=13_000, low=10_900, close=13_000), Market.KOSPI, 10_000, 12)

    at_limit = [tick for tick in path if tick.price == 13_000]
    assert at_limit[-1] is path[-1]
    assert {tick.ask for tick in at_limit} == {0}
    assert all(tick.bid > 0 for tick in at_limit)
    assert all(tick.ask > 0 for tick in path if tick.price < 12_990)


def test_a_day_that_closes_at_its_lower_limit_without_being_locked_all_day_bids_nothing_there() -> None:
    path = intraday_path(a_bar(opens=9_000, high=9_100, low=7_000, close=7_000), Market.KOSPI, 10_000, 12)

    at_limit = [tick for tick in path if tick.price == 7_000]
    assert at_limit[-1] is path[-1]
    assert {tick.bid for tick in at_limit} == {0}
    assert all(tick.ask > 0 for tick in at_limit)


@st.composite
def limit_bars(draw: st.DrawFn) -> tuple[Bar, Market, Won]:
    """A traded bar with a base price at least one of whose limits it touches."""
    market, on = draw(MARKETS), draw(DAYS)
    base = to_tick(draw(st.integers(100, 1_500_000)), Rounding.DOWN, market, on)
    lower, upper = price_limits(base, market, on)
    low = draw(st.integers(lower, upper))
    low, high = draw(st.sampled_from(((lower, low), (low, upper), (lower, upper))))
    inside = st.sampled_from((low, high)) | st.integers(low, high)
    bar = a_bar(day=on, opens=draw(inside), high=high, low=low, close=draw(inside), volume=100)
    return bar, market, base


@given(limit_bars(), TICKS)
def test_nothing_is_ever_offered_at_the_upper_limit_nor_bid_at_the_lower(
    case: tuple[Bar, Market, Won], ticks: int
) -> None:
    bar, market, base = case
    lower, upper = price_limits(base, market, bar.date)

    for tick in intraday_path(bar, market, base, ticks):
        assert tick.ask < upper
        assert tick.bid == 0 or tick.bid > lower
        if lower < tick.price < upper:
            assert tick.ask > 0 or tick.bid > 0


# ── real days


def test_real_days_keep_every_rule(shared_data: Path) -> None:
    walked = 0
    for history in real_bars(shared_data).values():
        for before, bar in zip(history[::40], history[1::40], strict=False):
            day = snapped(bar, Market.KOSPI)
            path = intraday_path(bar, Market.KOSPI, before.close, 12)
            prices = prices_of(path)
            walked += 1
            assert (prices[0], prices[-1], max(prices), min(prices)) == (day.open, day.close, day.high, day.low)
            assert sum(tick.volume for tick in path) == bar.volume
            assert all(price % tick_size(price, Market.KOSPI, bar.date) == 0 for price in prices)

    assert walked > 1_500
