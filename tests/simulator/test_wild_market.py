"""Everything switched on at once: whatever happens, rows and money add up."""

from __future__ import annotations

from random import Random

import pytest

from kis_daemon.domain.calendar import TradingDay
from kis_daemon.domain.market import Side, Symbol
from kis_daemon.simulator.exchange import Exchange
from kis_daemon.simulator.market_rules import ActionKind, CorporateAction, MarketRules
from kis_daemon.simulator.player import programme
from kis_daemon.simulator.requests import DIVISIONS, REAL_RULES, Request, RequestKind
from tests.simulator.builders import HYNIX, MONDAY, SAMSUNG, BarsBook, a_bar, an_exchange, the_calendar

DAYS = list(the_calendar().trading_days(MONDAY, MONDAY.replace(day=29)))
CODES = sorted(code for code, division in DIVISIONS.items() if division.hours.value == "REGULAR")


def a_wild_book(chance: Random) -> BarsBook:
    """Return two symbols that move up to 25 % a day."""
    bars = {}
    for symbol, close in ((SAMSUNG, 70_000), (HYNIX, 150_000)):
        rows = []
        for day in DAYS:
            ends = [int(close * (0.9 + 0.2 * chance.random())) for _ in range(2)]
            low, high = int(min(ends) * 0.95), int(max(ends) * 1.05)
            rows.append(a_bar(day.date, ends[0], high, low, ends[1], chance.randrange(300, 6_000)))
            close = ends[1]
        bars[symbol] = rows
    return BarsBook(bars)


def a_wild_exchange(seed: int) -> Exchange:
    split = CorporateAction(symbol=SAMSUNG, day=DAYS[8].date, kind=ActionKind.SPLIT, ratio_num=5, halted_days=1)
    rights = CorporateAction(symbol=HYNIX, day=DAYS[5].date, kind=ActionKind.RIGHTS, ratio_num=6, ratio_den=5)
    market = MarketRules(
        interruptions=True, random_close=True, queue=True, volume_share=3, actions=(split, rights), listing_lag_s=60
    )
    book = a_wild_book(Random(seed))
    return an_exchange(book, day=DAYS[1].date, rules=REAL_RULES, market=market, seed=seed, cash=20_000_000)


def play(exchange: Exchange, day: TradingDay, chance: Random) -> None:
    """Play one day with orders, changes and commands drawn from `chance`."""
    for at, symbol, tick, phase in programme(exchange, day, 30):
        for ends_at, interrupted in exchange.interrupted():
            if ends_at <= at:
                exchange.release(interrupted, ends_at)
        exchange.on_tick(symbol, tick, at, phase)
        board = exchange.boards[symbol]
        draw = chance.random()
        if draw < 0.5:
            exchange.submit(
                side=chance.choice((Side.BUY, Side.BUY, Side.SELL)),
                symbol=symbol,
                division=chance.choice(CODES),
                quantity=chance.randrange(1, 120),
                price=chance.choice((board.price, board.bid, board.ask)),
                trigger=board.price,
                at=at,
            )
        elif draw < 0.6:
            rows = [row for row in exchange.orders.between(day.date, day.date) if row.is_open]
            if rows and draw < 0.55:
                exchange.cancel(chance.choice(rows).number, None, at)
            elif rows:
                exchange.modify(chance.choice(rows).number, division="00", quantity=1, price=board.price, at=at)
        elif draw < 0.62:
            exchange.reject_next()
        elif draw < 0.64:
            exchange.resume(symbol) if symbol in exchange.halts else exchange.halt(symbol)
        elif draw < 0.66:
            exchange.trigger_vi(symbol, at)
        assert exchange.account.spendable >= 0
        assert exchange.sellable(symbol) >= 0
    for ends_at, interrupted in exchange.interrupted():
        exchange.release(interrupted, ends_at)
    exchange.close_day()


def cash_moved(rows: list[Request]) -> int:
    """Return what fills and costs did to the cash."""
    signs = {Side.BUY: -1, Side.SELL: 1}
    return sum(signs[row.side] * row.amount - row.costs.fee - row.costs.tax for row in rows)


@pytest.mark.parametrize("seed", range(6))
def test_rows_and_money_add_up_whatever_happens(seed: int) -> None:
    chance = Random(f"wild/{seed}")
    exchange = a_wild_exchange(seed)
    begun = exchange.account.cash_d2
    assert exchange.day is not None
    play(exchange, exchange.day, chance)
    paid_out = 0
    for day in DAYS[2:]:
        before = exchange.account.cash_d2
        exchange.open_day(day)
        paid_out += exchange.account.cash_d2 - before  # parts of a share
        play(exchange, day, chance)
        assert exchange.account.held_back == 0
        assert exchange.interrupted() == []

    rows = exchange.orders.between(DAYS[1].date, DAYS[-1].date)
    assert exchange.account.cash_d2 == begun + paid_out + cash_moved(rows)
    for row in rows:
        assert row.quantity == row.filled + row.remaining + row.cancelled + row.rejected
        assert min(row.filled, row.remaining, row.cancelled, row.rejected) >= 0
        assert row.kind is not RequestKind.CANCEL or row.filled == 0
    assert {row.rejected > 0 for row in rows} == {True, False}
    assert sum(board.taken for board in exchange.boards.values()) == sum(
        row.filled for row in rows if row.at.date() == DAYS[-1].date
    )


def test_the_same_seed_is_the_same_market() -> None:
    def told(exchange: Exchange) -> list[tuple[Symbol, list[int]]]:
        assert exchange.day is not None
        play(exchange, exchange.day, Random(3))
        return [(symbol, [tick.price for _, tick in board.tape]) for symbol, board in exchange.boards.items()]

    assert told(a_wild_exchange(4)) == told(a_wild_exchange(4))
