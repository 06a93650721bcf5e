"""Sections 5.4 to 5.5.3: trades, books, and the other channels."""

from __future__ import annotations

import re
from datetime import date
from itertools import pairwise

from tests.conformance.client import Client
from tests.conformance.registry import PAPER, REAL, check

BEFORE_THE_REFORM = date(2026, 9, 10)
BEFORE_THE_SECOND_VENUE = date(2025, 2, 18)
LOW = 60_000
PINGS_S = 20.0
_VECTOR_KEY, _VECTOR_IV = "q7m2x9r4t1w8k3v6z5n0b2c7d4f9g1h8", "5a1c9e3b7d2f8046"
_VECTOR = (
    "E9afWC4/dZzRqk3ETUhmYz9YwbsiAxO/AStU9lnvW4Cng0UCzFqQ+axwFPa5wJl78MNhuM/U/jVxXinoTGKPNgzxXgWQl+YkLqsi/sRraNsrOQtK"
    "ZtDwTpAygIHJl/pNhFE46JNeT+46doRNHhcpSDi2yxK0pb3iq/R8+C8t7ruIIJX+G9dXvOukkV1ryiyO"
)


# --- 5.4, 5.5.1, 5.6: trades ----------------------------------------------------------------------------------


async def _trade(kis: Client, symbol: str = "005930") -> list[str]:
    async with kis.stream() as stream:
        await stream.register("H0STCNT0", symbol)
        return await stream.record()


@check("5.4")
async def s5_4_a_frame_has_four_parts_and_a_count_of_three_digits(kis: Client) -> None:
    async with kis.stream() as stream:
        await stream.register("H0STCNT0", "005930")
        encrypted, tr_id, count, payload = (await stream.raw()).split("|", 3)

    assert (encrypted, tr_id, count) == ("0", "H0STCNT0", "001")
    assert "|" not in payload


@check("5.4", records_per_frame=4)
async def s5_4_several_records_stand_in_one_flat_list(kis: Client) -> None:
    async with kis.stream() as stream:
        await stream.register("H0STCNT0", "005930")
        frame = await stream.frame()

    assert frame.count == "004"
    assert [len(record) for record in frame.records] == [47] * 4
    volumes = [int(record[13]) for record in frame.records]
    assert volumes == sorted(set(volumes))
    assert all(int(b[13]) - int(a[13]) == int(b[12]) for a, b in pairwise(frame.records))


@check("5.5.1")
async def s5_5_1_since_the_reform_a_trade_has_47_fields(kis: Client) -> None:
    record = await _trade(kis)

    assert (len(record), record[46]) == (47, "2")


@check("5.5.1", day=BEFORE_THE_REFORM)
async def s5_5_1_before_the_reform_a_trade_has_46_fields(kis: Client) -> None:
    assert len(await _trade(kis)) == 46


@check("5.5.1", reformed=False)
async def s5_5_1_the_format_of_before_the_reform_can_be_switched_on(kis: Client) -> None:
    assert len(await _trade(kis)) == 46


@check("5.5.1", day=BEFORE_THE_REFORM, reformed=True)
async def s5_5_1_the_format_of_the_reform_can_be_switched_on(kis: Client) -> None:
    assert len(await _trade(kis)) == 47


@check("5.5.1")
async def s5_5_1_a_trade_tells_symbol_time_price_and_change(kis: Client) -> None:
    record = await _trade(kis)
    price = await kis.price()

    assert record[0] == "005930"
    assert record[1] == f"{kis.now():%H%M%S}"
    assert record[2] == price["stck_prpr"]
    assert record[3:6] == [price["prdy_vrss_sign"], price["prdy_vrss"], price["prdy_ctrt"]]
    assert record[7:10] == [price[f"stck_{name}"] for name in ("oprc", "hgpr", "lwpr")]
    assert record[13:15] == [price["acml_vol"], price["acml_tr_pbmn"]]


@check("5.5.1")
async def s5_5_1_the_volume_grows_by_each_trade(kis: Client) -> None:
    async with kis.stream() as stream:
        await stream.register("H0STCNT0", "005930")
        records = [await stream.record() for _ in range(5)]

    for before, after in pairwise(records):
        assert int(after[13]) == int(before[13]) + int(after[12])


@check("5.5.1")
async def s5_5_1_the_touch_is_that_of_the_book(kis: Client) -> None:
    record = await _trade(kis)
    book = (await kis.book()).body["output1"]

    assert record[10:12] == [book["askp1"], book["bidp1"]]
    assert int(record[11]) < int(record[10])


@check("5.5.1")
async def s5_5_1_codes_say_in_session_not_halted_and_the_day(kis: Client) -> None:
    record = await _trade(kis)

    assert (record[33], record[34], record[35], record[43]) == ("20261013", "20", "N", "0")
    assert record[21] in ("1", "5")


@check("5.5.1")
async def s5_5_1_the_average_is_turnover_by_volume(kis: Client) -> None:
    record = await _trade(kis)

    assert record[6] == f"{int(record[14]) / int(record[13]):.2f}"


@check("5.5.1")
async def s5_5_1_numbers_in_quotes_are_not_padded(kis: Client) -> None:
    record = await _trade(kis)

    assert all(re.fullmatch(r"0|-?[1-9][0-9]*", record[place]) for place in (2, 7, 8, 9, 10, 11, 12, 13, 14))


@check("5.5.1")
async def s5_5_1_counts_of_sales_and_buys_agree(kis: Client) -> None:
    record = await _trade(kis)

    assert int(record[17]) == int(record[16]) - int(record[15])
    assert int(record[19]) + int(record[20]) == int(record[13])


# --- 5.5.2: the book ------------------------------------------------------------------------------------------


async def _book(kis: Client, symbol: str = "005930") -> list[str]:
    async with kis.stream() as stream:
        await stream.register("H0STASP0", symbol)
        return await stream.record()


@check("5.5.2")
async def s5_5_2_since_the_reform_a_book_has_63_fields(kis: Client) -> None:
    record = await _book(kis)

    assert (len(record), record[62]) == (63, "2")


@check("5.5.2", day=BEFORE_THE_REFORM)
async def s5_5_2_before_the_reform_a_book_has_62_fields(kis: Client) -> None:
    assert len(await _book(kis)) == 62


@check("5.5.2", day=BEFORE_THE_SECOND_VENUE)
async def s5_5_2_before_the_second_venue_a_book_has_59_fields(kis: Client) -> None:
    assert len(await _book(kis)) == 59


@check("5.5.2")
async def s5_5_2_the_sums_are_those_of_the_levels(kis: Client) -> None:
    record = await _book(kis)

    assert int(record[43]) == sum(map(int, record[23:33]))
    assert int(record[44]) == sum(map(int, record[33:43]))
    assert [int(price) for price in record[3:13]] == sorted(int(price) for price in record[3:13])
    assert [int(price) for price in record[13:23]] == sorted((int(p) for p in record[13:23]), reverse=True)


@check("5.5.2")
async def s5_5_2_without_an_expected_price_the_change_is_minus_the_close(kis: Client) -> None:
    record = await _book(kis)

    assert (record[47], record[50], record[51], record[52]) == ("0", "-70000", "5", "-100.00")


@check("5.5.2")
async def s5_5_2_beyond_the_limit_there_are_no_levels(kis: Client) -> None:
    record = await _book(kis, "333330")

    assert record[3:13] == ["0"] * 10
    assert record[13] != "0"


@check("5.5.2")
async def s5_5_2_the_middle_price_may_lie_on_half_a_tick(kis: Client) -> None:
    record = await _book(kis)

    assert int(record[59]) == (int(record[3]) + int(record[13])) // 2


@check("5.5.2", at="08:40")
async def s5_5_2_the_opening_auction_is_told_with_its_expected_price(kis: Client) -> None:
    record = await _book(kis)

    assert record[2] == "B"
    assert int(record[47]) == 70_000


# --- 5.5, 5.5.3: other channels -------------------------------------------------------------------------------


@check("5.5", PAPER)
async def s5_5_paper_has_neither_nxt_nor_unified_nor_index(kis: Client) -> None:
    async with kis.stream() as stream:
        for tr_id, key in (
            ("H0NXCNT0", "005930"),
            ("H0UNCNT0", "005930"),
            ("H0UPCNT0", "0001"),
            ("H0STMKO0", "005930"),
        ):
            assert await stream.code(tr_id, key) == "OPSP8991"


@check("5.5", REAL)
async def s5_5_the_real_venue_has_all_channels(kis: Client) -> None:
    async with kis.stream() as stream:
        for tr_id in ("H0STCNT0", "H0STASP0", "H0STANC0", "H0STMKO0", "H0NXCNT0", "H0UNCNT0", "H0UNASP0", "H0NXASP0"):
            assert await stream.code(tr_id, "005930") == "OPSP0000"
        assert await stream.code("H0UPCNT0", "0001") == "OPSP0000"


@check("5.5")
async def s5_5_the_other_venues_notices_are_no_tr(kis: Client) -> None:
    async with kis.stream() as stream:
        assert await stream.code("H0STCNI9" if kis.real else "H0STCNI0", kis.card.hts_id) == "OPSP8991"


@check("5.5", REAL)
async def s5_5_unified_and_nxt_books_are_wider(kis: Client) -> None:
    for tr_id, width in (("H0UNASP0", 66), ("H0NXASP0", 65)):
        async with kis.stream() as stream:
            await stream.register(tr_id, "005930")
            assert len(await stream.record()) == width
        await kis.wait(seconds=2)


@check("5.5", REAL)
async def s5_5_an_index_has_30_fields(kis: Client) -> None:
    async with kis.stream() as stream:
        await stream.register("H0UPCNT0", "0001")
        record = await stream.record()

    assert (len(record), record[0]) == (30, "0001")


@check("5.5", REAL, at="08:40")
async def s5_5_an_expected_match_has_45_fields(kis: Client) -> None:
    async with kis.stream() as stream:
        await stream.register("H0STANC0", "005930")
        record = await stream.record()

    assert (len(record), record[0], record[2]) == (45, "005930", "70000")


@check("5.5.3", REAL)
async def s5_5_3_a_halt_is_told_by_the_status_channel(kis: Client) -> None:
    async with kis.stream() as stream:
        await stream.register("H0STMKO0", "005930")
        await kis.sim("halt", symbol="005930")
        record = await stream.record()

    assert len(record) == 11
    assert (record[0], record[1], record[7]) == ("005930", "Y", "58")


@check("5.5.3", REAL, at="15:15")
async def s5_5_3_the_parts_of_the_day_have_their_codes(kis: Client) -> None:
    async with kis.stream() as stream:
        await stream.register("H0STMKO0", "005930")

        assert [(await stream.record())[3] for _ in range(2)] == ["121", "129"]
