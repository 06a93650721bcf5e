"""Which extreme of a day comes first, and on which bars that matters."""

from dataclasses import replace
from datetime import date, datetime
from typing import Any

import pytest

from kis_daemon.app.backtest.result import Fills
from kis_daemon.app.backtest.worst_case import Extremes
from kis_daemon.domain.calendar import KST
from kis_daemon.domain.market import Bar, Market, Symbol, price_limits
from kis_daemon.domain.positions import Position, ProtectionRules
from kis_daemon.services.book import Book
from kis_daemon.simulator.board import Board
from tests.services.builders import a_quote, an_exit, an_order

SAMSUNG, OTHER = Symbol("005930"), Symbol("000660")
DAY, EVE = date(2024, 3, 5), date(2024, 3, 4)
AT = datetime(2024, 3, 5, 9, 30, tzinfo=KST)


def a_board(low: int = 66_000, high: int = 74_000, close: int = 70_500, symbol: Symbol = SAMSUNG) -> Board:
    """Return a board whose day opens at 70,000, its base price."""
    lower, upper = price_limits(70_000, Market.KOSPI, DAY)
    bar = Bar(date=DAY, open=70_000, high=high, low=low, close=close, volume=300_000)
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


def extremes(book: Book, fills: Fills = Fills.PATH) -> Extremes:
    return Extremes(book, frozenset([SAMSUNG]), ProtectionRules(), fills)


def turns(found: Extremes, board: Board) -> list[int]:
    """Return the extremes of the path in their order."""
    assert board.bar is not None
    prices = [tick.price for tick in found.path(board, 30)]
    return sorted((board.bar.low, board.bar.high), key=prices.index)


def lived(book: Book, board: Board, bought: Position | None = None) -> Extremes:
    """Return what a day was taken for; `bought` comes into the book after the day's first trade."""
    found = extremes(book)
    for tick in found.path(board, 30):
        board.record(tick, AT)
        found.note(a_quote(symbol=board.symbol, price=tick.price, at=AT))
        if bought is not None:
            book.positions[SAMSUNG] = bought
    found.count()
    return found


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
    held = a_position(atr=4_000.0)  # so far that trailing has no say

    assert lived(Book(positions={SAMSUNG: held}), a_board(low, high)).that_matter == matters


def test_a_bar_matters_whose_high_arms_what_its_low_meets() -> None:
    held = a_position(stop=60_000, target=90_000)

    assert lived(Book(positions={SAMSUNG: held}), a_board(66_000, 74_000, 73_900)).that_matter == 1


def test_what_is_sold_for_its_gap_is_sold_at_the_first_price() -> None:
    order = an_order(an_exit(symbol=SAMSUNG, rule="GAP_PROTECTION"))
    book = Book(positions={SAMSUNG: a_position(atr=4_000.0)}, orders={order.key: order})

    assert lived(book, a_board(67_000, 73_500)).that_matter == 0


@pytest.mark.parametrize(("low", "matters"), [(66_000, 1), (69_600, 0)])
def test_a_day_of_entry_matters_where_its_low_is_under_the_stop(low: int, matters: int) -> None:
    bought = a_position(entry_day=DAY, cost=715_000)  # between the open and the high

    assert lived(Book(), a_board(low, 72_000), bought).that_matter == matters


def test_a_day_without_a_position_does_not_matter() -> None:
    assert lived(Book(), a_board()).that_matter == 0
