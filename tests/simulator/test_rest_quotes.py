"""What the quotations of one symbol and of the indices say."""

from __future__ import annotations

from datetime import timedelta

import pytest

from kis_daemon.domain.market import Market
from kis_daemon.simulator.capital import isin_of
from kis_daemon.simulator.frames_book import book_frame
from kis_daemon.simulator.market_rules import ActionKind, CorporateAction, Designation, MarketRules
from tests.simulator.builders import SAMSUNG, TUESDAY, BarsBook, a_bar, a_book, a_day_of, a_week, at, the_calendar
from tests.simulator.conftest import Served
from tests.simulator.rest_shapes import SHAPES

PRICE = SHAPES["FHKST01010100"].request
CHART = SHAPES["FHKST03010100"].request
DAILY = SHAPES["FHKST01010400"].request
MINUTES = SHAPES["FHKST03010200"].request
PAST_MINUTES = SHAPES["FHKST03010230"].request
INDEX = SHAPES["FHKUP03500100"].request


def a_long_book(first_close: int = 50_000) -> BarsBook:
    """Return a market of SAMSUNG on every trading day from 2022 to the end of 2024."""
    days = the_calendar().trading_days(TUESDAY.replace(year=2022, month=1, day=3), TUESDAY.replace(month=12, day=30))
    bars = [
        a_bar(day.date, first_close, first_close + 1000, first_close - 1000, first_close + 100 * (place % 5))
        for place, day in enumerate(days)
    ]
    return BarsBook({SAMSUNG: bars})


async def test_size_ranges_and_pivots_follow_from_the_price_book(served: Served) -> None:
    async with served() as client:
        output = (await client.call("FHKST01010100", **PRICE))["output"]

        board = client.sim.exchange.boards[SAMSUNG]
        assert int(output["hts_avls"]) == int(output["lstn_stcn"]) * board.price // 100_000_000
        assert (output["w52_hgpr"], output["w52_hgpr_date"]) == (str(max(71_000, board.high)), "20240304")
        assert output["pvt_pont_val"] == str((71_000 + 69_000 + 70_500) // 3)
        assert output["aspr_unit"] == "100"


@pytest.mark.parametrize(
    ("designation", "field", "value"),
    [
        (Designation.ADMINISTRATIVE, "mang_issu_cls_code", "Y"),
        (Designation.ADMINISTRATIVE, "iscd_stat_cls_code", "51"),
        (Designation.LIQUIDATION, "sltr_yn", "Y"),
        (Designation.OVERHEATED, "short_over_yn", "Y"),
        (Designation.RISK, "mrkt_warn_cls_code", "03"),
        (Designation.RISK, "crdt_able_yn", "N"),
    ],
)
async def test_a_designation_shows_in_the_price(
    served: Served, designation: Designation, field: str, value: str
) -> None:
    async with served(market=MarketRules(designations=((SAMSUNG, designation),))) as client:
        output = (await client.call("FHKST01010100", **PRICE))["output"]

        assert output[field] == value


async def test_a_halt_and_an_interruption_show_in_both_prices(served: Served) -> None:
    async with served(profile="real") as client:
        client.sim.exchange.trigger_vi(SAMSUNG, client.clock.now())
        interrupted = (await client.call("FHKST01010100", **PRICE))["output"]
        client.sim.exchange.halt(SAMSUNG)
        halted = (await client.call("FHPST01010000", **PRICE))["output"]

        assert (interrupted["vi_cls_code"], interrupted["temp_stop_yn"]) == ("Y", "N")
        assert halted["trht_yn"] == "Y"


async def test_the_last_trade_is_the_first_tick_and_the_ticks_make_the_volume(served: Served) -> None:
    async with served() as client:
        rows = (await client.call("FHKST01010300", **PRICE))["output"]
        price = (await client.call("FHKST01010100", **PRICE))["output"]

        assert rows[0]["stck_prpr"] == price["stck_prpr"]
        assert sum(int(row["cntg_vol"]) for row in rows) == int(price["acml_vol"])
        assert [row["stck_cntg_hour"] for row in rows] == sorted((r["stck_cntg_hour"] for r in rows), reverse=True)


async def test_the_ticks_are_thirty_at_most(served: Served) -> None:
    async with served(now=at("16:00"), ticks_per_day=40) as client:
        assert len((await client.call("FHKST01010300", **PRICE))["output"]) <= 30


async def test_the_book_has_ten_levels_around_the_touch_and_is_the_same_for_the_same_moment(served: Served) -> None:
    async with served() as client:
        first = await client.call("FHKST01010200", **PRICE)
        second = await client.call("FHKST01010200", **PRICE)

        book, board = first["output1"], client.sim.exchange.boards[SAMSUNG]
        asks = [int(book[f"askp{level}"]) for level in range(1, 11)]
        bids = [int(book[f"bidp{level}"]) for level in range(1, 11)]
        assert first == second
        assert (asks[0], bids[0]) == (board.ask, board.bid)
        assert asks == list(range(asks[0], asks[0] + 1000, 100))
        assert bids == list(range(bids[0], bids[0] - 1000, -100))
        assert sum(int(book[f"askp_rsqn{n}"]) for n in range(1, 11)) == int(book["total_askp_rsqn"])
        assert (book["new_mkop_cls_code"], first["output2"]["antc_vol"]) == ("20", "0")


async def test_the_book_is_the_one_that_the_stream_shows(served: Served) -> None:
    async with served() as client:
        book = (await client.call("FHKST01010200", **PRICE))["output1"]

        board = client.sim.exchange.boards[SAMSUNG]
        assert board.last_tick is not None
        told = book_frame(board, board.last_tick.volume).split("|")[3].split("^")[3:43]
        names = ("askp{}", "bidp{}", "askp_rsqn{}", "bidp_rsqn{}")
        assert [book[name.format(level)] for name in names for level in range(1, 11)] == told


@pytest.mark.parametrize(("when", "code"), [("08:55", "112"), ("15:25", "121")])
async def test_an_auction_shows_the_price_it_expects(served: Served, when: str, code: str) -> None:
    async with served(now=at(when)) as client:
        output = (await client.call("FHKST01010200", **PRICE))["output2"]

        assert (output["antc_mkop_cls_code"], int(output["antc_cnpr"]) > 0, int(output["antc_vol"]) > 0) == (
            code,
            True,
            True,
        )


async def test_nothing_is_offered_on_a_day_locked_at_its_upper_limit(served: Served) -> None:
    async with served(book=a_day_of(a_bar(TUESDAY, 91_000, 91_000, 91_000, 91_000))) as client:
        book = (await client.call("FHKST01010200", **PRICE))["output1"]

        assert (book["askp1"], book["askp_rsqn1"], book["total_askp_rsqn"]) == ("0", "0", "0")
        assert book["bidp1"] == "91000"


async def test_minutes_are_made_of_the_trades_of_the_day(served: Served) -> None:
    async with served() as client:
        body = await client.call("FHKST03010200", **MINUTES)

        rows = body["output2"]
        assert sum(int(row["cntg_vol"]) for row in rows) == int(body["output1"]["acml_vol"])
        assert rows[0]["acml_tr_pbmn"] == body["output1"]["acml_tr_pbmn"]
        assert (rows[-1]["stck_cntg_hour"], rows[-1]["stck_oprc"]) == ("090000", "70000")
        assert all(row["stck_cntg_hour"].endswith("00") for row in rows)


async def test_minutes_end_at_the_hour_asked_for_and_no_hour_means_now(served: Served) -> None:
    async with served() as client:
        early = (await client.call("FHKST03010200", **{**MINUTES, "FID_INPUT_HOUR_1": "093000"}))["output2"]
        latest = (await client.call("FHKST03010200", **{**MINUTES, "FID_INPUT_HOUR_1": "000000"}))["output2"]
        _, wrong, _ = await client.called("FHKST03010200", **{**MINUTES, "FID_INPUT_HOUR_1": "256000"})

        assert early == [row for row in latest if row["stck_cntg_hour"] <= "093000"]
        assert wrong["msg_cd"] == "OPSQ2003"


async def test_minutes_of_a_past_day_make_its_bar(served: Served) -> None:
    async with served(profile="real") as client:
        rows = (await client.call("FHKST03010230", **PAST_MINUTES))["output2"]

        assert {row["stck_bsop_date"] for row in rows} == {"20240304"}
        assert sum(int(row["cntg_vol"]) for row in rows) == 3_000_000
        assert (rows[-1]["stck_oprc"], rows[0]["stck_prpr"], rows[0]["stck_cntg_hour"]) == ("70000", "70500", "153000")


async def test_minutes_reach_into_the_day_before_when_asked_and_no_further_than_a_year(served: Served) -> None:
    async with served(profile="real", book=a_long_book()) as client:
        both = {**PAST_MINUTES, "FID_INPUT_DATE_1": "20240305", "FID_PW_DATA_INCU_YN": "Y"}
        rows = (await client.call("FHKST03010230", **both))["output2"]
        old = (await client.call("FHKST03010230", **{**PAST_MINUTES, "FID_INPUT_DATE_1": "20230102"}))["output2"]

        assert len(rows) == 120
        assert rows[0]["stck_bsop_date"] == "20240305"
        assert "20240304" in {row["stck_bsop_date"] for row in rows}
        assert old == []


@pytest.mark.parametrize(("period", "first", "second"), [("W", "20240304", "20240226"), ("M", "20240304", "20240201")])
async def test_a_week_or_month_is_dated_by_its_first_day_and_paged_without_a_gap(
    served: Served, period: str, first: str, second: str
) -> None:
    async with served(book=a_long_book(), now=at("16:00")) as client:
        asked = {**CHART, "FID_INPUT_DATE_1": "20240115", "FID_PERIOD_DIV_CODE": period}
        rows = (await client.call("FHKST03010100", **asked))["output2"]
        before = {**asked, "FID_INPUT_DATE_2": "20240303" if period == "W" else "20240229"}
        older = (await client.call("FHKST03010100", **before))["output2"]

        dates = [row["stck_bsop_date"] for row in rows]
        assert dates[1] == second
        assert [first, *(row["stck_bsop_date"] for row in older)][1:] == dates[1:]
        assert older[0] == rows[1]


async def test_a_year_is_one_row_with_its_highest_and_lowest(served: Served) -> None:
    async with served(book=a_long_book()) as client:
        asked = {**CHART, "FID_INPUT_DATE_1": "00000101", "FID_PERIOD_DIV_CODE": "Y"}
        rows = (await client.call("FHKST03010100", **asked))["output2"]

        assert [row["stck_bsop_date"] for row in rows] == ["20240102", "20230102", "20220103"]
        assert (rows[1]["stck_hgpr"], rows[1]["stck_lwpr"], rows[1]["stck_oprc"]) == ("51000", "49000", "50000")


@pytest.mark.parametrize(("period", "rows"), [("D", 30), ("W", 30), ("M", 27)])
async def test_the_daily_price_has_thirty_rows(served: Served, period: str, rows: int) -> None:
    async with served(book=a_long_book()) as client:
        shown = (await client.call("FHKST01010400", **{**DAILY, "FID_PERIOD_DIV_CODE": period}))["output"]

        assert len(shown) == rows
        assert shown[0]["stck_bsop_date"] >= "20240304"


@pytest.mark.parametrize("tr_id", ["FHKST01010400", "FHKST03010100"])
@pytest.mark.parametrize(("code", "adjusted_in"), [("0", "FHKST03010100"), ("1", "FHKST01010400")])
async def test_adjusted_is_0_in_the_chart_and_1_in_the_daily_price(
    served: Served, tr_id: str, code: str, adjusted_in: str
) -> None:
    split = CorporateAction(symbol=SAMSUNG, day=TUESDAY, kind=ActionKind.SPLIT, ratio_num=5, halted_days=0)
    request = {**(DAILY if tr_id == "FHKST01010400" else CHART), "FID_ORG_ADJ_PRC": code}
    async with served(book=a_book(), market=MarketRules(actions=(split,))) as client:
        body = await client.call(tr_id, **request)

        today, before = body["output" if tr_id == "FHKST01010400" else "output2"][:2]
        assert before["stck_clpr"] == ("14100" if tr_id == adjusted_in else "70500")
        assert 13_000 < int(today["stck_clpr"]) < 15_000
        assert int(today["prdy_vrss"]) == int(today["stck_clpr"]) - 14_100
        assert today["prtt_rate" if tr_id == "FHKST03010100" else "acml_prtt_rate"] == "0.20"


async def test_the_official_samples_ten_digits_mean_adjusted(served: Served) -> None:
    async with served() as client:
        plain = await client.call("FHKST01010400", **{**DAILY, "FID_ORG_ADJ_PRC": "1"})

        assert await client.call("FHKST01010400", **{**DAILY, "FID_ORG_ADJ_PRC": "0000000001"}) == plain


async def test_an_index_moves_as_its_symbols_do(served: Served) -> None:
    async with served(now=at("16:00")) as client:
        body = await client.call("FHKUP03500100", **INDEX)

        rows = body["output2"]
        assert [row["stck_bsop_date"] for row in rows] == ["20240305", "20240304"]
        assert rows[0]["bstp_nmix_prpr"] == rows[1]["bstp_nmix_prpr"] == "2000.00"
        assert float(rows[0]["bstp_nmix_lwpr"]) < float(rows[0]["bstp_nmix_oprc"]) < float(rows[0]["bstp_nmix_hgpr"])
        assert body["output1"]["prdy_nmix"] == "2000.00"


async def test_an_index_without_symbols_is_zero_and_an_unknown_one_too(served: Served) -> None:
    async with served(profile="real") as client:
        empty = await client.call("FHPUP02100000", FID_COND_MRKT_DIV_CODE="U", FID_INPUT_ISCD="1001")
        unknown = await client.call("FHPUP02100000", FID_COND_MRKT_DIV_CODE="U", FID_INPUT_ISCD="9999")

        assert empty["output"]["bstp_nmix_prpr"] == unknown["output"]["bstp_nmix_prpr"] == "0.00"


async def test_an_index_counts_what_rose_and_fell(served: Served) -> None:
    book = BarsBook({SAMSUNG: a_week()}, Market.KOSDAQ)
    async with served(profile="real", book=book) as client:
        asked = {"FID_COND_MRKT_DIV_CODE": "U", "FID_INPUT_ISCD": "1001"}
        output = (await client.call("FHPUP02100000", **asked))["output"]

        board = client.sim.exchange.boards[SAMSUNG]
        counts = [int(output[f"{name}_issu_cnt"]) for name in ("ascn", "stnr", "down")]
        assert counts == [board.price > board.base, board.price == board.base, board.price < board.base]


async def test_an_index_chart_has_fifty_rows_at_most_and_only_u_is_its_market(served: Served) -> None:
    async with served(book=a_long_book()) as client:
        body = await client.call("FHKUP03500100", **{**INDEX, "FID_INPUT_DATE_1": "20220101"})
        _, wrong, _ = await client.called("FHKUP03500100", **{**INDEX, "FID_COND_MRKT_DIV_CODE": "J"})

        assert len(body["output2"]) == 50
        assert wrong["msg_cd"] == "OPSQ2001"


def test_an_isin_ends_with_its_check_digit() -> None:
    assert [isin_of("005930"), isin_of("000660")] == ["KR7005930003", "KR7000660001"]


async def test_on_a_weekend_the_last_day_has_its_ticks_and_minutes(served: Served) -> None:
    saturday = at("11:00", TUESDAY + timedelta(days=4))
    async with served(now=saturday, book=BarsBook({SAMSUNG: a_week()})) as client:
        ticks = (await client.call("FHKST01010300", **PRICE))["output"]
        minutes = (await client.call("FHKST03010200", **MINUTES))["output2"]

        assert ticks[0]["stck_cntg_hour"] == "153000"
        assert minutes[0]["stck_bsop_date"] == "20240308"
