"""Orders, changes and cancels on the wire, by the book's examples and by recordings."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import pytest

from kis_daemon.domain.market import Side
from kis_daemon.domain.orders import OrderNo, OrderType
from kis_daemon.kis.capabilities import Generation, KisProfile
from kis_daemon.kis.wire import Answer, Body, Row, parse
from kis_daemon.kis.wire_errors import read_outcome
from kis_daemon.kis.wire_orders import ask_cancel, ask_modify, ask_submit, read_accepted
from kis_daemon.kis.wire_values import read_order_no, read_symbol
from kis_daemon.ports import Accepted, NoAnswer, ProtocolError
from tests.kis.builders import CREDENTIALS, an_intent, an_order, payload


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


@pytest.mark.parametrize("missing", [{"order_no": None}, {"branch_no": ""}])
def test_a_cancel_without_krx_fwdg_ord_orgno_or_number_is_never_written(missing: dict[str, str | None]) -> None:
    with pytest.raises(ValueError):
        ask_cancel(an_order(**missing), CREDENTIALS, KisProfile.PAPER)
    with pytest.raises(ValueError):
        ask_modify(an_order(**missing), None, 61_000, CREDENTIALS, KisProfile.PAPER)


@pytest.mark.parametrize(("quantity", "sent", "is_all"), [(None, "0", "Y"), (4, "4", "N")])
def test_a_change_moves_all_that_remains_or_so_many_shares_to_a_limit(
    quantity: int | None, sent: str, is_all: str
) -> None:
    order = an_order(intent=an_intent(order_type=OrderType.MARKET, price=None))

    command = ask_modify(order, quantity, 61_200, CREDENTIALS, KisProfile.REAL)

    assert (command.tr_id, command.path) == ("TTTC0013U", "/uapi/domestic-stock/v1/trading/order-rvsecncl")
    assert command.body == {
        "CANO": "50123456", "ACNT_PRDT_CD": "01", "KRX_FWDG_ORD_ORGNO": "00950", "ORGN_ODNO": "0000012345",
        "ORD_DVSN": "00", "RVSE_CNCL_DVSN_CD": "01", "ORD_QTY": sent, "ORD_UNPR": "61200",
        "QTY_ALL_ORD_YN": is_all, "EXCG_ID_DVSN_CD": "KRX",
    }  # fmt: skip


@pytest.mark.parametrize(("quantity", "price"), [(0, 61_200), (-1, 61_200), (None, 0)])
def test_a_change_to_nothing_is_refused(quantity: int | None, price: int) -> None:
    with pytest.raises(ValueError):
        ask_modify(an_order(), quantity, price, CREDENTIALS, KisProfile.REAL)


def test_the_older_tr_ids_know_no_venue() -> None:
    old = (CREDENTIALS, KisProfile.PAPER, Generation.OLD)

    commands = [ask_submit(an_intent(), *old), ask_cancel(an_order(), *old), ask_modify(an_order(), None, 1, *old)]

    assert [command.tr_id for command in commands] == ["VTTC0802U", "VTTC0803U", "VTTC0803U"]
    assert not any("EXCG_ID_DVSN_CD" in command.body for command in commands)


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


@pytest.mark.parametrize(("text", "number"), [("61300", 61_300), (" 21100.00 ", 21_100), ("-36890", -36_890)])
def test_a_number_is_read_without_its_empty_decimals(text: str, number: int) -> None:
    assert Row({"x": text}).number("x") == number


def test_a_figure_with_decimals_is_kept_as_written_whether_quoted_or_bare() -> None:
    fields = parse(b'{"a":" 135440.2517 ","b":1.10,"c":"","d":"1e5","E ":"7"}')
    assert fields is not None
    row = Row(fields)

    assert (row.decimal("a"), row.decimal("b"), row.decimal("c")) == (Decimal("135440.2517"), Decimal("1.10"), None)
    assert row.number("e") == 7
    with pytest.raises(ProtocolError):
        row.decimal("d")
    with pytest.raises(ProtocolError):
        row.number("a")
