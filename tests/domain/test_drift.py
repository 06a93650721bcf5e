"""A day's orders beside a backtest's: each pair, each order that only one of them has, and what it cost."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from kis_daemon.domain.calendar import KST
from kis_daemon.domain.drift import DayOrder, Kind, compared
from kis_daemon.domain.market import Side, Symbol

SAMSUNG, HYNIX = Symbol("005930"), Symbol("000660")
TEN = datetime(2026, 3, 3, 10, tzinfo=KST)


def an_order(price: int = 70_000, **changes: Any) -> DayOrder:
    filled = changes.get("filled_quantity", 10)
    order = DayOrder(
        at=TEN,
        symbol=SAMSUNG,
        side=Side.BUY,
        rule="TREND_ATR_BREAKOUT",
        quantity=10,
        filled_quantity=filled,
        filled_amount=price * filled,
        state="FILLED",
        reason="price 70000 > high 69900",
    )
    return replace(order, **changes)


def test_the_same_order_at_another_second_is_matched() -> None:
    drift = compared([an_order()], [an_order(at=TEN + timedelta(minutes=7))], {})

    assert [line.kind for line in drift.lines] == [Kind.MATCHED]
    assert (drift.cost, drift.differences) == (0, 0)


def test_a_dearer_purchase_and_a_cheaper_sale_cost() -> None:
    sale = {"symbol": HYNIX, "side": Side.SELL, "rule": "ATR_STOP_LOSS"}

    drift = compared([an_order(70_100), an_order(67_900, **sale)], [an_order(), an_order(68_000, **sale)], {})

    assert [line.kind for line in drift.lines] == [Kind.PRICE_DIFFERS, Kind.PRICE_DIFFERS]
    assert drift.cost == 10 * 100 + 10 * 100
    assert drift.differences == 0


def test_a_better_price_than_the_backtests_is_a_gain() -> None:
    assert compared([an_order(69_900)], [an_order()], {}).cost == -1_000


def test_what_was_filled_otherwise_differs_in_quantity_before_it_differs_in_price() -> None:
    (line,) = compared([an_order(70_100, filled_quantity=4, state="CANCELLED")], [an_order()], {}).lines

    assert line.kind is Kind.QUANTITY_DIFFERS
    assert line.reason == "4 of 10 CANCELLED, backtest 10 of 10 FILLED"
    assert line.cost == 4 * 100


def test_an_order_only_the_backtest_has_says_why_live_let_none_in() -> None:
    one, other = compared([], [an_order(), an_order(symbol=HYNIX)], {HYNIX: "kill_switch_entries"}).lines

    assert (one.kind, one.live, one.reason) == (Kind.MISSING_LIVE, None, "kill_switch_entries")
    assert (other.kind, other.reason) == (Kind.MISSING_LIVE, "no such price live")


def test_what_the_backtest_did_before_the_daemon_was_there_is_told_as_such() -> None:
    later = an_order(at=TEN + timedelta(hours=2), symbol=HYNIX)

    one, other = compared([], [an_order(), later], {SAMSUNG: "x"}, since=TEN + timedelta(hours=1)).lines

    assert one.reason == "before the daemon was there at 11:00"
    assert other.reason == "no such price live"


def test_an_order_only_live_has_says_why_it_was_wished_for() -> None:
    (line,) = compared([an_order(rule="MANUAL_EXIT", side=Side.SELL, reason="by hand")], [], {}).lines

    assert (line.kind, line.backtest, line.reason) == (Kind.MISSING_IN_BACKTEST, None, "by hand")


def test_another_rule_is_another_wish() -> None:
    stop, target = an_order(side=Side.SELL, rule="ATR_STOP_LOSS"), an_order(side=Side.SELL, rule="TRAILING_STOP")

    assert [line.kind for line in compared([stop], [target], {}).lines] == [
        Kind.MISSING_IN_BACKTEST,
        Kind.MISSING_LIVE,
    ]


def test_repeated_orders_of_one_wish_pair_in_their_order() -> None:
    first, second = an_order(filled_quantity=0, state="CANCELLED"), an_order(at=TEN + timedelta(minutes=1))

    drift = compared([second, first], [first], {})

    assert [line.kind for line in drift.lines] == [Kind.MATCHED, Kind.MISSING_IN_BACKTEST]
    assert drift.lines[1].live == second


ORDERS = st.lists(
    st.builds(
        an_order,
        st.integers(69_000, 71_000),
        symbol=st.sampled_from((SAMSUNG, HYNIX)),
        side=st.sampled_from(Side),
        at=st.integers(0, 300).map(lambda minutes: TEN + timedelta(minutes=minutes)),
        filled_quantity=st.integers(0, 10),
    ),
    max_size=8,
)


@given(ORDERS, ORDERS)
def test_every_order_stands_in_exactly_one_line(live: list[DayOrder], backtest: list[DayOrder]) -> None:
    drift = compared(live, backtest, {})

    assert sorted(map(repr, live)) == sorted(repr(line.live) for line in drift.lines if line.live)
    assert sorted(map(repr, backtest)) == sorted(repr(line.backtest) for line in drift.lines if line.backtest)
    assert sum(drift.count(kind) for kind in Kind) == len(drift.lines)


@given(ORDERS)
def test_a_day_held_against_itself_has_no_drift(orders: list[DayOrder]) -> None:
    drift = compared(orders, orders, {})

    assert {line.kind for line in drift.lines} <= {Kind.MATCHED}
    assert drift.cost == 0
