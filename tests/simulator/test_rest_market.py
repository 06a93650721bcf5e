"""Many symbols, interruptions, master data, days: what they say and what they refuse."""

from __future__ import annotations

import pytest

from kis_daemon.domain.market import Market, Symbol
from kis_daemon.simulator.market_rules import ActionKind, CorporateAction, Designation, MarketRules
from tests.simulator.builders import HYNIX, SAMSUNG, TUESDAY, BarsBook, a_week, at
from tests.simulator.conftest import Client, Served
from tests.simulator.rest_shapes import SHAPES

PREFERRED = Symbol("005935")
VOLUME = SHAPES["FHPST01710000"].request
CAP = SHAPES["FHPST01740000"].request
VI = SHAPES["FHPST01390000"].request
CLOSING = SHAPES["FHKST117300C0"].request


def three_symbols() -> BarsBook:
    """Return a market in which SAMSUNG trades the most shares, HYNIX the most won."""
    return BarsBook(
        {
            SAMSUNG: a_week(70_000, volume=6_000_000),
            HYNIX: a_week(150_000, volume=3_000_000),
            PREFERRED: a_week(60_000, volume=600_000),
        }
    )


async def ranked(client: Client, tr_id: str, **changes: str) -> list[str]:
    body = await client.call(tr_id, **{**SHAPES[tr_id].request, **changes})
    return [row["mksc_shrn_iscd"] for row in body["output"]]


async def test_the_volume_rank_sorts_by_the_measure_asked_for(served: Served) -> None:
    async with served(profile="real", book=three_symbols()) as client:
        assert await ranked(client, "FHPST01710000", FID_BLNG_CLS_CODE="0") == [SAMSUNG, HYNIX, PREFERRED]
        assert (await ranked(client, "FHPST01710000", FID_BLNG_CLS_CODE="3"))[0] == HYNIX


async def test_the_volume_rank_leaves_out_what_its_flags_name(served: Served) -> None:
    rules = MarketRules(designations=((HYNIX, Designation.CAUTION),))
    async with served(profile="real", book=three_symbols(), market=rules) as client:
        client.sim.exchange.halt(SAMSUNG)

        assert HYNIX not in await ranked(client, "FHPST01710000", FID_TRGT_EXLS_CLS_CODE="1000000000")
        assert PREFERRED not in await ranked(client, "FHPST01710000", FID_TRGT_EXLS_CLS_CODE="0000100000")
        assert SAMSUNG not in await ranked(client, "FHPST01710000", FID_TRGT_EXLS_CLS_CODE="0000010000")
        assert SAMSUNG not in await ranked(client, "FHPST01710000", FID_TRGT_EXLS_CLS_CODE="000001")
        assert await ranked(client, "FHPST01710000", FID_DIV_CLS_CODE="2") == [PREFERRED]
        assert await ranked(client, "FHPST01710000", FID_INPUT_PRICE_1="100000") == [HYNIX]


@pytest.mark.parametrize(
    "changes",
    [{"FID_COND_SCR_DIV_CODE": "1"}, {"FID_BLNG_CLS_CODE": "9"}, {"FID_TRGT_EXLS_CLS_CODE": "12"}],
)
async def test_the_volume_rank_refuses_what_it_does_not_know(served: Served, changes: dict[str, str]) -> None:
    async with served(profile="real") as client:
        assert (await client.call("FHPST01710000", **{**VOLUME, **changes}))["msg_cd"] == "OPSQ2003"


async def test_market_value_is_shares_by_price_and_bands_reach_beyond_the_first(served: Served) -> None:
    async with served(profile="real", book=three_symbols()) as client:
        rows = (await client.call("FHPST01740000", **CAP))["output"]
        cheap = await ranked(client, "FHPST01740000", fid_input_price_2="100000")

        assert [row["mksc_shrn_iscd"] for row in rows] == [HYNIX, SAMSUNG, PREFERRED]
        assert all(
            int(row["stck_avls"]) == int(row["lstn_stcn"]) * int(row["stck_prpr"]) // 100_000_000 for row in rows
        )
        assert cheap == [SAMSUNG, PREFERRED]


async def test_a_multiple_quote_keeps_the_order_asked_for_and_ends_with_the_first_gap(served: Served) -> None:
    async with served(profile="real") as client:
        pairs = {f"FID_COND_MRKT_DIV_CODE_{n}": "J" for n in range(1, 6)}
        symbols = {"FID_INPUT_ISCD_1": "000660", "FID_INPUT_ISCD_2": "999999", "FID_INPUT_ISCD_3": "005930"}
        rows = (await client.call("FHKST11300006", **pairs, **symbols, FID_INPUT_ISCD_5="005930"))["output"]

        assert [row["inter_shrn_iscd"] for row in rows] == ["000660", "999999", "005930"]
        assert rows[1]["inter2_prpr"] == "0"
        assert set(rows[0]) == set(rows[1])
        assert rows[2]["inter2_prpr"] == str(client.sim.exchange.boards[SAMSUNG].price)


async def test_a_multiple_quote_stops_at_thirty(served: Served) -> None:
    async with served(profile="real") as client:
        fields = {f"FID_COND_MRKT_DIV_CODE_{n}": "J" for n in range(1, 32)}
        fields |= {f"FID_INPUT_ISCD_{n}": "005930" for n in range(1, 32)}

        assert len((await client.call("FHKST11300006", **fields))["output"]) == 30


async def test_an_interruption_is_listed_as_running_and_then_as_released(served: Served) -> None:
    async with served(profile="real") as client:
        client.sim.exchange.trigger_vi(SAMSUNG, client.clock.now())
        (running,) = (await client.call("FHPST01390000", **VI))["output"]
        await client.clock.move(minutes=5)
        (released,) = (await client.call("FHPST01390000", **VI))["output"]

        assert (running["vi_cls_code"], running["cntg_vi_hour"], running["vi_kind_code"]) == ("Y", "100000", "1")
        assert released["vi_cls_code"] == "N"
        assert "100200" <= released["vi_cncl_hour"] <= "100230"


@pytest.mark.parametrize(
    "changes",
    [
        {"FID_INPUT_DATE_1": "20240304"},
        {"FID_INPUT_ISCD": "000660"},
        {"FID_RANK_SORT_CLS_CODE": "2"},
        {"FID_MRKT_CLS_CODE": "Q"},
    ],
)
async def test_interruptions_are_filtered(served: Served, changes: dict[str, str]) -> None:
    async with served(profile="real") as client:
        client.sim.exchange.trigger_vi(SAMSUNG, client.clock.now())

        assert (await client.call("FHPST01390000", **{**VI, **changes}))["output"] == []


async def test_master_data_echo_the_symbol_with_its_zeros_and_take_it_so(served: Served) -> None:
    async with served(profile="real") as client:
        stock = (await client.call("CTPF1002R", PRDT_TYPE_CD="300", PDNO="005930"))["output"]
        again = (await client.call("CTPF1002R", PRDT_TYPE_CD="300", PDNO="00000A005930"))["output"]
        product = (await client.call("CTPF1604R", PRDT_TYPE_CD="300", PDNO="A005930"))["output"]

        assert stock == again
        assert (stock["pdno"], stock["std_pdno"], stock["prdt_abrv_name"]) == (
            "00000A005930",
            "KR7005930003",
            "삼성전자",
        )
        assert (product["pdno"], product["shtn_pdno"]) == ("00000A005930", "005930")


@pytest.mark.parametrize("tr_id", ["CTPF1002R", "CTPF1604R"])
@pytest.mark.parametrize("fields", [("300", "999999"), ("512", "005930")])
async def test_master_data_of_what_is_not_listed_are_no_data(
    served: Served, tr_id: str, fields: tuple[str, str]
) -> None:
    async with served(profile="real") as client:
        status, body, _ = await client.called(tr_id, PRDT_TYPE_CD=fields[0], PDNO=fields[1])

        assert (status, body["rt_cd"]) == (200, "7")


async def test_a_fund_and_a_kosdaq_share_say_what_they_are(served: Served) -> None:
    for market, group, board in ((Market.ETF, "EF", "STK"), (Market.KOSDAQ, "ST", "KSQ")):
        async with served(profile="real", book=BarsBook({SAMSUNG: a_week()}, market)) as client:
            output = (await client.call("CTPF1002R", PRDT_TYPE_CD="300", PDNO="005930"))["output"]

            assert (output["scty_grp_id_cd"], output["mket_id_cd"]) == (group, board)


async def test_holidays_come_in_pages_that_go_on_where_the_last_ended(served: Served) -> None:
    async with served(profile="real") as client:
        first, keys = {"BASS_DT": "20241220"}, {"CTX_AREA_NK": "", "CTX_AREA_FK": ""}
        _, page, state = await client.called("CTCA0903R", **first, **keys)
        keys = {"CTX_AREA_NK": page["ctx_area_nk"], "CTX_AREA_FK": page["ctx_area_fk"]}
        _, following, _ = await client.called("CTCA0903R", tr_cont="N", **first, **keys)
        _, forgetful, _ = await client.called("CTCA0903R", **first, **keys)

        days = {row["bass_dt"]: row for row in page["output"]}
        assert (state, len(days)) == ("M", 24)
        assert following["output"][0]["bass_dt"] == "20250113"
        assert forgetful["output"] == page["output"]
        assert (days["20241231"]["bzdy_yn"], days["20241231"]["opnd_yn"]) == ("Y", "N")
        assert (days["20241225"]["bzdy_yn"], days["20241225"]["opnd_yn"]) == ("N", "N")


async def test_the_market_time_tells_the_business_days_from_today_on(served: Served) -> None:
    async with served(profile="real") as client:
        output = (await client.call("HHMCM000002C0"))["output1"]

        assert [output[f"date{n}"] for n in range(1, 6)] == [
            "20240305",
            "20240306",
            "20240307",
            "20240308",
            "20240311",
        ]
        assert (output["time"], output["s_time"], output["e_time"]) == ("100000", "090000", "153000")


async def test_splits_and_dividends_are_told_ahead(served: Served) -> None:
    split = CorporateAction(symbol=HYNIX, day=TUESDAY.replace(day=20), kind=ActionKind.SPLIT, ratio_num=5)
    dividend = CorporateAction(symbol=SAMSUNG, day=TUESDAY.replace(day=7), kind=ActionKind.CASH_DIVIDEND)
    async with served(profile="real", market=MarketRules(actions=(split, dividend))) as client:
        (told,) = (await client.call("HHKDB669105C0", **SHAPES["HHKDB669105C0"].request))["output1"]
        (paid,) = (await client.call("HHKDB669102C0", **SHAPES["HHKDB669102C0"].request))["output1"]
        later = {**SHAPES["HHKDB669105C0"].request, "F_DT": "20240401"}

        assert (told["sht_cd"], told["inter_bf_face_amt"], told["inter_af_face_amt"]) == ("000660", "5000", "1000")
        assert told["td_stop_dt"] == "2024/03/18~2024/03/19"
        assert (paid["sht_cd"], paid["record_date"]) == ("005930", "20240308")
        assert (await client.call("HHKDB669105C0", **later))["output1"] == []


async def test_expected_closing_prices_are_told_in_the_closing_auction_alone(served: Served) -> None:
    async with served(profile="real", now=at("15:25")) as client:
        body = await client.call("FHKST117300C0", **CLOSING)
        assert {row["stck_shrn_iscd"] for row in body["output1"]} == {SAMSUNG, HYNIX}
        assert body["output"] == body["output1"]
        assert (await client.call("FHKST117300C0", **{**CLOSING, "FID_RANK_SORT_CLS_CODE": "1"}))["output1"] == []
        await client.clock.move_to(at("16:00"))
        assert (await client.call("FHKST117300C0", **CLOSING))["output1"] == []
