"""What a run came to: the sums, and the identity that no won is outside of them."""

from __future__ import annotations

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kis_daemon.domain.costs import Costs, order_costs
from kis_daemon.domain.market import Market, Side
from kis_daemon.domain.orders import OrderState
from kis_daemon.domain.performance import Performance, orders_by_state, percentile, perform
from kis_daemon.domain.positions import Position, Trade, bought, opened, sold
from tests.domain.builders import RULES, SAMSUNG, TODAY, a_fill, a_position, a_trade, an_order

SELL = Side.SELL


def test_buys_sells_and_wins_are_counted_and_won_are_summed() -> None:
    trades = [
        a_trade(fee=140),
        a_trade(side=SELL, fee=144, tax=1_854, realized_pnl=27_862),
        a_trade(side=SELL, fee=90, tax=100, realized_pnl=-5_000),
        a_trade(side=SELL, fee=1, tax=2, realized_pnl=0),  # even is no win
    ]

    assert perform(trades, [a_position(price=100_000, quantity=10, fee=140)], {SAMSUNG: 101_000}) == Performance(
        buys=1,
        sells=3,
        wins=1,
        realized_pnl=22_862,
        open_pnl=9_860,
        fees=375,
        tax=1_956,
        holdings_value=1_010_000,
    )


def test_nothing_traded_and_nothing_held_is_all_zero() -> None:
    assert perform([], [], {}) == Performance(
        buys=0, sells=0, wins=0, realized_pnl=0, open_pnl=0, fees=0, tax=0, holdings_value=0
    )


def test_a_position_without_a_last_price_is_not_valued_at_nothing() -> None:
    with pytest.raises(KeyError):
        perform([], [a_position()], {})


@given(st.data(), st.dates(date(2019, 1, 1), date(2027, 1, 1)), st.integers(0, 300_000))
def test_the_change_of_equity_is_realised_and_open_profit(data: st.DataObject, on: date, ppb: int) -> None:
    """Over any buys and sells in parts, at any prices and rates."""
    cash = 0
    position: Position | None = None
    trades: list[Trade] = []

    def part(side: Side, quantity: int) -> tuple[int, Costs]:
        amount = quantity * data.draw(st.integers(1_000, 200_000))
        return amount, order_costs(side, amount, Market.KOSPI, on, ppb)

    for _ in range(data.draw(st.integers(1, 12))):
        if position is None or data.draw(st.booleans()):
            quantity = data.draw(st.integers(1, 300))
            amount, costs = part(Side.BUY, quantity)
            fill = a_fill(quantity=quantity, amount=amount, fee=costs.fee)
            position = (
                opened(fill, name="", market=Market.KOSPI, atr=1.0, entry_day=TODAY, entry_seq=1, rules=RULES)
                if position is None
                else bought(position, fill, RULES)
            )
            trades.append(a_trade(amount=amount, fee=costs.fee))
            cash -= amount + costs.fee
        else:
            quantity = data.draw(st.integers(1, position.quantity))
            amount, costs = part(SELL, quantity)
            fill = a_fill(side=SELL, quantity=quantity, amount=amount, fee=costs.fee, tax=costs.tax)
            position, realized = sold(position, fill)
            trades.append(a_trade(side=SELL, amount=amount, fee=costs.fee, tax=costs.tax, realized_pnl=realized))
            cash += amount - costs.fee - costs.tax
    last = data.draw(st.integers(1, 300_000))

    sums = perform(trades, [position] if position else [], {SAMSUNG: last})

    assert cash + sums.holdings_value == sums.realized_pnl + sums.open_pnl
    assert sums.fees == sum(trade.fee for trade in trades)
    assert sums.tax == sum(trade.tax for trade in trades)


def test_orders_are_counted_by_state_in_the_order_of_the_names() -> None:
    states = (OrderState.REJECTED, OrderState.FILLED, OrderState.CANCELLED, OrderState.FILLED)

    counted = orders_by_state(an_order(state=state) for state in states)

    assert list(counted.items()) == [("CANCELLED", 1), ("FILLED", 2), ("REJECTED", 1)]


@pytest.mark.parametrize(
    ("values", "share", "expected"),
    [
        ([], 0.5, None),
        ([7.0], 0.0, 7.0),
        ([7.0], 1.0, 7.0),
        ([2.0, 1.0], 0.5, 1.0),
        ([3.0, 1.0, 2.0], 0.5, 2.0),
        ([float(n) for n in range(1, 7)], 0.5, 3.0),
        ([float(n) for n in range(1, 101)], 0.5, 50.0),
        ([float(n) for n in range(1, 101)], 0.99, 99.0),
        ([float(n) for n in range(1, 101)], 0.07, 7.0),  # 0.07 * 100 is a hair more than 7
        ([float(n) for n in range(1, 102)], 0.99, 100.0),
    ],
)
def test_a_percentile_is_the_smallest_value_with_that_share_at_or_under_it(
    values: list[float], share: float, expected: float | None
) -> None:
    assert percentile(values, share) == expected


@given(st.lists(st.integers(0, 1000), min_size=1, max_size=60), st.integers(0, 100))
def test_at_least_its_share_lies_at_or_under_a_percentile_and_less_under_any_smaller_value(
    values: list[int], percent: int
) -> None:
    found = percentile(values, percent / 100)

    assert found is not None
    assert sum(value <= found for value in values) * 100 >= percent * len(values)
    assert sum(value < found for value in values) * 100 < max(percent * len(values), 1)
