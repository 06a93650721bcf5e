"""Symbols, ticks and price limits, against the exchange's tables and four hundred real limit days."""

from __future__ import annotations

import csv
import gzip
import json
import math
from datetime import date
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kis_daemon.domain.market import (
    Market,
    Rounding,
    as_symbol,
    move_ticks,
    price_limits,
    tick_size,
    tick_table,
    to_tick,
)

NEW, OLD = date(2023, 1, 25), date(2023, 1, 24)
ETF_NEW, ETF_OLD = date(2023, 12, 11), date(2023, 12, 10)
STOCKS = st.sampled_from((Market.KOSPI, Market.KOSDAQ))
MARKETS = st.sampled_from(Market)
DAYS = st.sampled_from((date(2015, 6, 12), date(2015, 6, 15), OLD, NEW, ETF_OLD, ETF_NEW, date(2026, 7, 1)))
PRICES = st.integers(5, 2_000_000)

# (market, date, [from price, tick below it, tick from it on])
EDGES = [
    *(
        (market, NEW, edge, below, since)
        for market in (Market.KOSPI, Market.KOSDAQ)
        for edge, below, since in (
            (2_000, 1, 5),
            (5_000, 5, 10),
            (20_000, 10, 50),
            (50_000, 50, 100),
            (200_000, 100, 500),
            (500_000, 500, 1000),
        )
    ),
    *(
        (market, OLD, edge, below, since)
        for market in (Market.KOSPI, Market.KOSDAQ)
        for edge, below, since in ((1_000, 1, 5), (5_000, 5, 10), (10_000, 10, 50), (50_000, 50, 100))
    ),
    (Market.KOSPI, OLD, 100_000, 100, 500),
    (Market.KOSPI, OLD, 500_000, 500, 1000),
    (Market.KOSDAQ, OLD, 100_000, 100, 100),
    (Market.KOSDAQ, OLD, 500_000, 100, 100),
    (Market.ETF, ETF_NEW, 2_000, 1, 5),
    (Market.ETF, ETF_OLD, 2_000, 5, 5),
    (Market.ETF, ETF_NEW, 500_000, 5, 5),
]


@pytest.mark.parametrize("text", ["005930", "0000A0", "Q50000"])
def test_a_symbol_is_six_digits_or_capital_letters(text: str) -> None:
    assert as_symbol(text) == text


@pytest.mark.parametrize(
    "text", ["", "5930", "0059300", "00593a", "005 30", "005930\n", "삼성전자전기", "００５９３０"]
)
def test_anything_else_is_no_symbol(text: str) -> None:
    with pytest.raises(ValueError, match="expected six digits or capital letters"):
        as_symbol(text)


# ── ticks


@pytest.mark.parametrize(("market", "on", "edge", "below", "since"), EDGES)
def test_a_tick_changes_exactly_at_its_price(market: Market, on: date, edge: int, below: int, since: int) -> None:
    assert tick_size(edge - 1, market, on) == below
    assert tick_size(math.nextafter(edge, 0), market, on) == below
    assert tick_size(edge, market, on) == since


def test_the_tick_tables_are_those_looked_up(shared_data: Path) -> None:
    facts = json.loads((shared_data / "facts" / "tick_and_limit.json").read_text(encoding="utf-8"))["tick_size"]

    def looked_up(name: str) -> tuple[tuple[int, int], ...]:
        return tuple((low, tick) for low, _, tick in reversed(facts[name]))

    assert tick_table(Market.KOSPI, OLD) == looked_up("2010-10-04..2023-01-24 KOSPI")
    assert tick_table(Market.KOSDAQ, OLD) == looked_up("2010-10-04..2023-01-24 KOSDAQ, KONEX")
    for market in (Market.KOSPI, Market.KOSDAQ):
        assert tick_table(market, NEW) == looked_up("from_2023-01-25 (KOSPI, KOSDAQ, KONEX)")


def test_a_negative_price_has_no_tick() -> None:
    with pytest.raises(ValueError, match="expected zero or more won"):
        tick_size(-1, Market.KOSPI, NEW)


@pytest.mark.parametrize(
    ("price", "down", "nearest", "up"),
    [
        (71_900, 71_900, 71_900, 71_900),
        (71_949.9, 71_900, 71_900, 72_000),
        (71_950, 71_900, 72_000, 72_000),  # half a tick goes up
        (1_999.4, 1_999, 1_999, 2_000),
        (1_999.5, 1_999, 2_000, 2_000),
        (2_002.4, 2_000, 2_000, 2_005),
        (4_999, 4_995, 5_000, 5_000),
        (19_995, 19_990, 20_000, 20_000),
        (49_951, 49_950, 49_950, 50_000),
        (199_999.99, 199_900, 200_000, 200_000),
        (499_600, 499_500, 499_500, 500_000),
        (500_001, 500_000, 500_000, 501_000),
        (0.4, 0, 0, 1),
    ],
)
def test_rounding_across_an_edge_lands_on_the_edge(price: float, down: int, nearest: int, up: int) -> None:
    assert to_tick(price, Rounding.DOWN, Market.KOSPI, NEW) == down
    assert to_tick(price, Rounding.NEAREST, Market.KOSPI, NEW) == nearest
    assert to_tick(price, Rounding.UP, Market.KOSPI, NEW) == up


@given(st.floats(0, 2_000_000), MARKETS, DAYS)
def test_a_rounded_price_is_the_neighbouring_tick(price: float, market: Market, on: date) -> None:
    down, nearest, up = (
        to_tick(price, rounding, market, on) for rounding in (Rounding.DOWN, Rounding.NEAREST, Rounding.UP)
    )

    assert down <= price <= up
    assert nearest in (down, up)
    for rounded in (down, nearest, up):
        assert rounded % tick_size(rounded, market, on) == 0
    assert up - down in (0, tick_size(down, market, on))


@given(PRICES, st.integers(0, 40), MARKETS, DAYS)
def test_ticks_up_and_as_many_down_come_back(price: int, steps: int, market: Market, on: date) -> None:
    valid = to_tick(price, Rounding.DOWN, market, on)

    moved = move_ticks(valid, steps, market, on)

    assert moved % tick_size(moved, market, on) == 0
    assert (moved > valid) == (steps > 0)
    assert move_ticks(moved, -steps, market, on) == valid


@pytest.mark.parametrize(
    ("price", "steps", "moved"),
    [
        (1_999, 2, 2_005),
        (2_005, -2, 1_999),
        (199_900, 2, 200_500),
        (500_000, -1, 499_500),
        (3, -9, 1),
        (70_000, 0, 70_000),
    ],
)
def test_each_step_is_the_tick_of_where_it_stands(price: int, steps: int, moved: int) -> None:
    assert move_ticks(price, steps, Market.KOSPI, NEW) == moved


def test_no_step_goes_under_one_tick() -> None:
    assert move_ticks(10, -5, Market.ETF, ETF_OLD) == 5


# ── limits


def test_limits_are_those_of_four_hundred_real_limit_days(shared_data: Path) -> None:
    markets = {"STK": Market.KOSPI, "KSQ": Market.KOSDAQ}  # KONEX is another market, with limits of its own
    wrong: list[tuple[str, str, tuple[int, int], tuple[int, int]]] = []
    checked = 0
    with gzip.open(shared_data / "facts" / "price_limit_cases.csv.gz", "rt", encoding="utf-8") as rows:
        for row in csv.DictReader(rows):
            if row["market"] not in markets:
                continue
            base, lower, upper = (
                int(float(row[name])) for name in ("base_price", "lower_limit_rule", "upper_limit_rule")
            )
            computed = price_limits(base, markets[row["market"]], date.fromisoformat(row["date"]))
            checked += 1
            if computed != (lower, upper):
                wrong.append((row["date"], row["symbol"], computed, (lower, upper)))

    assert wrong == []
    assert checked == 406


@pytest.mark.parametrize(
    ("on", "lower", "upper"),
    [(date(2015, 6, 12), 42_500, 57_500), (date(2015, 6, 15), 35_000, 65_000)],
)
def test_the_limit_was_fifteen_percent_until_june_2015(on: date, lower: int, upper: int) -> None:
    assert price_limits(50_000, Market.KOSPI, on) == (lower, upper)


def test_the_width_is_floored_to_the_tick_of_the_base_and_the_limits_to_their_own() -> None:
    # 41,500: 12,450 wide; 53,950 lies between ticks of 100 under the old table
    assert price_limits(41_500, Market.KOSPI, date(2021, 1, 4)) == (29_050, 53_900)


@given(PRICES, STOCKS, DAYS)
def test_limits_are_on_ticks_around_the_base_and_never_wider_than_the_law(base: int, market: Market, on: date) -> None:
    valid = to_tick(base, Rounding.DOWN, market, on)

    lower, upper = price_limits(valid, market, on)

    percent = 30 if on >= date(2015, 6, 15) else 15
    assert valid * (100 - percent) <= lower * 100 <= valid * 100 <= upper * 100 <= valid * (100 + percent)
    assert lower % tick_size(lower, market, on) == upper % tick_size(upper, market, on) == 0
