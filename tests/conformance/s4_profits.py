"""Section 4.3.8: profits, assets, reservations, and what companies did."""

from __future__ import annotations

from tests.conformance.client import TRADING, Client
from tests.conformance.registry import REAL, check

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


# --- 4.3.8 profits and the rest -------------------------------------------------------------------------------

_PERIOD = {"INQR_STRT_DT": "20261001", "INQR_END_DT": "20261031", "SORT_DVSN": "00", "PDNO": "", "CBLC_DVSN": "00"}
_PERIOD |= {"CTX_AREA_FK100": "", "CTX_AREA_NK100": ""}


async def _bought_and_sold(kis: Client) -> dict[str, int]:
    """Trade once around; return what it brought before and after costs."""
    buy, sale = await kis.placed("buy", 10), ""
    await kis.until("13:00:00")
    sale = await kis.placed("sell", 10)
    orders = {row["number"]: row for row in await kis.sim("orders")}
    gross = orders[sale]["amount"] - orders[buy]["amount"]
    return {"gross": gross, "fees": orders[sale]["fee"] + orders[buy]["fee"], "tax": orders[sale]["tax"]}


@check("4.3.8", REAL)
async def s4_3_8_a_balance_with_profit_tells_what_was_realised_today(kis: Client) -> None:
    traded = await _bought_and_sold(kis)
    query = {"AFHR_FLPR_YN": "N", "OFL_YN": "", "INQR_DVSN": "00", "UNPR_DVSN": "01", "FUND_STTL_ICLD_YN": "N"}
    query |= {"FNCG_AMT_AUTO_RDPT_YN": "N", "PRCS_DVSN": "00", "COST_ICLD_YN": "N"}
    query |= {"CTX_AREA_FK100": "", "CTX_AREA_NK100": ""}

    body = (await kis.ledger("inquire-balance-rlz-pl", "TTTC8494R", **query)).done().body

    sums = body["output2"][0] if isinstance(body["output2"], list) else body["output2"]
    assert int(sums["rlzt_pfls"]) == traded["gross"]


@check("4.3.8", REAL)
async def s4_3_8_profit_by_trade_tells_fee_and_tax(kis: Client) -> None:
    traded = await _bought_and_sold(kis)

    answer = (await kis.ledger("inquire-period-trade-profit", "TTTC8715R", **_PERIOD)).done()

    sold = next(row for row in answer.rows if row["sll_qty"] != "0")
    assert (sold["trad_dt"], sold["pdno"], sold["sll_qty"]) == ("20261013", "005930", "10")
    assert int(sold["tl_tax"]) == traded["tax"]
    assert set(sold) >= {"buy_qty", "buy_amt", "sll_pric", "sll_amt", "pchs_unpr", "rlzt_pfls", "fee", "loan_int"}


@check("4.3.8", REAL)
async def s4_3_8_profit_by_day_is_a_row_a_day(kis: Client) -> None:
    traded = await _bought_and_sold(kis)

    answer = (await kis.ledger("inquire-period-profit", "TTTC8708R", INQR_DVSN="00", **_PERIOD)).done()

    assert [row["trad_dt"] for row in answer.rows] == ["20261013"]
    assert (answer.rows[0]["sll_qty1"], answer.rows[0]["buy_qty1"]) == ("10", "10")
    assert int(answer.rows[0]["tl_tax"]) == traded["tax"]


@check("4.3.8", REAL)
async def s4_3_8_account_assets_are_20_rows_in_a_fixed_order(kis: Client) -> None:
    answer = (await kis.ledger("inquire-account-balance", "CTRP6548R", INQR_DVSN_1="", BSPR_BF_DT_APLY_YN="")).done()

    assert len(answer.rows) == 20
    assert set(answer.body["output2"]) >= {"nass_tot_amt", "tot_asst_amt", "tot_dncl_amt", "dncl_amt"}


_RESERVATION = {"PDNO": "005930", "ORD_QTY": "1", "ORD_UNPR": "69500", "SLL_BUY_DVSN_CD": "02", "ORD_DVSN_CD": "00"}
_RESERVATION |= {"ORD_OBJT_CBLC_DVSN_CD": "10"}


@check("4.3.8", REAL, at="17:00")
async def s4_3_8_a_reservation_is_taken_in_the_evening_and_sent_in_the_morning(kis: Client) -> None:
    answer = (await kis.post(f"{TRADING}/order-resv", "CTSC0008U", kis.account | _RESERVATION)).done()
    assert answer.code == "APBK2938"

    await kis.next_day("09:40:00")

    assert [(row["ord_qty"], row["pdno"]) for row in (await kis.listing()).rows] == [("1", "005930")]


@check("4.3.8", REAL)
async def s4_3_8_in_session_a_reservation_is_refused(kis: Client) -> None:
    answer = await kis.post(f"{TRADING}/order-resv", "CTSC0008U", kis.account | _RESERVATION)

    assert answer.rt_cd != "0"


@check("4.3.8", REAL, split=True)
async def s4_3_8_a_split_is_in_the_corporate_actions(kis: Client) -> None:
    query = {"SHT_CD": "", "CTS": "", "F_DT": "20261001", "T_DT": "20261031", "MARKET_GB": "0"}

    path = "/uapi/domestic-stock/v1/ksdinfo/rev-split"
    rows = (await kis.get(path, "HHKDB669105C0", query)).done().rows

    assert [row["sht_cd"] for row in rows] == ["035720"]
