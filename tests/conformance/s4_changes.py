"""Sections 4.3.2 to 4.3.5: changes, buying power, open orders, what can be sold."""

from __future__ import annotations

from tests.conformance.client import Client
from tests.conformance.registry import PAPER, REAL, check

LOW = 60_000  # rests: the day of 005930 goes no lower than 69,000
_OPEN = {"INQR_DVSN_1": "0", "INQR_DVSN_2": "0", "CTX_AREA_FK100": "", "CTX_AREA_NK100": ""}


# --- 4.3.2 order-rvsecncl -------------------------------------------------------------------------------------


@check("4.3.2")
async def s4_3_2_a_cancel_has_a_number_of_its_own(kis: Client) -> None:
    number = await kis.placed("buy", 3, LOW)

    output = (await kis.change(number, "02")).done().output

    assert set(output) >= {"KRX_FWDG_ORD_ORGNO", "ODNO", "ORD_TMD"}
    assert output["ODNO"] != number
    row = await kis.listed(output["ODNO"])
    assert row["orgn_odno"].lstrip("0") == number.lstrip("0")
    assert (await kis.listed(number))["cncl_cfrm_qty"] == "3"


@check("4.3.2")
async def s4_3_2_a_modification_moves_the_rest_to_a_new_number(kis: Client) -> None:
    number = await kis.placed("buy", 3, LOW)

    moved = (await kis.change(number, "01", price=61_000)).done().output["ODNO"]

    old, new = await kis.listed(number), await kis.listed(moved)
    assert (old["rmn_qty"], new["rmn_qty"], new["ord_unpr"]) == ("0", "3", "61000")
    assert new["orgn_odno"].lstrip("0") == number.lstrip("0")


@check("4.3.2")
async def s4_3_2_a_part_can_be_cancelled(kis: Client) -> None:
    number = await kis.placed("buy", 10, LOW)

    (await kis.change(number, "02", 4)).done()

    row = await kis.listed(number)
    assert (row["rmn_qty"], row["cncl_cfrm_qty"]) == ("6", "4")


@check("4.3.2")
async def s4_3_2_what_is_filled_can_no_longer_be_changed(kis: Client) -> None:
    number = await kis.placed("buy", 1)
    refused = ("7", "APBK0927") if kis.real else ("1", "40330000")

    (await kis.change(number, "02")).refused(*refused)
    (await kis.change(number, "01", price=61_000)).refused(*refused)


@check("4.3.2")
async def s4_3_2_what_is_cancelled_cannot_be_cancelled_again(kis: Client) -> None:
    number = await kis.placed("buy", 1, LOW)
    (await kis.change(number, "02")).done()

    answer = await kis.change(number, "02")

    answer.refused(*(("7", "APBK0927") if kis.real else ("1", "40330000")))


@check("4.3.2")
async def s4_3_2_more_than_what_is_left_cannot_be_cancelled(kis: Client) -> None:
    number = await kis.placed("buy", 3, LOW)

    assert (await kis.change(number, "02", 4)).rt_cd != "0"
    assert (await kis.listed(number))["rmn_qty"] == "3"


@check("4.3.2")
async def s4_3_2_a_quantity_can_only_go_down(kis: Client) -> None:
    number = await kis.placed("buy", 3, LOW)

    assert (await kis.change(number, "01", 4, 61_000)).rt_cd != "0"


@check("4.3.2")
async def s4_3_2_an_unpadded_number_and_the_branch_are_taken(kis: Client) -> None:
    placed = (await kis.order("buy", 1, LOW)).output

    answer = await kis.change(placed["ODNO"].lstrip("0"), "02", KRX_FWDG_ORD_ORGNO=placed["KRX_FWDG_ORD_ORGNO"])

    answer.done()


@check("4.3.2")
async def s4_3_2_the_price_of_a_modification_is_checked_like_any_other(kis: Client) -> None:
    number = await kis.placed("buy", 1, LOW)

    assert (await kis.change(number, "01", price=61_050)).rt_cd != "0"
    assert (await kis.change(number, "01", price=100_000)).rt_cd != "0"
    assert (await kis.listed(number))["rmn_qty"] == "1"


@check("4.3.2")
async def s4_3_2_a_cancel_gives_the_reserved_cash_back(kis: Client) -> None:
    before = (await kis.power())["nrcvb_buy_amt"]
    number = await kis.placed("buy", 10, LOW)
    (await kis.change(number, "02")).done()

    assert (await kis.power())["nrcvb_buy_amt"] == before


@check("4.3.2")
async def s4_3_2_an_order_of_yesterday_cannot_be_changed(kis: Client) -> None:
    number = await kis.placed("buy", 1, LOW)
    await kis.next_day()

    assert (await kis.change(number, "02")).rt_cd != "0"


@check("4.3.2")
async def s4_3_2_a_change_is_filled_at_once_where_it_reaches(kis: Client) -> None:
    number = await kis.placed("buy", 1, LOW)

    moved = (await kis.change(number, "01", price=70_000)).done().output["ODNO"]

    assert (await kis.listed(moved))["tot_ccld_qty"] == "1"


# --- 4.3.3 inquire-psbl-order ---------------------------------------------------------------------------------


@check("4.3.3")
async def s4_3_3_buying_power_has_its_keys(kis: Client) -> None:
    names = "ord_psbl_cash ord_psbl_sbst ruse_psbl_amt fund_rpch_chgs psbl_qty_calc_unpr nrcvb_buy_amt nrcvb_buy_qty"
    names += " max_buy_amt max_buy_qty cma_evlu_amt ovrs_re_use_amt_wcrc ord_psbl_frcr_amt_wcrc"

    assert set(await kis.power()) >= set(names.split())


@check("4.3.3")
async def s4_3_3_at_the_market_shares_are_counted_at_the_upper_limit(kis: Client) -> None:
    power = await kis.power()

    assert power["psbl_qty_calc_unpr"] == "91000"
    assert power["nrcvb_buy_qty"] == str(10_000_000 // 91_000)


@check("4.3.3")
async def s4_3_3_at_a_limit_shares_are_counted_at_it(kis: Client) -> None:
    power = await kis.power(50_000, division="00")

    assert power["psbl_qty_calc_unpr"] == "50000"
    assert power["nrcvb_buy_qty"] in ("199", "200")


@check("4.3.3")
async def s4_3_3_without_a_symbol_amounts_alone_are_told(kis: Client) -> None:
    power = await kis.power(symbol="")

    assert (power["nrcvb_buy_amt"], power["nrcvb_buy_qty"]) == ("10000000", "0")


@check("4.3.3")
async def s4_3_3_what_was_sold_today_can_be_spent_today(kis: Client) -> None:
    await kis.placed("buy", 10)
    low = int((await kis.power())["nrcvb_buy_amt"])
    await kis.placed("sell", 10)

    power = await kis.power()

    assert int(power["nrcvb_buy_amt"]) - low > 10 * 69_000 * 0.99
    assert int(power["ruse_psbl_amt"]) > 0


@check("4.3.3")
async def s4_3_3_what_can_be_bought_can_be_bought(kis: Client) -> None:
    count = int((await kis.power())["nrcvb_buy_qty"])

    assert (await kis.order("buy", count + 1)).rt_cd != "0"
    await kis.placed("buy", count)


# --- 4.3.4, 4.3.5 ---------------------------------------------------------------------------------------------


@check("4.3.4", REAL)
async def s4_3_4_open_orders_are_those_that_can_be_changed(kis: Client) -> None:
    await kis.placed("buy", 1)
    number = await kis.placed("buy", 5, LOW)
    (await kis.change(number, "02", 2)).done()

    rows = (await kis.ledger("inquire-psbl-rvsecncl", "TTTC0084R", **_OPEN)).done().output

    assert [(row["odno"].lstrip("0"), row["psbl_qty"]) for row in rows] == [(number.lstrip("0"), "3")]
    assert (rows[0]["sll_buy_dvsn_cd"], rows[0]["orgn_odno"], rows[0]["ord_gno_brno"]) == ("02", "", "03930")


@check("4.3.4", REAL)
async def s4_3_4_open_orders_can_be_asked_for_by_side(kis: Client) -> None:
    await kis.placed("buy", 2)
    buy, sale = await kis.placed("buy", 1, LOW), await kis.placed("sell", 1, 80_000)

    async def asked(side: str) -> list[str]:
        query = _OPEN | {"INQR_DVSN_2": side}
        rows = (await kis.ledger("inquire-psbl-rvsecncl", "TTTC0084R", **query)).done().output
        return [row["odno"] for row in rows]

    assert (await asked("1"), await asked("2")) == ([sale], [buy])


@check("4.3.4", REAL)
async def s4_3_4_a_modified_order_is_open_under_its_new_number(kis: Client) -> None:
    number = await kis.placed("buy", 1, LOW)
    moved = (await kis.change(number, "01", price=61_000)).done().output["ODNO"]

    rows = (await kis.ledger("inquire-psbl-rvsecncl", "TTTC0084R", **_OPEN)).done().output

    assert [(row["odno"], row["orgn_odno"].lstrip("0")) for row in rows] == [(moved, number.lstrip("0"))]


@check("4.3.4", PAPER)
async def s4_3_4_on_paper_unfilled_rows_stand_for_open_orders(kis: Client) -> None:
    await kis.placed("buy", 1)
    number = await kis.placed("buy", 5, LOW)

    rows = (await kis.listing(CCLD_DVSN="02")).rows

    assert [row["odno"] for row in rows if int(row["rmn_qty"])] == [number]


@check("4.3.5", REAL)
async def s4_3_5_sellable_shares_are_those_held_less_open_sales(kis: Client) -> None:
    await kis.placed("buy", 5)
    await kis.placed("sell", 2, 80_000)

    output = (await kis.ledger("inquire-psbl-sell", "TTTC8408R", PDNO="005930")).done().output

    assert (output["cblc_qty"], output["ord_psbl_qty"], output["pchs_avg_pric"]) == ("5", "3", "69500.0000")
