"""The board shows the newest price and calls whoever listens."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from kis_daemon.domain.market import Quote, QuoteSource
from kis_daemon.services.quotes import QuoteBoard
from tests.services.builders import HYNIX, SAMSUNG, TEN_O_CLOCK, a_quote

SECOND = timedelta(seconds=1)


@pytest.fixture
def heard() -> list[Quote]:
    return []


@pytest.fixture
def board(heard: list[Quote]) -> QuoteBoard:
    made = QuoteBoard()
    made.listen(heard.append)
    made.publish(a_quote(price=70_000, day_volume=100))
    return made


@pytest.mark.parametrize(
    ("changes", "is_shown"),
    [
        pytest.param({"at": TEN_O_CLOCK + SECOND}, True, id="a later second"),
        pytest.param({"at": TEN_O_CLOCK + SECOND, "day_volume": 1}, True, id="a later second of less volume"),
        pytest.param({"day_volume": 101}, True, id="the same second, more volume"),
        pytest.param({"day_volume": 100}, True, id="the same second and volume"),
        pytest.param({"day_volume": 99}, False, id="the same second, less volume"),
        pytest.param({"at": TEN_O_CLOCK - SECOND, "day_volume": 999}, False, id="an earlier second"),
        pytest.param({"at": TEN_O_CLOCK + SECOND, "price": 0}, False, id="no price"),
    ],
)
def test_the_newest_price_wins(board: QuoteBoard, heard: list[Quote], changes: dict[str, Any], is_shown: bool) -> None:
    quote = a_quote(**({"price": 70_100, "day_volume": 100} | changes))

    board.publish(quote)

    assert (board.quote(SAMSUNG) == quote) is is_shown
    assert (heard[-1] == quote) is is_shown
    assert (board.metrics.upserts, board.metrics.dropped) == ((2, 0) if is_shown else (1, 1))


def test_a_price_of_zero_is_not_even_a_first_price(heard: list[Quote]) -> None:
    board = QuoteBoard()

    board.publish(a_quote(price=0))

    assert board.quote(SAMSUNG) is None
    assert heard == []


def test_symbols_are_apart(board: QuoteBoard) -> None:
    board.publish(a_quote(symbol=HYNIX, price=150_000, at=TEN_O_CLOCK - SECOND))

    assert board.prices([SAMSUNG, HYNIX]) == {SAMSUNG: 70_000, HYNIX: 150_000}


def test_a_symbol_without_quote_has_no_price(board: QuoteBoard) -> None:
    assert board.price(HYNIX) is None
    assert board.prices([HYNIX]) == {}


def test_listeners_are_called_in_their_order() -> None:
    board, called = QuoteBoard(), list[str]()
    board.listen(lambda _: called.append("first"))
    board.listen(lambda _: called.append("second"))

    board.publish(a_quote())

    assert called == ["first", "second"]


@pytest.mark.parametrize(
    ("changes", "is_shown"),
    [
        pytest.param({"day_volume": 101}, True, id="of more volume"),
        pytest.param({"day_volume": 100}, False, id="of no more volume"),
        pytest.param({"day_volume": 99}, False, id="of less volume"),
        pytest.param({"day_volume": 101, "at": TEN_O_CLOCK - timedelta(days=1)}, False, id="of yesterday"),
    ],
)
def test_a_trade_is_newer_than_an_answer_asked_for_later_if_its_volume_says_so(
    changes: dict[str, Any], is_shown: bool
) -> None:
    board = QuoteBoard()
    board.publish(a_quote(price=70_000, day_volume=100, source=QuoteSource.REST, at=TEN_O_CLOCK + 2 * SECOND))
    trade = a_quote(**({"price": 70_100} | changes))

    board.publish(trade)

    assert (board.quote(SAMSUNG) == trade) is is_shown


def test_a_trade_in_the_second_of_an_answer_is_shown() -> None:
    board = QuoteBoard()
    board.publish(a_quote(day_volume=100, source=QuoteSource.REST, at=TEN_O_CLOCK + SECOND / 2))

    board.publish(a_quote(day_volume=100))

    assert board.quote(SAMSUNG) == a_quote(day_volume=100)
