"""Sections 6.6 to 6.8: costs, settlement, daily bars, and what is special on paper."""

from __future__ import annotations

from datetime import date

from tests.conformance.client import Client
from tests.conformance.registry import PAPER, check

LOW = 60_000


# --- 6.6 costs and settlement ---------------------------------------------------------------------------------


async def _tax_of_a_sale(kis: Client, symbol: str = "005930") -> tuple[int, int]:
    """Return (amount, tax) of a sale."""
    await kis.placed("buy", 10, PDNO=symbol)
    number = await kis.placed("sell", 10, PDNO=symbol)
    sale = next(row for row in await kis.sim("orders") if row["number"] == number)
    return sale["amount"], sale["tax"]


@check("6.6")
async def s6_6_in_2026_a_sale_is_taxed_20_in_10000(kis: Client) -> None:
    amount, tax = await _tax_of_a_sale(kis)

    assert tax == amount * 20 // 10_000


@check("6.6", day=date(2025, 10, 14))
async def s6_6_in_2025_a_sale_is_taxed_15_in_10000(kis: Client) -> None:
    amount, tax = await _tax_of_a_sale(kis)

    assert tax == amount * 15 // 10_000


@check("6.6", day=date(2024, 10, 15))
async def s6_6_in_2024_a_sale_is_taxed_18_in_10000(kis: Client) -> None:
    amount, tax = await _tax_of_a_sale(kis)

    assert tax == amount * 18 // 10_000


@check("6.6", day=date(2022, 10, 12))
async def s6_6_in_2022_a_sale_is_taxed_23_in_10000(kis: Client) -> None:
    amount, tax = await _tax_of_a_sale(kis)

    assert tax == amount * 23 // 10_000


@check("6.6", day=date(2019, 5, 31))
async def s6_6_before_june_2019_a_sale_was_taxed_30_in_10000(kis: Client) -> None:
    amount, tax = await _tax_of_a_sale(kis)

    assert tax == amount * 30 // 10_000


@check("6.6")
async def s6_6_kosdaq_is_taxed_as_kospi_and_funds_not_at_all(kis: Client) -> None:
    amount, tax = await _tax_of_a_sale(kis, "091990")

    assert tax == amount * 20 // 10_000
    assert (await _tax_of_a_sale(kis, "069500"))[1] == 0


@check("6.6")
async def s6_6_a_purchase_is_not_taxed_but_pays_its_fee(kis: Client) -> None:
    await kis.placed("buy", 10)

    (bought,) = await kis.sim("orders")
    assert bought["tax"] == 0
    assert 0 < bought["fee"] < bought["amount"] * 0.005


@check("6.6")
async def s6_6_cash_moves_by_amount_fee_and_tax_to_the_won(kis: Client) -> None:
    await _tax_of_a_sale(kis)

    bought, sold = await kis.sim("orders")
    cash = 10_000_000 - bought["amount"] - bought["fee"] + sold["amount"] - sold["fee"] - sold["tax"]
    sums = await kis.sums()
    assert sums["prvs_rcdl_excc_amt"] == str(cash)
    assert sums["thdt_tlex_amt"] == str(bought["fee"] + sold["fee"] + sold["tax"])


@check("6.6", day=date(2026, 10, 8))
async def s6_6_settlement_counts_business_days(kis: Client) -> None:
    await kis.placed("buy", 10)
    due = (await kis.sums())["prvs_rcdl_excc_amt"]
    await kis.next_day(days=4)
    assert (await kis.sums())["dnca_tot_amt"] == "10000000"  # Monday is the first business day after Thursday

    await kis.next_day()

    assert (await kis.sums())["dnca_tot_amt"] == due


@check("6.6")
async def s6_6_proceeds_can_be_spent_but_not_withdrawn(kis: Client) -> None:
    await kis.placed("buy", 100)
    await kis.placed("sell", 100)

    power = int((await kis.power())["nrcvb_buy_amt"])

    assert power > 9_900_000
    answer = await kis.send("POST", "/__sim/withdraw", body=b'{"amount": 9990000}')
    assert answer.status == 400


# --- 6.7, 6.8 -------------------------------------------------------------------------------------------------


@check("6.7")
async def s6_7_tomorrow_todays_bar_is_the_day_as_it_was(kis: Client) -> None:
    await kis.next_day()

    row = (await kis.chart("20261013", "20261013")).body["output2"][0]

    told = [row[f"stck_{name}"] for name in ("oprc", "hgpr", "lwpr", "clpr")]
    assert (told, row["acml_vol"]) == (["70000", "71000", "69000", "70000"], "3000000")


@check("6.7")
async def s6_7_a_day_without_trade_closes_at_its_base(kis: Client) -> None:
    await kis.until("16:00:00")
    price = await kis.price("222220")

    assert (price["stck_prpr"], price["acml_vol"]) == ("10000", "0")


@check("6.8", PAPER, market={"limits_never_fill": True})
async def s6_8_on_paper_a_limit_order_may_never_fill_while_a_market_order_does(kis: Client) -> None:
    limit, market = await kis.placed("buy", 1, 70_000), await kis.placed("buy", 1)
    await kis.until("15:40:00")

    assert (await kis.listed(limit))["tot_ccld_qty"] == "0"
    assert (await kis.listed(market))["tot_ccld_qty"] == "1"


@check("6.8", PAPER)
async def s6_8_paper_trades_in_the_regular_session_alone(kis: Client) -> None:
    await kis.until("15:45:00")

    assert (await kis.order("buy", 1, ORD_DVSN="06")).rt_cd == "1"
    assert (await kis.order("buy", 1, 69_000, ORD_DVSN="41")).rt_cd == "1"


@check("6.8", PAPER)
async def s6_8_papers_branch_is_its_own(kis: Client) -> None:
    assert (await kis.order("buy", 1)).output["KRX_FWDG_ORD_ORGNO"] == "00950"
