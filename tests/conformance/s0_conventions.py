"""Section 0: conventions."""

from __future__ import annotations

import re
from typing import Any

from tests.conformance.client import QUOTATIONS, TRADING, Client
from tests.conformance.registry import check

_NUMBER = re.compile(r"-?(0|[1-9][0-9]*)(\.[0-9]+)?")
_SYMBOLS = [f"7{number:04d}0" for number in range(60)]


def _texts(value: Any) -> bool:
    if isinstance(value, dict):
        return all(_texts(each) for each in value.values())
    return all(_texts(each) for each in value) if isinstance(value, list) else isinstance(value, str)


# --- 0: numbers, texts, names --------------------------------------------------------------------------------


@check("0")
async def s0_every_value_of_an_answer_is_a_text(kis: Client) -> None:
    await kis.placed("buy", 3)

    answers = [await kis.balance(), await kis.listing(), await kis.book(), await kis.chart("20260901", "20261013")]

    assert all(_texts(answer.body) for answer in answers)


@check("0")
async def s0_numbers_have_neither_padding_nor_separators(kis: Client) -> None:
    await kis.placed("buy", 3)

    price, held, sums = await kis.price(), await kis.held(), await kis.sums()

    told = [price[name] for name in ("stck_prpr", "prdy_vrss", "prdy_ctrt", "acml_vol", "acml_tr_pbmn", "stck_mxpr")]
    told += [held[name] for name in ("hldg_qty", "ord_psbl_qty", "pchs_avg_pric", "pchs_amt", "prpr", "evlu_pfls_amt")]
    told += [sums[name] for name in ("dnca_tot_amt", "prvs_rcdl_excc_amt", "tot_evlu_amt", "thdt_tlex_amt")]
    assert all(_NUMBER.fullmatch(text) for text in told), told


@check("0")
async def s0_an_average_price_has_four_decimals(kis: Client) -> None:
    await kis.placed("buy", 3)

    assert re.fullmatch(r"[0-9]+\.[0-9]{4}", (await kis.held())["pchs_avg_pric"])


@check("0")
async def s0_a_rate_has_two_decimals_and_its_own_minus(kis: Client) -> None:
    price = await kis.price()

    assert re.fullmatch(r"-[0-9]+\.[0-9]{2}", price["prdy_ctrt"])


@check("0")
async def s0_texts_are_utf_8(kis: Client) -> None:
    answer = await kis.chart("20261001", "20261013")

    assert "삼성전자".encode() in answer.raw
    assert answer.body["output1"]["hts_kor_isnm"] == "삼성전자"


@check("0")
async def s0_dates_and_times_are_digits_of_seoul(kis: Client) -> None:
    placed = (await kis.order("buy", 1)).done()
    row = (await kis.listing()).rows[0]

    assert placed.output["ORD_TMD"] == f"{kis.now():%H%M%S}" == "100000"
    assert (row["ord_dt"], row["ord_tmd"]) == ("20261013", "100000")


@check("0")
async def s0_a_symbol_may_hold_letters(kis: Client) -> None:
    await kis.placed("buy", 1, PDNO="0000X0")

    assert (await kis.held("0000X0"))["hldg_qty"] == "1"
    assert (await kis.price("0000X0"))["stck_shrn_iscd"] == "0000X0"


@check("0")
async def s0_the_sign_code_agrees_with_the_change(kis: Client) -> None:
    down, limit = await kis.price(), await kis.price("333330")

    assert (down["prdy_vrss"], down["prdy_vrss_sign"]) == ("-600", "5")
    assert (limit["prdy_vrss"], limit["prdy_vrss_sign"], limit["stck_prpr"]) == ("3000", "1", limit["stck_mxpr"])


@check("0")
async def s0_an_unchanged_price_has_the_sign_3(kis: Client) -> None:
    idle = await kis.price("222220")

    assert (idle["prdy_vrss"], idle["prdy_vrss_sign"]) == ("0", "3")


@check("0")
async def s0_an_account_is_eight_digits_and_two(kis: Client) -> None:
    code = "OPSQ2000" if kis.real else "IGW00002"

    for wrong in ({"CANO": "5012345"}, {"ACNT_PRDT_CD": "02"}, {"CANO": "50123457"}):
        query = {**kis.account, "PDNO": "", "ORD_UNPR": "", "ORD_DVSN": "01", **wrong}
        query |= {"CMA_EVLU_AMT_ICLD_YN": "N", "OVRS_ICLD_YN": "N"}
        (await kis.get(f"{TRADING}/inquire-psbl-order", kis.tr("TTTC8908R"), query)).failed(code)


@check("0")
async def s0_an_order_of_another_account_is_refused_before_it_is_looked_at(kis: Client) -> None:
    answer = await kis.order("buy", "x", CANO="99999999")

    answer.failed("OPSQ2000" if kis.real else "IGW00002")


@check("0")
async def s0_body_keys_are_in_capitals_and_others_are_not_read(kis: Client) -> None:
    body = {name.lower(): value for name, value in kis.account.items()} | {"pdno": "005930", "ord_qty": "1"}

    answer = await kis.post(f"{TRADING}/order-cash", kis.tr("TTTC0012U"), body)

    assert answer.status == 500
    assert (await kis.listing()).rows == []


@check("0")
async def s0_query_names_may_be_written_small(kis: Client) -> None:
    query = {"fid_cond_mrkt_div_code": "J", "fid_input_iscd": "005930"}

    answer = await kis.get(f"{QUOTATIONS}/inquire-price", "FHKST01010100", query)

    assert answer.done().output["stck_prpr"] == "69400"


@check("0")
async def s0_answers_have_small_keys_but_an_orders_output(kis: Client) -> None:
    placed = (await kis.order("buy", 1)).done()
    row = (await kis.listing()).rows[0]

    assert all(name == name.upper() for name in placed.output)
    assert all(name == name.lower() for name in (*placed.body, *row))


@check("0")
async def s0_the_other_environments_tr_id_is_refused(kis: Client) -> None:
    tr_id, code = ("VTTC8434R", "EGW00310") if kis.real else ("TTTC8434R", "EGW02006")

    (await kis.get(f"{TRADING}/inquire-balance", tr_id, kis.account)).failed(code)


@check("0")
async def s0_quotations_have_one_tr_id_in_both_environments(kis: Client) -> None:
    assert (await kis.price())["stck_prpr"] == "69400"
    (await kis.quotation("inquire-price", "VHKST01010100")).failed("EGW00310")
