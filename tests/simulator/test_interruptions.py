"""Volatility interruptions: what calls one, what it keeps back, and how it ends."""

from __future__ import annotations

from datetime import timedelta

import pytest

from kis_daemon.domain.calendar import SessionPhase
from kis_daemon.domain.market import Side, Won
from kis_daemon.simulator.exchange import Exchange
from kis_daemon.simulator.interruptions import Interruption, InterruptionKind, random_end
from kis_daemon.simulator.listing_view import AuctionCode
from kis_daemon.simulator.market_rules import MarketRules
from kis_daemon.simulator.requests import REAL_RULES, Placed, Refusal
from tests.simulator.builders import (
    HYNIX,
    SAMSUNG,
    TUESDAY,
    a_bar,
    a_day_of,
    a_tick,
    an_exchange,
    at,
    order,
    placed,
    some_shares,
    trade,
)

WATCHED = MarketRules(interruptions=True)
OPENING, CLOSING = SessionPhase.OPENING_AUCTION, SessionPhase.CLOSING_AUCTION


def a_watched_exchange() -> Exchange:
    """Return an exchange that has opened at 70,000, where its base price is 70,500."""
    exchange = an_exchange(rules=REAL_RULES, market=WATCHED)
    trade(exchange, 70_000, "09:00:01", phase=OPENING)
    return exchange


def ends_at(exchange: Exchange) -> str:
    return f"{exchange.interrupted()[0][0]:%H:%M:%S}"


@pytest.mark.parametrize(
    ("price", "kind"),
    [
        (72_000, None),
        (72_100, InterruptionKind.DYNAMIC),
        (67_900, InterruptionKind.DYNAMIC),
        (77_000, InterruptionKind.BOTH),
        (63_000, InterruptionKind.BOTH),
    ],
)
def test_a_trade_three_percent_from_the_last_one_interrupts(price: Won, kind: InterruptionKind | None) -> None:
    exchange = a_watched_exchange()

    trade(exchange, price)

    assert exchange.boards[SAMSUNG].in_vi is (kind is not None)
    assert [record.kind for record in exchange.interruptions.records] == ([kind] if kind else [])


def test_small_steps_interrupt_once_they_are_ten_percent_from_the_single_price() -> None:
    exchange = a_watched_exchange()
    for step, price in enumerate((71_500, 73_000, 74_500, 76_000)):
        trade(exchange, price, f"10:0{step}")
    assert not exchange.boards[SAMSUNG].in_vi

    trade(exchange, 77_000, "10:05")

    (record,) = exchange.interruptions.records
    assert (record.kind, record.reference, record.price, record.last_price) == (
        InterruptionKind.STATIC,
        70_000,
        77_000,
        76_000,
    )


def test_the_first_trade_is_measured_from_the_base_price_alone() -> None:
    exchange = an_exchange(market=WATCHED)

    trade(exchange, 77_500, "09:00:01", phase=OPENING)  # 9.9 % above 70,500
    assert exchange.boards[SAMSUNG].open == 77_500

    other = an_exchange(market=WATCHED)
    trade(other, 77_600, "09:00:01", phase=OPENING)
    assert (other.boards[SAMSUNG].in_vi, other.boards[SAMSUNG].trades) == (True, 0)


def test_the_closing_auction_allows_two_thirds_of_the_distance() -> None:
    exchange = a_watched_exchange()

    trade(exchange, 71_400, "15:30", phase=CLOSING)

    assert exchange.boards[SAMSUNG].in_vi
    assert at("15:32") <= exchange.interrupted()[0][0] <= at("15:32:30")


def test_a_listing_may_have_a_distance_of_its_own() -> None:
    exchange = a_watched_exchange()
    exchange.boards[SAMSUNG].interrupts_pct = 6

    trade(exchange, 74_100)
    assert not exchange.boards[SAMSUNG].in_vi
    trade(exchange, 69_600)
    assert exchange.boards[SAMSUNG].in_vi


def test_a_break_in_the_series_beyond_the_limits_is_no_interruption() -> None:
    exchange = a_watched_exchange()

    trade(exchange, 14_000)

    assert not exchange.boards[SAMSUNG].in_vi


def test_without_the_switch_nothing_interrupts() -> None:
    exchange = an_exchange()
    trade(exchange, 70_000)

    trade(exchange, 90_000)

    assert exchange.boards[SAMSUNG].price == 90_000


def test_the_auction_lasts_two_minutes_and_at_most_thirty_seconds_drawn_from_the_seed() -> None:
    drawn = [random_end(seed, SAMSUNG, at("10:00")) for seed in range(300)]

    assert (min(drawn), max(drawn)) == (timedelta(0), timedelta(seconds=30))
    assert drawn == [random_end(seed, SAMSUNG, at("10:00")) for seed in range(300)]
    assert drawn != [random_end(seed, HYNIX, at("10:00")) for seed in range(300)]


def test_the_trade_that_went_too_far_is_the_single_price_of_the_end() -> None:
    exchange = a_watched_exchange()
    resting = placed(order(exchange, Side.BUY, 10, 68_500)).request
    assert trade(exchange, 67_000) == 0
    board = exchange.boards[SAMSUNG]
    assert (board.price, board.trades) == (70_000, 1)

    when = exchange.interrupted()[0][0]
    events = exchange.release(SAMSUNG, when)

    assert [(e.quantity, e.price) for e in events] == [(10, 67_000)]
    assert (resting.amount, board.price, board.in_vi, board.reference) == (670_000, 67_000, False, 67_000)
    assert exchange.release(SAMSUNG, when) == ()


def test_trades_during_the_auction_move_its_price_and_add_their_shares() -> None:
    exchange = a_watched_exchange()
    trade(exchange, 73_000, volume=500)
    trade(exchange, 72_500, "10:01", volume=300)

    view = exchange.listing(SAMSUNG, at("10:01:30"))
    exchange.release(SAMSUNG, exchange.interrupted()[0][0])

    assert view is not None
    assert view.expected is not None
    assert (view.expected.code, view.expected.price, view.expected.volume) == (AuctionCode.INTERRUPTION, 72_500, 800)
    assert (view.in_vi, view.hour_code) == (True, "C")
    assert (exchange.boards[SAMSUNG].price, exchange.boards[SAMSUNG].volume) == (72_500, 100_800)


@pytest.mark.parametrize("division", ["11", "12", "13", "14", "15", "16", "03", "04"])
def test_what_cannot_wait_for_a_single_price_is_refused_during_it(division: str) -> None:
    exchange = a_watched_exchange()
    trade(exchange, 73_000)

    price = 70_000 if division in ("11", "12") else 0

    assert order(exchange, Side.BUY, 1, price, division=division) is Refusal.WRONG_DIVISION


def test_a_market_order_joins_the_auction_and_waits_for_it() -> None:
    exchange = a_watched_exchange()
    some_shares(exchange, 5)
    trade(exchange, 67_000)

    sale = placed(order(exchange, Side.SELL, 5)).request
    assert sale.filled == 0
    exchange.release(SAMSUNG, exchange.interrupted()[0][0])

    assert sale.amount == 5 * 67_000


def test_an_order_may_be_cancelled_and_modified_during_it() -> None:
    exchange = a_watched_exchange()
    first = placed(order(exchange, Side.BUY, 5, 68_000)).request
    second = placed(order(exchange, Side.BUY, 5, 68_000)).request
    trade(exchange, 67_500, "10:05")

    assert isinstance(exchange.cancel(first.number, None, at("10:06")), Placed)
    moved = exchange.modify(second.number, division="00", quantity=None, price=67_000, at=at("10:06"))
    assert isinstance(moved, Placed)
    assert exchange.release(SAMSUNG, exchange.interrupted()[0][0]) == ()  # 67,500 is above the new limit


def test_an_interruption_near_the_closing_auction_ends_in_its_price() -> None:
    exchange = a_watched_exchange()
    trade(exchange, 73_000, "15:19", volume=400)
    assert ends_at(exchange) == "15:20:00"

    exchange.release(SAMSUNG, at("15:20"))
    board = exchange.boards[SAMSUNG]
    assert (board.price, board.in_vi) == (70_000, False)
    trade(exchange, 72_800, "15:30", volume=600, phase=CLOSING)

    assert (board.price, board.volume, board.in_vi) == (72_800, 101_000, False)


def test_an_interruption_by_command_lets_what_crosses_trade_at_its_end() -> None:
    exchange = an_exchange()
    trade(exchange, 70_000)
    begun: list[Interruption] = []
    exchange.on_interruption = begun.append

    assert exchange.trigger_vi(SAMSUNG, at("10:05"))
    request = placed(order(exchange, Side.BUY, 3, clock="10:06")).request
    assert request.filled == 0
    exchange.release(SAMSUNG, begun[0].ends_at)

    assert (request.amount, begun[0].count) == (210_000, 1)


@pytest.mark.parametrize("clock", ["08:59", "15:20", "15:25"])
def test_a_command_interrupts_continuous_trading_only(clock: str) -> None:
    exchange = an_exchange()

    assert not exchange.trigger_vi(SAMSUNG, at(clock))
    assert exchange.interrupted() == []


def test_a_market_that_opens_at_its_upper_limit_opens_two_minutes_late_and_stays_locked() -> None:
    upper = 91_000
    exchange = an_exchange(a_day_of(a_bar(TUESDAY, upper, upper, upper, upper)), rules=REAL_RULES, market=WATCHED)
    request = placed(order(exchange, Side.BUY, 5, upper, clock="08:40")).request
    exchange.on_tick(SAMSUNG, a_tick(upper, ask=0), at("09:00:01"), OPENING)

    exchange.release(SAMSUNG, exchange.interrupted()[0][0])

    assert (exchange.boards[SAMSUNG].open, request.filled) == (upper, 0)
    exchange.on_tick(SAMSUNG, a_tick(upper, ask=0), at("09:30"), SessionPhase.REGULAR)
    assert not exchange.boards[SAMSUNG].in_vi
