"""Orders outside of the regular session: at a close that is known, and in the after-market."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest

from kis_daemon.domain.calendar import SessionPhase
from kis_daemon.domain.market import Market, Side
from kis_daemon.simulator.exchange import Exchange
from kis_daemon.simulator.market_rules import MarketRules
from kis_daemon.simulator.player import record_until
from kis_daemon.simulator.requests import REAL_RULES, EventKind, Hours, Placed, Refusal
from kis_daemon.simulator.sessions import trades_of
from tests.simulator.builders import (
    SAMSUNG,
    BarsBook,
    HandClock,
    a_bar,
    a_tick,
    an_exchange,
    at,
    order,
    placed,
    some_shares,
    the_calendar,
)
from tests.simulator.conftest import Served

REFORM = date(2026, 9, 14)
BEFORE = the_calendar().previous_trading_day(REFORM).date
LAST = {Side.BUY: 75_000, Side.SELL: 65_000}  # limits that any walk of the after-market stays within


def a_quiet_book(market: Market = Market.KOSPI) -> BarsBook:
    return BarsBook({SAMSUNG: [a_bar(day, 70_000, 71_000, 69_000, 70_500) for day in (BEFORE, REFORM)]}, market)


def after_the_close(market: Market = Market.KOSPI, bars_take_after_market: bool = False) -> Exchange:
    """Return an exchange at the end of the regular session of REFORM; the account holds 100 shares."""
    exchange = an_exchange(
        a_quiet_book(market),
        day=REFORM,
        rules=REAL_RULES,
        market=MarketRules(bars_take_after_market=bars_take_after_market),
        cash=10_000_000_000,
    )
    some_shares(exchange, 100)
    assert exchange.day is not None
    record_until(exchange, exchange.day, 30, exchange.day.closes_at)
    exchange.close_day()
    return exchange


def test_an_order_at_the_close_fills_at_the_close_from_twenty_to_four_on() -> None:
    exchange = after_the_close()
    sale = placed(order(exchange, Side.SELL, 10, division="06", clock="15:31", day=REFORM)).request

    assert exchange.trade_late(Hours.AT_CLOSE, at("15:39", REFORM)) == ()
    (filled,) = exchange.trade_late(Hours.AT_CLOSE, at("15:40", REFORM))

    assert (filled.kind, filled.quantity, filled.price) == (EventKind.FILLED, 10, 70_500)
    assert (sale.costs.tax, exchange.account.quantity(SAMSUNG)) == (10 * 70_500 // 500, 90)


def test_orders_at_the_close_share_its_trades_by_their_time() -> None:
    exchange = after_the_close()
    first, second = (
        placed(order(exchange, Side.BUY, 500, division="06", clock="15:31", day=REFORM)).request for _ in range(2)
    )

    filled = []
    for minute in range(40, 44):
        exchange.trade_late(Hours.AT_CLOSE, at(f"15:{minute}", REFORM))
        filled.append((first.filled, second.filled))

    assert filled == [(300, 0), (500, 100), (500, 400), (500, 500)]


def test_nobody_sells_at_a_close_at_the_upper_limit() -> None:
    bars = [a_bar(BEFORE, 70_000, 70_000, 70_000, 70_000), a_bar(REFORM, 91_000, 91_000, 91_000, 91_000)]
    exchange = an_exchange(BarsBook({SAMSUNG: bars}), day=REFORM, rules=REAL_RULES)
    some_shares(exchange, 5)
    assert exchange.day is not None
    record_until(exchange, exchange.day, 30, exchange.day.closes_at)
    exchange.close_day()
    buy = placed(order(exchange, Side.BUY, 5, division="06", clock="15:35", day=REFORM)).request
    sale = placed(order(exchange, Side.SELL, 5, division="06", clock="15:36", day=REFORM)).request

    exchange.trade_late(Hours.AT_CLOSE, at("15:50", REFORM))

    assert (buy.filled, sale.filled) == (0, 5)


def test_an_order_before_the_open_fills_at_the_close_of_the_day_before() -> None:
    exchange = an_exchange(a_quiet_book(), day=REFORM, rules=REAL_RULES)
    buy = placed(order(exchange, Side.BUY, 10, division="05", clock="08:35", day=REFORM)).request

    exchange.trade_late(Hours.BEFORE_OPEN, at("08:36", REFORM))

    assert (buy.filled, buy.amount) == (10, 10 * 70_500)
    assert exchange.boards[SAMSUNG].trades == 0


@pytest.mark.parametrize("side", list(Side))
def test_a_marketable_order_of_the_after_market_fills_at_its_touch_at_once(side: Side) -> None:
    exchange = after_the_close()

    request = placed(order(exchange, side, 10, LAST[side], division="41", clock="17:00", day=REFORM)).request

    book = exchange.late_book(Hours.AFTER_MARKET, SAMSUNG, at("17:00", REFORM))
    assert (request.filled, request.amount) == (10, 10 * (book.ask if side is Side.BUY else book.bid))


def test_an_order_of_the_after_market_rests_until_its_price_comes() -> None:
    exchange = after_the_close()
    assert exchange.day is not None
    moments = trades_of(Hours.AFTER_MARKET, exchange.day, reformed=True)
    lowest = min(exchange.late_book(Hours.AFTER_MARKET, SAMSUNG, moments[-1]).tape, key=lambda made: made[1].ask)
    exchange = after_the_close()
    request = placed(order(exchange, Side.BUY, 1, lowest[1].ask, division="41", clock="16:00", day=REFORM)).request

    for moment in moments:
        exchange.trade_late(Hours.AFTER_MARKET, moment)
        assert (request.filled == 1) is (moment >= lowest[0])


@pytest.mark.parametrize(("division", "filled", "cancelled"), [("42", 300, 700), ("43", 0, 1000), ("45", 300, 700)])
def test_impatient_orders_of_the_after_market_do_not_wait(division: str, filled: int, cancelled: int) -> None:
    exchange = after_the_close()
    price = 75_000 if division != "45" else 0

    request = placed(order(exchange, Side.BUY, 1000, price, division=division, clock="16:05", day=REFORM)).request

    assert (request.filled, request.cancelled, request.is_open) == (filled, cancelled, False)


@pytest.mark.parametrize("division", ["41", "42", "44", "47"])
def test_funds_do_not_trade_in_the_after_market(division: str) -> None:
    exchange = after_the_close(Market.ETF)
    price = 70_000 if division in ("41", "42") else 0

    result = order(exchange, Side.BUY, 1, price, division=division, clock="16:30", day=REFORM)

    assert result is Refusal.WRONG_DIVISION


def test_the_after_market_keeps_the_limits_of_the_day() -> None:
    exchange = after_the_close()
    upper = exchange.boards[SAMSUNG].upper

    beyond = order(exchange, Side.BUY, 1, upper + 100, division="41", clock="16:30", day=REFORM)

    assert beyond is Refusal.BEYOND_LIMITS
    assert isinstance(order(exchange, Side.BUY, 1, upper, division="41", clock="16:30", day=REFORM), Placed)


def test_an_order_of_the_after_market_is_changed_within_its_own_hours_alone() -> None:
    exchange = after_the_close()
    request = placed(order(exchange, Side.BUY, 1, 60_000, division="41", clock="16:30", day=REFORM)).request
    when = at("16:40", REFORM)

    assert exchange.modify(request.number, division="00", quantity=None, price=60_000, at=when) is Refusal.AFTER_HOURS
    moved = placed(exchange.modify(request.number, division="41", quantity=None, price=75_000, at=when)).request

    assert (request.cancelled, moved.filled) == (1, 1)


def test_the_after_market_changes_neither_close_nor_bar() -> None:
    exchange = after_the_close()
    board = exchange.boards[SAMSUNG]
    before = board.bar_so_far(), board.price, board.taken

    order(exchange, Side.BUY, 10, 75_000, division="41", clock="18:00", day=REFORM)
    exchange.late_book(Hours.AFTER_MARKET, SAMSUNG, at("20:00", REFORM))

    assert (board.bar_so_far(), board.price, board.taken) == before
    assert exchange.bar_at(SAMSUNG, board.bar_so_far(), at("20:00", REFORM)) == before[0]


def test_by_the_switch_charts_count_the_after_market_in_on_both_sides_of_midnight() -> None:
    exchange = after_the_close(bars_take_after_market=True)
    bar = exchange.boards[SAMSUNG].bar_so_far()
    late = exchange.late_book(Hours.AFTER_MARKET, SAMSUNG, at("20:00", REFORM))

    assert exchange.bar_at(SAMSUNG, bar, at("15:59", REFORM)) == bar
    shown = exchange.bar_at(SAMSUNG, bar, at("20:00", REFORM))

    assert (shown.close, shown.volume) == (late.price, bar.volume + late.volume)
    assert (shown.high, shown.low) == (max(bar.high, late.high), min(bar.low, late.low))
    tomorrow = the_calendar().next_trading_day(REFORM)
    exchange.show(tomorrow)
    assert exchange.chart(SAMSUNG, REFORM, REFORM, adjusted=False) == (shown,)


async def test_the_hours_are_played_by_the_clock_and_end_with_it(served: Served) -> None:
    clock = HandClock(at("16:10", REFORM))
    async with served(clock=clock, book=a_quiet_book(), profile="real") as client:
        near = (await client.buy(1, 75_000, ORD_DVSN="41"))["output"]["ODNO"]
        far = (await client.buy(1, 60_000, ORD_DVSN="41"))["output"]["ODNO"]
        await clock.move_to(at("20:00", REFORM))
        day = {"INQR_STRT_DT": "20260914", "INQR_END_DT": "20260914"}
        rows = {row["odno"]: row for row in (await client.listing(**day))[1]["output1"]}

        assert (rows[near]["tot_ccld_qty"], rows[far]["rmn_qty"]) == ("1", "1")
        assert not client.sim.exchange.orders.waiting_aside(Hours.AFTER_MARKET)
        assert client.sim.exchange.account.held_back == 0


async def test_what_was_taken_at_the_close_stays_taken_over_a_restart(served: Served, tmp_path: Path) -> None:
    path = tmp_path / "state.json"
    clock = HandClock(at("15:35", REFORM))
    async with served(clock=clock, book=a_quiet_book(), profile="real", state_path=path, cash=10**11) as client:
        await client.buy(5_000, ORD_DVSN="06")
        await clock.move_to(at("15:45", REFORM))
        assert client.sim.exchange.account.quantity(SAMSUNG) == 6 * 300

    clock = HandClock(at("15:45:30", REFORM))
    async with served(clock=clock, book=a_quiet_book(), profile="real", state_path=path) as client:
        await clock.move_to(at("15:46", REFORM))
        assert client.sim.exchange.account.quantity(SAMSUNG) == 7 * 300


@pytest.mark.parametrize(
    ("side", "division", "ask", "bid", "filled"),
    [
        (Side.BUY, "21", 70_100, 70_000, 5),  # the last trade sold at the bid
        (Side.BUY, "23", 70_000, 69_900, 0),  # the last trade took the ask: nobody sells in the middle
        (Side.SELL, "24", 70_000, 69_900, 5),
        (Side.SELL, "23", 70_100, 70_000, 0),
    ],
)
def test_a_middle_price_meets_who_would_have_traded_at_the_other_side(
    side: Side, division: str, ask: int, bid: int, filled: int
) -> None:
    exchange = an_exchange(a_quiet_book(), day=REFORM, rules=REAL_RULES)
    some_shares(exchange, 5)
    _trade(exchange, 70_000, ask, bid, "09:30")

    request = placed(order(exchange, side, 5, division=division, day=REFORM)).request

    assert (request.filled, request.amount) == (filled, filled * ((ask + bid) // 2))
    assert request.is_open is False


def test_a_middle_price_waits_and_follows_the_touch_but_not_into_an_auction() -> None:
    exchange = an_exchange(a_quiet_book(), day=REFORM, rules=REAL_RULES)
    _trade(exchange, 70_000, 70_000, 69_900, "09:30")
    request = placed(order(exchange, Side.BUY, 5, division="21", day=REFORM)).request

    _trade(exchange, 70_200, 70_200, 70_100, "10:30")
    assert request.filled == 0
    _trade(exchange, 70_400, 70_500, 70_400, "15:30", SessionPhase.CLOSING_AUCTION)
    assert request.filled == 0
    _trade(exchange, 70_400, 70_500, 70_400, "11:30")

    assert (request.filled, request.amount) == (5, 5 * 70_450)


def _trade(
    exchange: Exchange, price: int, ask: int, bid: int, clock: str, phase: SessionPhase = SessionPhase.REGULAR
) -> None:
    exchange.on_tick(SAMSUNG, a_tick(price, ask=ask, bid=bid), at(clock, REFORM), phase)
