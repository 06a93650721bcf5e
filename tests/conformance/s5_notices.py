"""Sections 5.5.4 to 5.8: notices, their cipher and their order, and reconnecting."""

from __future__ import annotations

import re
from datetime import date

from tests.conformance.client import Client
from tests.conformance.connection import Stream, decrypted
from tests.conformance.registry import REAL, check

BEFORE_THE_REFORM = date(2026, 9, 10)
BEFORE_THE_SECOND_VENUE = date(2025, 2, 18)
LOW = 60_000
PINGS_S = 20.0
_VECTOR_KEY, _VECTOR_IV = "q7m2x9r4t1w8k3v6z5n0b2c7d4f9g1h8", "5a1c9e3b7d2f8046"
_VECTOR = (
    "E9afWC4/dZzRqk3ETUhmYz9YwbsiAxO/AStU9lnvW4Cng0UCzFqQ+axwFPa5wJl78MNhuM/U/jVxXinoTGKPNgzxXgWQl+YkLqsi/sRraNsrOQtK"
    "ZtDwTpAygIHJl/pNhFE46JNeT+46doRNHhcpSDi2yxK0pb3iq/R8+C8t7ruIIJX+G9dXvOukkV1ryiyO"
)


# --- 5.5.4: notices -------------------------------------------------------------------------------------------


async def _told(kis: Client, stream: Stream, count: int) -> list[list[str]]:
    return [await stream.record() for _ in range(count)]


@check("5.5.4")
async def s5_5_4_an_order_is_told_as_received_and_a_fill_as_confirmed(kis: Client) -> None:
    async with kis.stream() as stream:
        await stream.notices()
        number = await kis.placed("buy", 3)
        received, filled = await _told(kis, stream, 2)

    assert len(received) == 26
    assert received[:2] == [kis.card.hts_id, "5012345601"]
    assert {received[2], filled[2]} == {number}
    assert (received[4], received[5], received[8]) == ("02", "0", "005930")
    assert (received[12], received[13], received[14]) == ("0", "1", "1")
    assert (filled[12], filled[13], filled[14]) == ("0", "2", "2")
    assert (int(filled[9]), int(filled[10])) == (3, 69_500)


@check("5.5.4")
async def s5_5_4_field_9_is_this_execution_and_field_16_the_order(kis: Client) -> None:
    await kis.sim("deposit", amount=100_000_000_000)
    async with kis.stream() as stream:
        await stream.notices()
        await kis.placed("buy", 200_000, 70_000)
        _, first, second = await _told(kis, stream, 3)

    row = (await kis.listing()).rows[0]
    assert 0 < int(first[9]) < 200_000
    assert int(first[9]) + int(second[9]) == int(row["tot_ccld_qty"])
    assert {int(first[16]), int(second[16])} == {200_000}


@check("5.5.4")
async def s5_5_4_numbers_are_padded_to_their_widths(kis: Client) -> None:
    async with kis.stream() as stream:
        await stream.notices()
        await kis.placed("buy", 10, LOW)
        (notice,) = await _told(kis, stream, 1)

    assert (notice[9], notice[10], notice[16], notice[25]) == ("0000000010", "000060000", "000000010", "000060000")
    assert re.fullmatch(r"[0-9]{10}", notice[2])
    assert re.fullmatch(r"[0-9]{6}", notice[11])


@check("5.5.4", day=BEFORE_THE_SECOND_VENUE)
async def s5_5_4_before_the_second_venue_a_notice_had_23_fields(kis: Client) -> None:
    async with kis.stream() as stream:
        await stream.notices()
        await kis.placed("buy", 10, LOW)
        (notice,) = await _told(kis, stream, 1)

    assert len(notice) == 23
    assert (notice[8], int(notice[9]), int(notice[22])) == ("005930", 10, LOW)


@check("5.5.4")
async def s5_5_4_a_cancel_is_told_with_its_own_number_and_the_original(kis: Client) -> None:
    number = await kis.placed("buy", 3, LOW)
    async with kis.stream() as stream:
        await stream.notices()
        cancelled = (await kis.change(number, "02")).output["ODNO"]
        received, confirmed = await _told(kis, stream, 2)

    for notice in (received, confirmed):
        assert (notice[2], notice[3], notice[5], notice[13]) == (cancelled, number, "2", "1")
    assert (received[14], confirmed[14]) == ("1", "2")


@check("5.5.4")
async def s5_5_4_a_modification_is_told_with_its_own_number_and_the_original(kis: Client) -> None:
    number = await kis.placed("buy", 3, LOW)
    async with kis.stream() as stream:
        await stream.notices()
        moved = (await kis.change(number, "01", price=61_000)).output["ODNO"]
        received, confirmed = await _told(kis, stream, 2)

    for notice in (received, confirmed):
        assert (notice[2], notice[3], notice[5]) == (moved, number, "1")
    assert int(confirmed[10]) == 61_000


@check("5.5.4")
async def s5_5_4_a_rejection_is_told_without_a_reason(kis: Client) -> None:
    await kis.sim("reject", kind="NEW", symbol="005930")
    async with kis.stream() as stream:
        await stream.notices()
        await kis.placed("buy", 3, LOW)
        (notice,) = await _told(kis, stream, 1)

    assert (notice[5], notice[12], notice[13], notice[14]) == ("0", "1", "1", "1")


@check("5.5.4", REAL)
async def s5_5_4_the_rest_of_an_ioc_is_told_as_cancelled(kis: Client) -> None:
    async with kis.stream() as stream:
        await stream.notices()
        await kis.placed("buy", 3, LOW, ORD_DVSN="11")
        received, lapsed = await _told(kis, stream, 2)

    assert (received[7], lapsed[5], lapsed[13], lapsed[14]) == ("1", "0", "1", "3")


@check("5.5.4")
async def s5_5_4_a_sale_is_side_01(kis: Client) -> None:
    await kis.placed("buy", 1)
    async with kis.stream() as stream:
        await stream.notices()
        await kis.placed("sell", 1)

        assert {notice[4] for notice in await _told(kis, stream, 2)} == {"01"}


@check("5.5.4")
async def s5_5_4_the_branch_is_that_of_the_order(kis: Client) -> None:
    async with kis.stream() as stream:
        await stream.notices()
        branch = (await kis.order("buy", 1, LOW)).output["KRX_FWDG_ORD_ORGNO"]
        (notice,) = await _told(kis, stream, 1)

    assert notice[15] == branch


@check("5.5.4")
async def s5_5_4_orders_of_the_trading_screen_are_told_too(kis: Client) -> None:
    async with kis.stream() as stream:
        await stream.notices()
        await kis.sim("trade", side="BUY", symbol="005930", quantity=2, price=LOW)

        assert int((await _told(kis, stream, 1))[0][9]) == 2


@check("5.6")
async def s5_6_a_notice_is_aes_256_cbc_under_the_key_of_its_connection(kis: Client) -> None:
    plain = decrypted(_VECTOR, _VECTOR_KEY, _VECTOR_IV)
    assert plain.startswith("myhtsid1^5012345601^0000012345^^02^0^00^0^035720^0000000010^000061300^112010^0^1^1^00950")

    async with kis.stream() as stream:
        await stream.notices()
        await kis.placed("buy", 10, LOW)
        encrypted, tr_id, count, payload = (await stream.raw()).split("|", 3)

    assert (encrypted, tr_id, count) == ("1", stream.notice_tr, "001")
    assert len(decrypted(payload, *stream.keys[tr_id]).split("^")) == len(plain.split("^"))


@check("5.6")
async def s5_6_every_connection_has_a_key_of_its_own(kis: Client) -> None:
    keys = []
    for _ in range(2):
        async with kis.stream() as stream:
            await stream.notices()
            keys.append(stream.keys[stream.notice_tr])
        await kis.wait(seconds=2)

    assert keys[0][0] != keys[1][0]
    assert keys[0][1] != keys[1][1]


@check("5.7", notice_delay_s=0.05)
async def s5_7_a_notice_follows_its_answer(kis: Client) -> None:
    async with kis.stream() as stream:
        await stream.notices()
        await kis.placed("buy", 1, LOW)
        assert await stream.drained() == []

        assert len(await stream.record()) == 26


@check("5.7", notice_delay_s=0.05)
async def s5_7_a_notice_may_overtake_its_answer(kis: Client) -> None:
    await kis.sim("faults", faults=[{"kind": "notice_early", "path": "order-cash"}])
    async with kis.stream() as stream:
        await stream.notices()
        await kis.placed("buy", 1, LOW)

        assert len(await stream.drained()) == 1


@check("5.7")
async def s5_7_notices_of_one_order_come_in_their_order(kis: Client) -> None:
    async with kis.stream() as stream:
        await stream.notices()
        for _ in range(3):
            await kis.placed("buy", 1)
        notices = await _told(kis, stream, 6)

    assert [notice[13] for notice in notices] == ["1", "2"] * 3
    assert [notice[2] for notice in notices] == sorted(notice[2] for notice in notices)


@check("5.7")
async def s5_7_the_end_of_the_day_takes_orders_without_a_notice(kis: Client) -> None:
    async with kis.stream() as stream:
        await stream.notices()
        await kis.placed("buy", 1, LOW)
        await stream.record()

        await kis.until("16:00:00")

        assert await stream.drained() == []


@check("5.8")
async def s5_8_what_happened_in_a_gap_is_not_told_again(kis: Client) -> None:
    async with kis.stream() as stream:
        await stream.notices()
    await kis.placed("buy", 1)
    await kis.wait(seconds=2)
    async with kis.stream() as stream:
        await stream.notices()

        assert await stream.drained() == []


@check("5.8")
async def s5_8_a_new_connection_has_registered_nothing(kis: Client) -> None:
    async with kis.stream() as stream:
        await stream.register("H0STCNT0", "005930")
    await kis.wait(seconds=2)

    async with kis.stream() as stream:
        await kis.wait(hours=1)

        assert await stream.drained() == []


@check("5.8", wrong_hts_id_closes=True)
async def s5_8_a_wrong_login_id_may_close_the_connection(kis: Client) -> None:
    async with kis.stream() as stream:
        await stream.send(stream.notice_tr, "somebody")

        assert await stream.is_closed(5)


async def _fault(kis: Client, kind: str, **rest: object) -> None:
    await kis.sim("faults", faults=[{"kind": kind, **rest}])


@check("5.8")
async def s5_8_faults_of_the_acknowledgement_can_be_planned(kis: Client) -> None:
    async with kis.stream() as stream:
        await _fault(kis, "ack_missing")
        await stream.send("H0STCNT0", "005930")
        assert await stream.drained() == []

        assert await stream.code("H0STCNT0", "035720") == "OPSP0000"


@check("5.8")
async def s5_8_faults_of_a_notice_can_be_planned(kis: Client) -> None:
    async with kis.stream() as stream:
        await stream.notices()
        await _fault(kis, "notice_lost")
        await kis.placed("buy", 1, LOW)
        assert await stream.drained() == []

        await _fault(kis, "notice_duplicate")
        await kis.placed("buy", 1, LOW)
        assert len(await stream.drained()) == 2
