"""Splits, reverse splits, rights, ex-dates and delistings: prices, limits, shares and history."""

from __future__ import annotations

from datetime import date

import pytest

from kis_daemon.domain.market import Side, Symbol
from kis_daemon.simulator.exchange import Exchange
from kis_daemon.simulator.listing_view import action_codes
from kis_daemon.simulator.market_rules import ActionKind, CorporateAction, MarketRules
from kis_daemon.simulator.requests import Refusal
from tests.simulator.builders import (
    HYNIX,
    MONDAY,
    SAMSUNG,
    TUESDAY,
    BarsBook,
    a_bar,
    a_week,
    an_exchange,
    at,
    order,
    some_shares,
    the_calendar,
)

DAYS = [day.date for day in the_calendar().trading_days(MONDAY, date(2024, 3, 15))]
FRIDAY, NEXT_MONDAY = DAYS[4], DAYS[5]


def an_action(kind: ActionKind, num: int = 5, den: int = 1, day: date = FRIDAY) -> CorporateAction:
    return CorporateAction(symbol=SAMSUNG, day=day, kind=kind, ratio_num=num, ratio_den=den)


def an_exchange_with(action: CorporateAction, day: date = TUESDAY) -> Exchange:
    """Return a market that closes at 70,500 every day and where SAMSUNG's company does `action`."""
    bars = {SAMSUNG: a_week(days=8), HYNIX: a_week(150_000, days=8)}
    return an_exchange(BarsBook(bars), day=day, market=MarketRules(actions=(action,)))


def through(exchange: Exchange, last: date) -> None:
    """Play the days up to the morning of `last`."""
    assert exchange.day is not None
    for day in the_calendar().trading_days(exchange.day.date, last)[1:]:
        exchange.close_day()
        exchange.open_day(day)


def test_a_split_divides_the_base_price_and_moves_the_limits_with_it() -> None:
    exchange = an_exchange_with(an_action(ActionKind.SPLIT), FRIDAY)

    board = exchange.boards[SAMSUNG]

    assert (board.base, board.lower, board.upper) == (14_100, 9_870, 18_330)
    assert board.bar is not None
    assert (board.bar.open, board.bar.close, board.bar.volume) == (14_000, 14_100, 15_000_000)


def test_before_a_split_the_symbol_does_not_trade_and_the_others_do() -> None:
    exchange = an_exchange_with(an_action(ActionKind.SPLIT), DAYS[3])

    board = exchange.boards[SAMSUNG]

    assert (board.halted, board.base, exchange.boards[HYNIX].halted) == (True, 70_500, False)
    assert order(exchange, Side.BUY, 1, 70_500, day=DAYS[3]) is Refusal.BLOCKED
    assert [bar.volume for bar in exchange.prices.bars(SAMSUNG, DAYS[1], DAYS[3])] == [3_000_000, 0, 0]


@pytest.mark.parametrize(
    ("kind", "num", "den", "held", "after", "paid"),
    [
        (ActionKind.SPLIT, 5, 1, 7, 35, 0),
        (ActionKind.REVERSE_SPLIT, 1, 5, 17, 3, 2 * 352_500 // 5),
        (ActionKind.RIGHTS, 6, 5, 10, 12, 0),
        (ActionKind.CASH_DIVIDEND, 1, 1, 10, 10, 0),
    ],
)
def test_the_shares_follow_the_ratio_and_a_part_of_a_share_is_paid(
    kind: ActionKind, num: int, den: int, held: int, after: int, paid: int
) -> None:
    exchange = an_exchange_with(an_action(kind, num, den))
    some_shares(exchange, held)
    cost, cash = exchange.account.holdings[SAMSUNG].cost, exchange.account.cash_d2
    before = exchange.equity()

    through(exchange, FRIDAY)

    row = exchange.account.holdings[SAMSUNG]
    assert (row.quantity, exchange.account.cash_d2 - cash) == (after, paid)
    assert row.cost == (cost if not paid else cost - cost * 2 // 17)
    assert abs(exchange.equity() - before) <= after * 100  # the base price is rounded to its tick


def test_an_action_counts_once_however_the_days_are_begun() -> None:
    exchange = an_exchange_with(an_action(ActionKind.SPLIT))
    some_shares(exchange, 7)
    late = the_calendar().trading_day(NEXT_MONDAY)
    assert late is not None

    exchange.close_day()
    exchange.open_day(late)  # the days between were slept through
    through(exchange, DAYS[6])

    assert exchange.account.quantity(SAMSUNG) == 35


def test_the_adjusted_history_is_rebased_on_the_day_and_the_raw_one_is_not() -> None:
    exchange = an_exchange_with(an_action(ActionKind.SPLIT))
    (before,) = exchange.chart(SAMSUNG, MONDAY, MONDAY, adjusted=True)

    through(exchange, NEXT_MONDAY)
    adjusted = exchange.chart(SAMSUNG, MONDAY, FRIDAY, adjusted=True)
    raw = exchange.chart(SAMSUNG, MONDAY, FRIDAY, adjusted=False)

    assert before.close == 70_500
    assert [bar.close for bar in adjusted] == [14_100] * 5
    assert [bar.close for bar in raw] == [70_500] * 4 + [14_100]
    assert [bar.volume for bar in adjusted] == [15_000_000, 15_000_000, 0, 0, 15_000_000]


def test_an_announced_action_changes_nothing_before_its_day() -> None:
    exchange = an_exchange_with(an_action(ActionKind.RIGHTS, 6, 5), DAYS[3])

    assert exchange.chart(SAMSUNG, MONDAY, DAYS[2], adjusted=True) == exchange.chart(
        SAMSUNG, MONDAY, DAYS[2], adjusted=False
    )
    assert not exchange.boards[SAMSUNG].halted


@pytest.mark.parametrize(
    ("kind", "num", "den", "codes"),
    [
        (ActionKind.SPLIT, 5, 1, ("00", "0.20", "99")),
        (ActionKind.REVERSE_SPLIT, 1, 5, ("00", "5.00", "02")),
        (ActionKind.RIGHTS, 6, 5, ("01", "0.83", "99")),
        (ActionKind.CASH_DIVIDEND, 1, 1, ("02", "0.00", "")),
    ],
)
def test_the_day_of_an_action_tells_its_codes(
    kind: ActionKind, num: int, den: int, codes: tuple[str, str, str]
) -> None:
    exchange = an_exchange_with(an_action(kind, num, den), FRIDAY)

    view = exchange.listing(SAMSUNG, at("10:00", FRIDAY))

    assert view is not None
    assert (view.flng_code, view.split_rate, view.reason_code) == codes
    assert action_codes(exchange.actions_on(SAMSUNG, FRIDAY)) == codes
    assert action_codes(exchange.actions_on(SAMSUNG, NEXT_MONDAY)) == ("00", "0.00", "")


def test_a_dividend_changes_neither_price_nor_history() -> None:
    exchange = an_exchange_with(an_action(ActionKind.CASH_DIVIDEND, 1, 1), NEXT_MONDAY)

    assert exchange.boards[SAMSUNG].base == 70_500
    assert {bar.close for bar in exchange.chart(SAMSUNG, MONDAY, FRIDAY, adjusted=True)} == {70_500}


def test_a_delisted_symbol_has_no_price_and_takes_no_order() -> None:
    exchange = an_exchange_with(an_action(ActionKind.DELISTING, 1, 1), FRIDAY)

    board = exchange.boards[SAMSUNG]

    assert (board.base, board.price, board.halted) == (0, 0, True)
    assert order(exchange, Side.BUY, 1, 70_500, day=FRIDAY) is Refusal.BLOCKED
    assert exchange.chart(SAMSUNG, FRIDAY, FRIDAY, adjusted=True) == ()


def test_two_actions_multiply() -> None:
    actions = (an_action(ActionKind.SPLIT, 2, 1, DAYS[3]), an_action(ActionKind.RIGHTS, 5, 4, DAYS[5]))
    exchange = an_exchange(
        BarsBook({SAMSUNG: a_week(70_000, days=8)}), day=DAYS[6], market=MarketRules(actions=actions)
    )

    assert [bar.close for bar in exchange.chart(SAMSUNG, MONDAY, MONDAY, adjusted=True)] == [28_200]
    assert exchange.boards[SAMSUNG].base == 28_200


def test_an_action_on_an_unknown_symbol_is_refused() -> None:
    action = CorporateAction(symbol=Symbol("999999"), day=FRIDAY, kind=ActionKind.SPLIT, ratio_num=2)

    with pytest.raises(ValueError, match="action on 999999: expected a listed symbol"):
        an_exchange(market=MarketRules(actions=(action,)))


@pytest.mark.parametrize("ratio", [(0, 1), (1, 0), (-2, 1)])
def test_a_ratio_is_positive(ratio: tuple[int, int]) -> None:
    with pytest.raises(ValueError, match="expected a positive ratio"):
        an_action(ActionKind.SPLIT, *ratio)


def test_a_bar_without_trade_stays_one_after_a_split() -> None:
    days = [*a_week(days=3), a_bar(DAYS[4], 0, 0, 0, 70_500, volume=0), a_bar(DAYS[5], 70_000, 71_000, 69_000, 70_500)]
    exchange = an_exchange(
        BarsBook({SAMSUNG: days}),
        day=DAYS[5],
        market=MarketRules(actions=(an_action(ActionKind.SPLIT, 5, 1, DAYS[4]),)),
    )

    assert exchange.boards[SAMSUNG].base == 14_100
    assert exchange.chart(SAMSUNG, DAYS[4], DAYS[4], adjusted=False)[0].volume == 0
