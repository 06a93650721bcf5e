"""Sections 4.2.1 to 4.2.4: price, executions, book."""

from __future__ import annotations

from itertools import pairwise

from tests.conformance.client import Client
from tests.conformance.registry import REAL, check

_REAL_ONLY = {
    "FHPST01010000": "quotations/inquire-price-2",
    "FHKST03010230": "quotations/inquire-time-dailychartprice",
    "FHPUP02100000": "quotations/inquire-index-price",
    "FHPST01390000": "quotations/inquire-vi-status",
    "FHPST01710000": "quotations/volume-rank",
    "FHPST01740000": "ranking/market-cap",
    "FHKST11300006": "quotations/intstock-multprice",
    "CTPF1002R": "quotations/search-stock-info",
    "CTPF1604R": "quotations/search-info",
    "CTCA0903R": "quotations/chk-holiday",
    "HHMCM000002C0": "quotations/market-time",
    "TTTC0084R": "trading/inquire-psbl-rvsecncl",
    "TTTC8408R": "trading/inquire-psbl-sell",
    "TTTC8494R": "trading/inquire-balance-rlz-pl",
    "TTTC8715R": "trading/inquire-period-trade-profit",
    "TTTC8708R": "trading/inquire-period-profit",
    "CTRP6548R": "trading/inquire-account-balance",
    "TTTC0869R": "trading/intgr-margin",
    "CTRGA011R": "trading/period-rights",
    "HHKDB669102C0": "ksdinfo/dividend",
    "HHKDB669105C0": "ksdinfo/rev-split",
    "FHKST117300C0": "quotations/exp-closing-price",
}
_PAPER_TOO = {
    "FHKST01010100": "quotations/inquire-price",
    "FHKST01010300": "quotations/inquire-ccnl",
    "FHKST01010200": "quotations/inquire-asking-price-exp-ccn",
    "FHKST01010400": "quotations/inquire-daily-price",
    "FHKST03010100": "quotations/inquire-daily-itemchartprice",
    "FHKST03010200": "quotations/inquire-time-itemchartprice",
    "FHKUP03500100": "quotations/inquire-daily-indexchartprice",
    "VTTC8908R": "trading/inquire-psbl-order",
    "VTTC8434R": "trading/inquire-balance",
    "VTTC0081R": "trading/inquire-daily-ccld",
}
_REAL_RESERVATIONS = {"CTSC0008U": "order-resv", "CTSC0009U": "order-resv-rvsecncl", "CTSC0013U": "order-resv-rvsecncl"}


def _keys(text: str) -> set[str]:
    return set(text.split())


# --- 4.2.1 inquire-price --------------------------------------------------------------------------------------

_PRICE_KEYS = _keys("""
    iscd_stat_cls_code marg_rate rprs_mrkt_kor_name new_hgpr_lwpr_cls_code bstp_kor_isnm temp_stop_yn oprc_rang_cont_yn
    clpr_rang_cont_yn crdt_able_yn grmn_rate_cls_code elw_pblc_yn ssts_yn vi_cls_code ovtm_vi_cls_code invt_caful_yn
    mrkt_warn_cls_code short_over_yn sltr_yn mang_issu_cls_code stck_prpr prdy_vrss prdy_vrss_sign prdy_ctrt
    acml_tr_pbmn acml_vol prdy_vrss_vol_rate stck_oprc stck_hgpr stck_lwpr stck_mxpr stck_llam stck_sdpr
    wghn_avrg_stck_prc aspr_unit hts_deal_qty_unit_val hts_frgn_ehrt frgn_ntby_qty pgtr_ntby_qty pvt_pont_val
    dmrs_val dmsp_val frgn_hldn_qty last_ssts_cntg_qty apprch_rate cpfn rstc_wdth_prc stck_fcam stck_sspr lstn_stcn
    hts_avls per pbr stac_month vol_tnrt eps bps fcam_cnnm cpfn_cnnm whol_loan_rmnd_rate stck_shrn_iscd d250_hgpr
    d250_lwpr stck_dryy_hgpr stck_dryy_lwpr w52_hgpr w52_hgpr_vrss_prpr_ctrt w52_hgpr_date w52_lwpr w52_lwpr_date
""")


@check("4.2.1")
async def s4_2_1_the_price_has_its_keys_and_no_name(kis: Client) -> None:
    price = await kis.price()

    assert set(price) >= _PRICE_KEYS
    assert "삼성전자" not in price.values()


@check("4.2.1")
async def s4_2_1_the_price_tells_limits_base_and_tick(kis: Client) -> None:
    price = await kis.price()

    told = {name: price[name] for name in ("stck_mxpr", "stck_llam", "stck_sdpr", "aspr_unit", "hts_deal_qty_unit_val")}
    assert told == {
        "stck_mxpr": "91000",
        "stck_llam": "49000",
        "stck_sdpr": "70000",
        "aspr_unit": "100",
        "hts_deal_qty_unit_val": "1",
    }


@check("4.2.1")
async def s4_2_1_open_high_low_and_last_are_those_of_the_day_so_far(kis: Client) -> None:
    await kis.until("15:45:00")
    price = await kis.price()

    assert [price[f"stck_{name}"] for name in ("oprc", "hgpr", "lwpr", "prpr")] == ["70000", "71000", "69000", "70000"]
    assert price["acml_vol"] == "3000000"


@check("4.2.1")
async def s4_2_1_an_unknown_symbol_is_a_success_with_a_price_of_0(kis: Client) -> None:
    price = await kis.price("999999")

    assert price["stck_prpr"] == "0"
    assert sum(value == "" for value in price.values()) > len(price) // 2


@check("4.2.1")
async def s4_2_1_states_are_y_or_n(kis: Client) -> None:
    price = await kis.price()

    names = ("temp_stop_yn", "vi_cls_code", "ovtm_vi_cls_code", "short_over_yn", "sltr_yn", "mang_issu_cls_code")
    assert {price[name] for name in names} == {"N"}
    assert price["mrkt_warn_cls_code"] == "00"


@check("4.2.1")
async def s4_2_1_the_market_value_is_in_hundred_millions(kis: Client) -> None:
    price = await kis.price()

    value = int(price["stck_prpr"]) * int(price["lstn_stcn"]) // 10**8
    assert abs(int(price["hts_avls"]) - value) <= 1


@check("4.2.2", REAL)
async def s4_2_2_the_second_price_tells_the_close_before(kis: Client) -> None:
    output = (await kis.quotation("inquire-price-2", "FHPST01010000")).done().output

    assert (output["stck_prdy_clpr"], output["prdy_vol"], output["trht_yn"]) == ("70000", "3000000", "N")
    assert set(output) >= _keys("insn_pbnt_yn mang_issu_yn vlnt_deal_cls_name mxpr_llam_cls_code low_current_yn")


@check("4.2.3")
async def s4_2_3_executions_are_newest_first_and_30_at_most(kis: Client) -> None:
    await kis.until("15:40:00")
    rows = (await kis.quotation("inquire-ccnl", "FHKST01010300")).done().output

    assert 0 < len(rows) <= 30
    assert set(rows[0]) >= _keys("stck_cntg_hour stck_prpr prdy_vrss prdy_vrss_sign cntg_vol tday_rltv prdy_ctrt")
    assert all(after["stck_cntg_hour"] >= before["stck_cntg_hour"] for after, before in pairwise(rows))


# --- 4.2.4 the book -------------------------------------------------------------------------------------------


@check("4.2.4")
async def s4_2_4_the_book_has_ten_levels_a_side_and_their_sums(kis: Client) -> None:
    book = (await kis.book()).body["output1"]

    asks, bids = ([int(book[f"{side}{n}"]) for n in range(1, 11)] for side in ("askp", "bidp"))
    assert asks == list(range(asks[0], asks[0] + 1_000, 100))
    assert bids == list(range(bids[0], bids[0] - 1_000, -100))
    assert bids[0] < asks[0]
    for side in ("askp", "bidp"):
        total = sum(int(book[f"{side}_rsqn{n}"]) for n in range(1, 11))
        assert book[f"total_{side}_rsqn"] == str(total)


@check("4.2.4")
async def s4_2_4_the_levels_change_their_step_where_the_table_does(kis: Client) -> None:
    book = (await kis.book("035720")).body["output1"]

    prices = sorted(int(book[f"{side}{n}"]) for side in ("askp", "bidp") for n in range(1, 11))
    for lower, upper in pairwise(prices):
        assert upper - lower == (50 if lower < 50_000 else 100), (lower, upper)


@check("4.2.4")
async def s4_2_4_in_session_nothing_is_expected_and_the_code_is_20(kis: Client) -> None:
    answer = await kis.book()

    assert answer.body["output1"]["new_mkop_cls_code"] == "20"
    assert answer.body["output2"]["antc_vol"] == "0"
    assert answer.body["output2"]["stck_shrn_iscd"] == "005930"


@check("4.2.4", at="08:50")
async def s4_2_4_before_the_open_a_match_is_expected(kis: Client) -> None:
    expected = (await kis.book()).body["output2"]

    assert expected["antc_mkop_cls_code"] == "112"
    assert (int(expected["antc_cnpr"]), int(expected["antc_vol"]) > 0) == (70_000, True)


@check("4.2.4", at="15:25")
async def s4_2_4_before_the_close_a_match_is_expected(kis: Client) -> None:
    expected = (await kis.book()).body["output2"]

    assert expected["antc_mkop_cls_code"] == "121"
    assert int(expected["antc_cnpr"]) > 0


@check("4.2.4")
async def s4_2_4_after_hours_the_last_book_stands(kis: Client) -> None:
    await kis.until("15:30:00")
    last = (await kis.book()).body["output1"]
    await kis.until("22:00:00")

    later = (await kis.book()).body["output1"]

    assert [later[f"askp{n}"] for n in range(1, 11)] == [last[f"askp{n}"] for n in range(1, 11)]
