"""Commission and sell tax: by date, by board, floored once an order."""

from __future__ import annotations

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kis_daemon.domain.costs import Costs, order_costs, sell_tax_ppm
from kis_daemon.domain.market import Market, Side

PPB = 140_527  # 0.0140527 %
TODAY = date(2024, 3, 5)


@pytest.mark.parametrize("market", [Market.KOSPI, Market.KOSDAQ])
@pytest.mark.parametrize(
    ("first", "ppm", "before"),
    [
        (date(2019, 6, 3), 2500, 3000),
        (date(2021, 1, 1), 2300, 2500),
        (date(2023, 1, 1), 2000, 2300),
        (date(2024, 1, 1), 1800, 2000),
        (date(2025, 1, 1), 1500, 1800),
        (date(2026, 1, 1), 2000, 1500),
    ],
)
def test_the_sell_tax_changes_on_its_day(market: Market, first: date, ppm: int, before: int) -> None:
    assert sell_tax_ppm(market, first) == ppm
    assert sell_tax_ppm(market, date.fromordinal(first.toordinal() - 1)) == before


@pytest.mark.parametrize("on", [date.min, TODAY, date(2026, 1, 1), date.max])
def test_a_fund_pays_no_sell_tax(on: date) -> None:
    assert sell_tax_ppm(Market.ETF, on) == 0
    assert order_costs(Side.SELL, 10_000_000, Market.ETF, on, PPB).tax == 0


def test_a_purchase_pays_the_commission_only() -> None:
    assert order_costs(Side.BUY, 10_000_000, Market.KOSPI, TODAY, PPB) == Costs(fee=1_405, tax=0)


def test_a_sale_pays_commission_and_tax_each_rounded_down() -> None:
    # 1,005 won: 0.0140527 % is 0.14 won, 0.18 % is 1.809 won
    assert order_costs(Side.SELL, 1_005, Market.KOSPI, TODAY, PPB) == Costs(fee=0, tax=1)
    # 10,000,999 won: 1405.41 and 18001.79 won
    assert order_costs(Side.SELL, 10_000_999, Market.KOSDAQ, TODAY, PPB) == Costs(fee=1_405, tax=18_001)


def test_costs_are_floored_once_an_order_and_not_once_a_part() -> None:
    part = order_costs(Side.SELL, 999, Market.KOSPI, TODAY, PPB)
    whole = order_costs(Side.SELL, 1_998, Market.KOSPI, TODAY, PPB)

    assert part.tax * 2 == 2
    assert whole.tax == 3


@given(
    st.sampled_from(Side),
    st.sampled_from(Market),
    st.dates(date(2015, 1, 1), date(2027, 12, 31)),
    st.integers(0, 1_000_000),
    st.lists(st.integers(0, 50_000_000), min_size=1, max_size=20),
)
def test_the_costs_of_the_parts_sum_to_those_of_the_whole(
    side: Side, market: Market, on: date, ppb: int, parts: list[int]
) -> None:
    booked, amount, fee, tax = Costs(fee=0, tax=0), 0, 0, 0
    for part in parts:
        amount += part
        so_far = order_costs(side, amount, market, on, ppb)
        added = so_far - booked
        assert added.fee >= 0
        assert added.tax >= 0
        fee, tax, booked = fee + added.fee, tax + added.tax, so_far

    assert Costs(fee=fee, tax=tax) == order_costs(side, sum(parts), market, on, ppb)
