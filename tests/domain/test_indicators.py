"""The indicators against textbook formulas on plain lists, computed anew for every bar."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from datetime import date, timedelta
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kis_daemon.domain.indicators import AtrMethod, IndicatorPeriods, Indicators, IndicatorSeries
from kis_daemon.domain.market import Bar
from tests.domain.builders import a_bar, bars_of, real_bars

SHORT = IndicatorPeriods(atr=3, adx=3, sma=4, spike_window=5, breakout=2)
SHORT_SMA = IndicatorPeriods(atr=3, adx=3, sma=4, spike_window=5, breakout=2, atr_method=AtrMethod.SMA)
HOUSE = IndicatorPeriods()
HOUSE_SMA = IndicatorPeriods(atr_method=AtrMethod.SMA)


# ── the second implementation: lists, means and nothing carried over


def mean(values: Sequence[float]) -> float:
    return sum(values) / len(values)


def smoothed(values: Sequence[float], n: int) -> list[float]:
    """Wilder's moving average: the mean of the first n, then (n - 1) parts old and one part new."""
    if len(values) < n:
        return []
    averages = [mean(values[:n])]
    for value in values[n:]:
        averages.append((averages[-1] * (n - 1) + value) / n)
    return averages


def true_ranges(bars: Sequence[Bar]) -> list[float]:
    return [max(bar.high, last.close) - min(bar.low, last.close) for last, bar in pairwise(bars)]


def atrs(bars: Sequence[Bar], periods: IndicatorPeriods) -> list[float]:
    ranges, n = true_ranges(bars), periods.atr
    if periods.atr_method is AtrMethod.WILDER:
        return smoothed(ranges, n)
    return [mean(ranges[end - n : end]) for end in range(n, len(ranges) + 1)]


def adxs(bars: Sequence[Bar], n: int) -> list[float]:
    plus, minus = [], []
    for last, bar in pairwise(bars):
        up, down = bar.high - last.high, last.low - bar.low
        plus.append(up if up > max(down, 0) else 0)
        minus.append(down if down > max(up, 0) else 0)
    dx = []
    for spread, rise, fall in zip(*(smoothed(x, n) for x in (true_ranges(bars), plus, minus)), strict=True):
        plus_di, minus_di = (100 * rise / spread, 100 * fall / spread) if spread else (0.0, 0.0)
        total = plus_di + minus_di
        dx.append(100 * abs(plus_di - minus_di) / total if total else 0.0)
    return smoothed(dx, n)


def textbook(bars: Sequence[Bar], periods: IndicatorPeriods) -> Indicators:
    all_atrs, all_adxs = atrs(bars, periods), adxs(bars, periods.adx)
    before = all_atrs[:-1][-periods.spike_window :]
    ready = len(before) == periods.spike_window and mean(before) > 0
    closes = [bar.close for bar in bars[-periods.sma :]]
    return Indicators(
        bars=len(bars),
        last=bars[-1],
        atr=all_atrs[-1] if all_atrs else None,
        atr_spike=all_atrs[-1] / mean(before) if ready else None,
        adx=all_adxs[-1] if all_adxs else None,
        sma=mean(closes) if len(closes) == periods.sma else None,
        highest_high=max(bar.high for bar in bars[-periods.breakout :]),
    )


def close_to(expected: float | None) -> object:
    return None if expected is None else pytest.approx(expected, rel=1e-9, abs=1e-9)


def assert_same(values: Indicators | None, expected: Indicators) -> None:
    assert values is not None
    assert (values.bars, values.last, values.highest_high) == (expected.bars, expected.last, expected.highest_high)
    assert values.atr == close_to(expected.atr)
    assert values.atr_spike == close_to(expected.atr_spike)
    assert values.adx == close_to(expected.adx)
    assert values.sma == close_to(expected.sma)


@st.composite
def histories(draw: st.DrawFn, longest: int = 40) -> list[Bar]:
    """Bars that move, jump, and stand still for a while."""
    price, prices = draw(st.integers(1_000, 100_000)), []
    for _ in range(draw(st.integers(1, longest))):
        if draw(st.booleans()):
            price = max(price + draw(st.integers(-900, 900)), 100)
        low = price - draw(st.sampled_from((0, 0, 1, 7, 90)))
        high = price + draw(st.sampled_from((0, 0, 1, 11, 90)))
        prices.append((high, low, draw(st.integers(low, high))))
    return bars_of(prices)


@given(histories(), st.sampled_from((SHORT, SHORT_SMA)))
def test_every_bar_of_any_history_agrees_with_the_textbook(bars: list[Bar], periods: IndicatorPeriods) -> None:
    series = IndicatorSeries(periods)
    for count, bar in enumerate(bars, start=1):
        series.feed(bar)
        assert_same(series.values, textbook(bars[:count], periods))


@pytest.mark.parametrize("periods", [HOUSE, HOUSE_SMA])
def test_real_histories_agree_with_the_textbook(shared_data: Path, periods: IndicatorPeriods) -> None:
    symbols = real_bars(shared_data)
    for bars in symbols.values():
        series = IndicatorSeries(periods)
        series.feed_all(bars[:-1])
        assert_same(series.values, textbook(bars[:-1], periods))
        series.feed(bars[-1])
        assert_same(series.values, textbook(bars, periods))

    assert len(symbols) == 40


# ── by hand


def test_a_true_range_reaches_over_the_gap_to_the_last_close() -> None:
    # closes 100; then a bar above (110-120), one below (80-85), one around
    bars = bars_of([(105, 95, 100), (120, 110, 115), (85, 80, 82), (100, 75, 90)])

    series = IndicatorSeries(IndicatorPeriods(atr=3, atr_method=AtrMethod.SMA))
    series.feed_all(bars)

    assert series.values is not None
    assert series.values.atr == (20 + 35 + 25) / 3


def test_wilders_atr_starts_from_a_plain_mean_and_then_remembers() -> None:
    steady = [(110, 100, 105)] * 4  # a true range of 10 each, the first bar has none
    series = IndicatorSeries(IndicatorPeriods(atr=3))
    series.feed_all(bars_of([*steady, (135, 95, 105)]))

    assert series.values is not None
    assert series.values.atr == (10 * 2 + 40) / 3


def test_the_mean_method_forgets_what_is_older_than_its_period() -> None:
    series = IndicatorSeries(IndicatorPeriods(atr=3, atr_method=AtrMethod.SMA))
    series.feed_all(bars_of([(105, 95, 100), (200, 50, 100), *[(105, 95, 100)] * 3]))

    assert series.values is not None
    assert series.values.atr == 10


def when_ready(read: Callable[[Indicators], float | None], periods: IndicatorPeriods) -> int:
    """Return after how many bars a value is there for the first time."""
    series = IndicatorSeries(periods)
    for count, bar in enumerate(bars_of((price + 5, price - 5, price) for price in range(1000, 1200)), start=1):
        series.feed(bar)
        values = series.values
        if values is not None and read(values) is not None:
            return count
    raise AssertionError("never")


@pytest.mark.parametrize("periods", [HOUSE, HOUSE_SMA, SHORT, SHORT_SMA])
def test_each_value_is_there_after_its_bars_and_not_one_earlier(periods: IndicatorPeriods) -> None:
    assert when_ready(lambda values: values.sma, periods) == periods.sma
    assert when_ready(lambda values: values.atr, periods) == periods.atr + 1
    assert when_ready(lambda values: values.adx, periods) == 2 * periods.adx


def test_the_spike_is_skipped_under_28_atrs() -> None:
    assert when_ready(lambda values: values.atr_spike, HOUSE) == 14 + 28


def test_the_spike_compares_the_atr_with_the_mean_of_those_before_it() -> None:
    series = IndicatorSeries(IndicatorPeriods(atr=1, spike_window=2))
    series.feed_all(bars_of([(100, 100, 100), (102, 98, 100), (103, 97, 100), (110, 90, 100)]))

    assert series.values is not None
    assert series.values.atr_spike == 20 / ((4 + 6) / 2)


def test_after_a_flat_stretch_there_is_nothing_to_compare_a_spike_with() -> None:
    """A running sum of floats keeps a rest of what left it; a spike of 10^15 would come of it."""
    moving = [(100 + step, 99 - step % 7, 100) for step in range(60)]
    series = IndicatorSeries(HOUSE_SMA)
    series.feed_all(bars_of([*moving, *[(100, 100, 100)] * 42, (101, 100, 100)]))

    assert series.values is not None
    assert series.values.atr == pytest.approx(1 / 14)
    assert series.values.atr_spike is None


def test_a_market_that_only_rises_has_the_strongest_trend_and_a_still_one_none() -> None:
    rising, still = IndicatorSeries(HOUSE), IndicatorSeries(HOUSE)
    rising.feed_all(bars_of((price + 5, price - 5, price) for price in range(1000, 1100)))
    still.feed_all(bars_of([(105, 95, 100)] * 100))

    assert rising.values is not None
    assert rising.values.adx == 100
    assert still.values is not None
    assert still.values.adx == 0


def test_an_outside_bar_moves_in_the_direction_of_its_longer_side() -> None:
    up, down, even = (
        textbook(bars_of([(110, 90, 100), (high, low, 100)]), IndicatorPeriods(adx=1)).adx
        for high, low in ((125, 80), (120, 75), (120, 80))
    )
    assert (up, down, even) == (100, 100, 0)
    for prices, expected in (((125, 80, 100), 100), ((120, 75, 100), 100), ((120, 80, 100), 0)):
        series = IndicatorSeries(IndicatorPeriods(adx=1))
        series.feed_all(bars_of([(110, 90, 100), prices]))
        assert series.values is not None
        assert series.values.adx == expected


# ── what is taken in


def test_there_is_nothing_to_read_before_the_first_bar() -> None:
    series = IndicatorSeries(HOUSE)

    assert series.values is None
    assert series.count == 0


@pytest.mark.parametrize("day", [date(2020, 1, 2), date(2020, 1, 1), date(2019, 12, 31)])
def test_a_bar_that_is_not_after_the_last_one_is_refused_and_changes_nothing(day: date) -> None:
    series = IndicatorSeries(SHORT)
    series.feed_all(bars_of([(110, 90, 100), (112, 90, 100)]))
    before = series.values

    with pytest.raises(ValueError, match=f"bar of {day}: expected a date after 2020-01-02"):
        series.feed(a_bar(day=day))

    assert series.values == before
    assert series.count == 2


def work(series: IndicatorSeries, bar: Bar) -> int:
    """Return how many lines and calls one bar costs, reading the values included."""
    steps = 0

    def step(*_: object) -> None:
        nonlocal steps
        steps += 1

    before = sys.getprofile()
    sys.setprofile(step)
    try:
        series.feed(bar)
        assert series.values is not None
    finally:
        sys.setprofile(before)
    return steps


def test_the_thousandth_bar_costs_no_more_than_the_hundredth() -> None:
    bars = bars_of((1000 + step % 50, 900 - step % 30, 950) for step in range(1001))
    series = IndicatorSeries(HOUSE)
    series.feed_all(bars[:100])
    hundredth = work(series, bars[100])
    series.feed_all(bars[101:1000])

    assert work(series, bars[1000]) == hundredth
    kept = [getattr(series, name) for name in IndicatorSeries.__slots__]
    assert sum(len(value) for value in kept if hasattr(value, "__len__")) <= 14 + 28 + 50 + 1


def test_gaps_in_the_dates_change_nothing() -> None:
    bars = bars_of((1000 + step, 990 - step % 3, 995) for step in range(20))
    apart = [
        a_bar(
            day=bar.date + timedelta(days=3 * place),
            opens=bar.open,
            high=bar.high,
            low=bar.low,
            close=bar.close,
        )
        for place, bar in enumerate(bars)
    ]
    one, other = IndicatorSeries(SHORT), IndicatorSeries(SHORT)
    one.feed_all(bars)
    other.feed_all(apart)

    assert one.values is not None
    assert other.values is not None
    assert (one.values.atr, one.values.adx, one.values.sma) == (other.values.atr, other.values.adx, other.values.sma)
