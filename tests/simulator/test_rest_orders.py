"""Orders by the second road, stops, short numbers, and reservations over night."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.simulator.builders import TUESDAY, at, settle
from tests.simulator.conftest import Client, Served
from tests.simulator.rest_shapes import SHAPES

WEDNESDAY = TUESDAY.replace(day=6)
FRIDAY = TUESDAY.replace(day=8)
RESERVE = SHAPES["CTSC0008U"].request
RESERVED = SHAPES["CTSC0004R"].request
LISTING = SHAPES["TTTC0081R"].request


async def reserve(client: Client, **changes: str) -> dict[str, Any]:
    return await client.call("CTSC0008U", **{**RESERVE, **changes})


async def reserved(client: Client, **changes: str) -> list[dict[str, str]]:
    return list((await client.call("CTSC0004R", **{**RESERVED, **changes}))["output"])


@pytest.mark.parametrize(
    ("tr_id", "asked", "seen"),
    [
        ("TTTC0081R", "KRX", 0),
        ("TTTC0081R", "SOR", 1),
        ("TTTC0081R", "ALL", 1),
        ("TTTC0081R", "NXT", 0),
        ("TTTC0081R", "", 0),
        ("TTTC8001R", "", 1),
    ],
)
async def test_an_order_by_the_second_road_is_hidden_from_who_asks_for_the_first(
    served: Served, tr_id: str, asked: str, seen: int
) -> None:
    async with served(profile="real") as client:
        await client.buy(1, EXCG_ID_DVSN_CD="SOR")

        rows = (await client.call(tr_id, **{**LISTING, "EXCG_ID_DVSN_CD": asked}))["output1"]
        assert len(rows) == seen
        assert all((row["excg_dvsn_cd"], row["excg_id_dvsn_cd"]) == ("12", "SOR") for row in rows)


async def test_paper_may_give_its_numbers_without_zeros_and_takes_either(served: Served) -> None:
    async with served(short_order_numbers=True) as client:
        number = (await client.buy(1, 60_000))["output"]["ODNO"]
        listed = (await client.listing())[1]["output1"][0]["odno"]

        assert (number, listed) == ("10000", "0000010000")
        assert (await client.cancel(listed))["rt_cd"] == "0"


async def test_a_sale_of_what_was_lent_is_refused(served: Served) -> None:
    async with served(profile="real") as client:
        await client.buy(2)

        assert (await client.sell(1, SLL_TYPE="05"))["msg_cd"] == "APBK0963"
        assert (await client.sell(1, SLL_TYPE="01"))["rt_cd"] == "0"


@pytest.mark.parametrize(
    ("when", "taken"),
    [
        (at("10:00"), False),
        (at("15:39"), False),
        (at("15:40"), True),
        (at("23:39"), True),
        (at("23:40"), False),
        (at("00:09", WEDNESDAY), False),
        (at("00:10", WEDNESDAY), True),
        (at("07:29", WEDNESDAY), True),
        (at("07:30", WEDNESDAY), False),
        (at("12:00", TUESDAY.replace(day=9)), True),
    ],
)
async def test_reservations_are_taken_from_the_close_to_the_morning(served: Served, when: Any, taken: bool) -> None:
    async with served(profile="real", now=when) as client:
        body = await reserve(client)

        assert body["msg_cd"] == ("APBK2938" if taken else "APBK0918")
        assert body["rt_cd"] == ("0" if taken else "7")


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"PDNO": "999999"}, "APBK0656"),
        ({"ORD_UNPR": "69050"}, "APBK0506"),
        ({"ORD_QTY": "0"}, "APBK0501"),
        ({"ORD_DVSN_CD": "03"}, "OPSQ2003"),
        ({"ORD_OBJT_CBLC_DVSN_CD": "12"}, "OPSQ2003"),
        ({"RSVN_ORD_END_DT": "20240501"}, "OPSQ2003"),
    ],
)
async def test_a_reservation_that_could_never_be_sent_is_refused(
    served: Served, changes: dict[str, str], code: str
) -> None:
    async with served(profile="real", now=at("16:00")) as client:
        assert (await reserve(client, **changes))["msg_cd"] == code


async def test_a_reservation_becomes_an_order_of_the_next_opening_auction(served: Served) -> None:
    async with served(profile="real", now=at("16:00")) as client:
        number = (await reserve(client, ORD_DVSN_CD="01", ORD_UNPR="0"))["output"]["RSVN_ORD_SEQ"]
        (waiting,) = await reserved(client)
        await client.clock.move_to(at("08:31", WEDNESDAY))
        await settle()
        (sent,) = await reserved(client)
        (order,) = (await client.listing())[1]["output1"]
        await client.clock.move_to(at("10:00", WEDNESDAY))
        (filled,) = await reserved(client)

        assert (waiting["rsvn_ord_seq"], waiting["prcs_rslt"], waiting["odno"]) == (number, "미처리", "")
        assert (sent["prcs_rslt"], sent["odno"], sent["ord_tmd"]) == ("처리", order["odno"], "083000")
        assert filled["tot_ccld_qty"] == "1"


async def test_a_reservation_that_the_exchange_refuses_says_why(served: Served) -> None:
    async with served(profile="real", now=at("16:00")) as client:
        await reserve(client, ORD_QTY="10000")
        await client.clock.move_to(at("09:00", WEDNESDAY))
        (row,) = await reserved(client)

        assert (row["prcs_rslt"], "주문가능금액" in row["rjct_rson2"]) == ("거부", True)


async def test_with_an_end_date_what_is_unfilled_is_sent_again_every_day(served: Served) -> None:
    async with served(profile="real", now=at("16:00")) as client:
        await reserve(client, ORD_UNPR="60000", RSVN_ORD_END_DT=f"{FRIDAY:%Y%m%d}")
        await client.clock.move_to(at("16:00", FRIDAY.replace(day=11)))
        await client.sign_in()

        rows = (await client.call("TTTC0081R", **{**LISTING, "INQR_DVSN": "01"}))["output1"]
        assert [row["ord_dt"] for row in rows] == ["20240306", "20240307", "20240308"]


async def test_a_reservation_is_changed_and_cancelled_until_it_is_sent(served: Served) -> None:
    async with served(profile="real", now=at("16:00")) as client:
        number = (await reserve(client))["output"]["RSVN_ORD_SEQ"]
        changed = await client.call("CTSC0013U", **{**RESERVE, "ORD_QTY": "3", "RSVN_ORD_SEQ": number})
        (row,) = await reserved(client)
        cancelled = await client.call("CTSC0009U", RSVN_ORD_SEQ=number)
        again = await client.call("CTSC0009U", RSVN_ORD_SEQ=number)
        await client.clock.move_to(at("10:00", WEDNESDAY))

        assert (changed["output"], cancelled["output"]) == ({"NRML_PRCS_YN": "Y"}, {"NRML_PRCS_YN": "Y"})
        assert row["ord_rsvn_qty"] == "3"
        assert again["msg_cd"] == "APBK0927"
        assert await reserved(client, CNCL_YN="Y") == []
        assert (await client.listing())[1]["output1"] == []


async def test_reservations_come_in_pages_of_twenty(served: Served) -> None:
    async with served(profile="real", now=at("16:00")) as client:
        for _ in range(21):
            await reserve(client)
        _, first, state = await client.called("CTSC0004R", **RESERVED)
        keys = {"CTX_AREA_NK200": first["ctx_area_nk200"]}
        _, second, last = await client.called("CTSC0004R", tr_cont="N", **{**RESERVED, **keys})

        assert (len(first["output"]), len(second["output"]), state, last) == (20, 1, "F", "E")
        assert len(first["ctx_area_nk200"]) == 200


async def test_reservations_and_roads_survive_a_restart(served: Served, tmp_path: Path) -> None:
    path = tmp_path / "state.json"
    async with served(profile="real", now=at("15:00"), state_path=path) as client:
        await client.buy(1, EXCG_ID_DVSN_CD="SOR")
        await client.clock.move_to(at("16:00"))
        await reserve(client, ORD_DVSN_CD="01", ORD_UNPR="0")
        await reserve(client, ORD_QTY="2", RSVN_ORD_END_DT="20240308")
        cancelled = (await reserve(client))["output"]["RSVN_ORD_SEQ"]
        await client.call("CTSC0009U", RSVN_ORD_SEQ=cancelled)
        before = await reserved(client)

    async with served(profile="real", now=at("07:00", WEDNESDAY), state_path=path) as client:
        again = await reserved(client)
        yesterday = {"INQR_STRT_DT": "20240305", "INQR_END_DT": "20240305", "EXCG_ID_DVSN_CD": "SOR"}
        by_sor = (await client.listing(**yesterday))[1]["output1"]
        await client.clock.move_to(at("09:30", WEDNESDAY))
        sent = await reserved(client)

    async with served(profile="real", now=at("10:00", WEDNESDAY), state_path=path) as client:
        once_more = await reserved(client)
        await client.clock.move_to(at("09:30", WEDNESDAY.replace(day=7)))
        rows = (await client.listing())[1]["output1"]

    assert again == before
    assert [row["excg_id_dvsn_cd"] for row in by_sor] == ["SOR"]
    assert [row["prcs_rslt"] for row in sent] == ["취소", "처리", "처리"]
    assert once_more == sent
    assert [(row["pdno"], row["ord_qty"]) for row in rows] == [("005930", "2")]  # the one that goes on to Friday


async def test_a_stop_is_listed_with_its_condition_and_when_it_woke(served: Served) -> None:
    async with served(profile="real") as client:
        await client.buy(1, 71_000, ORD_DVSN="22", CNDT_PRIC="70900")
        open_rows = {"INQR_DVSN_1": "0", "INQR_DVSN_2": "0", "CTX_AREA_FK100": "", "CTX_AREA_NK100": ""}
        (waiting,) = (await client.call("TTTC0084R", **open_rows))["output"]
        (asleep,) = (await client.listing())[1]["output1"]
        await client.clock.move_to(at("15:40"))
        (woken,) = (await client.listing())[1]["output1"]

        assert (waiting["stpm_cndt_pric"], waiting["stpm_efct_occr_yn"]) == ("70900", "N")
        assert (asleep["stpm_cndt_pric"], asleep["stpm_efct_occr_dtmd"], asleep["rmn_qty"]) == ("70900", "", "1")
        assert (len(woken["stpm_efct_occr_dtmd"]), woken["rmn_qty"]) == (9, "0")


async def test_a_stop_without_its_condition_is_refused(served: Served) -> None:
    async with served(profile="real") as client:
        for condition in ("", "0", "70950"):
            assert (await client.buy(1, 71_000, ORD_DVSN="22", CNDT_PRIC=condition))["msg_cd"] == "APBK0506"
