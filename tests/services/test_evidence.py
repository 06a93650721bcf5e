"""Judging an order of unknown outcome: what is evidence, how much of it, and when."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import Any

import pytest

from kis_daemon.domain.market import Side
from kis_daemon.domain.orders import Order, OrderNo, OrderState, OrderType
from kis_daemon.ports import BrokerOrder, OrderListing, UnreadableOrder
from kis_daemon.services.evidence import Verdict, judge, row_of
from tests.services.builders import (
    HYNIX,
    TEN_O_CLOCK,
    TODAY,
    YESTERDAY,
    a_row,
    a_sent_order,
    an_exit,
    an_intent,
    an_order,
)


def in_doubt(side: Side = Side.BUY, **changes: Any) -> Order:
    return an_order(an_intent() if side is Side.BUY else an_exit(), state=OrderState.UNCONFIRMED, **changes)


def after(seconds: float) -> datetime:
    return TEN_O_CLOCK + timedelta(seconds=seconds)


def verdict_on(
    order: Order,
    listing: list[BrokerOrder],
    second: float = 1,
    *,
    unreadable: tuple[UnreadableOrder, ...] = (),
    explained: list[tuple[date, OrderNo | None]] | None = None,
    looks: list[float] | None = None,
    still_whole: bool | None = None,
    session_over: bool = False,
) -> tuple[Verdict, BrokerOrder | None]:
    return judge(
        order,
        OrderListing(rows=tuple(listing), unreadable=unreadable),
        explained or [],
        [] if looks is None else looks,
        second,
        still_whole,
        session_over=session_over,
    )


def looked_at(order: Order, *seconds: float, still_whole: bool | None = None, session_over: bool = False) -> Verdict:
    """Return the verdict after complete listings without a candidate, asked for at these seconds."""
    looks: list[float] = []
    verdict = Verdict.OPEN
    for second in seconds:
        verdict, _ = verdict_on(order, [], second, looks=looks, still_whole=still_whole, session_over=session_over)
    return verdict


@pytest.mark.parametrize("side", Side)
def test_one_candidate_is_it(side: Side) -> None:
    order = in_doubt(side)
    row = a_row(order)

    assert verdict_on(order, [row]) == (Verdict.FOUND, row)


def test_twins_are_ambiguous() -> None:
    order = in_doubt()
    twins = [a_row(order), a_row(order, order_no=OrderNo("2"))]

    assert verdict_on(order, twins) == (Verdict.AMBIGUOUS, None)


def test_a_twin_that_another_order_of_ours_explains_is_no_candidate() -> None:
    order = in_doubt()
    twins = [a_row(order), a_row(order, order_no=OrderNo("2"))]

    verdict, row = verdict_on(order, twins, explained=[(TODAY, OrderNo("1"))])

    assert (verdict, row) == (Verdict.FOUND, twins[1])


def test_the_same_number_of_another_day_explains_nothing() -> None:
    order = in_doubt()

    verdict, _ = verdict_on(order, [a_row(order)], explained=[(YESTERDAY, OrderNo("1"))])

    assert verdict is Verdict.FOUND


@pytest.mark.parametrize(
    "other",
    [
        {"symbol": HYNIX},
        {"side": Side.SELL},
        {"quantity": 9},
        {"price": 70_200},
        {"order_type": OrderType.MARKET},
        {"original_no": OrderNo("7")},
        {"at": after(-302)},
    ],
)
def test_a_row_that_differs_in_one_thing_is_not_ours(other: dict[str, Any]) -> None:
    order = in_doubt()

    assert verdict_on(order, [a_row(order, **other)]) == (Verdict.OPEN, None)


def test_a_status_row_without_order_number_is_not_taken_for_ours() -> None:
    order = a_sent_order()
    unnumbered = a_row(order, order_no=OrderNo(""))

    assert row_of(order, [unnumbered]) is None


@pytest.mark.parametrize("skew_s", [-299, -1, 0, 90])
def test_the_brokers_clock_may_be_minutes_behind_ours(skew_s: float) -> None:
    order = in_doubt(created_at=TEN_O_CLOCK.replace(microsecond=999_000))

    verdict, _ = verdict_on(order, [a_row(order, at=after(skew_s))], 40)

    assert verdict is Verdict.FOUND


def test_a_market_order_is_found_whatever_price_the_listing_shows() -> None:
    order = in_doubt(Side.SELL)

    verdict, _ = verdict_on(order, [a_row(order, price=69_900)])

    assert verdict is Verdict.FOUND


@pytest.mark.parametrize(
    ("seconds", "verdict"),
    [
        ((5, 15, 64.9), Verdict.OPEN),  # three listings, but not a minute since the first
        ((5, 65), Verdict.OPEN),  # a minute, but two listings
        ((5, 64, 65, 66), Verdict.OPEN),  # four listings, too close together: only two count
        ((5, 35, 65), Verdict.NOT_FOUND),
        ((5, 15, 25, 66), Verdict.NOT_FOUND),
    ],
)
def test_a_buy_is_not_found_after_a_minute_and_three_listings(seconds: tuple[float, ...], verdict: Verdict) -> None:
    assert looked_at(in_doubt(), *seconds) is verdict


@pytest.mark.parametrize(
    ("seconds", "still_whole", "verdict"),
    [
        ((3, 12.9), True, Verdict.OPEN),
        ((13,), True, Verdict.OPEN),
        ((9, 10), True, Verdict.OPEN),
        ((3, 13), True, Verdict.NOT_FOUND),
        ((3, 13), False, Verdict.DOUBTFUL),  # somebody is selling them: it may be us
        ((3, 13), None, Verdict.DOUBTFUL),
        ((3, 13, 600), False, Verdict.DOUBTFUL),
    ],
)
def test_a_sale_is_not_found_after_ten_seconds_two_listings_and_whole_shares(
    seconds: tuple[float, ...], still_whole: bool | None, verdict: Verdict
) -> None:
    assert looked_at(in_doubt(Side.SELL), *seconds, still_whole=still_whole) is verdict


def test_a_doubtful_sale_is_over_with_its_session() -> None:
    assert looked_at(in_doubt(Side.SELL), 3, 13, still_whole=False, session_over=True) is Verdict.NOT_FOUND


def test_the_settling_time_is_counted_from_the_first_look_whatever_the_clocks_say() -> None:
    order = in_doubt(updated_at=after(-600))

    assert looked_at(order, 16, 30, 61) is Verdict.OPEN
    assert looked_at(order, 16, 30, 61, 76) is Verdict.NOT_FOUND


def rows_beside(order: Order) -> list[BrokerOrder]:
    """Return rows that share the number of `order` and are not it."""
    return [
        a_row(order, symbol=HYNIX),
        a_row(order, side=Side.SELL),
        a_row(order, at=after(-86_400)),
        a_row(order, original_no=OrderNo("7")),
    ]


def test_a_numbered_order_is_found_by_number_day_symbol_and_side() -> None:
    order = a_sent_order()
    ours = a_row(order, branch_no="91255")  # the listing may write the branch differently

    assert row_of(order, [*rows_beside(order), ours]) == ours


def test_of_two_rows_with_one_number_the_branch_decides() -> None:
    order = a_sent_order()
    ours, other = a_row(order), a_row(order, branch_no="91255")

    assert row_of(order, [other, ours]) == ours
    assert row_of(order, [other, other]) is None


def test_an_order_that_the_listing_lacks_has_no_row() -> None:
    assert row_of(a_sent_order(), rows_beside(a_sent_order())) is None


# --- rows that cannot be read ------------------------------------------------------------------------------------


@pytest.mark.parametrize("side", list(Side))
def test_nothing_is_concluded_while_an_unreadable_row_may_be_the_order(side: Side) -> None:
    order = in_doubt(side)
    hiding = (UnreadableOrder(order_no=OrderNo("4711"), product="", reason="ord_qty: expected a number"),)
    looks: list[float] = []

    for second in (1, 20, 40, 80, 200):
        verdict = verdict_on(order, [], second, unreadable=hiding, looks=looks, still_whole=True)[0]
        assert verdict is Verdict.AMBIGUOUS
    assert verdict_on(order, [a_row(order)], 300, unreadable=hiding)[0] is Verdict.AMBIGUOUS
    assert looks == []


def test_an_unreadable_row_of_another_product_hides_nothing() -> None:
    order = in_doubt()
    other = (UnreadableOrder(order_no=OrderNo("4711"), product="000660", reason="ord_qty: expected a number"),)
    assert verdict_on(order, [a_row(order)], 300, unreadable=other)[0] is Verdict.FOUND
