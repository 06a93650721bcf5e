"""Section 4.3.7: the listing of orders."""

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


# --- 4.3.7 inquire-daily-ccld ---------------------------------------------------------------------------------


@check("4.3.7")
async def s4_3_7_a_listing_has_its_keys_and_sums(kis: Client) -> None:
    await kis.placed("buy", 1)

    answer = await kis.listing()

    assert set(answer.rows[0]) >= set(_LISTING_ROW.split())
    sums = "tot_ord_qty tot_ccld_qty tot_ccld_amt prsm_tlex_smtl pchs_avg_pric"
    assert set(answer.body["output2"]) >= set(sums.split())


@check("4.3.7")
async def s4_3_7_every_row_adds_up(kis: Client) -> None:
    await kis.placed("buy", 3)
    number = await kis.placed("buy", 10, LOW)
    (await kis.change(number, "02", 4)).done()
    (await kis.change(number, "01", 3, 61_000)).done()
    await kis.placed("sell", 1)

    rows = (await kis.listing()).rows

    assert len(rows) == 5
    for row in rows:
        parts = [int(row[name]) for name in ("tot_ccld_qty", "rmn_qty", "cncl_cfrm_qty", "rjct_qty")]
        assert sum(parts) == int(row["ord_qty"]), row


@check("4.3.7")
async def s4_3_7_a_fill_is_summed_with_its_average(kis: Client) -> None:
    number = await kis.placed("buy", 3)

    row = await kis.listed(number)

    assert (row["tot_ccld_qty"], row["avg_prvs"], row["tot_ccld_amt"]) == ("3", "69500", str(3 * 69_500))
    assert (row["ord_unpr"], row["ord_dvsn_cd"], row["ordr_empno"]) == ("0", "01", "OpnAPI")


@check("4.3.7")
async def s4_3_7_newest_or_oldest_first(kis: Client) -> None:
    numbers = [await kis.placed("buy", 1, LOW) for _ in range(3)]

    oldest = [row["odno"] for row in (await kis.listing(INQR_DVSN="01")).rows]
    newest = [row["odno"] for row in (await kis.listing(INQR_DVSN="00")).rows]

    assert oldest == numbers
    assert newest == numbers[::-1]


@check("4.3.7")
async def s4_3_7_filled_and_unfilled_can_be_asked_for(kis: Client) -> None:
    done, waiting = await kis.placed("buy", 1), await kis.placed("buy", 1, LOW)

    filled = [row["odno"] for row in (await kis.listing(CCLD_DVSN="01")).rows]
    unfilled = [row["odno"] for row in (await kis.listing(CCLD_DVSN="02")).rows]

    assert (filled, unfilled) == ([done], [waiting])


@check("4.3.7")
async def s4_3_7_sides_and_symbols_can_be_asked_for(kis: Client) -> None:
    buy, sale = await kis.placed("buy", 1), await kis.placed("sell", 1)
    other = await kis.placed("buy", 1, PDNO="091990")

    async def asked(**changes: str) -> list[str]:
        return [row["odno"] for row in (await kis.listing(**changes)).rows]

    assert await asked(SLL_BUY_DVSN_CD="01") == [sale]
    assert await asked(SLL_BUY_DVSN_CD="02") == [buy, other]
    assert await asked(PDNO="091990") == [other]


@check("4.3.7")
async def s4_3_7_one_order_can_be_asked_for_by_number_and_branch(kis: Client) -> None:
    await kis.placed("buy", 1)
    number = await kis.placed("buy", 1)
    branch = (await kis.listing()).rows[0]["ord_gno_brno"]

    rows = (await kis.listing(ODNO=number, ORD_GNO_BRNO=branch)).rows

    assert [row["odno"] for row in rows] == [number]
    assert (await kis.listing(ODNO=number, ORD_GNO_BRNO="99999")).rows == []


@check("4.3.7")
async def s4_3_7_estimated_costs_ignore_the_number_asked_for(kis: Client) -> None:
    first = await kis.placed("buy", 10)
    await kis.placed("buy", 20)

    whole = (await kis.listing()).body["output2"]["prsm_tlex_smtl"]
    one = (await kis.listing(ODNO=first)).body["output2"]["prsm_tlex_smtl"]

    assert int(whole) > 0
    assert one == whole


@check("4.3.7")
async def s4_3_7_days_are_those_of_the_orders_and_inclusive(kis: Client) -> None:
    await kis.placed("buy", 1)
    await kis.next_day()
    await kis.placed("buy", 2)

    async def asked(first: str, last: str) -> list[str]:
        return [row["ord_qty"] for row in (await kis.listing(INQR_STRT_DT=first, INQR_END_DT=last)).rows]

    assert await asked("20261013", "20261014") == ["1", "2"]
    assert await asked("20261013", "20261013") == ["1"]
    assert await asked("20261014", "20261014") == ["2"]


@check("4.3.7")
async def s4_3_7_cancels_and_changes_are_rows_that_point_back(kis: Client) -> None:
    number = await kis.placed("buy", 2, LOW)
    moved = (await kis.change(number, "01", price=61_000)).output["ODNO"]
    cancelled = (await kis.change(moved, "02")).output["ODNO"]

    rows = {row["odno"]: row for row in (await kis.listing()).rows}

    assert rows[moved]["orgn_odno"] == number
    assert rows[cancelled]["orgn_odno"] == moved
    assert "정정" in rows[moved]["sll_buy_dvsn_cd_name"]
    assert "취소" in rows[cancelled]["sll_buy_dvsn_cd_name"]
    assert rows[number]["orgn_odno"] == ""


@check("4.3.7", PAPER)
async def s4_3_7_on_paper_nothing_to_list_is_a_success_of_its_own(kis: Client) -> None:
    answer = await kis.listing()

    assert (answer.code, answer.rows) == ("70070000", [])


@check("4.3.7", REAL)
async def s4_3_7_without_all_the_orders_of_other_venues_are_hidden(kis: Client) -> None:
    await kis.placed("buy", 1, EXCG_ID_DVSN_CD="SOR")

    assert (await kis.listing()).rows == []
    assert len((await kis.listing(EXCG_ID_DVSN_CD="ALL")).rows) == 1


@check("4.3.7", market={"listing_lag_s": 5.0})
async def s4_3_7_a_listing_may_lag_by_seconds(kis: Client) -> None:
    await kis.wait(seconds=30)
    number = await kis.placed("buy", 1)
    lagging = {row["odno"]: row["tot_ccld_qty"] for row in (await kis.listing()).rows}
    assert lagging.get(number, "0") == "0"

    await kis.wait(seconds=6)

    assert (await kis.listed(number))["tot_ccld_qty"] == "1"


@check("4.3.7")
async def s4_3_7_an_order_that_the_exchange_rejects_is_a_row_of_rejected_shares(kis: Client) -> None:
    await kis.sim("reject", kind="NEW", symbol="005930")

    row = await kis.listed(await kis.placed("buy", 2, LOW))

    assert (row["rjct_qty"], row["rmn_qty"], row["tot_ccld_qty"]) == ("2", "0", "0")


@check("4.3.7")
async def s4_3_7_todays_orders_are_not_in_a_listing_of_another_day(kis: Client) -> None:
    await kis.placed("buy", 1)

    assert (await kis.listing(INQR_STRT_DT="20261001", INQR_END_DT="20261012")).rows == []
