"""Section 4.3.6: the balance."""

from __future__ import annotations

from datetime import date

from tests.conformance.client import Client
from tests.conformance.registry import check

LOW = 60_000
_BALANCE_ROW = """
    pdno prdt_name trad_dvsn_name bfdy_buy_qty bfdy_sll_qty thdt_buyqty thdt_sll_qty hldg_qty ord_psbl_qty
    pchs_avg_pric pchs_amt prpr evlu_amt evlu_pfls_amt evlu_pfls_rt evlu_erng_rt loan_dt loan_amt stln_slng_chgs expd_dt
    fltt_rt bfdy_cprs_icdc item_mgna_rt_name grta_rt_name sbst_pric stck_loan_unpr
"""
_BALANCE_SUMS = """
    dnca_tot_amt nxdy_excc_amt prvs_rcdl_excc_amt cma_evlu_amt bfdy_buy_amt thdt_buy_amt nxdy_auto_rdpt_amt bfdy_sll_amt
    thdt_sll_amt d2_auto_rdpt_amt bfdy_tlex_amt thdt_tlex_amt tot_loan_amt scts_evlu_amt tot_evlu_amt nass_amt
    fncg_gld_auto_rdpt_yn pchs_amt_smtl_amt evlu_amt_smtl_amt evlu_pfls_smtl_amt tot_stln_slng_chgs
    bfdy_tot_asst_evlu_amt asst_icdc_amt asst_icdc_erng_rt
"""
_LISTING_ROW = """
    ord_dt ord_gno_brno odno orgn_odno ord_dvsn_name sll_buy_dvsn_cd sll_buy_dvsn_cd_name pdno prdt_name ord_qty
    ord_unpr ord_tmd tot_ccld_qty avg_prvs cncl_yn tot_ccld_amt loan_dt ordr_empno ord_dvsn_cd cncl_cfrm_qty rmn_qty
    rjct_qty ccld_cndt_name inqr_ip_addr infm_tmd ctac_tlno prdt_type_cd excg_dvsn_cd ord_orgno rsvn_ord_end_dt
    excg_id_dvsn_cd stpm_cndt_pric stpm_efct_occr_dtmd
"""


# --- 4.3.6 inquire-balance ------------------------------------------------------------------------------------


@check("4.3.6")
async def s4_3_6_a_balance_has_its_keys_and_one_object_of_sums(kis: Client) -> None:
    await kis.placed("buy", 1)

    answer = await kis.balance()

    assert set(answer.rows[0]) >= set(_BALANCE_ROW.split())
    assert isinstance(answer.body["output2"], list)
    assert [set(_BALANCE_SUMS.split()) - set(sums) for sums in answer.body["output2"]] == [set()]


@check("4.3.6")
async def s4_3_6_shares_are_there_as_soon_as_they_are_bought(kis: Client) -> None:
    await kis.placed("buy", 3)

    held = await kis.held()

    assert (held["hldg_qty"], held["thdt_buyqty"], held["ord_psbl_qty"]) == ("3", "3", "3")


@check("4.3.6")
async def s4_3_6_the_cost_is_the_moving_average_without_fees(kis: Client) -> None:
    await kis.placed("buy", 1)
    first = int((await kis.held())["pchs_amt"])
    await kis.until("13:00:00")
    await kis.placed("buy", 2)
    second = int((await kis.held())["pchs_amt"]) - first

    held = await kis.held()

    assert held["pchs_avg_pric"] == f"{(first + second) / 3:.4f}"
    await kis.placed("sell", 1)
    assert abs(float((await kis.held())["pchs_avg_pric"]) - float(held["pchs_avg_pric"])) < 1


@check("4.3.6")
async def s4_3_6_what_is_worth_and_what_it_won_follow_the_price(kis: Client) -> None:
    await kis.placed("buy", 3)
    await kis.until("13:00:00")

    held = await kis.held()

    value = 3 * int(held["prpr"])
    assert held["evlu_amt"] == str(value)
    assert held["evlu_pfls_amt"] == str(value - int(held["pchs_amt"]))
    assert held["evlu_pfls_rt"] == f"{(value / int(held['pchs_amt']) - 1) * 100:.2f}"


@check("4.3.6")
async def s4_3_6_open_sales_can_no_longer_be_sold(kis: Client) -> None:
    await kis.placed("buy", 5)
    await kis.placed("sell", 2, 80_000)

    held = await kis.held()

    assert (held["hldg_qty"], held["ord_psbl_qty"]) == ("5", "3")


@check("4.3.6")
async def s4_3_6_a_sold_out_holding_stays_as_a_row_of_0_until_it_settles(kis: Client) -> None:
    await kis.placed("buy", 2)
    await kis.placed("sell", 2)

    counts = []
    for _ in range(3):
        counts.append([row["hldg_qty"] for row in (await kis.balance()).rows])
        await kis.next_day()

    assert counts[:2] == [["0"], ["0"]]
    assert (await kis.balance()).rows == []


@check("4.3.6")
async def s4_3_6_the_deposit_of_today_does_not_fall_with_a_purchase(kis: Client) -> None:
    await kis.placed("buy", 10)

    sums = await kis.sums()

    assert (sums["dnca_tot_amt"], sums["nxdy_excc_amt"]) == ("10000000", "10000000")
    assert int(sums["prvs_rcdl_excc_amt"]) < 10_000_000 - 10 * 69_000
    assert sums["thdt_buy_amt"] == str(10 * 69_500)


@check("4.3.6")
async def s4_3_6_a_purchase_settles_on_the_second_business_day(kis: Client) -> None:
    await kis.placed("buy", 10)
    due = (await kis.sums())["prvs_rcdl_excc_amt"]

    told = []
    for _ in range(2):
        await kis.next_day()
        sums = await kis.sums()
        told.append((sums["dnca_tot_amt"], sums["nxdy_excc_amt"]))

    assert told == [("10000000", due), (due, due)]


@check("4.3.6")
async def s4_3_6_the_total_is_securities_and_settled_cash(kis: Client) -> None:
    await kis.placed("buy", 10)

    sums = await kis.sums()

    total = int(sums["scts_evlu_amt"]) + int(sums["prvs_rcdl_excc_amt"])
    assert (sums["tot_evlu_amt"], sums["nass_amt"]) == (str(total), str(total))


@check("4.3.6")
async def s4_3_6_yesterdays_trades_are_told_apart_from_todays(kis: Client) -> None:
    await kis.placed("buy", 3)
    await kis.next_day()

    held, sums = await kis.held(), await kis.sums()

    assert (held["bfdy_buy_qty"], held["thdt_buyqty"]) == ("3", "0")
    assert (sums["bfdy_buy_amt"], sums["thdt_buy_amt"]) == (str(3 * 69_500), "0")


@check("4.3.6")
async def s4_3_6_the_balance_is_the_ledger_itself(kis: Client) -> None:
    await kis.placed("buy", 3)
    await kis.placed("buy", 2, PDNO="091990")

    ledger, sums = await kis.sim("account"), await kis.sums()

    assert (str(ledger["cash"]), str(ledger["equity"])) == (sums["prvs_rcdl_excc_amt"], sums["tot_evlu_amt"])
    held = {row["pdno"]: (int(row["hldg_qty"]), int(row["pchs_amt"])) for row in (await kis.balance()).rows}
    assert held == {symbol: (row["quantity"], row["cost"]) for symbol, row in ledger["holdings"].items()}


@check("4.3.6", split=True, day=date(2026, 10, 7))
async def s4_3_6_after_a_split_there_are_more_shares_at_the_same_cost(kis: Client) -> None:
    await kis.placed("buy", 3, PDNO="035720")
    before = await kis.held("035720")
    await kis.next_day(days=6)

    after = await kis.held("035720")

    assert (after["hldg_qty"], after["pchs_amt"]) == ("15", before["pchs_amt"])


@check("4.3.6", market={"balance_lag_s": 5.0})
async def s4_3_6_a_balance_may_lag_by_seconds(kis: Client) -> None:
    await kis.wait(seconds=30)
    await kis.placed("buy", 1)
    assert (await kis.balance()).rows == []

    await kis.wait(seconds=6)

    assert (await kis.held())["hldg_qty"] == "1"
