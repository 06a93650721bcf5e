"""What the REST side answers, refuses and counts, asked over real sockets."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from tests.simulator.builders import SAMSUNG, TUESDAY, BarsBook, a_bar, a_day_of, a_week, at
from tests.simulator.conftest import QUOTATIONS, TRADING, Client, Served

PRICE_FIELDS = {"FID_COND_MRKT_DIV_CODE": "J", "FID_INPUT_ISCD": "005930"}
CHART_FIELDS = {
    **PRICE_FIELDS,
    "FID_INPUT_DATE_1": "20240101",
    "FID_INPUT_DATE_2": "20240331",
    "FID_PERIOD_DIV_CODE": "D",
    "FID_ORG_ADJ_PRC": "0",
}


async def price_of(client: Client, **headers: str) -> tuple[int, dict[str, Any]]:
    status, body, _ = await client.ask("GET", f"{QUOTATIONS}/inquire-price", "FHKST01010100", PRICE_FIELDS, **headers)
    return status, body


async def test_the_price_is_that_of_the_last_trade_and_every_value_is_a_text(served: Served) -> None:
    async with served() as client:
        _, body = await price_of(client)

        board = client.sim.exchange.boards[SAMSUNG]
        output = body["output"]
        assert (body["rt_cd"], output["stck_prpr"], output["stck_sdpr"]) == ("0", str(board.price), "70500")
        assert (output["stck_mxpr"], output["stck_llam"]) == ("91600", "49400")
        assert all(isinstance(value, str) for value in output.values())
        assert len(body["msg1"].encode()) == 80


async def test_an_unknown_symbol_is_zeros_and_no_error(served: Served) -> None:
    async with served() as client:
        status, body, _ = await client.ask(
            "GET", f"{QUOTATIONS}/inquire-price", "FHKST01010100", {**PRICE_FIELDS, "FID_INPUT_ISCD": "999999"}
        )

        assert (status, body["rt_cd"], body["output"]["stck_prpr"]) == (200, "0", "0")


async def test_the_chart_has_a_placeholder_of_today_before_the_open_and_then_the_day_so_far(served: Served) -> None:
    async with served(now=at("08:00")) as client:
        _, early, _ = await client.ask(
            "GET", f"{QUOTATIONS}/inquire-daily-itemchartprice", "FHKST03010100", CHART_FIELDS
        )
        await client.clock.move_to(at("12:00"))
        _, later, _ = await client.ask(
            "GET", f"{QUOTATIONS}/inquire-daily-itemchartprice", "FHKST03010100", CHART_FIELDS
        )

        placeholder, today = early["output2"][0], later["output2"][0]
        assert placeholder["stck_bsop_date"] == today["stck_bsop_date"] == "20240305"
        assert {placeholder[f"stck_{name}"] for name in ("oprc", "hgpr", "lwpr", "clpr")} == {"70500"}
        assert placeholder["acml_vol"] == "0"
        assert 0 < int(today["acml_vol"]) < 3_000_000
        assert early["output2"][1]["stck_bsop_date"] == "20240304"
        assert early["output1"]["hts_kor_isnm"] == "삼성전자"


async def test_after_the_close_the_chart_has_the_whole_bar(served: Served) -> None:
    async with served(now=at("16:00")) as client:
        _, body, _ = await client.ask(
            "GET", f"{QUOTATIONS}/inquire-daily-itemchartprice", "FHKST03010100", CHART_FIELDS
        )

        row = body["output2"][0]
        shown = [row[name] for name in ("stck_oprc", "stck_hgpr", "stck_lwpr", "stck_clpr", "acml_vol")]
        assert shown == ["70000", "71000", "69000", "70500", "3000000"]


async def test_the_chart_gives_at_most_a_hundred_rows_newest_first(served: Served) -> None:
    days = [TUESDAY - timedelta(days=offset) for offset in range(200, -1, -1)]
    book = BarsBook({SAMSUNG: [a_bar(day, 70_000, 70_100, 69_900, 70_000) for day in days]})
    async with served(book=book) as client:
        fields = {**CHART_FIELDS, "FID_INPUT_DATE_1": "20230101", "FID_INPUT_DATE_2": "20240305"}
        _, body, _ = await client.ask("GET", f"{QUOTATIONS}/inquire-daily-itemchartprice", "FHKST03010100", fields)

        dates = [row["stck_bsop_date"] for row in body["output2"]]
        assert len(dates) == 100
        assert dates == sorted(dates, reverse=True)
        assert dates[0] == "20240305"


@pytest.mark.parametrize(
    ("profile", "accepted", "branch"), [("paper", "40600000", "00950"), ("real", "APBK0013", "03930")]
)
async def test_a_purchase_is_transmitted_and_shows_in_listing_and_balance(
    served: Served, profile: str, accepted: str, branch: str
) -> None:
    async with served(profile=profile) as client:
        body = await client.buy(10)

        output = body["output"]
        assert (body["rt_cd"], body["msg_cd"], output["KRX_FWDG_ORD_ORGNO"]) == ("0", accepted, branch)
        assert (len(output["ODNO"]), output["ORD_TMD"]) == (10, "100000")
        _, listing, tr_cont = await client.listing()
        (row,) = listing["output1"]
        assert (row["odno"], row["pdno"], row["sll_buy_dvsn_cd"], row["tot_ccld_qty"]) == (
            output["ODNO"],
            "005930",
            "02",
            "10",
        )
        assert tr_cont == "D"
        assert int(row["tot_ccld_amt"]) == 10 * int(row["avg_prvs"])
        _, balance, _ = await client.balance()
        (held,) = balance["output1"]
        (sums,) = balance["output2"]
        assert (held["hldg_qty"], held["thdt_buyqty"], held["pchs_amt"]) == ("10", "10", row["tot_ccld_amt"])
        assert sums["dnca_tot_amt"] == "10000000"
        fee = int(listing["output2"]["prsm_tlex_smtl"])
        assert int(sums["prvs_rcdl_excc_amt"]) == 10_000_000 - int(row["tot_ccld_amt"]) - fee
        assert int(sums["tot_evlu_amt"]) == int(sums["prvs_rcdl_excc_amt"]) + int(sums["scts_evlu_amt"])


@pytest.mark.parametrize(
    ("profile", "quantity", "price", "changes", "code"),
    [
        ("paper", 1, 70_050, {}, "40030000"),
        ("paper", 1, 99_900, {}, "40270000"),
        ("paper", 10_000, 70_000, {}, "40250000"),
        ("paper", 1, 70_000, {"PDNO": "999999"}, "40070000"),
        ("paper", 1, 70_000, {"ORD_DVSN": "11"}, "40310000"),
        ("paper", 1, 70_000, {"EXCG_ID_DVSN_CD": "SOR"}, "40310000"),
        ("real", 1, 70_050, {}, "APBK0506"),
        ("real", 10_000, 70_000, {}, "APBK0952"),
        ("real", 1, 70_000, {"PDNO": "999999"}, "APBK0656"),
        ("real", 1, 70_000, {"ORD_DVSN": "77"}, "APBK0963"),
        ("real", 1, 70_000, {"EXCG_ID_DVSN_CD": "NXT"}, "APBK0963"),
    ],
)
async def test_a_refused_order_is_http_200_with_the_venues_own_code(
    served: Served, profile: str, quantity: int, price: int, changes: dict[str, str], code: str
) -> None:
    async with served(profile=profile) as client:
        body = await client.buy(quantity, price, **changes)

        assert body["msg_cd"] == code
        assert body["rt_cd"] == ("7" if profile == "real" else "1")


@pytest.mark.parametrize(
    ("profile", "when", "code"),
    [
        ("paper", at("08:50"), "40570000"),
        ("paper", at("15:30"), "40580000"),
        ("paper", at("10:00", TUESDAY + timedelta(days=4)), "40100000"),
        ("real", at("08:29"), "APBK0918"),
        ("real", at("15:30"), "APBK0918"),
        ("real", at("10:00", TUESDAY + timedelta(days=4)), "APBK0919"),
    ],
)
async def test_orders_out_of_hours_are_refused(served: Served, profile: str, when: Any, code: str) -> None:
    async with served(profile=profile, now=when) as client:
        assert (await client.buy(1, 70_000))["msg_cd"] == code


@pytest.mark.parametrize(("profile", "code"), [("paper", "40240000"), ("real", "APBK0400")])
async def test_more_than_is_held_cannot_be_sold(served: Served, profile: str, code: str) -> None:
    async with served(profile=profile) as client:
        assert (await client.sell(1))["msg_cd"] == code


@pytest.mark.parametrize(("profile", "code"), [("paper", "40330000"), ("real", "APBK0927")])
async def test_a_cancel_is_a_row_of_its_own_and_cannot_be_repeated(served: Served, profile: str, code: str) -> None:
    async with served(profile=profile) as client:
        number = (await client.buy(3, 60_000))["output"]["ODNO"]

        cancelled = await client.cancel(number)
        again = await client.cancel(number)

        assert cancelled["rt_cd"] == "0"
        assert again["msg_cd"] == code
        _, listing, _ = await client.listing()
        order, request = listing["output1"]
        assert (order["cncl_cfrm_qty"], order["rmn_qty"]) == ("3", "0")
        assert (request["odno"], request["orgn_odno"]) == (cancelled["output"]["ODNO"], number)
        assert request["sll_buy_dvsn_cd_name"] == "매수취소"


async def test_a_modification_gives_a_new_number_that_points_to_the_old_one(served: Served) -> None:
    async with served() as client:
        number = (await client.buy(3, 60_000))["output"]["ODNO"]

        body = await client.cancel(number, RVSE_CNCL_DVSN_CD="01", ORD_UNPR="61000")

        _, listing, _ = await client.listing(CCLD_DVSN="02")
        (row,) = listing["output1"]
        assert (row["odno"], row["orgn_odno"], row["ord_unpr"]) == (body["output"]["ODNO"], number, "61000")


async def test_the_listing_comes_in_pages_and_every_order_once(served: Served) -> None:
    async with served(cash=100_000_000) as client:
        made = [(await client.buy(1, 60_000))["output"]["ODNO"] for _ in range(33)]

        found: list[str] = []
        states: list[str] = []
        keys = {"CTX_AREA_FK100": "", "CTX_AREA_NK100": ""}
        while True:
            _, body, state = await client.listing("N" if states else "", **keys)
            found += [row["odno"] for row in body["output1"]]
            states.append(state)
            keys = {"CTX_AREA_FK100": body["ctx_area_fk100"], "CTX_AREA_NK100": body["ctx_area_nk100"]}
            if state in ("D", "E"):
                break

        assert found == made
        assert states == ["F", "M", "E"]
        assert [len(value) for value in keys.values()] == [100, 100]


async def test_the_listing_filters_by_number_side_and_state(served: Served) -> None:
    async with served() as client:
        filled = (await client.buy(2))["output"]["ODNO"]
        waiting = (await client.buy(1, 60_000))["output"]["ODNO"]
        sold = (await client.sell(1))["output"]["ODNO"]

        async def numbers(**changes: str) -> list[str]:
            _, body, _ = await client.listing(**changes)
            return [row["odno"] for row in body["output1"]]

        assert await numbers(ODNO=filled) == [filled]
        assert await numbers(CCLD_DVSN="02") == [waiting]
        assert await numbers(CCLD_DVSN="01") == [filled, sold]
        assert await numbers(SLL_BUY_DVSN_CD="01") == [sold]
        assert await numbers(INQR_DVSN="00") == [sold, waiting, filled]
        assert await numbers(PDNO="000660") == []


async def test_what_the_buying_power_promises_can_be_bought(served: Served) -> None:
    async with served() as client:
        fields = {
            **client.account(),
            "PDNO": "005930",
            "ORD_UNPR": "69000",
            "ORD_DVSN": "00",
            "CMA_EVLU_AMT_ICLD_YN": "N",
            "OVRS_ICLD_YN": "N",
        }
        path = f"{TRADING}/inquire-psbl-order"
        _, limit, _ = await client.ask("GET", path, "VTTC8908R", fields)
        _, market, _ = await client.ask("GET", path, "VTTC8908R", {**fields, "ORD_DVSN": "01", "ORD_UNPR": ""})

        assert (limit["output"]["nrcvb_buy_qty"], market["output"]["psbl_qty_calc_unpr"]) == ("144", "91600")
        assert market["output"]["nrcvb_buy_qty"] == "109"
        assert (await client.buy(145, 69_000))["msg_cd"] == "40250000"
        assert (await client.buy(144, 69_000))["rt_cd"] == "0"


async def test_the_real_venue_lists_open_orders_sellable_shares_and_holidays(served: Served) -> None:
    async with served(profile="real") as client:
        await client.buy(5)
        number = (await client.sell(2, 80_000))["output"]["ODNO"]
        keys = {"CTX_AREA_FK100": "", "CTX_AREA_NK100": ""}
        dates = {"BASS_DT": "20240308", "CTX_AREA_NK": "", "CTX_AREA_FK": ""}

        _, opened, _ = await client.ask(
            "GET",
            f"{TRADING}/inquire-psbl-rvsecncl",
            "TTTC0084R",
            {**client.account(), "INQR_DVSN_1": "0", "INQR_DVSN_2": "0", **keys},
        )
        _, sellable, _ = await client.ask(
            "GET", f"{TRADING}/inquire-psbl-sell", "TTTC8408R", {**client.account(), "PDNO": "005930"}
        )
        _, holidays, _ = await client.ask("GET", f"{QUOTATIONS}/chk-holiday", "CTCA0903R", dates)

        assert [(row["odno"], row["psbl_qty"]) for row in opened["output"]] == [(number, "2")]
        assert sellable["output"]["ord_psbl_qty"] == "3"
        assert [(row["bass_dt"], row["wday_dvsn_cd"], row["opnd_yn"]) for row in holidays["output"][:3]] == [
            ("20240308", "06", "Y"),
            ("20240309", "07", "N"),
            ("20240310", "01", "N"),
        ]


@pytest.mark.parametrize(
    ("headers", "code"),
    [
        ({"content-type": "text/plain", "appkey": ""}, "EGW00132"),
        ({"appkey": "", "authorization": ""}, "EGW00102"),
        ({"appkey": "x" * 36}, "EGW00103"),
        ({"appsecret": "x"}, "EGW00105"),
        ({"authorization": "Basic x", "tr_id": "NONSENSE"}, "EGW00205"),
        ({"authorization": "Bearer nobody"}, "EGW00121"),
        ({"custtype": "X"}, "EGW00208"),
        ({"tr_id": "NONSENSE"}, "EGW00310"),
        ({"tr_id": "VTTC8434R"}, "EGW00310"),
        ({"tr_id": "TTTC8434R"}, "EGW02006"),
        ({"tr_id": "CTCA0903R"}, "EGW02006"),
        ({"tr_id": "FHPST01710000"}, "EGW02006"),
    ],
)
async def test_the_gate_names_the_first_trouble_with_http_500(
    served: Served, headers: dict[str, str], code: str
) -> None:
    async with served() as client:
        sent = {**client.headers, "tr_id": "FHKST01010100", **headers}
        url = f"{client.sim.rest_url}{QUOTATIONS}/inquire-price"
        async with client.http.get(url, params=PRICE_FIELDS, headers=sent) as answer:
            body = await answer.json()

        assert (answer.status, body["rt_cd"], body["msg_cd"]) == (500, "1", code)


@pytest.mark.parametrize(("profile", "code"), [("paper", "IGW00002"), ("real", "OPSQ2000")])
async def test_another_account_is_refused(served: Served, profile: str, code: str) -> None:
    async with served(profile=profile) as client:
        _, body, _ = await client.balance(CANO="11111111")

        assert body["msg_cd"] == code


@pytest.mark.parametrize(
    ("changes", "code"),
    [({"ORD_UNPR": "70000.0"}, "IGW00007"), ({"ORD_QTY": "-1"}, "IGW00007"), ({"ORD_QTY": 1}, "IGW00007")],
)
async def test_an_ill_formed_number_is_refused(served: Served, changes: dict[str, Any], code: str) -> None:
    async with served() as client:
        fields = {**client.account(), "PDNO": "005930", "ORD_DVSN": "00", "ORD_QTY": "1", "ORD_UNPR": "70000"}
        _, body, _ = await client.ask("POST", f"{TRADING}/order-cash", "VTTC0012U", {**fields, **changes})
        _, lower, _ = await client.ask("POST", f"{TRADING}/order-cash", "VTTC0012U", {"cano": "1"})

        assert body["msg_cd"] == code
        assert lower["msg_cd"] == "OPSQ2002"


async def test_the_second_call_within_a_second_is_too_many_on_paper(served: Served) -> None:
    async with served(rate_limit_per_s=None) as client:
        first = await price_of(client)
        second = await price_of(client)

        assert first[0] == 200
        assert (second[0], second[1]["msg_cd"]) == (500, "EGW00201")


async def test_a_token_is_given_once_a_minute_and_stays_the_same_for_six_hours(served: Served) -> None:
    async with served(now=at("09:00")) as client:
        keys = {
            "grant_type": "client_credentials",
            "appkey": client.settings.app_key,
            "appsecret": client.settings.app_secret,
        }
        status, refused = await client.post("/oauth2/tokenP", keys)
        assert (status, refused["error_code"]) == (403, "EGW00133")

        await client.clock.move(minutes=2)
        _, same = await client.post("/oauth2/tokenP", keys)
        await client.clock.move(hours=6)
        _, fresh = await client.post("/oauth2/tokenP", keys)

        assert same["access_token"] == client.token != fresh["access_token"]
        assert same["access_token_token_expired"] == "2024-03-06 09:00:00"
        assert (await price_of(client))[0] == 200  # the older one lives its day out
        await client.clock.move(hours=18)
        assert (await price_of(client))[1]["msg_cd"] == "EGW00123"


async def test_a_revoked_token_opens_nothing(served: Served) -> None:
    async with served() as client:
        keys = {"appkey": client.settings.app_key, "appsecret": client.settings.app_secret}

        _, body = await client.post("/oauth2/revokeP", {**keys, "token": client.token})

        assert body["code"] == 200
        assert (await price_of(client))[1]["msg_cd"] == "EGW00121"


async def test_a_hash_is_given_for_a_body(served: Served) -> None:
    async with served() as client:
        _, body = await client.post("/uapi/hashkey", {"CANO": "1"}, headers=client.headers)

        assert body["BODY"] == {"CANO": "1"}
        assert len(body["HASH"]) == 64


async def test_a_wrong_path_is_not_found(served: Served) -> None:
    async with served() as client, client.http.get(f"{client.sim.rest_url}/uapi/nowhere") as answer:
        assert answer.status == 404


async def test_the_simulators_own_pages_tell_clock_account_and_orders(served: Served) -> None:
    async with served(rate=390.0) as client:
        await client.buy(2)

        async def page(name: str) -> Any:
            async with client.http.get(f"{client.sim.rest_url}/__sim/{name}") as answer:
                return await answer.json()

        assert await page("clock") == {"now": "2024-03-05T10:00:00+09:00", "rate": 390.0}
        account = await page("account")
        assert account == client.sim.account_view()
        assert account["equity"] == account["cash"] + account["holdings_value"]
        assert account["holdings"]["005930"]["quantity"] == 2
        (order,) = await page("orders")
        assert (order["filled"], order["open"]) == (2, False)


async def test_a_halted_symbol_says_so_and_refuses(served: Served) -> None:
    async with served(book=a_day_of(a_bar(TUESDAY, 0, 0, 0, 70_000, 0))) as client:
        _, body = await price_of(client)

        assert (body["output"]["temp_stop_yn"], body["output"]["iscd_stat_cls_code"]) == ("Y", "58")
        assert (await client.buy(1, 70_000))["msg_cd"] == "40070000"


async def test_on_a_weekend_the_last_day_is_shown(served: Served) -> None:
    saturday = at("11:00", TUESDAY + timedelta(days=4))
    async with served(now=saturday, book=BarsBook({SAMSUNG: a_week()})) as client:
        _, body = await price_of(client)

        assert body["output"]["stck_prpr"] == "70500"
        assert body["output"]["acml_vol"] == "3000000"
