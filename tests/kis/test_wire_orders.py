"""Orders, cancels and listings on the wire, by the book's examples and by recordings."""

from __future__ import annotations

import json
from datetime import date, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kis_daemon.domain.calendar import KST
from kis_daemon.domain.market import Side, Symbol
from kis_daemon.domain.orders import OrderNo, OrderType
from kis_daemon.kis.capabilities import KisProfile, Purpose
from kis_daemon.kis.wire import Answer, Body, Row
from kis_daemon.kis.wire_errors import read_answer, read_outcome
from kis_daemon.kis.wire_orders import (
    Cursor,
    ask_cancel,
    ask_orders,
    ask_submit,
    at_cursor,
    next_cursor,
    read_accepted,
    read_orders,
)
from kis_daemon.kis.wire_values import read_order_no, read_symbol
from kis_daemon.ports import Accepted, BrokerError, BrokerOrder, NoAnswer, ProtocolError
from tests.kis.builders import CREDENTIALS, an_intent, an_order, payload

BOOK_ROW = {
    "ord_dt": "20261118", "ord_gno_brno": "00950", "odno": "0000012345", "orgn_odno": "",
    "ord_dvsn_name": "지정가", "sll_buy_dvsn_cd": "02", "pdno": "035720", "ord_qty": "10", "ord_unpr": "61300",
    "ord_tmd": "112010", "tot_ccld_qty": "4", "avg_prvs": "61300", "cncl_yn": "", "tot_ccld_amt": "245200",
    "ord_dvsn_cd": "00", "cncl_cfrm_qty": "0", "rmn_qty": "6", "rjct_qty": "0", "excg_id_dvsn_cd": "KRX",
}  # fmt: skip


def listing(*rows: dict[str, str], **more: Any) -> Body:
    return Body(fields={"output1": [*rows], **more})


def test_a_limit_buy_goes_out_as_the_book_writes_it() -> None:
    command = ask_submit(an_intent(), CREDENTIALS, KisProfile.PAPER)

    assert (command.tr_id, command.path) == ("VTTC0012U", "/uapi/domestic-stock/v1/trading/order-cash")
    assert command.body == {
        "CANO": "50123456", "ACNT_PRDT_CD": "01", "PDNO": "035720", "ORD_DVSN": "00", "ORD_QTY": "10",
        "ORD_UNPR": "61300", "EXCG_ID_DVSN_CD": "KRX",
    }  # fmt: skip


def test_a_market_sell_has_a_price_of_zero() -> None:
    intent = an_intent(side=Side.SELL, order_type=OrderType.MARKET, price=None)

    command = ask_submit(intent, CREDENTIALS, KisProfile.REAL)

    assert command.tr_id == "TTTC0011U"
    assert (command.body["ORD_DVSN"], command.body["ORD_UNPR"]) == ("01", "0")


def test_a_cancel_names_branch_and_padded_number_and_all_that_remains() -> None:
    command = ask_cancel(an_order(), CREDENTIALS, KisProfile.PAPER)

    assert (command.tr_id, command.path) == ("VTTC0013U", "/uapi/domestic-stock/v1/trading/order-rvsecncl")
    assert command.body == {
        "CANO": "50123456", "ACNT_PRDT_CD": "01", "KRX_FWDG_ORD_ORGNO": "00950", "ORGN_ODNO": "0000012345",
        "ORD_DVSN": "00", "RVSE_CNCL_DVSN_CD": "02", "ORD_QTY": "0", "ORD_UNPR": "0", "QTY_ALL_ORD_YN": "Y",
        "EXCG_ID_DVSN_CD": "KRX",
    }  # fmt: skip


def test_an_order_without_a_number_cannot_be_cancelled() -> None:
    with pytest.raises(ValueError):
        ask_cancel(an_order(order_no=None), CREDENTIALS, KisProfile.PAPER)


@pytest.mark.parametrize(
    ("file", "order_no", "branch_no"),
    [
        ("rec_order_cash_mock_1.json", "47589", "00950"),
        ("rec_order_cash_mock_3.json", "2696", "00950"),
        ("rec_order_cash_real_1.json", "6555", "06590"),
        ("off_order-cash.json", "1569157", "06010"),
        ("rec_order_rvsecncl_sor.json", "503800", "03930"),
    ],
)
def test_a_recorded_acceptance_has_its_canonical_number(
    shared_data: Path, file: str, order_no: str, branch_no: str
) -> None:
    body = read_outcome(Answer(status=200, body=payload(shared_data, file)))

    assert read_accepted(body) == Accepted(order_no=OrderNo(order_no), branch_no=branch_no)


def test_an_acceptance_without_a_number_is_no_answer(shared_data: Path) -> None:
    body = read_outcome(Answer(status=200, body=payload(shared_data, "rec_order_sell_mock_trimmed.json")))

    with pytest.raises(NoAnswer):
        read_accepted(body)
    with pytest.raises(NoAnswer):
        read_accepted(Body(fields={"output": {"odno": "0000000000"}}))


def test_the_book_s_row_is_read_whole() -> None:
    assert read_orders(listing(BOOK_ROW)) == [
        BrokerOrder(
            order_no=OrderNo("12345"),
            original_no=None,
            branch_no="00950",
            at=datetime(2026, 11, 18, 11, 20, 10, tzinfo=KST),
            symbol=Symbol("035720"),
            side=Side.BUY,
            order_type=OrderType.LIMIT,
            quantity=10,
            price=61_300,
            filled_quantity=4,
            filled_amount=245_200,
            remaining_quantity=6,
            cancelled_quantity=0,
            rejected_quantity=0,
        )
    ]


def test_the_recorded_listing_is_read(shared_data: Path) -> None:
    answer = Answer(status=200, body=payload(shared_data, "rec_inquire_daily_ccld_2024.json"))

    rows = read_orders(read_answer(answer))

    assert [(row.order_no, row.symbol, row.quantity, row.filled_amount) for row in rows] == [
        ("63180", "418470", 10, 204_100),
        ("63195", "039130", 3, 162_900),
        ("150712", "068290", 9, 189_900),
        ("157513", "454910", 1, 101_800),
    ]
    assert all(row.side is Side.SELL and row.order_type is OrderType.MARKET for row in rows)
    assert all(row.price == 0 and row.remaining_quantity == 0 for row in rows)


def test_a_cancel_row_names_the_order_it_concerns() -> None:
    row = BOOK_ROW | {"odno": "0000012400", "orgn_odno": "0000012345", "tot_ccld_qty": "0", "tot_ccld_amt": "0"}

    assert read_orders(listing(row))[0].original_no == "12345"


@pytest.mark.parametrize(
    "change",
    [
        {"odno": ""},
        {"odno": "12 45"},
        {"ord_qty": ""},
        {"ord_qty": "-1"},
        {"ord_qty": "1e3"},
        {"ord_qty": "10.5"},
        {"tot_ccld_amt": "0"},
        {"sll_buy_dvsn_cd": "03"},
        {"pdno": "삼성전자"},
        {"ord_dt": "20261332"},
        {"ord_tmd": "9:0:0"},
        {"rmn_qty": "٣"},
    ],
)
def test_a_row_that_cannot_be_read_is_said_so(change: dict[str, str]) -> None:
    with pytest.raises(ProtocolError):
        read_orders(listing(BOOK_ROW | change))


def test_real_lists_all_venues_and_paper_the_only_one_it_knows() -> None:
    days = (date(2026, 11, 1), date(2026, 11, 18))

    real = ask_orders(*days, Purpose.ORDERS, CREDENTIALS, KisProfile.REAL)
    paper = ask_orders(*days, Purpose.OLD_ORDERS, CREDENTIALS, KisProfile.PAPER)

    assert (real.tr_id, dict(real.params)["EXCG_ID_DVSN_CD"]) == ("TTTC0081R", "ALL")
    assert (paper.tr_id, dict(paper.params)["EXCG_ID_DVSN_CD"]) == ("VTSC9215R", "KRX")
    assert dict(real.params)["INQR_DVSN"] == "01"


def test_the_next_page_is_asked_with_the_cursor_of_this_one() -> None:
    fields = {"ctx_area_fk100": "50123456^01^   ", "ctx_area_nk100": "0000012345      "}
    question = ask_orders(date(2026, 11, 18), date(2026, 11, 18), Purpose.ORDERS, CREDENTIALS, KisProfile.PAPER)

    cursor = next_cursor(Body(fields=fields, has_more=True))

    assert cursor == Cursor(fk="50123456^01^", nk="0000012345")
    assert next_cursor(Body(fields=fields, has_more=False)) is None
    after = at_cursor(question, cursor)
    assert after.continued
    assert dict(after.params)["CTX_AREA_NK100"] == "0000012345"
    assert len(after.params) == len(question.params)
    with pytest.raises(ProtocolError):
        next_cursor(Body(fields={"ctx_area_nk100": "   "}, has_more=True))


@pytest.mark.parametrize(
    ("text", "symbol"),
    [
        ("005930", "005930"),
        ("A005930", "005930"),
        ("00000A005930", "005930"),
        ("Q500001", "500001"),
        ("0000X0", "0000X0"),
    ],
)
def test_a_symbol_is_known_under_each_of_its_forms(text: str, symbol: str) -> None:
    assert read_symbol(text) == symbol


@pytest.mark.parametrize("text", ["", "5930", "00593o", "0059300", "００５９３０"])
def test_what_is_no_symbol_is_refused(text: str) -> None:
    with pytest.raises(ProtocolError):
        read_symbol(text)


@pytest.mark.parametrize(
    ("text", "number"), [("0000012345", "12345"), ("  12345 ", "12345"), ("0000000000", None), ("", None)]
)
def test_an_order_number_has_one_form(text: str, number: str | None) -> None:
    assert read_order_no(text) == number


VALUES: st.SearchStrategy[Any] = st.sampled_from(
    ["", "0", "10", "-5", "x", "1.0", "20261118", "112010", None, 7, [], {}]
)


@given(st.dictionaries(st.sampled_from(sorted(BOOK_ROW)), VALUES))
@settings(max_examples=200, deadline=None)
def test_any_row_is_read_or_refused(changes: dict[str, Any]) -> None:
    try:
        rows = read_orders(listing(json.loads(json.dumps(BOOK_ROW | changes))))
    except BrokerError:
        return
    assert all(row.quantity >= 0 and row.filled_amount >= 0 for row in rows)


@pytest.mark.parametrize(("text", "number"), [("61300", 61_300), (" 21100.00 ", 21_100), ("-36890", -36_890)])
def test_a_number_is_read_without_its_empty_decimals(text: str, number: int) -> None:
    assert Row({"x": text}).number("x") == number
