"""Positions: cost and levels through buys, sells and prices, and what earlier systems got wrong."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kis_daemon.domain.market import Market, Rounding, Side, move_ticks, tick_size, to_tick
from kis_daemon.domain.positions import (
    Position,
    ProtectionRules,
    arming_price,
    bought,
    protected,
    seen,
    sold,
    trailing_level,
)
from tests.domain.builders import RULES, TODAY, a_fill, a_position, at

TOMORROW = date(2024, 3, 6)
SELL = Side.SELL

LEVEL_RULES = st.builds(
    ProtectionRules,
    stop_atr=st.floats(0.5, 5),
    target_atr=st.floats(0.5, 8),
    trailing_atr=st.floats(0.5, 5),
    trailing_arm_pct=st.floats(0, 5),
    max_loss_pct=st.floats(0.5, 20),
)


@st.composite
def positions(draw: st.DrawFn, rules: ProtectionRules = RULES) -> Position:
    price = draw(st.integers(1_000, 900_000))
    quantity = draw(st.integers(1, 500))
    amount = price * quantity + draw(st.integers(0, quantity))
    return a_position(
        quantity=quantity,
        amount=amount,
        fee=draw(st.integers(0, 10_000)),
        atr=price * draw(st.floats(0.001, 0.1)),
        market=draw(st.sampled_from(Market)),
        rules=rules,
    )


# ── opened


def test_a_first_buy_makes_a_position_with_its_stop_and_target() -> None:
    position = a_position(price=100_000, quantity=10, fee=140, atr=1_000.0)

    assert (position.quantity, position.cost, position.fees) == (10, 1_000_000, 140)
    assert position.average_price == 100_000
    assert (position.stop, position.target, position.highest) == (98_000, 103_000, 100_000)
    assert not position.trailing_armed
    assert (position.entry_day, position.entry_seq, position.version) == (TODAY, 1, 1)
    assert position.opened_at == at("09:30")


def test_the_stop_is_never_farther_than_the_loss_cap() -> None:
    position = a_position(price=100_000, atr=4_000.0)

    assert position.stop == 95_000
    assert position.target == 112_000


def test_a_level_is_on_the_side_of_its_tick_that_fires_as_the_exact_one_would() -> None:
    # average 100,050, ATR 333.3: stop 99,383.4, target 101,049.9
    position = a_position(quantity=2, amount=200_100, atr=333.3)

    assert (position.stop, position.target) == (99_300, 101_100)
    assert position.highest == 100_000


def test_a_stop_is_never_under_zero() -> None:
    assert a_position(price=1_000, atr=5_000.0, rules=replace(RULES, max_loss_pct=100.0)).stop == 0


@given(positions(), st.integers(1, 1_000_000), LEVEL_RULES)
def test_whole_tick_levels_answer_as_exact_ones_do_for_every_tick_price(
    position: Position, near: int, rules: ProtectionRules
) -> None:
    position = replace(protected(position, rules, TODAY), trailing_armed=True)
    entry, atr = position.average_price, position.atr
    stop = max(entry - rules.stop_atr * atr, entry * (1 - rules.max_loss_pct / 100))
    target, trailing = entry + rules.target_atr * atr, position.highest - rules.trailing_atr * atr
    level = trailing_level(position, rules, TODAY)

    assert level is not None
    anywhere = to_tick(near, Rounding.DOWN, position.market, TODAY)
    around = {anywhere} | {
        move_ticks(tick, step, position.market, TODAY)
        for tick in (position.stop, position.target, level)
        if tick > 0
        for step in (-1, 0, 1)
    }
    for price in sorted(around - {0}):
        assert (price <= position.stop) == (price <= stop)
        assert (price >= position.target) == (price >= target)
        assert (price <= level) == (price <= trailing)


# ── bought


def test_a_further_buy_moves_stop_and_target_to_the_new_average() -> None:
    position = bought(a_position(price=100_000, fee=140), a_fill(price=102_000, fee=143), RULES)

    assert (position.quantity, position.cost, position.fees, position.version) == (20, 2_020_000, 283, 2)
    assert (position.stop, position.target, position.highest) == (99_000, 104_000, 101_000)


def test_stop_recomputed_after_the_fill_without_the_loss_cap() -> None:
    """Requirements, section 9: the cap counts from the real average after every buy, not the first one only."""
    first = a_position(price=100_000, atr=10_000.0)
    second = bought(first, a_fill(price=110_000), RULES)
    third = bought(second, a_fill(quantity=20, price=95_000), RULES)

    assert first.stop == 95_000
    assert second.stop == 99_700  # 105,000 less 5 %: 99,750, ticks of 100
    assert third.stop == 95_000  # 100,000 less 5 %


@given(positions(), st.lists(st.tuples(st.integers(1, 300), st.integers(1_000, 900_000)), max_size=5), LEVEL_RULES)
def test_however_it_was_bought_the_stop_keeps_the_cap_and_atr_and_day_stay_frozen(
    position: Position, buys: list[tuple[int, int]], rules: ProtectionRules
) -> None:
    grown = protected(position, rules, TODAY)
    for quantity, price in buys:
        grown = bought(grown, a_fill(quantity=quantity, price=price, when=at("10:00", TOMORROW)), rules)

    cap = grown.average_price * (1 - rules.max_loss_pct / 100)
    assert grown.stop > cap - tick_size(cap, grown.market, TODAY) - 1e-6
    assert (grown.atr, grown.entry_day, grown.entry_seq) == (position.atr, position.entry_day, position.entry_seq)
    assert grown.quantity == position.quantity + sum(quantity for quantity, _ in buys)
    assert grown.cost == position.cost + sum(quantity * price for quantity, price in buys)
    assert grown.highest >= position.highest


def test_a_cheaper_second_buy_lowers_neither_the_highest_price_nor_an_armed_trailing() -> None:
    risen = seen(a_position(price=100_000), 105_000, RULES)
    grown = bought(risen, a_fill(price=90_000), RULES)

    assert grown.highest == 105_000
    assert grown.trailing_armed
    assert trailing_level(grown, RULES, TODAY) == trailing_level(risen, RULES, TODAY) == 103_000


# ── sold


def test_a_whole_sale_leaves_nothing_and_realises_all_costs() -> None:
    left, profit = sold(
        a_position(quantity=10, fee=140), a_fill(side=SELL, quantity=10, price=103_000, fee=144, tax=1_854)
    )

    assert left is None
    assert profit == 30_000 - 140 - 144 - 1_854


def test_loss_of_a_partial_exit_not_counted() -> None:
    """Requirements, section 9: each part of an exit realises its own share of cost, fees and tax."""
    position = a_position(price=100_000, quantity=10, fee=140)

    left, first = sold(position, a_fill(side=SELL, quantity=4, price=97_000, fee=54, tax=698))

    assert first == -12_000 - 56 - 54 - 698
    assert left is not None
    assert (left.quantity, left.cost, left.fees, left.version) == (6, 600_000, 84, 2)
    assert (left.stop, left.target, left.highest) == (position.stop, position.target, position.highest)
    nothing, second = sold(left, a_fill(side=SELL, quantity=6, price=96_000, fee=80, tax=1_036))
    assert nothing is None
    assert second == -24_000 - 84 - 80 - 1_036


@given(positions(), st.data())
def test_over_any_split_of_sells_profits_and_what_remains_make_the_whole(
    position: Position, data: st.DataObject
) -> None:
    left: Position | None = position
    realized = received = paid = 0
    while left is not None and data.draw(st.integers(0, 5)):
        fill = a_fill(
            side=SELL,
            quantity=data.draw(st.integers(1, left.quantity)),
            amount=data.draw(st.integers(1, 10**8)),
            fee=data.draw(st.integers(0, 1_000)),
            tax=data.draw(st.integers(0, 100_000)),
        )
        held = left.quantity
        left, profit = sold(left, fill)
        realized, received, paid = realized + profit, received + fill.amount, paid + fill.fee + fill.tax
        assert (left.quantity if left else 0) == held - fill.quantity

    remains = left.cost + left.fees if left else 0
    assert realized == received - paid - (position.cost + position.fees - remains)


def test_more_than_is_held_cannot_be_sold() -> None:
    with pytest.raises(ValueError, match="005930: 11 shares sold of 10 held"):
        sold(a_position(quantity=10), a_fill(side=SELL, quantity=11))


def test_open_profit_counts_the_buying_fees_and_no_selling_costs() -> None:
    position = a_position(price=100_000, quantity=10, fee=140)

    assert position.value(101_000) == 1_010_000
    assert position.open_pnl(101_000) == 9_860


# ── seen, trailing


def test_trailing_arms_at_its_profit_and_not_a_won_earlier() -> None:
    position = a_position(price=100_000)

    assert arming_price(position, RULES) == 101_000
    assert not seen(position, 100_999, RULES).trailing_armed
    assert seen(position, 101_000, RULES).trailing_armed


def test_without_arming_there_is_no_trailing_level() -> None:
    position = seen(a_position(price=100_000), 100_900, RULES)

    assert position.highest == 100_900
    assert trailing_level(position, RULES, TODAY) is None


def test_trailing_stop_ignored_once_profit_falls_below_its_arming_level() -> None:
    """Requirements, section 9: once armed it stays armed, whatever the profit then."""
    armed = seen(a_position(price=100_000), 101_000, RULES)

    fallen = seen(seen(armed, 99_500, RULES), 99_000, RULES)

    assert fallen.trailing_armed
    assert trailing_level(fallen, RULES, TODAY) == 99_000


def test_a_price_that_changes_nothing_gives_the_same_position_back() -> None:
    position = seen(a_position(price=100_000), 101_500, RULES)

    assert seen(position, 101_500, RULES) is position
    assert seen(position, 98_100, RULES) is position
    assert position.version == 2


@given(positions(), st.lists(st.integers(1, 1_500_000), max_size=30))
def test_highest_arming_and_trailing_level_only_rise(position: Position, prices: list[int]) -> None:
    level = 0
    for price in prices:
        after = seen(position, price, RULES)
        assert after.highest == max(position.highest, price)
        assert after.trailing_armed >= position.trailing_armed
        assert after.version == position.version + (after is not position)
        raised = trailing_level(after, RULES, TODAY)
        assert (raised is None) is (not after.trailing_armed)
        assert (raised or 0) >= level
        position, level = after, raised or 0

    assert position.trailing_armed == any(price >= arming_price(position, RULES) for price in prices)
