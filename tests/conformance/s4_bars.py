"""Sections 4.2.5 and 4.2.6: daily bars."""

from __future__ import annotations

from tests.conformance.client import Client
from tests.conformance.registry import check

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


# --- 4.2.5, 4.2.6 daily bars ----------------------------------------------------------------------------------


async def _daily(kis: Client, adjust: str, symbol: str = "005930", period: str = "D") -> list[dict[str, str]]:
    query = {"FID_PERIOD_DIV_CODE": period, "FID_ORG_ADJ_PRC": adjust}
    found: list[dict[str, str]] = (await kis.quotation("inquire-daily-price", "FHKST01010400", symbol, **query)).output
    return found


@check("4.2.5")
async def s4_2_5_daily_prices_are_30_rows_newest_first(kis: Client) -> None:
    rows = await _daily(kis, "0")

    days = [row["stck_bsop_date"] for row in rows]
    assert len(rows) == 30
    assert days == sorted(days, reverse=True)
    assert days[:3] == ["20261013", "20261012", "20261008"]


@check("4.2.5")
async def s4_2_5_daily_prices_by_week_and_month_are_30_rows_at_most(kis: Client) -> None:
    weeks, months = await _daily(kis, "0", period="W"), await _daily(kis, "0", period="M")

    assert len(weeks) == 30
    assert 10 <= len(months) <= 30


@check("4.2.5", split=True)
async def s4_2_5_here_0_is_raw_and_1_is_adjusted(kis: Client) -> None:
    raw, adjusted = await _daily(kis, "0", "035720"), await _daily(kis, "1", "035720")

    assert (raw[5]["stck_clpr"], adjusted[5]["stck_clpr"]) == ("50000", "10000")


@check("4.2.5")
async def s4_2_5_the_official_samples_ten_digits_are_taken(kis: Client) -> None:
    assert len(await _daily(kis, "0000000001")) == 30


@check("4.2.6", split=True)
async def s4_2_6_here_0_is_adjusted_and_1_is_raw(kis: Client) -> None:
    adjusted = (await kis.chart("20260901", "20261001", "035720", FID_ORG_ADJ_PRC="0")).body["output2"]
    raw = (await kis.chart("20260901", "20261001", "035720", FID_ORG_ADJ_PRC="1")).body["output2"]

    assert (adjusted[0]["stck_clpr"], raw[0]["stck_clpr"]) == ("10000", "50000")
    assert int(adjusted[0]["acml_vol"]) == 5 * int(raw[0]["acml_vol"])


@check("4.2.6")
async def s4_2_6_the_chart_has_its_keys(kis: Client) -> None:
    body = (await kis.chart("20260901", "20261013")).body

    assert set(body["output1"]) >= _keys(
        "prdy_vrss prdy_vrss_sign prdy_ctrt stck_prdy_clpr acml_vol acml_tr_pbmn hts_kor_isnm stck_prpr "
        "stck_shrn_iscd prdy_vol stck_mxpr stck_llam stck_oprc stck_hgpr stck_lwpr stck_prdy_oprc stck_prdy_hgpr "
        "stck_prdy_lwpr askp bidp prdy_vrss_vol vol_tnrt stck_fcam lstn_stcn cpfn hts_avls per eps pbr"
    )
    assert set(body["output2"][0]) >= _keys(
        "stck_bsop_date stck_clpr stck_oprc stck_hgpr stck_lwpr acml_vol acml_tr_pbmn flng_cls_code prtt_rate mod_yn "
        "prdy_vrss_sign prdy_vrss revl_issu_reas"
    )


@check("4.2.6")
async def s4_2_6_a_chart_has_100_rows_at_most_newest_first(kis: Client) -> None:
    days = [row["stck_bsop_date"] for row in (await kis.chart("20240101", "20261013")).body["output2"]]

    assert len(days) == 100
    assert days == sorted(days, reverse=True)
    assert days[0] == "20261013"


@check("4.2.6")
async def s4_2_6_the_next_page_ends_the_day_before_the_oldest_row(kis: Client) -> None:
    days = [row["stck_bsop_date"] for row in (await kis.chart("20240101", "20261013")).body["output2"]]
    before = str(int(days[-1]) - 1)

    older = [row["stck_bsop_date"] for row in (await kis.chart("20240101", before)).body["output2"]]

    assert len(older) == 100
    assert max(older) < min(days)


@check("4.2.6")
async def s4_2_6_a_range_before_the_listing_is_empty(kis: Client) -> None:
    assert (await kis.chart("20150101", "20151231")).body["output2"] == []


@check("4.2.6")
async def s4_2_6_a_range_is_inclusive_at_both_ends(kis: Client) -> None:
    rows = (await kis.chart("20261007", "20261012")).body["output2"]

    assert [row["stck_bsop_date"] for row in rows] == ["20261012", "20261008", "20261007"]


@check("4.2.6", at="08:00")
async def s4_2_6_before_the_open_todays_row_is_a_placeholder(kis: Client) -> None:
    row = (await kis.chart("20261012", "20261013")).body["output2"][0]

    assert row["stck_bsop_date"] == "20261013"
    assert [row[f"stck_{name}"] for name in ("oprc", "hgpr", "lwpr", "clpr")] == ["70000"] * 4
    assert row["acml_vol"] == "0"


@check("4.2.6")
async def s4_2_6_in_session_todays_row_is_partial(kis: Client) -> None:
    now = (await kis.chart("20261012", "20261013")).body["output2"][0]
    await kis.until("15:40:00")
    then = (await kis.chart("20261012", "20261013")).body["output2"][0]

    assert (now["stck_clpr"], now["acml_vol"]) == ("69400", "500000")
    assert (then["stck_clpr"], then["stck_hgpr"], then["acml_vol"]) == ("70000", "71000", "3000000")


@check("4.2.6", at="16:30")
async def s4_2_6_a_suspended_day_has_zeros_and_the_close_before(kis: Client) -> None:
    row = (await kis.chart("20261012", "20261013", "222220")).body["output2"][0]

    told = [row[f"stck_{name}"] for name in ("oprc", "hgpr", "lwpr", "clpr")]
    assert (told, row["acml_vol"]) == (["0", "0", "0", "10000"], "0")


@check("4.2.6")
async def s4_2_6_weeks_and_months_gather_their_days(kis: Client) -> None:
    weeks = (await kis.chart("20260901", "20261012", FID_PERIOD_DIV_CODE="W")).body["output2"]
    months = (await kis.chart("20260501", "20260831", FID_PERIOD_DIV_CODE="M")).body["output2"]

    assert weeks[1]["acml_vol"] == str(3 * 3_000_000)  # the 5th and the 9th were holidays
    assert len(months) == 4
    assert all(row["stck_hgpr"] == "71000" for row in months)


@check("4.2.6", split=True)
async def s4_2_6_a_split_is_marked_in_its_row(kis: Client) -> None:
    row = (await kis.chart("20261012", "20261013", "035720")).body["output2"][0]

    assert float(row["prtt_rate"]) == 0.2
