"""What the ledger says of the account: buying power, balance, profit, assets and rights."""

from __future__ import annotations

from typing import Any

import pytest

from kis_daemon.simulator.market_rules import ActionKind, CorporateAction, MarketRules
from tests.simulator.builders import SAMSUNG, TUESDAY, BarsBook, a_week, at
from tests.simulator.conftest import Client, Served
from tests.simulator.rest_shapes import SHAPES

WEDNESDAY = TUESDAY.replace(day=6)
POWER = SHAPES["TTTC8908R"].request
BALANCE = SHAPES["TTTC8434R"].request
WITH_PROFIT = SHAPES["TTTC8494R"].request
PROFIT = SHAPES["TTTC8715R"].request
LISTING = SHAPES["TTTC0081R"].request


async def bought_and_sold(client: Client) -> tuple[dict[str, str], dict[str, str]]:
    """Buy ten shares and sell four, and return the two rows of the listing."""
    await client.buy(10)
    await client.clock.move(hours=2)
    await client.sell(4)
    rows = (await client.listing())[1]["output1"]
    assert [row["tot_ccld_qty"] for row in rows] == ["10", "4"]
    return rows[0], rows[1]


@pytest.mark.parametrize(
    ("changes", "price", "some"),
    [
        ({"ORD_DVSN": "00", "ORD_UNPR": "69000"}, "69000", True),
        ({"ORD_DVSN": "01", "ORD_UNPR": ""}, "91600", True),
        ({"ORD_DVSN": "00", "ORD_UNPR": "0"}, "91600", True),
        ({"PDNO": "", "ORD_UNPR": ""}, "0", False),
    ],
)
async def test_buying_power_is_told_at_the_price_asked_or_at_the_upper_limit(
    served: Served, changes: dict[str, str], price: str, some: bool
) -> None:
    async with served(profile="real") as client:
        output = (await client.call("TTTC8908R", **{**POWER, **changes}))["output"]

        assert (output["psbl_qty_calc_unpr"], output["nrcvb_buy_amt"]) == (price, "10000000")
        assert (int(output["nrcvb_buy_qty"]) > 0) is some


async def test_a_price_with_decimals_is_no_price(served: Served) -> None:
    async with served(profile="real") as client:
        assert (await client.call("TTTC8908R", **{**POWER, "ORD_UNPR": "69000.0"}))["msg_cd"] == "IGW00007"


async def test_the_balance_without_yesterday_forgets_what_was_sold_out_then(served: Served) -> None:
    async with served(profile="real") as client:
        await client.buy(3)
        await client.clock.move(hours=1)
        await client.sell(3)
        await client.clock.move_to(at("09:50", WEDNESDAY))

        (row,) = (await client.call("TTTC8434R", **BALANCE))["output1"]
        without = await client.call("TTTC8434R", **{**BALANCE, "PRCS_DVSN": "01"})
        assert (row["hldg_qty"], row["bfdy_buy_qty"], row["bfdy_sll_qty"]) == ("0", "3", "3")
        assert without["output1"] == []


@pytest.mark.parametrize(
    "changes", [{"PRCS_DVSN": "02"}, {"INQR_DVSN": "09"}, {"AFHR_FLPR_YN": "Z"}, {"UNPR_DVSN": "02"}]
)
async def test_the_balance_refuses_codes_it_does_not_know(served: Served, changes: dict[str, str]) -> None:
    async with served(profile="real") as client:
        assert (await client.call("TTTC8434R", **{**BALANCE, **changes}))["msg_cd"] == "OPSQ2003"


async def test_a_lagging_balance_and_listing_show_the_past_while_buying_power_shows_now(served: Served) -> None:
    rules = MarketRules(balance_lag_s=10, listing_lag_s=5)
    async with served(profile="real", market=rules) as client:
        await client.buy(10)

        async def seen() -> tuple[int, int, bool]:
            balance = (await client.call("TTTC8434R", **BALANCE))["output1"]
            listing = (await client.listing())[1]["output1"]
            power = (await client.call("TTTC8908R", **POWER))["output"]
            return len(balance), len(listing), int(power["nrcvb_buy_amt"]) < 10_000_000

        assert await seen() == (0, 0, True)
        await client.clock.move(seconds=6)
        assert await seen() == (0, 1, True)
        await client.clock.move(seconds=6)
        assert await seen() == (1, 1, True)


async def test_profit_is_the_sale_less_its_share_of_the_cost_and_its_fees(served: Served) -> None:
    async with served(profile="real") as client:
        bought, sold = await bought_and_sold(client)
        body = await client.call("TTTC8715R", **PROFIT)
        with_costs = (await client.call("TTTC8494R", **WITH_PROFIT))["output2"][0]
        without = (await client.call("TTTC8494R", **{**WITH_PROFIT, "COST_ICLD_YN": "N"}))["output2"][0]

        (row,) = body["output1"]
        cost, amount = int(bought["tot_ccld_amt"]) * 4 // 10, int(sold["tot_ccld_amt"])
        gross = amount - cost
        sums = body["output2"]
        paid = int(sums["sll_fee_smtl"]) + int(sums["sll_tltx_smtl"])
        assert int(row["rlzt_pfls"]) == int(with_costs["rlzt_pfls"]) == gross - paid
        assert int(without["rlzt_pfls"]) == gross
        assert (row["buy_qty"], row["sll_qty"], row["hldg_qty"]) == ("10", "4", "6")
        assert int(row["fee"]) + int(row["tl_tax"]) == int((await client.listing())[1]["output2"]["prsm_tlex_smtl"])


async def test_the_profit_of_a_day_is_the_sum_of_its_symbols(served: Served) -> None:
    async with served(profile="real") as client:
        await bought_and_sold(client)
        await client.buy(2, PDNO="000660")
        trades = await client.call("TTTC8715R", **PROFIT)
        days = await client.call("TTTC8708R", **{**PROFIT, "INQR_DVSN": "00"})

        (day,) = days["output1"]
        assert len(trades["output1"]) == 2
        assert day["buy_qty1"] == "12"
        assert int(day["rlzt_pfls"]) == sum(int(row["rlzt_pfls"]) for row in trades["output1"])
        assert days["output2"]["tot_rlzt_pfls"] == trades["output2"]["tot_rlzt_pfls"]


async def test_profit_is_told_by_period_and_symbol_in_the_order_asked_for(served: Served) -> None:
    async with served(profile="real") as client:
        await bought_and_sold(client)
        await client.clock.move_to(at("09:50", WEDNESDAY))
        await client.sell(1)

        async def days(**changes: str) -> list[str]:
            body = await client.call("TTTC8715R", **{**PROFIT, **changes})
            return [row["trad_dt"] for row in body["output1"]]

        assert await days() == ["20240306", "20240305"]
        assert await days(SORT_DVSN="01") == ["20240305", "20240306"]
        assert await days(INQR_END_DT="20240305") == ["20240305"]
        assert await days(PDNO="000660") == []


async def test_the_assets_are_twenty_rows_that_end_with_all_of_them(served: Served) -> None:
    async with served(profile="real") as client:
        await client.buy(10)
        body = await client.call("CTRP6548R", **SHAPES["CTRP6548R"].request)

        rows = body["output1"]
        equity = str(client.sim.account_view()["equity"])
        assert len(rows) == 20
        assert (rows[-1]["evlu_amt"], body["output2"]["tot_asst_amt"]) == (equity, equity)
        assert rows[0]["evlu_amt"] == str(client.sim.account_view()["holdings_value"])


async def test_the_margin_has_four_decimals_and_falls_by_what_orders_hold_back(served: Served) -> None:
    async with served(profile="real") as client:
        await client.buy(10, 60_000)
        output = (await client.call("TTTC0869R", **SHAPES["TTTC0869R"].request))["output"]

        held = float(output["stck_cash_use_amt"])
        assert held >= 600_000
        assert output["stck_cash100_max_ord_psbl_amt"] == f"{10_000_000 - int(held)}.0000"


async def test_a_split_of_shares_held_is_a_right_and_keeps_their_cost(served: Served) -> None:
    split = CorporateAction(symbol=SAMSUNG, day=WEDNESDAY, kind=ActionKind.SPLIT, ratio_num=5, halted_days=0)
    async with served(profile="real", market=MarketRules(actions=(split,))) as client:
        await client.buy(10)
        (before,) = (await client.call("TTTC8434R", **BALANCE))["output1"]
        await client.clock.move_to(at("09:50", WEDNESDAY))

        (after,) = (await client.call("TTTC8434R", **BALANCE))["output1"]
        (right,) = (await client.call("CTRGA011R", **SHAPES["CTRGA011R"].request))["output1"]
        assert (after["hldg_qty"], after["pchs_amt"]) == ("50", before["pchs_amt"])
        assert (right["rght_type_cd"], right["cblc_qty"], right["tot_alct_qty"]) == ("14", "10", "50")
        assert (right["shtn_pdno"], right["bass_dt"]) == ("A005930", "20240306")


@pytest.mark.parametrize(
    ("profile", "rows"), [("paper", 20), ("real", 50)], ids=["twenty on paper", "fifty on the real venue"]
)
async def test_the_balance_comes_in_pages(served: Served, profile: str, rows: int) -> None:
    symbols = [f"{number:05d}0" for number in range(1, 56)]
    book = BarsBook({symbol: a_week(10_000) for symbol in symbols})  # type: ignore[misc]
    async with served(profile=profile, book=book, cash=100_000_000) as client:
        for symbol in symbols:
            await client.buy(1, PDNO=symbol)

        states, found = await all_pages(client, client.tr("TTTC8434R"), "output1", BALANCE)
        assert len(found) == 55
        assert states == (["F", "M", "E"] if profile == "paper" else ["F", "E"])


async def all_pages(client: Client, tr_id: str, output: str, fields: dict[str, str]) -> tuple[list[str], list[Any]]:
    states: list[str] = []
    found: list[Any] = []
    keys = {"CTX_AREA_FK100": "", "CTX_AREA_NK100": ""}
    while not states or states[-1] in ("F", "M"):
        _, body, state = await client.called(tr_id, tr_cont="N" if states else "", **{**fields, **keys})
        found += body[output]
        states.append(state)
        keys = {"CTX_AREA_FK100": body["ctx_area_fk100"], "CTX_AREA_NK100": body["ctx_area_nk100"]}
    return states, found


async def test_who_forgets_to_ask_for_the_next_page_reads_the_first_again(served: Served) -> None:
    async with served(cash=100_000_000) as client:
        for _ in range(16):
            await client.buy(1, 60_000)
        _, first, _ = await client.listing()
        keys = {"CTX_AREA_FK100": first["ctx_area_fk100"], "CTX_AREA_NK100": first["ctx_area_nk100"].strip()}
        _, again, state = await client.listing("", **keys)
        _, second, _ = await client.listing("N", **keys)

        assert (again["output1"], state) == (first["output1"], "F")
        assert len(second["output1"]) == 1


@pytest.mark.parametrize("refuses", [True, False])
async def test_rows_that_change_between_two_pages_are_refused_where_that_is_played(
    served: Served, refuses: bool
) -> None:
    async with served(cash=100_000_000, refuses_changed_pages=refuses) as client:
        for _ in range(16):
            await client.buy(1, 60_000)
        _, first, _ = await client.listing()
        keys = {"CTX_AREA_FK100": first["ctx_area_fk100"], "CTX_AREA_NK100": first["ctx_area_nk100"]}
        _, unchanged, _ = await client.listing("N", **keys)
        await client.buy(1, 60_000)
        status, changed, _ = await client.listing("N", **keys)

        assert (status, unchanged["rt_cd"]) == (200, "0")
        assert ("변경되었습니다" in changed["msg1"], changed["rt_cd"]) == (refuses, "1" if refuses else "0")


async def test_an_ill_formed_cursor_is_refused(served: Served) -> None:
    async with served() as client:
        _, body, _ = await client.listing("N", CTX_AREA_NK100="nonsense")

        assert body["msg_cd"] == "OPSQ2003"


async def test_the_listing_is_filtered_by_kind_of_money_and_recent_ids_reach_three_months(served: Served) -> None:
    async with served(profile="real") as client:
        await client.buy(1)

        async def count(tr_id: str = "TTTC0081R", **changes: str) -> int:
            return len((await client.call(tr_id, **{**LISTING, **changes}))["output1"])

        assert await count(INQR_DVSN_3="01") == 1
        assert await count(INQR_DVSN_3="02") == 0
        assert await count(INQR_DVSN_1="1") == 0
        assert await count(INQR_STRT_DT="20230101") == 1
        assert await count(INQR_STRT_DT="20230101", INQR_END_DT="20231001") == 0
        assert await count("CTSC9215R") == 1
        assert (await client.call("TTTC0081R", **{**LISTING, "INQR_DVSN_3": "99"}))["msg_cd"] == "OPSQ2003"


async def test_a_foreign_side_is_empty_and_no_error(served: Served) -> None:
    async with served() as client:
        present = await client.call("VTRP6504R")
        orders = await client.called("VTTS3018R", CTX_AREA_FK200="", CTX_AREA_NK200="")
        price = await client.call("HHDFS00000300", AUTH="", EXCD="NAS", SYMB="AAPL")

        assert (present["rt_cd"], present["output1"], present["output2"]) == ("0", [], [])
        assert (orders[1]["output"], orders[2], len(orders[1]["ctx_area_nk200"])) == ([], "D", 200)
        assert price["output"]["last"] == ""
