"""A ledger that lags: the rows and the account as they stood some seconds ago."""

from __future__ import annotations

from kis_daemon.domain.market import Side
from kis_daemon.simulator.market_rules import MarketRules
from kis_daemon.simulator.requests import Refusal
from tests.simulator.builders import SAMSUNG, TUESDAY, an_exchange, at, order, placed, trade


def test_a_listing_that_lags_shows_neither_the_new_row_nor_the_new_fill() -> None:
    exchange = an_exchange(market=MarketRules(listing_lag_s=30))
    trade(exchange, 70_000)
    request = placed(order(exchange, Side.BUY, 20, 69_000, clock="10:01")).request
    trade(exchange, 69_000, "10:02", volume=0)

    def shown(clock: str) -> list[tuple[int, int]]:
        return [(row.number, row.filled) for row in exchange.orders_shown(at(clock), TUESDAY, TUESDAY)]

    assert request.filled == 20
    assert shown("10:01:29") == []
    assert shown("10:01:30") == [(request.number, 0)]
    assert shown("10:02:29") == [(request.number, 0)]
    assert shown("10:02:30") == [(request.number, 20)]


def test_of_several_changes_each_is_shown_in_its_time() -> None:
    exchange = an_exchange()
    trade(exchange, 70_000, volume=100)
    request = placed(order(exchange, Side.BUY, 30, 70_000, clock="10:01")).request
    trade(exchange, 70_000, "10:02", volume=50)
    exchange.cancel(request.number, None, at("10:03"))

    seen = [
        exchange.orders_as_of(at(clock), TUESDAY, TUESDAY)[0]
        for clock in ("10:01", "10:01:59", "10:02", "10:02:59", "10:03")
    ]

    assert [(row.filled, row.cancelled, row.remaining) for row in seen] == [
        (10, 0, 20),
        (10, 0, 20),
        (15, 0, 15),
        (15, 0, 15),
        (15, 15, 0),
    ]


def test_a_balance_that_lags_lacks_the_shares_just_bought_and_keeps_the_cash() -> None:
    exchange = an_exchange(market=MarketRules(balance_lag_s=5))
    trade(exchange, 70_000)
    order(exchange, Side.BUY, 10, clock="10:01")

    before, after = exchange.account_shown(at("10:01:04")), exchange.account_shown(at("10:01:05"))

    assert (before.quantity(SAMSUNG), before.cash_d2) == (0, 10_000_000)
    assert (after.quantity(SAMSUNG), after.cash_d2) == (10, exchange.account.cash_d2)


def test_without_a_lag_the_living_rows_are_shown() -> None:
    exchange = an_exchange()
    trade(exchange, 70_000)
    request = placed(order(exchange, Side.BUY, 10, clock="10:01")).request

    assert exchange.account_shown(at("10:01")) is exchange.account
    assert exchange.orders_shown(at("10:01"), TUESDAY, TUESDAY)[0] is request


def test_a_lag_may_be_switched_on_during_the_day() -> None:
    exchange = an_exchange()
    trade(exchange, 70_000)
    order(exchange, Side.BUY, 10, clock="10:01")

    exchange.balance_lag = at("10:01") - at("10:00")

    assert exchange.account_shown(at("10:01:30")).quantity(SAMSUNG) == 0


def test_paper_may_refuse_to_sell_what_its_balance_does_not_show_yet() -> None:
    exchange = an_exchange(market=MarketRules(balance_lag_s=5, sells_what_the_balance_shows=True))
    trade(exchange, 70_000)
    order(exchange, Side.BUY, 10, clock="10:01")

    assert order(exchange, Side.SELL, 10, clock="10:01:03") is Refusal.NOT_ENOUGH_SHARES
    assert placed(order(exchange, Side.SELL, 10, clock="10:01:06")).request.filled == 10


def test_only_some_minutes_are_remembered() -> None:
    exchange = an_exchange(cash=1_000_000_000)
    trade(exchange, 70_000)
    for minute in range(60):
        order(exchange, Side.BUY, 1, clock=f"11:{minute:02d}")

    assert exchange.account_as_of(at("11:55:30")).quantity(SAMSUNG) == 56
    assert exchange.account_as_of(at("10:30")).quantity(SAMSUNG) >= 48
