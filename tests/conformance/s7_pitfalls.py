"""Section 7: the pitfalls that a simulator can show, each under its number."""

from __future__ import annotations

import json

from tests.conformance.client import QUOTATIONS, TRADING, Client
from tests.conformance.connection import decrypted
from tests.conformance.registry import PAPER, REAL, check

LOW = 60_000
_PRICE = {"FID_COND_MRKT_DIV_CODE": "J", "FID_INPUT_ISCD": "005930"}


async def _fault(kis: Client, kind: str, **rest: object) -> None:
    await kis.sim("faults", faults=[{"kind": kind, **rest}])


@check("7")
async def s7_1_a_restart_that_asks_for_a_token_again_is_refused(kis: Client) -> None:
    (await kis.ask_token()).failed("EGW00133", 403)


@check("7", rate_limit_per_s=1)
async def s7_2_the_body_of_a_500_says_what_it_was(kis: Client) -> None:
    await kis.price()

    answer = await kis.get(f"{QUOTATIONS}/inquire-price", "FHKST01010100", _PRICE)

    assert (answer.status, json.loads(answer.raw)["msg_cd"]) == (500, "EGW00201")


@check("7")
async def s7_3_the_gateway_may_refuse_below_the_limit(kis: Client) -> None:
    await _fault(kis, "EGW00201")

    (await kis.get(f"{QUOTATIONS}/inquire-price", "FHKST01010100", _PRICE)).failed("EGW00201")
    assert (await kis.price())["stck_prpr"]


@check("7")
async def s7_4_an_order_that_was_answered_with_302_is_found_in_the_listing_or_nowhere(kis: Client) -> None:
    await _fault(kis, "EGW00302", path="order-cash")
    await kis.order("buy", 1, LOW)

    rows = (await kis.listing()).rows

    assert len(rows) == len(await kis.sim("orders"))


@check("7", split=True)
async def s7_5_adjusted_means_the_opposite_in_the_two_services(kis: Client) -> None:
    query = {"FID_PERIOD_DIV_CODE": "D", "FID_ORG_ADJ_PRC": "0"}
    daily = (await kis.quotation("inquire-daily-price", "FHKST01010400", "035720", **query)).output
    chart = (await kis.chart("20260901", "20261013", "035720")).body["output2"]

    assert daily[4]["stck_bsop_date"] == chart[4]["stck_bsop_date"]
    assert int(daily[4]["stck_clpr"]) == 5 * int(chart[4]["stck_clpr"])


@check("7", at="07:00")
async def s7_6_today_has_a_bar_before_the_open(kis: Client) -> None:
    row = (await kis.chart("20261001", "20261013")).body["output2"][0]

    assert (row["stck_bsop_date"], row["acml_vol"]) == ("20261013", "0")


@check("7", PAPER)
async def s7_9_a_holiday_cannot_be_asked_for_on_paper(kis: Client) -> None:
    query = {"BASS_DT": "20261013", "CTX_AREA_NK": "", "CTX_AREA_FK": ""}
    (await kis.get(f"{QUOTATIONS}/chk-holiday", "CTCA0903R", query)).failed("EGW02006")


@check("7", cash=1_000_000)
async def s7_11_all_cash_at_the_market_is_refused(kis: Client) -> None:
    assert (await kis.order("buy", 14)).rt_cd != "0"
    await kis.placed("buy", 14, 69_500)


@check("7", cash=1_000_000)
async def s7_13_the_deposit_is_no_buying_power(kis: Client) -> None:
    await kis.placed("buy", 10)

    sums, power = await kis.sums(), await kis.power()

    assert int(sums["dnca_tot_amt"]) > 3 * int(power["nrcvb_buy_amt"])
    assert int(sums["nxdy_excc_amt"]) > 3 * int(power["nrcvb_buy_amt"])


@check("7")
async def s7_14_a_sold_position_is_a_phantom_row(kis: Client) -> None:
    await kis.placed("buy", 1)
    await kis.placed("sell", 1)

    assert (await kis.held())["hldg_qty"] == "0"


@check("7")
async def s7_15_selling_more_than_is_held_is_refused_every_time(kis: Client) -> None:
    await kis.placed("buy", 1)

    codes = {(await kis.order("sell", 2)).code for _ in range(5)}

    assert codes == {"APBK0400" if kis.real else "40240000"}


@check("7")
async def s7_16_a_cancel_fails_because_the_order_was_filled(kis: Client) -> None:
    number = await kis.placed("buy", 1, 69_200)
    await kis.until("12:00:00")

    assert (await kis.change(number, "02")).rt_cd != "0"
    assert (await kis.listed(number))["tot_ccld_qty"] == "1"


@check("7")
async def s7_17_the_branch_is_found_again_in_the_listing(kis: Client) -> None:
    output = (await kis.order("buy", 1, LOW)).output

    row = await kis.listed(output["ODNO"])

    assert row["ord_gno_brno"] == output["KRX_FWDG_ORD_ORGNO"]
    (await kis.change(output["ODNO"], "02", KRX_FWDG_ORD_ORGNO=row["ord_gno_brno"])).done()


@check("7", short_order_numbers=True)
async def s7_18_an_order_number_may_be_short_in_one_place_and_padded_in_another(kis: Client) -> None:
    async with kis.stream() as stream:
        await stream.notices()
        number = (await kis.order("buy", 1, LOW)).output["ODNO"]
        notice = await stream.record()

    row = (await kis.listing()).rows[0]
    assert number == number.lstrip("0")
    assert row["odno"] == notice[2] == number.rjust(10, "0")


@check("7")
async def s7_18_numbers_have_ten_digits_where_nothing_else_is_said(kis: Client) -> None:
    number = (await kis.order("buy", 1, LOW)).output["ODNO"]

    assert (len(number), (await kis.listing()).rows[0]["odno"]) == (10, number)


@check("7")
async def s7_20_data_that_changed_between_pages_can_be_planned(kis: Client) -> None:
    await _fault(kis, "data_changed", path="inquire-daily-ccld")
    for _ in range(101 if kis.real else 16):
        await kis.placed("buy", 1, 4_000, PDNO="700000")

    today = f"{kis.now():%Y%m%d}"
    query = {"INQR_STRT_DT": today, "INQR_END_DT": today, "SLL_BUY_DVSN_CD": "00", "INQR_DVSN": "01", "PDNO": ""}
    query |= {"CCLD_DVSN": "00", "ORD_GNO_BRNO": "", "ODNO": "", "INQR_DVSN_3": "00", "INQR_DVSN_1": ""}
    query |= {"EXCG_ID_DVSN_CD": "KRX", "CTX_AREA_FK100": "", "CTX_AREA_NK100": ""}
    first = await kis.ledger("inquire-daily-ccld", "TTTC0081R", **query)
    query |= {"CTX_AREA_NK100": first.body.get("ctx_area_nk100", "")}
    second = await kis.ledger("inquire-daily-ccld", "TTTC0081R", "N", **query)

    assert "자료가 변경되었습니다" in first.body["msg1"] + second.body["msg1"]


@check("7")
async def s7_24_a_stream_may_fall_silent_without_closing(kis: Client) -> None:
    async with kis.stream() as stream:
        await stream.register("H0STCNT0", "005930")
        await _fault(kis, "dead_socket")
        await kis.wait(hours=1)

        assert not await stream.is_closed(60)


@check("7", records_per_frame=3)
async def s7_26_only_the_last_of_several_records_shows_the_board_as_it_is(kis: Client) -> None:
    async with kis.stream() as stream:
        await stream.register("H0STCNT0", "005930")
        frame = await stream.frame()
    price = await kis.price()

    assert frame.count == "003"
    assert frame.records[-1][13] == price["acml_vol"]
    assert int(frame.records[0][13]) < int(price["acml_vol"])


@check("7")
async def s7_28_after_a_reconnect_the_old_key_opens_nothing(kis: Client) -> None:
    async with kis.stream() as first:
        await first.notices()
        old = first.keys[first.notice_tr]
    await kis.wait(seconds=2)
    async with kis.stream() as second:
        await second.notices()
        await kis.placed("buy", 1, LOW)
        payload = (await second.raw()).split("|", 3)[3]

    try:
        plain = decrypted(payload, *old)
    except ValueError:
        plain = ""
    assert "005930" not in plain


@check("7")
async def s7_32_an_approval_key_of_elsewhere_is_not_found(kis: Client) -> None:
    async with kis.stream("00000000-0000-0000-0000-000000000000") as stream:
        assert await stream.code("H0STCNT0", "005930") == "OPSP0011"


@check("7", records_per_frame=60)
async def s7_33_a_frame_may_be_longer_than_8_kb(kis: Client) -> None:
    async with kis.stream() as stream:
        await stream.register("H0STCNT0", "005930")
        raw = await stream.raw()

    assert len(raw) > 8_192
    assert raw.startswith("0|H0STCNT0|060|")


@check("7")
async def s7_36_prices_with_decimals_are_malformed(kis: Client) -> None:
    (await kis.order("buy", 1, "69000.5")).failed("IGW00007")


@check("7", at="15:22")
async def s7_38_a_market_order_waits_in_the_closing_auction(kis: Client) -> None:
    number = await kis.placed("buy", 1)

    assert (await kis.listed(number))["tot_ccld_qty"] == "0"


@check("7")
async def s7_39_an_unfilled_order_is_gone_the_next_day_and_its_cash_is_free(kis: Client) -> None:
    await kis.placed("buy", 10, LOW)
    await kis.next_day()

    assert (await kis.listing()).rows == []
    assert not any(row["open"] for row in await kis.sim("orders"))
    assert (await kis.power())["nrcvb_buy_amt"] == "10000000"


@check("7")
async def s7_41_a_ledger_under_load_is_refused_whatever_the_rate(kis: Client) -> None:
    await _fault(kis, "EGW00215", path="inquire-daily-ccld")
    query = {"INQR_STRT_DT": "20261013", "INQR_END_DT": "20261013"}

    (await kis.ledger("inquire-daily-ccld", "TTTC0081R", **query)).failed("EGW00215")


@check("7", cash=1_000_000)
async def s7_43_at_a_limit_more_can_be_bought_than_at_the_market(kis: Client) -> None:
    limit, market = await kis.power(69_500, division="00"), await kis.power()

    assert int(limit["nrcvb_buy_qty"]) > int(market["nrcvb_buy_qty"])


@check("7")
async def s7_46_a_token_may_die_before_its_time(kis: Client) -> None:
    await _fault(kis, "EGW00123")

    (await kis.get(f"{QUOTATIONS}/inquire-price", "FHKST01010100", _PRICE)).failed("EGW00123")


@check("7")
async def s7_49_maintenance_answers_in_html(kis: Client) -> None:
    await _fault(kis, "html")

    answer = await kis.send("GET", f"{QUOTATIONS}/inquire-price", headers=kis.headers("FHKST01010100"), query=_PRICE)

    assert answer.body is None
    assert b"<html" in answer.raw.lower()


@check("7")
async def s7_50_an_unknown_symbol_is_quoted_at_0(kis: Client) -> None:
    assert (await kis.price("000000"))["stck_prpr"] == "0"


@check("7")
async def s7_53_a_lagging_balance_can_be_planned(kis: Client) -> None:
    await kis.wait(seconds=30)
    await kis.placed("buy", 1)
    await _fault(kis, "lagging_balance", for_s=10.0)

    assert [row["hldg_qty"] for row in (await kis.balance()).rows] in ([], ["0"])
    assert (await kis.held())["hldg_qty"] == "1"


@check("7")
async def s7_54_selling_what_is_not_held_is_refused_day_after_day(kis: Client) -> None:
    for _ in range(3):
        assert (await kis.order("sell", 1)).rt_cd != "0"
        await kis.next_day()


@check("7", REAL)
async def s7_42_old_trs_are_still_taken(kis: Client) -> None:
    query = {"INQR_DVSN_1": "0", "INQR_DVSN_2": "0", "CTX_AREA_FK100": "", "CTX_AREA_NK100": ""}

    (await kis.get(f"{TRADING}/inquire-psbl-rvsecncl", "TTTC8036R", kis.account | query)).done()
