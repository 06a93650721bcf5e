"""Which order type is taken when, what an auction expects, and what ends with its hours."""

from __future__ import annotations

from datetime import date

import pytest

from kis_daemon.domain.calendar import SessionPhase
from kis_daemon.domain.market import Side, Won
from kis_daemon.simulator.listing_view import AuctionCode
from kis_daemon.simulator.market_rules import MarketRules
from kis_daemon.simulator.player import programme
from kis_daemon.simulator.requests import PAPER_RULES, REAL_RULES, Hours, HouseRules, Placed, Refusal
from tests.simulator.builders import (
    SAMSUNG,
    TUESDAY,
    BarsBook,
    a_bar,
    a_week,
    an_exchange,
    at,
    order,
    placed,
    some_shares,
    the_calendar,
    trade,
)

REFORM = date(2026, 9, 14)
BEFORE_REFORM = the_calendar().previous_trading_day(REFORM).date


def a_quiet_book(*days: date) -> BarsBook:
    return BarsBook({SAMSUNG: [a_bar(day, 70_000, 71_000, 69_000, 70_500) for day in days]})


@pytest.mark.parametrize(
    ("division", "clock", "refusal"),
    [
        ("05", "08:29", Refusal.WRONG_DIVISION),
        ("05", "08:30", None),
        ("05", "08:39", None),
        ("05", "08:40", Refusal.WRONG_DIVISION),
        ("06", "15:29", Refusal.WRONG_DIVISION),
        ("06", "15:30", None),
        ("06", "15:59", None),
        ("06", "16:00", Refusal.WRONG_DIVISION),
        ("41", "15:59", Refusal.WRONG_DIVISION),
        ("41", "16:00", None),
        ("44", "19:59", None),
        ("47", "17:00", None),
        ("41", "20:00", Refusal.WRONG_DIVISION),
        ("00", "16:30", Refusal.AFTER_HOURS),
        ("01", "16:30", Refusal.AFTER_HOURS),
        ("07", "16:30", Refusal.AFTER_HOURS),
    ],
)
def test_each_order_type_has_its_hours(division: str, clock: str, refusal: Refusal | None) -> None:
    exchange = an_exchange(a_quiet_book(BEFORE_REFORM, REFORM), day=REFORM, rules=REAL_RULES)
    price = 70_000 if division in ("00", "41") else 0

    result = order(exchange, Side.BUY, 1, price, division=division, clock=clock, day=REFORM)

    assert result is refusal if refusal is not None else isinstance(result, Placed)


@pytest.mark.parametrize(
    ("day", "reformed", "taken"),
    [(BEFORE_REFORM, None, False), (REFORM, None, True), (BEFORE_REFORM, True, True), (REFORM, False, False)],
)
def test_the_after_market_is_there_since_the_reform_or_by_the_switch(
    day: date, reformed: bool | None, *, taken: bool
) -> None:
    before = the_calendar().previous_trading_day(day).date
    exchange = an_exchange(a_quiet_book(before, day), day=day, rules=REAL_RULES, reformed=reformed)

    result = order(exchange, Side.BUY, 1, 70_000, division="41", clock="17:00", day=day)

    assert isinstance(result, Placed) is taken


@pytest.mark.parametrize("division", ["05", "06", "11", "41", "44"])
def test_paper_takes_the_types_of_the_regular_session_only(division: str) -> None:
    exchange = an_exchange(a_quiet_book(BEFORE_REFORM, REFORM), day=REFORM, rules=PAPER_RULES)
    clock = {"05": "08:35", "06": "15:40", "11": "10:00"}.get(division, "17:00")

    assert order(exchange, Side.BUY, 1, 70_000, division=division, clock=clock, day=REFORM) is Refusal.WRONG_DIVISION


def test_an_after_market_order_rests_holds_its_cash_and_expires_with_its_hours() -> None:
    exchange = an_exchange(a_quiet_book(BEFORE_REFORM, REFORM), day=REFORM, rules=REAL_RULES)
    trade(exchange, 70_500, "15:30", phase=SessionPhase.CLOSING_AUCTION, day=REFORM)
    exchange.close_day()
    request = placed(order(exchange, Side.BUY, 3, 70_000, division="41", clock="16:10", day=REFORM)).request

    assert (request.is_open, exchange.account.held_back > 0) == (True, True)
    exchange.end_hours((Hours.AFTER_MARKET,))

    assert (request.remaining, request.is_open, exchange.account.held_back) == (3, False, 0)


def test_an_order_after_the_close_may_be_cancelled_while_its_hours_last() -> None:
    exchange = an_exchange(rules=REAL_RULES)
    some_shares(exchange, 5)
    exchange.close_day()
    request = placed(order(exchange, Side.SELL, 5, division="06", clock="15:35")).request
    assert exchange.sellable(SAMSUNG) == 0

    assert isinstance(exchange.cancel(request.number, None, at("15:50")), Placed)

    assert exchange.sellable(SAMSUNG) == 5


def test_an_impatient_after_market_order_lapses_at_once() -> None:
    exchange = an_exchange(a_quiet_book(BEFORE_REFORM, REFORM), day=REFORM, rules=REAL_RULES)

    request = placed(order(exchange, Side.BUY, 3, 70_000, division="42", clock="16:10", day=REFORM)).request

    assert (request.cancelled, exchange.account.held_back) == (3, 0)


def test_the_regular_sessions_trades_do_not_fill_orders_of_other_hours() -> None:
    exchange = an_exchange(rules=REAL_RULES, market=MarketRules(random_close=True))
    request = placed(order(exchange, Side.BUY, 3, division="05", clock="08:35")).request

    assert trade(exchange, 70_000, "09:00:01", phase=SessionPhase.OPENING_AUCTION) == 0
    assert request.remaining == 3


@pytest.mark.parametrize(("rules", "first"), [(PAPER_RULES, "10:00"), (REAL_RULES, "09:30")])
def test_hours_move_with_a_late_opening(rules: HouseRules, first: str) -> None:
    day = date(2024, 11, 14)  # the day of the university entrance examination: 10:00 to 16:30
    before = the_calendar().previous_trading_day(day).date
    exchange = an_exchange(a_quiet_book(before, day), day=day, rules=rules)

    early = f"{int(first[:2]) - 1:02d}:{int(first[3:]) + 29:02d}"
    assert order(exchange, Side.BUY, 1, 70_000, clock=early, day=day) is Refusal.BEFORE_HOURS
    assert isinstance(order(exchange, Side.BUY, 1, 70_000, clock=first, day=day), Placed)
    assert isinstance(order(exchange, Side.BUY, 1, 70_000, clock="16:29", day=day), Placed)
    assert order(exchange, Side.BUY, 1, 70_000, clock="16:30", day=day) is Refusal.AFTER_HOURS


def test_a_random_close_makes_its_price_up_to_thirty_seconds_late_and_takes_orders_until_then() -> None:
    exchange = an_exchange(market=MarketRules(random_close=True), seed=2)
    day = exchange.day
    assert day is not None
    price_at = exchange.closing_price_at(SAMSUNG, day)
    assert at("15:30") < price_at <= at("15:30:30")

    last = [tick for tick in programme(exchange, day, 30) if tick.symbol == SAMSUNG][-1]

    assert (last.at, last.phase) == (price_at, SessionPhase.CLOSING_AUCTION)
    assert isinstance(order(exchange, Side.BUY, 1, 70_000, clock="15:30"), Placed)
    assert order(exchange, Side.BUY, 1, 70_000, clock=f"{price_at:%H:%M:%S}") is Refusal.AFTER_HOURS


@pytest.mark.parametrize(
    ("clock", "code", "hour_code", "price"),
    [
        ("08:30", AuctionCode.OPENING, "B", 70_500),
        ("08:45", AuctionCode.OPENING, "B", 70_300),
        ("08:59:59", AuctionCode.OPENING, "B", 70_000),
        ("10:00", None, "0", 0),
        ("15:20", AuctionCode.CLOSING, "A", 70_500),
        ("15:29:59", AuctionCode.CLOSING, "A", 70_500),
    ],
)
def test_an_auction_expects_a_price_that_walks_to_its_single_price(
    clock: str, code: AuctionCode | None, hour_code: str, price: Won
) -> None:
    exchange = an_exchange()  # base 70,500, open 70,000, close 70,500

    view = exchange.listing(SAMSUNG, at(clock))

    assert view is not None
    assert view.hour_code == hour_code
    assert (view.expected and (view.expected.code, view.expected.price)) == ((code, price) if code else None)


def test_a_suspended_symbol_expects_nothing() -> None:
    days = [*a_week()[:1], a_bar(TUESDAY, 0, 0, 0, 70_500, volume=0)]
    exchange = an_exchange(BarsBook({SAMSUNG: days}))

    view = exchange.listing(SAMSUNG, at("08:45"))

    assert view is not None
    assert (view.halted, view.expected) == (True, None)


@pytest.mark.parametrize(
    ("side", "trigger", "limit", "sleeps_at", "wakes_at", "filled_at"),
    [
        (Side.BUY, 70_500, 70_800, 70_400, 70_600, 70_600),
        (Side.SELL, 69_500, 69_000, 69_600, 69_400, 69_300),
    ],
)
def test_a_stop_sleeps_until_a_trade_reaches_its_trigger(
    side: Side, trigger: Won, limit: Won, sleeps_at: Won, wakes_at: Won, filled_at: Won
) -> None:
    exchange = an_exchange(rules=REAL_RULES)
    some_shares(exchange, 5)
    trade(exchange, 70_000)
    stop = placed(
        exchange.submit(
            side=side, symbol=SAMSUNG, division="22", quantity=5, price=limit, trigger=trigger, at=at("10:01")
        )
    ).request

    assert trade(exchange, sleeps_at, "10:02") == 0
    assert stop.sleeps
    assert trade(exchange, wakes_at, "10:03") == 5
    assert (stop.triggered_at, stop.amount) == (at("10:03"), 5 * filled_at)


def test_a_stop_needs_a_trigger_and_paper_knows_none() -> None:
    assert order(an_exchange(rules=REAL_RULES), Side.BUY, 1, 70_000, division="22") is Refusal.OFF_TICK
    assert order(an_exchange(), Side.BUY, 1, 70_000, division="22") is Refusal.WRONG_DIVISION
