"""Cash and shares, to the won."""

from __future__ import annotations

from datetime import timedelta
from random import Random

from kis_daemon.domain.calendar import SessionPhase
from kis_daemon.domain.costs import Costs
from kis_daemon.domain.market import Side
from kis_daemon.domain.price_path import intraday_path
from kis_daemon.simulator.account import Account
from tests.simulator.builders import (
    HYNIX,
    SAMSUNG,
    TUESDAY,
    a_book,
    an_exchange,
    at,
    order,
    placed,
    the_calendar,
    trade,
)

WEDNESDAY, THURSDAY, FRIDAY = (TUESDAY + timedelta(days=days) for days in (1, 2, 3))


def test_a_purchase_leaves_the_deposit_until_it_settles_two_days_on() -> None:
    account = Account(cash=1_000_000)

    account.book(Side.BUY, SAMSUNG, 10, 700_000, Costs(fee=98, tax=0), THURSDAY)

    assert (account.cash, account.cash_on(WEDNESDAY), account.cash_d2) == (1_000_000, 1_000_000, 299_902)
    assert account.spendable == 299_902
    account.roll(WEDNESDAY)
    assert account.cash == 1_000_000
    account.roll(THURSDAY)
    assert (account.cash, account.unsettled) == (299_902, [])


def test_the_proceeds_of_a_sale_are_spendable_at_once() -> None:
    account = Account(cash=0)
    account.book(Side.BUY, SAMSUNG, 10, 0, Costs(fee=0, tax=0), THURSDAY)

    account.book(Side.SELL, SAMSUNG, 10, 500_000, Costs(fee=70, tax=900), THURSDAY)

    assert (account.cash, account.spendable) == (0, 499_030)


def test_the_cost_is_a_moving_average_without_fees() -> None:
    account = Account(cash=10_000_000)
    account.book(Side.BUY, SAMSUNG, 3, 3 * 70_000, Costs(fee=29, tax=0), THURSDAY)
    account.book(Side.BUY, SAMSUNG, 4, 4 * 71_000, Costs(fee=39, tax=0), THURSDAY)

    account.book(Side.SELL, SAMSUNG, 2, 2 * 72_000, Costs(fee=20, tax=259), THURSDAY)

    row = account.holdings[SAMSUNG]
    assert (row.quantity, row.cost) == (5, 494_000 - 494_000 * 2 // 7)


def test_a_holding_sold_out_stays_as_a_row_of_zero_until_it_settles() -> None:
    account = Account(cash=1_000_000)
    account.book(Side.BUY, SAMSUNG, 1, 70_000, Costs(fee=9, tax=0), THURSDAY)
    account.book(Side.SELL, SAMSUNG, 1, 70_000, Costs(fee=9, tax=126), THURSDAY)

    account.roll(WEDNESDAY)
    row = account.holdings[SAMSUNG]
    assert (row.quantity, row.cost, row.bought_before, row.bought_today) == (0, 0, 1, 0)

    account.roll(THURSDAY)
    assert account.holdings == {}


def test_an_order_in_parts_costs_what_it_would_in_one() -> None:
    exchange = an_exchange(cash=100_000_000)
    trade(exchange, 70_000, volume=70)
    request = placed(order(exchange, Side.BUY, 500)).request
    for minute in range(1, 60):
        trade(exchange, 70_000 + minute % 3 * 100, f"11:{minute:02d}", volume=130)

    assert request.filled == 500
    assert request.costs.fee == request.amount * 140_527 // 1_000_000_000
    assert exchange.account.cash_d2 == 100_000_000 - request.amount - request.costs.fee


def test_cash_and_shares_add_up_after_any_number_of_random_orders() -> None:
    chance = Random(7)
    exchange = an_exchange(a_book(), cash=50_000_000)
    begun = exchange.account.cash_d2
    for day in the_calendar().trading_days(WEDNESDAY, FRIDAY + timedelta(days=3)):
        exchange.open_day(day)
        for symbol, board in exchange.boards.items():
            assert board.bar is not None
            for step, tick in enumerate(intraday_path(board.bar, board.market, board.base, 30)):
                now = at(f"{10 + step // 10}:{step % 10 * 5:02d}", day.date)
                exchange.on_tick(symbol, tick, now, SessionPhase.REGULAR)
                side = Side.BUY if chance.random() < 0.6 else Side.SELL
                quantity = chance.randrange(1, 60)
                price = board.price if chance.random() < 0.5 else 0
                placed_or_not = order(
                    exchange, side, quantity, price, symbol=symbol, clock=f"{now:%H:%M}", day=day.date
                )
                assert placed_or_not is not None
                assert exchange.account.spendable >= 0
        exchange.close_day()
        assert exchange.account.held_back == 0

    bought = sold = paid = 0
    held = {SAMSUNG: 0, HYNIX: 0}
    for request in exchange.orders.between(TUESDAY, FRIDAY + timedelta(days=3)):
        paid += request.costs.fee + request.costs.tax
        if request.side is Side.BUY:
            bought += request.amount
            held[request.symbol] += request.filled
        else:
            sold += request.amount
            held[request.symbol] -= request.filled

    assert bought
    assert sold
    assert exchange.account.cash_d2 == begun - bought + sold - paid
    assert {s: exchange.account.quantity(s) for s in held} == held
    assert exchange.equity() == exchange.account.cash_d2 + sum(exchange.price(s) * q for s, q in held.items())
