"""Section 4.5: the codes of refused orders."""

from __future__ import annotations

from tests.conformance.client import Client
from tests.conformance.registry import PAPER, REAL, check

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


# --- 4.5 refusals ---------------------------------------------------------------------------------------------


def _refused(kis: Client, real: str, paper: str) -> tuple[str, str]:
    return ("7", real) if kis.real else ("1", paper)


@check("4.5", PAPER)
async def s4_5_a_price_off_its_tick_is_40030000(kis: Client) -> None:
    answer = (await kis.order("buy", 1, 69_050)).refused("1", "40030000")

    assert "호가단위" in answer.body["msg1"]


@check("4.5", REAL)
async def s4_5_a_price_off_its_tick_is_refused_in_words(kis: Client) -> None:
    answer = await kis.order("buy", 1, 69_050)

    assert (answer.status, answer.rt_cd) == (200, "7")
    assert "호가단위" in answer.body["msg1"]


@check("4.5")
async def s4_5_a_price_beyond_the_limits_is_refused(kis: Client) -> None:
    for price in (91_100, 48_900):
        answer = await kis.order("buy", 1, price)
        assert (answer.status, answer.rt_cd) == (200, "7" if kis.real else "1")
        assert "상/하한가" in answer.body["msg1"]
        if not kis.real:
            assert answer.code == "40270000"


@check("4.5", cash=1_000_000)
async def s4_5_too_little_cash_has_its_code(kis: Client) -> None:
    answer = (await kis.order("buy", 20, 69_000)).refused(*_refused(kis, "APBK0952", "40250000"))

    told = "주문가능금액을 초과 했습니다" if kis.real else "모의투자 주문가능금액이 부족합니다."
    assert answer.body["msg1"].strip() == told


@check("4.5")
async def s4_5_too_few_shares_have_their_code(kis: Client) -> None:
    (await kis.order("sell", 1)).refused(*_refused(kis, "APBK0400", "40240000"))
    await kis.placed("buy", 2)
    (await kis.order("sell", 3)).refused(*_refused(kis, "APBK0400", "40240000"))


@check("4.5", PAPER)
async def s4_5_penny_stocks_cannot_be_traded_on_paper(kis: Client) -> None:
    (await kis.order("buy", 1, PDNO="900010")).refused("1", "40070000")


@check("4.5", REAL)
async def s4_5_penny_stocks_can_be_traded_on_the_real_venue(kis: Client) -> None:
    await kis.placed("buy", 1, PDNO="900010")


@check("4.5")
async def s4_5_an_unknown_symbol_has_its_code(kis: Client) -> None:
    (await kis.order("buy", 1, PDNO="999999")).refused(*_refused(kis, "APBK0656", "40070000"))


@check("4.5")
async def s4_5_a_halted_symbol_takes_no_order(kis: Client) -> None:
    await kis.sim("halt", symbol="005930")

    answer = await kis.order("buy", 1)

    assert (answer.status, answer.rt_cd) == (200, "7" if kis.real else "1")
    if not kis.real:
        assert answer.code == "40070000"


@check("4.5")
async def s4_5_a_refused_order_has_no_number_and_leaves_no_row(kis: Client) -> None:
    answer = await kis.order("sell", 1)

    assert "output" not in answer.body or not answer.output
    assert (await kis.listing()).rows == []


@check("4.5", PAPER, market={"sells_what_the_balance_shows": True, "balance_lag_s": 6.0})
async def s4_5_a_sale_right_after_the_purchase_may_find_nothing(kis: Client) -> None:
    await kis.wait(seconds=30)
    await kis.placed("buy", 1)
    (await kis.order("sell", 1)).refused("1", "40240000")

    await kis.wait(seconds=7)

    await kis.placed("sell", 1)
