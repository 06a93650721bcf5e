"""Cash and holdings on the wire, by recordings."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from kis_daemon.domain.market import Symbol
from kis_daemon.kis.wire import Answer, Body
from kis_daemon.kis.wire_balance import Totals, merged, read_buyable, read_holdings, read_totals
from kis_daemon.kis.wire_errors import read_answer
from kis_daemon.ports import Holding, ListingChanged, ProtocolError
from tests.kis.builders import payload


def sums(cash: int, value: int) -> dict[str, Any]:
    return {"output2": [{"prvs_rcdl_excc_amt": str(cash), "scts_evlu_amt": str(value), "dnca_tot_amt": "1"}]}


def test_the_recorded_paper_balance_is_read(shared_data: Path) -> None:
    body = read_answer(Answer(status=200, body=payload(shared_data, "rec_inquire_balance_mock_20310000.json")))

    assert read_totals([body]) == Totals(cash=9_838_480, holdings_value=174_200)
    assert read_holdings(body) == [
        Holding(symbol=Symbol("005930"), name="삼성전자", quantity=2, sellable=2, cost=161_500, price=87_100)
    ]


def test_a_recorded_row_bought_today_is_held(shared_data: Path) -> None:
    rows = json.loads(payload(shared_data, "rec_inquire_balance_output1.json"))

    assert read_holdings(Body(fields={"output1": rows})) == [
        Holding(symbol=Symbol("088350"), name="한화생명", quantity=1, sellable=1, cost=3_145, price=3_145)
    ]


def test_cash_and_credit_parts_are_one_holding_and_credit_is_not_sellable(shared_data: Path) -> None:
    body = read_answer(Answer(status=200, body=payload(shared_data, "off_inquire-balance.json")))

    assert merged(read_holdings(body)) == (
        Holding(
            symbol=Symbol("009150"),
            name="삼성전기",
            quantity=1_660,
            sellable=1_611,
            cost=224_424_497 + 369_000,
            price=0,
        ),
    )
    assert read_totals([body]).cash == 346_455


def test_a_sold_position_that_still_stands_in_the_list_is_not_held() -> None:
    row = {"pdno": "005930", "hldg_qty": "0", "ord_psbl_qty": "0", "pchs_amt": "0"}

    assert read_holdings(Body(fields={"output1": [row]})) == []


def test_cash_is_the_sum_two_days_on_and_its_absence_is_no_zero() -> None:
    assert read_totals([Body(fields=sums(-500, 0))]).cash == -500
    with pytest.raises(ProtocolError):
        read_totals([Body(fields={"output2": [{"dnca_tot_amt": "1000"}]})])


def test_pages_that_state_different_sums_belong_to_different_moments() -> None:
    page = Body(fields=sums(100, 10))

    assert read_totals([page, Body(fields=sums(0, 0)), page]) == Totals(cash=100, holdings_value=10)
    with pytest.raises(ListingChanged):
        read_totals([page, Body(fields=sums(90, 20))])


def test_the_buyable_quantity_is_without_debt_and_never_more_than_its_own_sum_pays(shared_data: Path) -> None:
    body = read_answer(Answer(status=200, body=payload(shared_data, "off_inquire-psbl-order.json")))

    assert read_buyable(body, 70_000) == 1_531
    assert read_buyable(body, 80_000) == 107_177_377 // 80_000
