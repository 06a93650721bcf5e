"""Section 4.4: when orders are taken."""

from __future__ import annotations

from datetime import date

from tests.conformance.client import Client
from tests.conformance.registry import PAPER, REAL, check

LOW = 60_000  # rests: the day of 005930 goes no lower than 69,000
_OPEN = {"INQR_DVSN_1": "0", "INQR_DVSN_2": "0", "CTX_AREA_FK100": "", "CTX_AREA_NK100": ""}


# --- 4.4 timing -----------------------------------------------------------------------------------------------


async def _closed(kis: Client, real: str, paper: str) -> None:
    (await kis.order("buy", 1, 69_000)).refused(*(("7", real) if kis.real else ("1", paper)))


@check("4.4", at="08:29")
async def s4_4_before_half_past_eight_orders_are_refused(kis: Client) -> None:
    await _closed(kis, "APBK0918", "40570000")


@check("4.4", PAPER, at="08:59")
async def s4_4_paper_takes_nothing_before_nine(kis: Client) -> None:
    await _closed(kis, "", "40570000")


@check("4.4", REAL, at="08:30")
async def s4_4_from_half_past_eight_orders_wait_for_the_opening_auction(kis: Client) -> None:
    number = await kis.placed("buy", 1, 70_000)
    assert (await kis.listed(number))["tot_ccld_qty"] == "0"

    await kis.until("09:01:00")

    row = await kis.listed(number)
    assert (row["tot_ccld_qty"], row["avg_prvs"]) == ("1", "70000")


@check("4.4", at="15:31")
async def s4_4_after_the_close_orders_are_refused(kis: Client) -> None:
    await _closed(kis, "APBK0918", "40580000")


@check("4.4", day=date(2026, 10, 10))
async def s4_4_on_a_day_without_trading_orders_are_refused(kis: Client) -> None:
    await _closed(kis, "APBK0919", "40100000")


@check("4.4", at="15:25")
async def s4_4_orders_of_the_closing_auction_get_its_single_price(kis: Client) -> None:
    number = await kis.placed("buy", 1, 71_000)
    assert (await kis.listed(number))["tot_ccld_qty"] == "0"

    await kis.until("15:31:00")

    assert (await kis.listed(number))["avg_prvs"] == "70000"


@check("4.4", REAL, at="15:25")
async def s4_4_the_closing_auction_takes_no_ioc_no_fok_and_no_best(kis: Client) -> None:
    for division in ("11", "12", "13", "14", "15", "16", "03"):
        answer = await kis.order("buy", 1, 70_000 if division in ("11", "12") else 0, ORD_DVSN=division)
        answer.refused("7", "APBK0963")


@check("4.4", REAL, at="15:45")
async def s4_4_after_the_close_type_06_is_taken_for_a_while(kis: Client) -> None:
    await kis.placed("buy", 1, ORD_DVSN="06")
    await kis.until("16:00:00")

    assert (await kis.order("buy", 1, ORD_DVSN="06")).rt_cd == "7"


@check("4.4", REAL, at="08:35")
async def s4_4_type_05_is_taken_until_twenty_to_nine(kis: Client) -> None:
    await kis.placed("buy", 1, ORD_DVSN="05")
    await kis.until("08:40:00")

    assert (await kis.order("buy", 1, ORD_DVSN="05")).rt_cd == "7"


@check("4.4", REAL, at="16:10")
async def s4_4_since_the_reform_the_after_market_takes_41_to_47(kis: Client) -> None:
    await kis.placed("buy", 1, 69_000, ORD_DVSN="41")
    assert (await kis.order("buy", 1, 69_000)).rt_cd == "7"
    await kis.until("20:00:00")

    assert (await kis.order("buy", 1, 69_000, ORD_DVSN="41")).rt_cd == "7"


@check("4.4", REAL, day=date(2026, 9, 10), at="16:10")
async def s4_4_before_the_reform_there_is_no_after_market(kis: Client) -> None:
    assert (await kis.order("buy", 1, 69_000, ORD_DVSN="41")).rt_cd == "7"


@check("4.4", REAL)
async def s4_4_type_07_is_void(kis: Client) -> None:
    (await kis.order("buy", 1, 69_000, ORD_DVSN="07")).refused("7", "APBK0963")


@check("4.4", REAL, at="15:31")
async def s4_4_type_06_is_matched_at_the_close_from_twenty_to_four_on(kis: Client) -> None:
    number = await kis.placed("buy", 1, ORD_DVSN="06")
    await kis.until("15:39:59")
    assert (await kis.listed(number))["tot_ccld_qty"] == "0"

    await kis.until("15:42:00")

    row = await kis.listed(number)
    assert (row["tot_ccld_qty"], row["avg_prvs"]) == ("1", "70000")


@check("4.4", REAL, at="08:31")
async def s4_4_type_05_is_matched_at_the_close_of_the_day_before(kis: Client) -> None:
    number = await kis.placed("buy", 1, PDNO="035720", ORD_DVSN="05")

    await kis.until("08:41:00")

    row = await kis.listed(number)
    assert (row["tot_ccld_qty"], row["avg_prvs"]) == ("1", "50000")


@check("4.4", REAL, at="16:10")
async def s4_4_the_after_market_trades_continuously(kis: Client) -> None:
    before = await kis.price()
    filled, waits = await kis.placed("buy", 1, 75_000, ORD_DVSN="41"), await kis.placed("buy", 1, LOW, ORD_DVSN="41")
    lapsed = await kis.placed("buy", 1, LOW, ORD_DVSN="42")

    rows = [await kis.listed(number) for number in (filled, waits, lapsed)]
    assert [(row["tot_ccld_qty"], row["rmn_qty"]) for row in rows] == [("1", "0"), ("0", "1"), ("0", "0")]
    assert await kis.price() == before
    await kis.until("20:01:00")
    assert (await kis.ledger("inquire-psbl-rvsecncl", "TTTC0084R", **_OPEN)).done().body["output"] == []


@check("4.4", REAL, at="16:10")
async def s4_4_funds_are_not_in_the_after_market(kis: Client) -> None:
    (await kis.order("buy", 1, 35_000, PDNO="069500", ORD_DVSN="41")).refused("7", "APBK0963")
