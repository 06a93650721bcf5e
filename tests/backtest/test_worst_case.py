"""Which extreme of a day comes first, and on which bars that matters."""

from dataclasses import replace
from datetime import date, datetime
from typing import Any

import pytest

from kis_daemon.app.backtest.result import Fills
from kis_daemon.app.backtest.worst_case import Extremes
from kis_daemon.domain.calendar import KST
from kis_daemon.domain.market import Bar, Market, Side, Symbol, price_limits
from kis_daemon.domain.orders import OrderKey
from kis_daemon.domain.positions import Position, ProtectionRules, Trade
from kis_daemon.services.book import Book
from kis_daemon.simulator.board import Board

SAMSUNG, OTHER = Symbol("005930"), Symbol("000660")
DAY, EVE = date(2024, 3, 5), date(2024, 3, 4)
AT = datetime(2024, 3, 5, 9, 30, tzinfo=KST)


def a_board(low: int = 66_000, high: int = 74_000, symbol: Symbol = SAMSUNG) -> Board:
    """Return a board whose day goes from 70,000 to 70,500; its high is nearer to the open unless told otherwise."""
    lower, upper = price_limits(70_000, Market.KOSPI, DAY)
    bar = Bar(date=DAY, open=70_000, high=high, low=low, close=70_500, volume=300_000)
    return Board(
        symbol=symbol,
        name="",
        market=Market.KOSPI,
        day=DAY,
        base=70_000,
        lower=lower,
        upper=upper,
        bar=bar,
        previous=None,
        price=70_000,
        stamp="20240305",
    )


def a_position(**changes: Any) -> Position:
    position = Position(
        symbol=SAMSUNG,
        name="",
        market=Market.KOSPI,
        quantity=10,
        cost=700_000,
        fees=0,
        atr=1_000.0,
        stop=68_000,
        target=73_000,
        highest=70_000,
        trailing_armed=False,
        entry_day=EVE,
        entry_seq=1,
        opened_at=AT,
        correlation_id="",
    )
    return replace(position, **changes)


def a_trade(side: Side, rule: str) -> Trade:
    return Trade(
        order_key=OrderKey(f"{side}"),
        symbol=SAMSUNG,
        name="",
        side=side,
        quantity=10,
        amount=700_000,
        fee=0,
        tax=0,
        realized_pnl=0,
        rule=rule,
        reason="",
        correlation_id="",
        at=AT,
    )


def extremes(book: Book, fills: Fills = Fills.PATH) -> Extremes:
    return Extremes(book, frozenset([SAMSUNG]), ProtectionRules(), fills)


def turns(found: Extremes, board: Board) -> list[int]:
    """Return the extremes of the path in their order."""
    assert board.bar is not None
    prices = [tick.price for tick in found.path(board, 30)]
    return sorted((board.bar.low, board.bar.high), key=prices.index)


def counted(book: Book, board: Board) -> int:
    """Return what a day adds to the count; the book is that of its evening, but for what was held in the morning."""
    found = extremes(book)
    for tick in found.path(board, 30):
        board.record(tick, AT)
    found.count()
    return found.that_matter


def test_what_is_held_meets_its_low_first() -> None:
    board = a_board(low=60_000)

    assert turns(extremes(Book()), board) == [74_000, 60_000]
    assert turns(extremes(Book(positions={SAMSUNG: a_position()}), Fills.PESSIMISTIC), board) == [60_000, 74_000]


def test_what_is_not_held_meets_its_high_first() -> None:
    board = a_board(low=69_000)

    assert turns(extremes(Book()), board) == [69_000, 74_000]
    assert turns(extremes(Book(), Fills.PESSIMISTIC), board) == [74_000, 69_000]


def test_nobody_watches_what_is_neither_held_nor_in_the_universe() -> None:
    assert extremes(Book()).path(a_board(symbol=OTHER), 30) == ()


@pytest.mark.parametrize(
    ("low", "high", "matters"),
    [(67_000, 73_500, 1), (68_500, 73_500, 0), (67_000, 72_500, 0), (68_000, 73_000, 1)],
)
def test_a_bar_matters_that_holds_stop_and_target(low: int, high: int, matters: int) -> None:
    assert counted(Book(positions={SAMSUNG: a_position()}), a_board(low, high)) == matters


def test_an_armed_trailing_level_counts_as_the_stop() -> None:
    armed = a_position(trailing_armed=True, highest=72_000)

    assert counted(Book(positions={SAMSUNG: armed}), a_board(69_500, 73_500)) == 1


@pytest.mark.parametrize(("low", "matters"), [(67_000, 1), (69_000, 0)])
def test_a_day_of_entry_matters_where_its_low_is_under_the_stop(low: int, matters: int) -> None:
    book = Book(trades_today=[a_trade(Side.BUY, "TREND_ATR_BREAKOUT")])
    found, board = extremes(book), a_board(low)
    for tick in found.path(board, 30):
        board.record(tick, AT)
    book.positions[SAMSUNG] = a_position(entry_day=DAY)

    found.count()

    assert found.that_matter == matters


@pytest.mark.parametrize(("rule", "matters"), [("ATR_STOP_LOSS", 1), ("ATR_TAKE_PROFIT", 0)])
def test_a_day_of_entry_and_exit_matters_where_it_was_a_fall(rule: str, matters: int) -> None:
    book = Book(trades_today=[a_trade(Side.BUY, "TREND_ATR_BREAKOUT"), a_trade(Side.SELL, rule)])

    assert counted(book, a_board()) == matters


def test_a_day_without_a_purchase_does_not_matter() -> None:
    assert counted(Book(), a_board()) == 0
