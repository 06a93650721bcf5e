"""Section 4.3.1: orders."""

from __future__ import annotations

import re

from tests.conformance.client import TRADING, Client
from tests.conformance.registry import PAPER, REAL, check

LOW = 60_000  # rests: the day of 005930 goes no lower than 69,000
_OPEN = {"INQR_DVSN_1": "0", "INQR_DVSN_2": "0", "CTX_AREA_FK100": "", "CTX_AREA_NK100": ""}


# --- 4.3.1 order-cash -----------------------------------------------------------------------------------------


@check("4.3.1")
async def s4_3_1_an_order_is_answered_with_number_branch_and_time(kis: Client) -> None:
    answer = (await kis.order("buy", 1)).done()

    output = answer.output
    assert re.fullmatch(r"[0-9]{10}", output["ODNO"])
    assert len(output["KRX_FWDG_ORD_ORGNO"]) == 5
    assert output["ORD_TMD"] == "100000"


@check("4.3.1")
async def s4_3_1_a_taken_order_has_the_venues_code(kis: Client) -> None:
    bought, sold = await kis.order("buy", 1), await kis.order("sell", 1)

    assert bought.code == ("APBK0013" if kis.real else "40600000")
    if not kis.real:
        assert bought.body["msg1"].strip() == "모의투자 매수주문이 완료 되었습니다."
        assert sold.body["msg1"].strip() == "모의투자 매도주문이 완료 되었습니다."


@check("4.3.1", REAL)
async def s4_3_1_a_real_answer_has_an_empty_sor_number(kis: Client) -> None:
    assert (await kis.order("buy", 1)).output["SOR_ODNO"] == ""


@check("4.3.1")
async def s4_3_1_a_market_buy_fills_at_the_ask_and_a_sale_at_the_bid(kis: Client) -> None:
    book = (await kis.book()).body["output1"]
    buy, sale = await kis.placed("buy", 3), await kis.placed("sell", 1)

    assert (await kis.listed(buy))["avg_prvs"] == book["askp1"]
    assert (await kis.listed(sale))["avg_prvs"] == book["bidp1"]


@check("4.3.1")
async def s4_3_1_a_limit_order_pays_no_more_than_its_limit(kis: Client) -> None:
    number = await kis.placed("buy", 1, 69_200)
    assert (await kis.listed(number))["rmn_qty"] == "1"

    await kis.until("15:40:00")

    row = await kis.listed(number)
    assert (row["tot_ccld_qty"], int(row["avg_prvs"]) <= 69_200) == ("1", True)


@check("4.3.1")
async def s4_3_1_a_limit_buy_reserves_its_own_price(kis: Client) -> None:
    before = int((await kis.power())["nrcvb_buy_amt"])
    await kis.placed("buy", 10, LOW)

    reserved = before - int((await kis.power())["nrcvb_buy_amt"])

    assert 10 * LOW <= reserved <= 10 * LOW * 1.005


@check("4.3.1", at="08:40")
async def s4_3_1_a_waiting_market_buy_reserves_the_upper_limit(kis: Client) -> None:
    if not kis.real:
        await kis.until("15:21:00")
    before = int((await kis.power())["nrcvb_buy_amt"])
    await kis.placed("buy", 10)

    reserved = before - int((await kis.power())["nrcvb_buy_amt"])

    assert 10 * 91_000 <= reserved <= 10 * 91_000 * 1.005


@check("4.3.1", cash=1_000_000)
async def s4_3_1_a_market_buy_fails_above_77_percent_of_the_cash(kis: Client) -> None:
    refused = ("7", "APBK0952") if kis.real else ("1", "40250000")

    (await kis.order("buy", 11)).refused(*refused)  # 11 x 91,000 > 1,000,000 though 11 x 69,500 is not
    await kis.placed("buy", 10)


@check("4.3.1", cash=1_000_000)
async def s4_3_1_what_a_market_buy_reserved_too_much_comes_back_with_the_fill(kis: Client) -> None:
    await kis.placed("buy", 10)

    assert int((await kis.power())["nrcvb_buy_amt"]) > 1_000_000 - 10 * 69_500 - 1_000


@check("4.3.1", cash=1_000_000)
async def s4_3_1_the_same_order_twice_is_two_orders(kis: Client) -> None:
    first, second = await kis.placed("buy", 1, LOW), await kis.placed("buy", 1, LOW)

    assert first != second
    assert len((await kis.listing()).rows) == 2


@check("4.3.1")
async def s4_3_1_a_number_belongs_to_its_day(kis: Client) -> None:
    today = await kis.placed("buy", 1)
    await kis.next_day()

    assert await kis.placed("buy", 1) == today


@check("4.3.1", PAPER)
async def s4_3_1_paper_takes_the_types_00_to_04_alone(kis: Client) -> None:
    for division in ("00", "02", "03", "04"):
        await kis.placed("buy", 1, 69_000 if division in ("00", "02") else 0, ORD_DVSN=division)
    await kis.placed("buy", 1, ORD_DVSN="01")
    for division in ("05", "06", "11", "13", "15", "21", "22", "41"):
        answer = await kis.order("buy", 1, 69_000, ORD_DVSN=division)
        assert (answer.status, answer.rt_cd) == (200, "1"), division


@check("4.3.1", PAPER)
async def s4_3_1_paper_knows_the_korea_exchange_alone(kis: Client) -> None:
    for venue in ("NXT", "SOR"):
        assert (await kis.order("buy", 1, EXCG_ID_DVSN_CD=venue)).rt_cd == "1"


@check("4.3.1", REAL)
async def s4_3_1_a_market_order_is_refused_by_nxt(kis: Client) -> None:
    (await kis.order("buy", 1, EXCG_ID_DVSN_CD="NXT")).refused("7", "APBK0963")


@check("4.3.1", REAL)
async def s4_3_1_an_order_by_sor_is_listed_as_one(kis: Client) -> None:
    number = await kis.placed("buy", 1, EXCG_ID_DVSN_CD="SOR")

    rows = (await kis.listing(EXCG_ID_DVSN_CD="ALL")).rows
    assert [(row["odno"], row["excg_id_dvsn_cd"], row["excg_dvsn_cd"]) for row in rows] == [(number, "SOR", "12")]


@check("4.3.1")
async def s4_3_1_the_venue_is_the_korea_exchange_where_it_is_not_said(kis: Client) -> None:
    body = {**kis.account, "PDNO": "005930", "ORD_DVSN": "01", "ORD_QTY": "1", "ORD_UNPR": "0"}

    (await kis.post(f"{TRADING}/order-cash", kis.tr("TTTC0012U"), body)).done()

    assert (await kis.listing()).rows[0]["excg_id_dvsn_cd"] == "KRX"


@check("4.3.1")
async def s4_3_1_best_takes_the_other_sides_touch_and_priority_the_own(kis: Client) -> None:
    book = (await kis.book()).body["output1"]
    best, priority = await kis.placed("buy", 1, ORD_DVSN="03"), await kis.placed("buy", 1, ORD_DVSN="04")

    assert (await kis.listed(best))["avg_prvs"] == book["askp1"]
    assert (await kis.listed(priority))["tot_ccld_qty"] == "0"


@check("4.3.1", REAL)
async def s4_3_1_what_an_ioc_cannot_fill_is_cancelled_at_once(kis: Client) -> None:
    number = await kis.placed("buy", 1, LOW, ORD_DVSN="11")

    row = await kis.listed(number)
    assert (row["tot_ccld_qty"], row["rmn_qty"], row["cncl_cfrm_qty"]) == ("0", "0", "1")
    assert row["ccld_cndt_name"] == "IOC"


@check("4.3.1", REAL, cash=100_000_000_000)
async def s4_3_1_a_fok_fills_whole_or_not_at_all(kis: Client) -> None:
    too_many = await kis.placed("buy", 900_000, 69_500, ORD_DVSN="12")
    few = await kis.placed("buy", 10, 69_500, ORD_DVSN="12")

    assert (await kis.listed(too_many))["tot_ccld_qty"] == "0"
    assert (await kis.listed(few))["tot_ccld_qty"] == "10"


@check("4.3.1", cash=100_000_000_000)
async def s4_3_1_an_order_may_be_filled_in_parts(kis: Client) -> None:
    number = await kis.placed("buy", 200_000, 70_000)
    first = await kis.listed(number)
    await kis.wait(minutes=30)
    second = await kis.listed(number)

    assert 0 < int(first["tot_ccld_qty"]) < int(second["tot_ccld_qty"]) <= 200_000
    for row in (first, second):
        assert int(row["tot_ccld_qty"]) + int(row["rmn_qty"]) == 200_000


@check("4.3.1")
async def s4_3_1_a_quantity_is_a_whole_number_above_0(kis: Client) -> None:
    assert (await kis.order("buy", 0)).rt_cd != "0"
    (await kis.order("buy", "-1")).failed("IGW00007")
    assert (await kis.listing()).rows == []


@check("4.3.1")
async def s4_3_1_a_conditional_limit_goes_to_market_in_the_closing_auction(kis: Client) -> None:
    number = await kis.placed("buy", 1, LOW, ORD_DVSN="02")

    await kis.until("15:40:00")

    row = await kis.listed(number)
    assert (row["tot_ccld_qty"], row["avg_prvs"]) == ("1", "70000")


@check("4.3.1", REAL)
async def s4_3_1_mid_price_orders_are_taken_by_the_korea_exchange(kis: Client) -> None:
    for division in ("21", "23", "24"):
        await kis.placed("buy", 1, ORD_DVSN=division)


@check("4.3.1", REAL)
async def s4_3_1_a_stop_limit_sleeps_until_its_condition_price_is_traded(kis: Client) -> None:
    number = await kis.placed("buy", 1, 70_500, ORD_DVSN="22", CNDT_PRIC="70300")
    assert (await kis.listed(number))["tot_ccld_qty"] == "0"

    await kis.until("15:40:00")

    assert (await kis.listed(number))["tot_ccld_qty"] == "1"


@check("4.3.1", REAL)
async def s4_3_1_a_stop_shows_its_condition_in_the_listings(kis: Client) -> None:
    number = await kis.placed("buy", 1, 70_500, ORD_DVSN="22", CNDT_PRIC="70300")
    (waiting,) = (await kis.ledger("inquire-psbl-rvsecncl", "TTTC0084R", **_OPEN)).done().body["output"]
    assert (waiting["stpm_cndt_pric"], waiting["stpm_efct_occr_yn"]) == ("70300", "N")

    await kis.until("15:40:00")

    row = await kis.listed(number)
    assert (row["stpm_cndt_pric"], len(row["stpm_efct_occr_dtmd"])) == ("70300", 9)
