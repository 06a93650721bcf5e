"""Listings of orders on the wire, by the book's examples and by recordings."""

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
from kis_daemon.kis.capabilities import Generation, KisProfile, Purpose
from kis_daemon.kis.wire import Answer, Body
from kis_daemon.kis.wire_errors import read_answer
from kis_daemon.kis.wire_listing import ask_open_orders, ask_orders, read_open_pages, read_order_pages
from kis_daemon.ports import BrokerError, BrokerOrder, ListingChanged, OrderListing, UnreadableOrder
from tests.kis.bodies import open_row
from tests.kis.builders import CREDENTIALS, KAKAO, TODAY, payload

BOOK_ROW = {
    "ord_dt": "20261118", "ord_gno_brno": "00950", "odno": "0000012345", "orgn_odno": "",
    "ord_dvsn_name": "지정가", "sll_buy_dvsn_cd": "02", "pdno": "035720", "ord_qty": "10", "ord_unpr": "61300",
    "ord_tmd": "112010", "tot_ccld_qty": "4", "avg_prvs": "61300", "cncl_yn": "", "tot_ccld_amt": "245200",
    "ord_dvsn_cd": "00", "cncl_cfrm_qty": "0", "rmn_qty": "6", "rjct_qty": "0", "excg_id_dvsn_cd": "KRX",
}  # fmt: skip


def listing(*rows: dict[str, str], **more: Any) -> Body:
    return Body(fields={"output1": [*rows], **more})


def test_the_book_s_row_is_read_whole() -> None:
    assert read_order_pages([listing(BOOK_ROW)]).rows == (
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
        ),
    )


def test_the_recorded_listing_is_read(shared_data: Path) -> None:
    answer = Answer(status=200, body=payload(shared_data, "rec_inquire_daily_ccld_2024.json"))

    rows = read_order_pages([read_answer(answer)]).rows

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

    assert read_order_pages([listing(row)]).rows[0].original_no == "12345"


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
def test_a_row_that_cannot_be_read_stays_in_the_listing_as_such(change: dict[str, str]) -> None:
    other = BOOK_ROW | {"odno": "0000000077"}

    read = read_order_pages([listing(BOOK_ROW | change, other)])

    assert [row.order_no for row in read.rows] == ["77"]
    (unreadable,) = read.unreadable
    assert unreadable.order_no == (None if "odno" in change else "12345")
    assert unreadable.reason


def test_a_status_row_without_order_number_is_never_taken_for_ours() -> None:
    read = read_order_pages([listing(BOOK_ROW | {"odno": "0000000000"})])

    assert read.rows == ()
    assert read.unreadable == (
        UnreadableOrder(order_no=None, product="035720", reason="odno: expected an order number"),
    )


def hiding(order_no: str | None, product: str) -> OrderListing:
    row = UnreadableOrder(order_no=None if order_no is None else OrderNo(order_no), product=product, reason="?")
    return OrderListing(unreadable=(row,))


@pytest.mark.parametrize(
    ("number_told", "product_told", "number", "hides"),
    [
        ("7", "035720", "7", True),
        ("7", "035720", "8", False),
        ("7", "KR6035721A12", None, False),  # a bond
        ("7", "035720", None, True),
        ("7", "", None, True),
        ("7", "카카오", None, True),
        ("7", "A035720", None, True),
        (None, "035720", "7", True),
        (None, "005930", "7", False),
        (None, "??", "7", True),
    ],
)
def test_an_unreadable_row_may_hide_an_order_unless_it_plainly_is_another(
    number_told: str | None, product_told: str, number: str | None, hides: bool
) -> None:
    listing = hiding(number_told, product_told)

    assert listing.may_hide(KAKAO, None if number is None else OrderNo(number)) is hides
    assert not OrderListing().may_hide(KAKAO, None)


def test_a_listing_is_as_long_as_what_could_be_read_of_it() -> None:
    read = read_order_pages([listing(BOOK_ROW, BOOK_ROW | {"odno": "8", "ord_qty": "?"})])

    assert len(read) == len(list(read)) == 1
    assert read.rows[0] in read


def test_a_row_on_two_pages_means_that_the_listing_moved_even_if_it_cannot_be_read() -> None:
    strange = BOOK_ROW | {"ord_qty": "?"}

    with pytest.raises(ListingChanged):
        read_order_pages([listing(BOOK_ROW), listing(BOOK_ROW)])
    with pytest.raises(ListingChanged):
        read_order_pages([listing(strange), listing(strange)])


def test_equal_numbers_of_two_branches_or_days_are_two_orders() -> None:
    others = [BOOK_ROW | {"ord_gno_brno": "06010"}, BOOK_ROW | {"ord_dt": "20261117"}]

    assert len(read_order_pages([listing(BOOK_ROW, *others)]).rows) == 3


def test_real_lists_all_venues_and_paper_the_only_one_it_knows() -> None:
    days = (date(2026, 11, 1), date(2026, 11, 18))

    real = ask_orders(*days, Purpose.ORDERS, CREDENTIALS, KisProfile.REAL)
    paper = ask_orders(*days, Purpose.OLD_ORDERS, CREDENTIALS, KisProfile.PAPER)

    assert (real.tr_id, dict(real.params)["EXCG_ID_DVSN_CD"]) == ("TTTC0081R", "ALL")
    assert (paper.tr_id, dict(paper.params)["EXCG_ID_DVSN_CD"]) == ("VTSC9215R", "KRX")
    assert dict(real.params)["INQR_DVSN"] == "01"


def test_the_older_listing_has_no_venue_to_ask_for() -> None:
    question = ask_orders(TODAY.date(), TODAY.date(), Purpose.ORDERS, CREDENTIALS, KisProfile.REAL, Generation.OLD)

    assert question.tr_id == "TTTC8001R"
    assert "EXCG_ID_DVSN_CD" not in dict(question.params)


def test_open_orders_have_their_own_listing_on_real_and_the_unfilled_of_the_day_stand_in_on_paper() -> None:
    real = ask_open_orders(TODAY.date(), CREDENTIALS, KisProfile.REAL)
    paper = ask_open_orders(TODAY.date(), CREDENTIALS, KisProfile.PAPER)

    assert (real.tr_id, real.path.rsplit("/", 1)[1]) == ("TTTC0084R", "inquire-psbl-rvsecncl")
    assert (dict(real.params)["INQR_DVSN_1"], dict(real.params)["INQR_DVSN_2"]) == ("0", "0")
    assert (paper.tr_id, paper.path.rsplit("/", 1)[1]) == ("VTTC0081R", "inquire-daily-ccld")
    asked = dict(paper.params)
    assert (asked["CCLD_DVSN"], asked["INQR_STRT_DT"], asked["INQR_END_DT"]) == ("02", "20261118", "20261118")


def test_an_open_order_on_real_is_of_today_and_its_missing_shares_were_cancelled() -> None:
    (row,) = read_open_pages([Body(fields={"output": [open_row(7)]})], TODAY.date()).rows

    assert (row.order_no, row.branch_no, row.at) == ("7", "03930", datetime(2026, 11, 18, 11, 20, 7, tzinfo=KST))
    assert (row.quantity, row.filled_quantity, row.remaining_quantity, row.cancelled_quantity) == (10, 3, 6, 1)
    assert (row.filled_amount, row.price, row.side) == (183_900, 61_300, Side.BUY)


def test_the_recorded_open_orders_are_read(shared_data: Path) -> None:
    body = read_answer(Answer(status=200, body=payload(shared_data, "rec_inquire_psbl_rvsecncl_sor.json")))

    listing = read_open_pages([body], date(2025, 8, 1))

    assert [(row.order_no, row.symbol, row.remaining_quantity) for row in listing] == [
        ("456600", "088350", 1),
        ("457500", "088350", 1),
    ]
    assert listing.unreadable == ()


def test_open_orders_of_one_second_come_oldest_first_although_the_broker_lists_the_newest_first() -> None:
    listed = Body(fields={"output": [open_row(9, ord_tmd="112000"), open_row(8, ord_tmd="112000")]})

    assert [row.order_no for row in read_open_pages([listed], TODAY.date())] == ["8", "9"]


def test_what_has_nothing_open_any_more_is_no_open_order_and_the_unreadable_stays() -> None:
    done = BOOK_ROW | {"rmn_qty": "0", "tot_ccld_qty": "10", "tot_ccld_amt": "613000"}
    strange = open_row(8, psbl_qty="11")

    assert read_open_pages([listing(done)], TODAY.date()).rows == ()
    assert [row.order_no for row in read_open_pages([Body(fields={"output": [strange]})], TODAY.date()).unreadable] == [
        "8"
    ]


VALUES: st.SearchStrategy[Any] = st.sampled_from(
    ["", "0", "10", "-5", "x", "1.0", "20261118", "112010", None, 7, [], {}]
)


@given(st.dictionaries(st.sampled_from(sorted(BOOK_ROW)), VALUES))
@settings(max_examples=200, deadline=None)
def test_any_row_is_read_or_kept_as_unreadable(changes: dict[str, Any]) -> None:
    try:
        read = read_order_pages([listing(json.loads(json.dumps(BOOK_ROW | changes)))])
    except BrokerError:
        return
    assert len(read.rows) + len(read.unreadable) == 1
    assert all(row.quantity >= 0 and row.filled_amount >= 0 for row in read)


def test_a_place_without_a_row_is_no_order_that_cannot_be_read() -> None:
    blank = dict.fromkeys(BOOK_ROW, "  ")

    assert read_order_pages([listing(blank, {})]) == OrderListing()
    assert read_order_pages([Body(fields={"output1": {}})]) == OrderListing()
    assert read_order_pages([Body(fields={})]) == OrderListing()


def test_fills_whose_sum_is_left_out_cost_what_their_average_says() -> None:
    (row,) = read_order_pages([listing(BOOK_ROW | {"tot_ccld_amt": "", "avg_prvs": "61300.2500"})]).rows

    assert (row.filled_quantity, row.filled_amount) == (4, 245_201)
    assert read_order_pages([listing(BOOK_ROW | {"tot_ccld_amt": "", "avg_prvs": ""})]).rows == ()
    assert read_order_pages([listing(BOOK_ROW | {"tot_ccld_amt": "", "avg_prvs": "-1"})]).rows == ()
