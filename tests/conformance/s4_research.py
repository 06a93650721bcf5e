"""Sections 4.2.7 to 4.2.15: minutes, index, ranks, and what is known of a symbol and of a day."""

from __future__ import annotations

from tests.conformance.answers import Answer
from tests.conformance.client import DOMESTIC, QUOTATIONS, Client
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


# --- 4.2.7 and on ---------------------------------------------------------------------------------------------


@check("4.2.7")
async def s4_2_7_minutes_of_today_are_newest_first_and_30_at_most(kis: Client) -> None:
    query = {"FID_ETC_CLS_CODE": "", "FID_INPUT_HOUR_1": "100000", "FID_PW_DATA_INCU_YN": "N"}
    await kis.until("15:00:00")

    answer = (await kis.quotation("inquire-time-itemchartprice", "FHKST03010200", **query)).done()

    rows = answer.body["output2"]
    assert 0 < len(rows) <= 30
    assert {row["stck_bsop_date"] for row in rows} == {"20261013"}
    hours = [row["stck_cntg_hour"] for row in rows]
    assert hours == sorted(hours, reverse=True)
    assert hours[0] <= "100000"
    assert set(rows[0]) >= _keys("stck_prpr stck_oprc stck_hgpr stck_lwpr cntg_vol acml_tr_pbmn")


@check("4.2.7")
async def s4_2_7_a_future_hour_is_now(kis: Client) -> None:
    query = {"FID_ETC_CLS_CODE": "", "FID_INPUT_HOUR_1": "153000", "FID_PW_DATA_INCU_YN": "N"}

    answer = (await kis.quotation("inquire-time-itemchartprice", "FHKST03010200", **query)).done()

    assert answer.body["output2"][0]["stck_cntg_hour"] <= "100000"


@check("4.2.8", REAL)
async def s4_2_8_minutes_of_a_past_day_are_120_at_most(kis: Client) -> None:
    query = {"FID_INPUT_HOUR_1": "153000", "FID_PW_DATA_INCU_YN": "N", "FID_INPUT_DATE_1": "20261012"}
    query |= {"FID_FAKE_TICK_INCU_YN": ""}

    answer = (await kis.quotation("inquire-time-dailychartprice", "FHKST03010230", **query)).done()

    rows = answer.body["output2"]
    assert 0 < len(rows) <= 120
    assert {row["stck_bsop_date"] for row in rows} == {"20261012"}


@check("4.2.9")
async def s4_2_9_an_index_chart_has_two_decimals(kis: Client) -> None:
    query = {"FID_COND_MRKT_DIV_CODE": "U", "FID_INPUT_ISCD": "0001", "FID_PERIOD_DIV_CODE": "D"}
    query |= {"FID_INPUT_DATE_1": "20260901", "FID_INPUT_DATE_2": "20261013"}

    answer = (await kis.get(f"{QUOTATIONS}/inquire-daily-indexchartprice", "FHKUP03500100", query)).done()

    rows = answer.body["output2"]
    assert 0 < len(rows) <= 100
    for row in rows:
        assert len(row["bstp_nmix_prpr"].partition(".")[2]) == 2
        assert float(row["bstp_nmix_lwpr"]) <= float(row["bstp_nmix_prpr"]) <= float(row["bstp_nmix_hgpr"])


@check("4.2.9", REAL)
async def s4_2_9_the_index_now_is_one_object(kis: Client) -> None:
    query = {"FID_COND_MRKT_DIV_CODE": "U", "FID_INPUT_ISCD": "1001"}

    output = (await kis.get(f"{QUOTATIONS}/inquire-index-price", "FHPUP02100000", query)).done().output

    assert float(output["bstp_nmix_prpr"]) > 0


@check("4.2.10", REAL)
async def s4_2_10_an_interruption_is_listed_with_its_kind_and_reference(kis: Client) -> None:
    await kis.sim("vi", symbol="005930")
    query = {"FID_DIV_CLS_CODE": "0", "FID_COND_SCR_DIV_CODE": "20139", "FID_MRKT_CLS_CODE": "0"}
    query |= {"FID_INPUT_ISCD": "", "FID_RANK_SORT_CLS_CODE": "0", "FID_INPUT_DATE_1": "20261013"}
    query |= {"FID_TRGT_CLS_CODE": "", "FID_TRGT_EXLS_CLS_CODE": ""}

    rows = (await kis.get(f"{QUOTATIONS}/inquire-vi-status", "FHPST01390000", query)).done().output

    assert [(row["mksc_shrn_iscd"], row["vi_cls_code"], row["vi_kind_code"]) for row in rows] == [("005930", "Y", "1")]
    assert rows[0]["vi_stnd_prc"] == "70000"
    await kis.wait(minutes=3)
    rows = (await kis.get(f"{QUOTATIONS}/inquire-vi-status", "FHPST01390000", query)).done().output
    assert rows[0]["vi_cls_code"] == "N"


_RANK = {
    "FID_COND_MRKT_DIV_CODE": "J",
    "FID_COND_SCR_DIV_CODE": "20171",
    "FID_INPUT_ISCD": "0000",
    "FID_DIV_CLS_CODE": "0",
    "FID_BLNG_CLS_CODE": "3",
    "FID_TRGT_CLS_CODE": "111111111",
    "FID_TRGT_EXLS_CLS_CODE": "0000000000",
    "FID_INPUT_PRICE_1": "",
    "FID_INPUT_PRICE_2": "",
    "FID_VOL_CNT": "",
    "FID_INPUT_DATE_1": "",
}


async def _rank(kis: Client, **changes: str) -> Answer:
    return (await kis.get(f"{QUOTATIONS}/volume-rank", "FHPST01710000", _RANK | changes)).done()


@check("4.2.11", REAL, crowd=True)
async def s4_2_11_the_rank_by_value_is_30_rows_in_order(kis: Client) -> None:
    rows = (await _rank(kis)).output

    values = [int(row["acml_tr_pbmn"]) for row in rows]
    assert len(rows) == 30
    assert values == sorted(values, reverse=True)
    assert [row["data_rank"] for row in rows[:3]] == ["1", "2", "3"]
    assert rows[0]["mksc_shrn_iscd"] == "005930"


@check("4.2.11", REAL)
async def s4_2_11_funds_and_halted_symbols_can_be_left_out(kis: Client) -> None:
    found = {row["mksc_shrn_iscd"] for row in (await _rank(kis)).output}
    chosen = {row["mksc_shrn_iscd"] for row in (await _rank(kis, FID_TRGT_EXLS_CLS_CODE="1111111111")).output}

    assert "069500" in found
    assert "069500" not in chosen


@check("4.2.12", REAL, crowd=True)
async def s4_2_12_the_rank_by_size_takes_small_names_and_price_bands(kis: Client) -> None:
    query = {"fid_cond_mrkt_div_code": "J", "fid_cond_scr_div_code": "20174", "fid_div_cls_code": "0"}
    query |= {"fid_input_iscd": "0000", "fid_trgt_cls_code": "0", "fid_trgt_exls_cls_code": "0", "fid_vol_cnt": ""}
    path = f"{DOMESTIC}/ranking/market-cap"

    whole = (await kis.get(path, "FHPST01740000", query | {"fid_input_price_1": "", "fid_input_price_2": ""})).done()
    band = (
        await kis.get(path, "FHPST01740000", query | {"fid_input_price_1": "9000", "fid_input_price_2": "20000"})
    ).done()

    sizes = [int(row["stck_avls"]) for row in whole.output]
    assert len(sizes) == 30
    assert sizes == sorted(sizes, reverse=True)
    assert all(9_000 <= int(row["stck_prpr"]) <= 20_000 for row in band.output)


@check("4.2.13", REAL, crowd=True)
async def s4_2_13_many_quotes_come_in_the_order_asked_for(kis: Client) -> None:
    symbols = ["035720", "005930", *(f"7{number:04d}0" for number in range(28))]
    query = {f"FID_COND_MRKT_DIV_CODE_{place}": "J" for place in range(1, 31)}
    query |= {f"FID_INPUT_ISCD_{place}": symbol for place, symbol in enumerate(symbols, 1)}

    rows = (await kis.get(f"{QUOTATIONS}/intstock-multprice", "FHKST11300006", query)).done().output

    assert [row["inter_shrn_iscd"] for row in rows] == symbols
    assert rows[1]["inter2_prpr"] == "69400"
    assert set(rows[0]) >= _keys("inter_kor_isnm inter2_oprc inter2_mxpr inter2_llam inter2_askp inter2_bidp acml_vol")


@check("4.2.13", REAL, rate_limit_per_s=None)
async def s4_2_13_many_quotes_are_one_call_of_the_budget(kis: Client) -> None:
    query = {"FID_COND_MRKT_DIV_CODE_1": "J", "FID_INPUT_ISCD_1": "005930"}
    for _ in range(18):
        (await kis.get(f"{QUOTATIONS}/intstock-multprice", "FHKST11300006", query)).done()

    (await kis.get(f"{QUOTATIONS}/intstock-multprice", "FHKST11300006", query)).failed("EGW00201")


@check("4.2.14", REAL)
async def s4_2_14_stock_info_tells_name_isin_board_and_group(kis: Client) -> None:
    async def asked(symbol: str) -> dict[str, str]:
        query = {"PRDT_TYPE_CD": "300", "PDNO": symbol}
        found: dict[str, str] = (await kis.get(f"{QUOTATIONS}/search-stock-info", "CTPF1002R", query)).done().output
        return found

    share, kosdaq, fund = await asked("005930"), await asked("091990"), await asked("069500")

    assert (share["mket_id_cd"], kosdaq["mket_id_cd"], fund["scty_grp_id_cd"]) == ("STK", "KSQ", "EF")
    assert (share["std_pdno"], share["prdt_abrv_name"]) == ("KR7005930003", "삼성전자")
    assert (share["tr_stop_yn"], share["admn_item_yn"], share["lstg_abol_dt"]) == ("N", "N", "")


@check("4.2.14", REAL)
async def s4_2_14_product_info_is_answered(kis: Client) -> None:
    query = {"PRDT_TYPE_CD": "300", "PDNO": "005930"}

    output = (await kis.get(f"{QUOTATIONS}/search-info", "CTPF1604R", query)).done().output

    assert set(output) >= _keys("pdno prdt_type_cd std_pdno shtn_pdno prdt_clsf_cd sale_strt_dt frst_erlm_dt")


async def _holidays(kis: Client, basis: str) -> dict[str, dict[str, str]]:
    query = {"BASS_DT": basis, "CTX_AREA_NK": "", "CTX_AREA_FK": ""}
    rows = (await kis.get(f"{QUOTATIONS}/chk-holiday", "CTCA0903R", query)).done().output
    return {row["bass_dt"]: row for row in rows}


@check("4.2.15", REAL)
async def s4_2_15_holidays_are_told_by_opnd_yn(kis: Client) -> None:
    days = await _holidays(kis, "20261002")

    opens = {day: days[day]["opnd_yn"] for day in ("20261002", "20261003", "20261005", "20261006", "20261009")}
    assert opens == {"20261002": "Y", "20261003": "N", "20261005": "N", "20261006": "Y", "20261009": "N"}
    assert (days["20261003"]["wday_dvsn_cd"], days["20261004"]["wday_dvsn_cd"]) == ("07", "01")


@check("4.2.15", REAL)
async def s4_2_15_on_the_years_last_day_banks_work_and_the_exchange_does_not(kis: Client) -> None:
    day = (await _holidays(kis, "20261228"))["20261231"]

    assert (day["bzdy_yn"], day["opnd_yn"]) == ("Y", "N")


@check("4.2.15", REAL)
async def s4_2_15_market_time_tells_five_business_days(kis: Client) -> None:
    output = (await kis.get(f"{QUOTATIONS}/market-time", "HHMCM000002C0", {})).done().body["output1"]

    days = [output[f"date{place}"] for place in range(1, 6)]
    assert days == sorted(set(days))
    assert "20261013" in days
    assert output["today"] == "20261013"
