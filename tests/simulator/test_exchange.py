"""What the exchange fills, at which price, how much of it, and what it refuses."""

from __future__ import annotations

import pytest

from kis_daemon.domain.calendar import SessionPhase
from kis_daemon.domain.market import Side, Symbol, Won
from kis_daemon.simulator.requests import NO_COSTS, PAPER_RULES, REAL_RULES, EventKind, HouseRules, Placed, Refusal
from tests.simulator.builders import (
    SAMSUNG,
    TUESDAY,
    a_bar,
    a_book,
    a_day_of,
    a_tick,
    a_week,
    an_exchange,
    at,
    order,
    placed,
    trade,
)


def test_a_marketable_buy_fills_at_the_ask_and_a_sale_at_the_bid() -> None:
    exchange = an_exchange()
    trade(exchange, 70_000, "09:30")

    bought = placed(order(exchange, Side.BUY, 10, 70_300))
    sold = placed(order(exchange, Side.SELL, 4))

    assert [(e.kind, e.quantity, e.price) for e in bought.events] == [
        (EventKind.ACCEPTED, 10, 70_300),
        (EventKind.FILLED, 10, 70_000),
    ]
    assert (sold.events[1].quantity, sold.events[1].price) == (4, 69_900)


def test_a_limit_order_waits_and_fills_at_its_own_price_when_the_market_comes_through_it() -> None:
    exchange = an_exchange()
    trade(exchange, 70_000)
    request = placed(order(exchange, Side.BUY, 10, 69_700)).request

    assert trade(exchange, 69_800, "10:05") == 0
    assert trade(exchange, 69_500, "10:10") == 10
    assert request.amount == 10 * 69_700


def test_at_most_a_tenth_of_the_days_volume_is_filled_and_the_rest_follows() -> None:
    exchange = an_exchange(cash=1_000_000_000)
    trade(exchange, 70_000, volume=1_000)
    request = placed(order(exchange, Side.BUY, 250)).request
    assert request.filled == 100

    assert trade(exchange, 70_000, "10:10", volume=1_000) == 100
    assert trade(exchange, 70_000, "10:20", volume=1_000) == 50
    assert trade(exchange, 70_000, "10:30", volume=1_000) == 0
    assert (request.filled, request.remaining) == (250, 0)


def test_two_orders_share_the_tenth_and_the_better_price_goes_first() -> None:
    exchange = an_exchange(cash=1_000_000_000)
    trade(exchange, 70_500, volume=0)
    low = placed(order(exchange, Side.BUY, 80, 70_000)).request
    high = placed(order(exchange, Side.BUY, 80, 70_200)).request

    trade(exchange, 69_900, volume=1_000)

    assert (high.filled, low.filled) == (80, 20)


@pytest.mark.parametrize(("side", "ask", "bid"), [(Side.BUY, 0, 69_900), (Side.SELL, 70_000, 0)])
def test_nothing_is_filled_through_an_empty_side_of_the_book(side: Side, ask: Won, bid: Won) -> None:
    exchange = an_exchange()
    trade(exchange, 70_000)
    order(exchange, Side.BUY, 10)
    trade(exchange, 70_000, ask=ask, bid=bid)

    request = placed(order(exchange, side, 5)).request

    assert trade(exchange, 70_000, "10:30", ask=ask, bid=bid) == 0
    assert trade(exchange, 70_000, "10:40") == request.quantity


def test_a_day_locked_at_its_upper_limit_cannot_be_bought_and_can_be_sold() -> None:
    upper = 91_000
    exchange = an_exchange(a_day_of(a_bar(TUESDAY, upper, upper, upper, upper)), rules=REAL_RULES)
    exchange.account.book(Side.BUY, SAMSUNG, 5, 350_000, NO_COSTS, TUESDAY)
    buy = placed(order(exchange, Side.BUY, 5, upper, clock="08:40")).request
    sale = placed(order(exchange, Side.SELL, 5, clock="08:40")).request

    exchange.on_tick(SAMSUNG, a_tick(upper, ask=0), at("09:00:01"), SessionPhase.OPENING_AUCTION)

    assert (buy.filled, sale.filled, sale.amount) == (0, 5, 5 * upper)


@pytest.mark.parametrize(
    ("side", "limit", "fills"),
    [
        (Side.BUY, 70_500, True),
        (Side.BUY, 69_900, False),
        (Side.SELL, 69_500, True),
        (Side.SELL, 70_100, False),
        (Side.BUY, 0, True),
        (Side.SELL, 0, True),
    ],
)
def test_the_opening_auction_fills_at_its_single_price(side: Side, limit: Won, *, fills: bool) -> None:
    exchange = an_exchange(rules=REAL_RULES)
    exchange.account.book(Side.BUY, SAMSUNG, 10, 700_000, NO_COSTS, TUESDAY)
    request = placed(order(exchange, side, 10, limit, clock="08:45")).request

    exchange.on_tick(SAMSUNG, a_tick(70_000), at("09:00:01"), SessionPhase.OPENING_AUCTION)

    assert request.amount == (700_000 if fills else 0)


def test_an_order_of_the_closing_auction_waits_for_its_single_price() -> None:
    exchange = an_exchange()
    trade(exchange, 70_000)
    request = placed(order(exchange, Side.BUY, 10, 70_500, clock="15:25")).request
    assert request.filled == 0

    exchange.on_tick(SAMSUNG, a_tick(70_300, ask=70_300), at("15:30"), SessionPhase.CLOSING_AUCTION)

    assert request.amount == 10 * 70_300


def test_a_conditional_limit_order_becomes_a_market_order_at_the_close() -> None:
    exchange = an_exchange()
    trade(exchange, 70_000)
    request = placed(order(exchange, Side.BUY, 10, 69_000, division="02")).request

    exchange.on_tick(SAMSUNG, a_tick(70_300), at("15:30"), SessionPhase.CLOSING_AUCTION)

    assert request.amount == 10 * 70_300


@pytest.mark.parametrize(
    ("division", "filled", "lapsed"), [("11", 10, 20), ("12", 0, 30), ("13", 10, 20), ("14", 0, 30)]
)
def test_what_an_impatient_order_cannot_get_at_once_lapses(division: str, filled: int, lapsed: int) -> None:
    exchange = an_exchange(rules=REAL_RULES)
    trade(exchange, 70_000, volume=100)

    result = placed(order(exchange, Side.BUY, 30, 70_000, division=division))

    assert (result.request.filled, result.request.cancelled) == (filled, lapsed)
    assert result.events[-1].kind is EventKind.LAPSED
    assert exchange.account.held_back == 0


def test_a_cancel_takes_what_remains_and_frees_its_cash() -> None:
    exchange = an_exchange()
    trade(exchange, 70_000, volume=50)
    request = placed(order(exchange, Side.BUY, 20, 70_000)).request
    assert exchange.account.held_back > 0

    row = placed(exchange.cancel(request.number, None, at("10:05"))).request

    assert (request.filled, request.cancelled, request.remaining) == (5, 15, 0)
    assert (row.original, row.quantity, row.cancelled, row.remaining) == (request.number, 15, 15, 0)
    assert exchange.account.held_back == 0
    assert trade(exchange, 69_000, "10:10") == 0


def test_a_part_may_be_cancelled_and_the_rest_goes_on() -> None:
    exchange = an_exchange()
    trade(exchange, 70_000)
    request = placed(order(exchange, Side.BUY, 20, 69_000)).request

    exchange.cancel(request.number, 5, at("10:05"))

    assert trade(exchange, 69_000, "10:10") == 15


def test_a_cancel_after_the_fill_finds_nothing() -> None:
    exchange = an_exchange()
    trade(exchange, 70_000)
    request = placed(order(exchange, Side.BUY, 10)).request

    assert exchange.cancel(request.number, None, at("10:05")) is Refusal.NOTHING_TO_CHANGE
    assert exchange.cancel(99, None, at("10:05")) is Refusal.NOTHING_TO_CHANGE


def test_a_modification_moves_the_remainder_to_a_new_number() -> None:
    exchange = an_exchange()
    trade(exchange, 70_000)
    old = placed(order(exchange, Side.BUY, 20, 69_000)).request

    new = placed(exchange.modify(old.number, division="00", quantity=None, price=70_000, at=at("10:05"))).request

    assert (old.cancelled, old.remaining) == (20, 0)
    assert (new.original, new.filled) == (old.number, 20)


def test_what_is_open_at_the_close_expires_with_its_remainder_shown() -> None:
    exchange = an_exchange()
    trade(exchange, 70_000)
    request = placed(order(exchange, Side.BUY, 20, 69_000)).request

    exchange.close_day()

    assert (request.remaining, request.is_open, exchange.account.held_back) == (20, False, 0)


def test_an_open_buy_holds_back_its_cash_and_a_market_order_that_of_the_upper_limit() -> None:
    exchange = an_exchange(cash=1_000_000)
    trade(exchange, 70_000)

    assert order(exchange, Side.BUY, 11) is Refusal.NOT_ENOUGH_CASH  # 11 at 91,600 exceed a million
    order(exchange, Side.BUY, 10, 69_000)
    assert exchange.account.held_back == 690_000 + 96
    assert order(exchange, Side.BUY, 5, 69_000) is Refusal.NOT_ENOUGH_CASH
    assert isinstance(order(exchange, Side.BUY, 4, 69_000), Placed)


def test_shares_in_open_sales_cannot_be_sold_again() -> None:
    exchange = an_exchange()
    trade(exchange, 70_000)
    order(exchange, Side.BUY, 10)
    order(exchange, Side.SELL, 6, 75_000)

    assert exchange.sellable(SAMSUNG) == 4
    assert order(exchange, Side.SELL, 5) is Refusal.NOT_ENOUGH_SHARES


@pytest.mark.parametrize(
    ("rules", "clock", "refusal"),
    [
        (PAPER_RULES, "08:59", Refusal.BEFORE_HOURS),
        (PAPER_RULES, "15:30", Refusal.AFTER_HOURS),
        (REAL_RULES, "08:29", Refusal.BEFORE_HOURS),
        (REAL_RULES, "15:30", Refusal.AFTER_HOURS),
    ],
)
def test_orders_outside_of_the_hours_are_refused(rules: HouseRules, clock: str, refusal: Refusal) -> None:
    exchange = an_exchange(rules=rules)

    assert order(exchange, Side.BUY, 1, 70_000, clock=clock) is refusal


@pytest.mark.parametrize(
    ("changes", "refusal"),
    [
        ({"quantity": 0, "price": 70_000}, Refusal.WRONG_QUANTITY),
        ({"quantity": 1, "price": 70_050}, Refusal.OFF_TICK),
        ({"quantity": 1, "price": 0, "division": "00"}, Refusal.OFF_TICK),
        ({"quantity": 1, "price": 91_700}, Refusal.BEYOND_LIMITS),
        ({"quantity": 1, "price": 49_300}, Refusal.BEYOND_LIMITS),
        ({"quantity": 1, "price": 70_000, "division": "11"}, Refusal.WRONG_DIVISION),
        ({"quantity": 1, "price": 70_000, "symbol": Symbol("999999")}, Refusal.UNKNOWN_SYMBOL),
    ],
)
def test_a_wrong_order_is_refused_and_leaves_no_row(changes: dict[str, object], refusal: Refusal) -> None:
    exchange = an_exchange()
    trade(exchange, 70_000)

    assert order(exchange, Side.BUY, **changes) is refusal  # type: ignore[arg-type]
    assert exchange.orders.between(TUESDAY, TUESDAY) == []


def test_on_a_holiday_orders_are_refused() -> None:
    exchange = an_exchange()
    saturday = TUESDAY.replace(day=9)

    assert order(exchange, Side.BUY, 1, 70_000, day=saturday) is Refusal.NOT_A_TRADING_DAY


def test_a_halted_symbol_refuses_orders() -> None:
    halted = a_bar(TUESDAY, 0, 0, 0, 70_000, volume=0)
    exchange = an_exchange(a_day_of(halted))

    assert order(exchange, Side.BUY, 1, 70_000) is Refusal.BLOCKED


def test_paper_refuses_shares_under_a_thousand_won() -> None:
    book = a_day_of(a_bar(TUESDAY, 900, 900, 900, 900), base=900)

    assert order(an_exchange(book), Side.BUY, 1, 900) is Refusal.BLOCKED
    assert isinstance(order(an_exchange(book, rules=REAL_RULES), Side.BUY, 1, 900), Placed)


def test_the_tick_is_that_of_the_order_price() -> None:
    exchange = an_exchange(a_book(s005930=a_week(15_000)))

    assert order(exchange, Side.BUY, 1, 15_050) is not Refusal.OFF_TICK
    assert order(exchange, Side.BUY, 1, 15_055) is Refusal.OFF_TICK


def test_a_break_in_the_series_beyond_the_limits_fills_nothing() -> None:
    exchange = an_exchange()
    trade(exchange, 14_000)

    request = placed(order(exchange, Side.BUY, 1)).request

    assert trade(exchange, 14_000, "10:10") == 0
    assert request.remaining == 1


def test_numbers_start_again_every_day() -> None:
    exchange = an_exchange()
    trade(exchange, 70_000)
    first = placed(order(exchange, Side.BUY, 1)).request
    following = exchange.calendar.next_trading_day(TUESDAY)
    exchange.close_day()
    exchange.open_day(following)

    second = placed(order(exchange, Side.BUY, 1, 70_000, day=following.date)).request

    assert first.number == second.number
    assert exchange.orders.between(TUESDAY, following.date) == [first, second]
