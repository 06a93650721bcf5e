"""What sales brought, on the wire."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest

from kis_daemon.kis.capabilities import KisProfile
from kis_daemon.kis.wire import Answer, Body
from kis_daemon.kis.wire_errors import read_answer
from kis_daemon.kis.wire_profit import (
    ask_profit_by_day,
    ask_profit_by_symbol,
    ask_realized_today,
    read_days,
    read_realized_today,
    read_trades_by_symbol,
)
from kis_daemon.ports import DayProfit, ListingChanged, NotOnThisVenue, ProtocolError
from tests.kis.bodies import day_row, trade_row
from tests.kis.builders import CREDENTIALS, payload

SPAN = (date(2026, 11, 1), date(2026, 11, 18))


def page(*rows: dict[str, str]) -> Body:
    return Body(fields={"output1": [*rows]})


def test_each_question_has_its_path_and_none_is_for_paper() -> None:
    real = [
        ask_realized_today(CREDENTIALS, KisProfile.REAL),
        ask_profit_by_day(*SPAN, CREDENTIALS, KisProfile.REAL),
        ask_profit_by_symbol(*SPAN, CREDENTIALS, KisProfile.REAL),
    ]

    assert [question.tr_id for question in real] == ["TTTC8494R", "TTTC8708R", "TTTC8715R"]
    assert dict(real[0].params)["COST_ICLD_YN"] == "Y"
    assert dict(real[1].params)["SORT_DVSN"] == dict(real[2].params)["SORT_DVSN"] == "01"
    with pytest.raises(NotOnThisVenue):
        ask_realized_today(CREDENTIALS, KisProfile.PAPER)


def test_the_official_day_is_read(shared_data: Path) -> None:
    body = read_answer(Answer(status=200, body=payload(shared_data, "off_inquire-period-profit.json")))

    assert read_days([body]) == (
        DayProfit(day=date(2024, 2, 20), profit=22_991, bought=116_697_331, sold=96_455, fee=0, tax=0, interest=0),
    )


def test_days_come_oldest_first_and_each_once() -> None:
    days = read_days([page(day_row("20261117")), page(day_row("20261116", rlzt_pfls="-1"))])

    assert [(day.day.day, day.profit) for day in days] == [(16, -1), (17, 5_500)]
    with pytest.raises(ListingChanged):
        read_days([page(day_row("20261117")), page(day_row("20261117"))])


def test_cash_and_credit_trades_of_a_symbol_are_one_row() -> None:
    credit = trade_row("20261118", "035720", trad_dvsn_name="자기융자", loan_dt="20261001", buy_qty="3", fee="1")

    (trade,) = read_trades_by_symbol([page(trade_row("20261118", "035720")), page(credit)])

    assert (trade.profit, trade.fee, trade.tax) == (-11_000, 121, 2_480)
    assert (trade.sold_quantity, trade.bought_quantity, trade.sold) == (20, 3, 1_240_000)
    with pytest.raises(ListingChanged):
        read_trades_by_symbol([page(credit), page(credit)])


@pytest.mark.parametrize("change", [{"rlzt_pfls": ""}, {"rlzt_pfls": "1.5"}, {"trad_dt": "2026"}, {"fee": "-1"}])
def test_a_sum_that_cannot_be_read_is_an_error_and_no_zero(change: dict[str, str]) -> None:
    with pytest.raises(ProtocolError):
        read_days([page(day_row("20261117", **change))])


def test_today_s_sum_is_on_the_last_page_that_has_one() -> None:
    pages = [Body(fields={"output2": [{"rlzt_pfls": "1"}]}), Body(fields={"output2": [{"rlzt_pfls": "-2"}]})]

    assert read_realized_today([*pages, Body(fields={"output2": [{"rlzt_pfls": ""}]})]) == -2
    with pytest.raises(ProtocolError):
        read_realized_today([Body(fields={"output2": []})])
