"""Sections 6.1 to 6.5: sessions, ticks, limits, interruptions, and states of a symbol."""

from __future__ import annotations

from datetime import date

from tests.conformance.client import Client
from tests.conformance.registry import REAL, check

LOW = 60_000


# --- 6.1 sessions ---------------------------------------------------------------------------------------------


@check("6.1", day=date(2026, 11, 19), at="09:30")
async def s6_1_on_the_day_of_the_exam_everything_is_an_hour_later(kis: Client) -> None:
    if kis.real:
        await kis.placed("buy", 1, LOW)
    else:
        (await kis.order("buy", 1, LOW)).refused("1", "40570000")

    await kis.until("16:15:00")

    await kis.placed("buy", 1, LOW)
    await kis.until("16:30:00")
    assert (await kis.order("buy", 1, LOW)).rt_cd != "0"


@check("6.1", day=date(2026, 1, 2), at="09:45")
async def s6_1_the_first_day_of_the_year_opens_at_ten(kis: Client) -> None:
    assert (await kis.price())["acml_vol"] == "0"

    await kis.until("10:01:00")

    assert int((await kis.price())["acml_vol"]) > 0


@check("6.1", day=date(2026, 12, 31))
async def s6_1_the_years_last_day_is_closed(kis: Client) -> None:
    (await kis.order("buy", 1, LOW)).refused(*(("7", "APBK0919") if kis.real else ("1", "40100000")))


@check("6.1", day=date(2016, 7, 29), at="14:45")
async def s6_1_before_august_2016_the_session_closed_at_three(kis: Client) -> None:
    await kis.placed("buy", 1, LOW)
    await kis.until("15:00:00")

    assert (await kis.order("buy", 1, LOW)).rt_cd != "0"


@check("6.1", at="09:00")
async def s6_1_the_open_is_one_price_of_an_auction(kis: Client) -> None:
    await kis.until("09:01:30")

    price = await kis.price()

    assert price["stck_oprc"] == price["stck_prpr"] == "70000"


@check("6.1")
async def s6_1_the_close_is_the_price_of_the_closing_auction(kis: Client) -> None:
    await kis.until("15:29:00")
    before = await kis.price()
    await kis.until("15:30:30")

    after = await kis.price()

    assert int(after["acml_vol"]) > int(before["acml_vol"])
    await kis.until("18:00:00")
    assert (await kis.price())["stck_prpr"] == after["stck_prpr"] == "70000"


@check("6.1", REAL, at="15:00")
async def s6_1_what_is_unfilled_at_the_close_does_not_go_on_in_the_after_market(kis: Client) -> None:
    number = await kis.placed("buy", 1, LOW)
    await kis.until("16:30:00")

    assert (await kis.change(number, "02")).rt_cd == "7"
    assert (await kis.power())["nrcvb_buy_amt"] == "10000000"


# --- 6.2 ticks ------------------------------------------------------------------------------------------------


async def _step(kis: Client, symbol: str, good: int, bad: int) -> None:
    await kis.placed("buy", 1, good, PDNO=symbol)
    assert (await kis.order("buy", 1, bad, PDNO=symbol)).rt_cd != "0", bad


@check("6.2")
async def s6_2_from_5000_on_the_step_is_10_and_below_it_5(kis: Client) -> None:
    await _step(kis, "700000", 5_010, 5_005)
    await _step(kis, "700000", 4_995, 4_993)


@check("6.2")
async def s6_2_from_50000_on_the_step_is_100_and_below_it_50(kis: Client) -> None:
    await _step(kis, "035720", 50_100, 50_050)
    await _step(kis, "035720", 49_950, 49_925)


@check("6.2")
async def s6_2_from_20000_on_the_step_is_50_on_kosdaq_as_on_kospi(kis: Client) -> None:
    await _step(kis, "091990", 15_010, 15_005)
    await kis.placed("buy", 1, 19_490, PDNO="091990")


@check("6.2")
async def s6_2_funds_have_one_step_of_5(kis: Client) -> None:
    await _step(kis, "069500", 34_995, 34_993)


@check("6.2", day=date(2022, 10, 12))
async def s6_2_before_2023_the_step_of_kospi_from_50000_on_was_100_and_of_15000_was_50(kis: Client) -> None:
    await _step(kis, "0000X0", 10_050, 10_010)


@check("6.2")
async def s6_2_the_step_is_that_of_the_orders_own_price(kis: Client) -> None:
    assert (await kis.price("035720"))["aspr_unit"] in ("50", "100")

    await kis.placed("buy", 1, 48_750, PDNO="035720")
    assert (await kis.order("buy", 1, 51_150, PDNO="035720")).rt_cd != "0"


# --- 6.3 limits -----------------------------------------------------------------------------------------------


@check("6.3")
async def s6_3_limits_are_30_percent_on_their_ticks(kis: Client) -> None:
    limits = {}
    for symbol in ("005930", "035720", "091990", "069500"):
        price = await kis.price(symbol)
        limits[symbol] = (int(price["stck_llam"]), int(price["stck_mxpr"]))

    assert limits == {
        "005930": (49_000, 91_000),
        "035720": (35_000, 65_000),
        "091990": (10_500, 19_500),
        "069500": (24_500, 45_500),
    }


@check("6.3")
async def s6_3_an_order_at_a_limit_is_taken(kis: Client) -> None:
    await kis.placed("buy", 1, 49_000)
    await kis.placed("buy", 1, 91_000)


@check("6.3", day=date(2015, 6, 12), at="11:00")
async def s6_3_before_june_2015_limits_were_15_percent(kis: Client) -> None:
    price = await kis.price("091990")

    assert (int(price["stck_mxpr"]), int(price["stck_llam"])) == (17_250, 12_750)


@check("6.3")
async def s6_3_at_the_upper_limit_nobody_sells(kis: Client) -> None:
    number = await kis.placed("buy", 1, 13_000, PDNO="333330")
    await kis.until("15:40:00")

    assert (await kis.listed(number))["tot_ccld_qty"] == "0"
    assert (await kis.book("333330")).body["output1"]["askp1"] == "0"


# --- 6.4 interruptions ----------------------------------------------------------------------------------------


@check("6.4", market={"interruptions": True})
async def s6_4_a_trade_too_far_away_interrupts(kis: Client) -> None:
    states = []
    for _ in range(330):
        await kis.wait(minutes=1)
        states.append((await kis.price("123450"))["vi_cls_code"])

    assert set(states) == {"Y", "N"}


@check("6.4")
async def s6_4_an_interruption_lasts_two_to_two_and_a_half_minutes(kis: Client) -> None:
    await kis.sim("vi", symbol="005930")

    await kis.wait(seconds=119)
    assert (await kis.price())["vi_cls_code"] == "Y"
    await kis.wait(seconds=33)
    assert (await kis.price())["vi_cls_code"] == "N"


@check("6.4")
async def s6_4_the_book_says_which_auction_it_is(kis: Client) -> None:
    await kis.sim("vi", symbol="005930")

    answer = await kis.book()

    assert (answer.body["output2"]["antc_mkop_cls_code"], answer.body["output2"]["vi_cls_code"]) == ("311", "Y")


@check("6.4")
async def s6_4_the_stream_says_hour_class_c(kis: Client) -> None:
    async with kis.stream() as stream:
        await stream.register("H0STASP0", "005930")
        await kis.sim("vi", symbol="005930")

        assert (await stream.record())[2] == "C"


@check("6.4")
async def s6_4_market_orders_wait_for_the_single_price(kis: Client) -> None:
    await kis.sim("vi", symbol="005930")
    number = await kis.placed("buy", 1)
    assert (await kis.listed(number))["tot_ccld_qty"] == "0"

    await kis.wait(minutes=20)

    assert (await kis.listed(number))["tot_ccld_qty"] == "1"


@check("6.4", REAL)
async def s6_4_an_interruption_takes_no_ioc_and_no_fok(kis: Client) -> None:
    await kis.sim("vi", symbol="005930")

    for division in ("11", "12", "13", "14"):
        answer = await kis.order("buy", 1, 70_000 if division in ("11", "12") else 0, ORD_DVSN=division)
        assert answer.rt_cd == "7", division


# --- 6.5 states -----------------------------------------------------------------------------------------------


@check("6.5")
async def s6_5_a_halt_is_shown_and_a_resumption_too(kis: Client) -> None:
    await kis.sim("halt", symbol="005930")
    halted = await kis.price()
    await kis.sim("resume", symbol="005930")
    price = await kis.price()

    assert (halted["iscd_stat_cls_code"], halted["temp_stop_yn"]) == ("58", "Y")
    assert (price["temp_stop_yn"], (await kis.order("buy", 1)).rt_cd) == ("N", "0")


@check("6.5")
async def s6_5_a_halt_lets_orders_be_cancelled(kis: Client) -> None:
    number = await kis.placed("buy", 1, LOW)
    await kis.sim("halt", symbol="005930")

    (await kis.change(number, "02")).done()


@check("6.5")
async def s6_5_nothing_trades_while_halted(kis: Client) -> None:
    await kis.sim("halt", symbol="005930")
    before = await kis.price()
    await kis.until("15:00:00")

    assert (await kis.price())["acml_vol"] == before["acml_vol"]


@check("6.5")
async def s6_5_designations_have_their_codes(kis: Client) -> None:
    told = {}
    for word in ("ADMINISTRATIVE", "RISK", "WARNING", "CAUTION", "OVERHEATED"):
        await kis.sim("designate", symbol="005930", designation=word)
        price = await kis.price()
        told[word] = (price["iscd_stat_cls_code"], price["mrkt_warn_cls_code"])

    assert told == {
        "ADMINISTRATIVE": ("51", "00"),
        "RISK": ("52", "03"),
        "WARNING": ("53", "02"),
        "CAUTION": ("54", "01"),
        "OVERHEATED": ("59", "00"),
    }


@check("6.5")
async def s6_5_an_administrative_issue_is_marked_in_its_own_field(kis: Client) -> None:
    await kis.sim("designate", symbol="005930", designation="ADMINISTRATIVE")
    assert (await kis.price())["mang_issu_cls_code"] == "Y"

    await kis.sim("designate", symbol="005930", designation="LIQUIDATION")
    assert (await kis.price())["sltr_yn"] == "Y"


@check("6.5", split=True, at="11:00")
async def s6_5_a_split_divides_the_base_price(kis: Client) -> None:
    price = await kis.price("035720")

    assert (price["stck_sdpr"], price["stck_mxpr"]) == ("10000", "13000")
