"""What an operator or a fault does to the market and to the account, and what a client then meets."""

from __future__ import annotations

import pytest

from kis_daemon.domain.calendar import SessionPhase
from kis_daemon.domain.market import Side, Symbol
from kis_daemon.simulator.market_rules import Designation
from kis_daemon.simulator.player import programme
from kis_daemon.simulator.requests import REAL_RULES, Channel, EventKind, Placed, Refusal, RequestKind
from tests.simulator.builders import (
    HYNIX,
    SAMSUNG,
    TUESDAY,
    a_book,
    a_week,
    an_exchange,
    at,
    order,
    placed,
    some_shares,
    trade,
)

CLOSING = SessionPhase.CLOSING_AUCTION


def test_a_halted_symbol_neither_trades_nor_takes_orders_but_lets_them_go() -> None:
    exchange = an_exchange()
    trade(exchange, 70_000)
    first = placed(order(exchange, Side.BUY, 5, 69_000)).request
    second = placed(order(exchange, Side.BUY, 5, 69_000)).request

    exchange.halt(SAMSUNG)

    assert trade(exchange, 68_000, "10:05") == 0
    assert exchange.boards[SAMSUNG].price == 70_000
    assert order(exchange, Side.BUY, 1, 69_000) is Refusal.BLOCKED
    assert exchange.modify(first.number, division="00", quantity=None, price=69_100, at=at("10:06")) is Refusal.BLOCKED
    assert isinstance(exchange.cancel(first.number, None, at("10:06")), Placed)
    assert isinstance(order(exchange, Side.BUY, 1, 150_000, symbol=HYNIX), Placed)

    exchange.resume(SAMSUNG)

    assert trade(exchange, 68_000, "10:10") == second.quantity


def test_a_halt_lasts_over_days_until_it_is_lifted() -> None:
    exchange = an_exchange()
    trade(exchange, 70_000)
    exchange.halt(SAMSUNG)
    exchange.close_day()
    following = exchange.calendar.next_trading_day(TUESDAY)
    exchange.open_day(following)

    assert order(exchange, Side.BUY, 1, 70_000, day=following.date) is Refusal.BLOCKED
    exchange.resume(SAMSUNG)
    assert isinstance(order(exchange, Side.BUY, 1, 70_000, day=following.date), Placed)


def test_a_day_that_was_halted_stands_in_the_chart_as_it_was_traded() -> None:
    exchange = an_exchange()
    trade(exchange, 70_000, volume=700)
    exchange.halt(SAMSUNG)
    trade(exchange, 71_000, "10:05", volume=900)
    exchange.close_day()
    following = exchange.calendar.next_trading_day(TUESDAY)
    exchange.open_day(following)

    (bar,) = exchange.chart(SAMSUNG, TUESDAY, TUESDAY, adjusted=True)

    assert (bar.open, bar.close, bar.volume) == (70_000, 70_000, 700)
    assert exchange.boards[SAMSUNG].base == 70_000


def test_a_halt_ends_an_interruption_without_a_price() -> None:
    exchange = an_exchange()
    trade(exchange, 70_000)
    exchange.trigger_vi(SAMSUNG, at("10:05"))

    exchange.halt(SAMSUNG)

    assert exchange.interrupted() == []
    assert exchange.boards[SAMSUNG].halted


def test_a_gap_moves_the_rest_of_the_day_and_the_next_base_price() -> None:
    exchange = an_exchange()
    trade(exchange, 70_000)
    some_shares(exchange, 10)
    exchange.shift(SAMSUNG, -20)

    trade(exchange, 70_000, "10:05")
    sale = placed(order(exchange, Side.SELL, 10, clock="10:06")).request
    exchange.close_day()
    exchange.open_day(exchange.calendar.next_trading_day(TUESDAY))

    assert sale.amount == 10 * 55_900
    assert exchange.boards[SAMSUNG].base == 56_000


def test_a_gap_stops_at_the_limit_and_nobody_bids_there() -> None:
    exchange = an_exchange()
    trade(exchange, 70_000)
    board = exchange.boards[SAMSUNG]
    exchange.shift(SAMSUNG, -45)

    trade(exchange, 70_000, "10:05")

    assert (board.price, board.bid) == (board.lower, 0)


def test_an_order_the_exchange_rejects_keeps_its_number_and_its_row() -> None:
    exchange = an_exchange()
    trade(exchange, 70_000)
    exchange.reject_next()

    result = placed(order(exchange, Side.BUY, 7, 70_000))

    row = result.request
    assert [event.kind for event in result.events] == [EventKind.REJECTED]
    assert (row.quantity, row.filled, row.remaining, row.cancelled, row.rejected) == (7, 0, 0, 0, 7)
    assert (exchange.account.held_back, row.is_open) == (0, False)
    assert exchange.orders.between(TUESDAY, TUESDAY) == [row]
    assert placed(order(exchange, Side.BUY, 7, 70_000)).request.filled == 7  # once only


@pytest.mark.parametrize("kind", [RequestKind.CANCEL, RequestKind.MODIFY])
def test_a_change_the_exchange_rejects_leaves_the_order_as_it_was(kind: RequestKind) -> None:
    exchange = an_exchange()
    trade(exchange, 70_000)
    exchange.reject_next(kind, SAMSUNG)
    original = placed(order(exchange, Side.BUY, 7, 69_000)).request
    held = exchange.account.held_back

    if kind is RequestKind.CANCEL:
        result = placed(exchange.cancel(original.number, None, at("10:05")))
    else:
        result = placed(exchange.modify(original.number, division="00", quantity=None, price=69_500, at=at("10:05")))

    assert [event.kind for event in result.events] == [EventKind.REJECTED]
    assert (result.request.original, result.request.rejected) == (original.number, 7)
    assert (original.remaining, original.is_open, exchange.account.held_back) == (7, True, held)


def test_a_persons_own_trade_is_a_row_of_the_same_account() -> None:
    exchange = an_exchange()
    trade(exchange, 70_000)
    some_shares(exchange, 10)

    by_hand = placed(
        exchange.submit(
            side=Side.SELL,
            symbol=SAMSUNG,
            division="01",
            quantity=4,
            price=0,
            at=at("10:05"),
            channel=Channel.SCREEN,
        )
    ).request
    ours = placed(order(exchange, Side.SELL, 6, clock="10:06")).request

    assert (by_hand.channel, ours.channel, ours.number) == (Channel.SCREEN, Channel.API, by_hand.number + 1)
    assert exchange.sellable(SAMSUNG) == 0


def test_money_paid_in_can_be_spent_at_once() -> None:
    exchange = an_exchange(cash=0)
    trade(exchange, 70_000)
    assert order(exchange, Side.BUY, 1, 70_000) is Refusal.NOT_ENOUGH_CASH

    assert exchange.transfer(100_000, at("10:01")) == 100_000

    assert placed(order(exchange, Side.BUY, 1, 70_000)).request.filled == 1


def test_the_proceeds_of_a_sale_cannot_be_withdrawn_before_they_settle() -> None:
    exchange = an_exchange(cash=50_000)
    some_shares(exchange, 10, price=0)
    trade(exchange, 70_000)
    order(exchange, Side.SELL, 10)

    assert exchange.account.spendable > 700_000
    assert exchange.account.withdrawable == 50_000
    assert exchange.transfer(-50_001, at("10:05")) is Refusal.NOT_ENOUGH_CASH
    assert exchange.transfer(-50_000, at("10:05")) == 0


def test_what_was_bought_but_not_paid_yet_cannot_be_withdrawn() -> None:
    exchange = an_exchange(cash=1_000_000)
    trade(exchange, 70_000)
    order(exchange, Side.BUY, 10)

    assert (exchange.account.cash, exchange.account.withdrawable) == (1_000_000, exchange.account.cash_d2)


def test_a_liquidation_has_no_limits_and_a_single_price_every_half_hour() -> None:
    exchange = an_exchange(a_book(s005930=a_week(15_000)), rules=REAL_RULES)
    exchange.designate(SAMSUNG, Designation.LIQUIDATION)
    following = exchange.calendar.next_trading_day(TUESDAY)
    exchange.open_day(following)

    played = [tick for tick in programme(exchange, following, 30) if tick.symbol == SAMSUNG]

    assert {(t.at.minute, t.at.second) for t in played[1:-1]} == {(0, 0), (30, 0)}
    assert {t.phase for t in played} == {SessionPhase.OPENING_AUCTION, CLOSING}
    day = following.date
    assert isinstance(order(exchange, Side.BUY, 1, 3_000, day=day), Placed)
    assert order(exchange, Side.BUY, 1, 15_000, division="11", day=day) is Refusal.WRONG_DIVISION
    waiting = placed(order(exchange, Side.BUY, 1, 15_000, day=day)).request
    assert trade(exchange, 12_000, "10:30", bid=12_000, phase=SessionPhase.OPENING_AUCTION, day=day) == 1
    assert waiting.amount == 12_000


@pytest.mark.parametrize(
    ("designation", "status", "warning"),
    [
        (Designation.ORDINARY, "55", "00"),
        (Designation.ADMINISTRATIVE, "51", "00"),
        (Designation.CAUTION, "54", "01"),
        (Designation.WARNING, "53", "02"),
        (Designation.RISK, "52", "03"),
        (Designation.OVERHEATED, "59", "00"),
    ],
)
def test_a_designation_shows_its_codes(designation: Designation, status: str, warning: str) -> None:
    exchange = an_exchange()
    exchange.designate(SAMSUNG, designation)

    view = exchange.listing(SAMSUNG, at("10:00"))

    assert view is not None
    assert (view.status_code, view.warning_code) == (status, warning)
    assert view.under_administration is (designation is Designation.ADMINISTRATIVE)


def test_a_halt_is_what_the_status_tells_first() -> None:
    exchange = an_exchange()
    exchange.designate(SAMSUNG, Designation.ADMINISTRATIVE)
    exchange.halt(SAMSUNG)

    view = exchange.listing(SAMSUNG, at("10:00"))

    assert view is not None
    assert (view.status_code, view.halted, view.under_administration) == ("58", True, True)


def test_a_command_names_a_listed_symbol() -> None:
    with pytest.raises(KeyError, match="expected a listed one"):
        an_exchange().halt(Symbol("999999"))
