"""Quotes of many and the book of one, on the wire."""

from __future__ import annotations

from datetime import time
from pathlib import Path

import pytest

from kis_daemon.domain.market import QuoteSession, QuoteSource, Symbol
from kis_daemon.kis.capabilities import KisProfile
from kis_daemon.kis.wire import Answer, Body
from kis_daemon.kis.wire_errors import read_answer
from kis_daemon.kis.wire_quotes import ask_multi_price, ask_order_book, read_multi_price, read_order_book
from kis_daemon.ports import Level, NotOnThisVenue, ProtocolError
from tests.kis.bodies import book_body, multi_row
from tests.kis.builders import KAKAO, TODAY, payload

SAMSUNG, HYNIX = Symbol("005930"), Symbol("000660")


def many(*rows: dict[str, str]) -> Body:
    return Body(fields={"output": [*rows]})


def test_thirty_symbols_go_into_one_question_and_only_used_places_are_sent() -> None:
    symbols = [Symbol(f"{n:06}") for n in range(30)]

    question = ask_multi_price(symbols, KisProfile.REAL)

    assert question.tr_id == "FHKST11300006"
    assert len(question.params) == 60
    assert question.params[-2:] == (("FID_COND_MRKT_DIV_CODE_30", "J"), ("FID_INPUT_ISCD_30", "000029"))
    assert len(ask_multi_price(symbols[:2], KisProfile.REAL).params) == 4


@pytest.mark.parametrize("count", [0, 31])
def test_no_symbol_and_more_than_thirty_are_refused(count: int) -> None:
    with pytest.raises(ValueError):
        ask_multi_price([KAKAO] * count, KisProfile.REAL)


def test_paper_has_no_prices_of_many() -> None:
    with pytest.raises(NotOnThisVenue):
        ask_multi_price([KAKAO], KisProfile.PAPER)


def test_the_official_prices_of_many_are_read_with_their_touch(shared_data: Path) -> None:
    body = read_answer(Answer(status=200, body=payload(shared_data, "off_intstock-multprice.json")))
    rows = list(body.rows("output"))
    stocks = Body(fields={"output": [row for row in body.fields["output"] if row["inter_shrn_iscd"] != "0001"]})  # type: ignore[attr-defined]

    quotes = read_multi_price(stocks, [HYNIX, SAMSUNG], TODAY)

    assert [row.text("inter_shrn_iscd") for row in rows] == ["005930", "000660", "0001"]
    assert [(quote.symbol, quote.price, quote.ask, quote.bid) for quote in quotes] == [
        ("005930", 77_400, 77_400, 77_300),
        ("000660", 189_900, 190_000, 189_900),
    ]
    assert (quotes[0].open, quotes[0].high, quotes[0].low) == (78_600, 78_800, 77_200)
    assert (quotes[0].day_volume, quotes[0].source, quotes[0].at) == (15_713_440, QuoteSource.REST, TODAY)


def test_an_answer_s_place_in_the_list_decides_nothing() -> None:
    quotes = read_multi_price(many(multi_row("000660", 2_000), {}, multi_row("005930", 1_000)), [SAMSUNG, HYNIX], TODAY)

    assert {quote.symbol: quote.price for quote in quotes} == {"005930": 1_000, "000660": 2_000}


def test_a_symbol_without_a_price_is_left_out() -> None:
    nothing = multi_row("000660", inter2_prpr="0", inter2_askp="", inter2_bidp="")

    assert [
        quote.symbol for quote in read_multi_price(many(nothing, multi_row("005930")), [SAMSUNG, HYNIX], TODAY)
    ] == ["005930"]


@pytest.mark.parametrize("rows", [[multi_row("000660")], [multi_row("005930"), multi_row("005930")]])
def test_a_price_that_was_not_asked_for_or_comes_twice_is_an_error(rows: list[dict[str, str]]) -> None:
    with pytest.raises(ProtocolError):
        read_multi_price(many(*rows), [SAMSUNG], TODAY)


@pytest.mark.parametrize(
    ("hour", "session", "in_vi"),
    [
        ("0", QuoteSession.REGULAR, False),
        ("", QuoteSession.REGULAR, False),
        ("A", QuoteSession.AFTER_HOURS, False),
        ("B", QuoteSession.AUCTION, False),
        ("C", QuoteSession.AUCTION, True),
        ("D", QuoteSession.AUCTION, False),
    ],
)
def test_the_session_is_told_by_the_hour_s_class(hour: str, session: QuoteSession, in_vi: bool) -> None:
    (quote,) = read_multi_price(many(multi_row("005930", hour_cls_code=hour)), [SAMSUNG], TODAY)

    assert (quote.session, quote.in_vi) == (session, in_vi)


def test_the_book_is_read_best_prices_first() -> None:
    book = read_order_book(Body(fields=book_body()), KAKAO)

    assert (book.asks[0], book.bids[0]) == (Level(price=61_400, quantity=1), Level(price=61_200, quantity=10))
    assert (len(book.asks), len(book.bids), book.at) == (10, 10, time(10, 23, 15))
    assert book.continuous
    assert not book.in_vi
    assert ask_order_book(KAKAO, KisProfile.PAPER).tr_id == "FHKST01010200"


def test_the_official_book_is_read(shared_data: Path) -> None:
    body = read_answer(Answer(status=200, body=payload(shared_data, "off_inquire-asking-price-exp-ccn.json")))

    book = read_order_book(body, HYNIX)

    assert (book.asks[0], book.bids[9]) == (
        Level(price=128_000, quantity=69_454),
        Level(price=123_000, quantity=15_773),
    )
    assert (book.expected_price, book.expected_quantity, book.continuous) == (128_000, 220_006, False)


def test_a_side_that_is_empty_at_the_limit_has_no_levels() -> None:
    empty = {f"askp{n}": "0" for n in range(1, 11)}

    assert read_order_book(Body(fields=book_body(**empty)), KAKAO).asks == ()


@pytest.mark.parametrize(
    "changes", [{"askp2": "61350"}, {"bidp1": "61050"}, {"askp1": "-1"}, {"aspr_acpt_hour": "256060"}]
)
def test_a_book_out_of_order_or_out_of_shape_is_an_error(changes: dict[str, str]) -> None:
    with pytest.raises(ProtocolError):
        read_order_book(Body(fields=book_body(**changes)), KAKAO)


def test_a_book_of_another_symbol_is_not_taken() -> None:
    with pytest.raises(ProtocolError):
        read_order_book(Body(fields=book_body("005930")), KAKAO)
