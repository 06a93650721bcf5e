"""Sections 4.0 and 4.1: what paper has, and the TR ids."""

from __future__ import annotations

from tests.conformance.client import DOMESTIC, TRADING, Client
from tests.conformance.registry import PAPER, REAL, check

_REAL_ONLY = {
    "FHPST01010000": "quotations/inquire-price-2",
    "FHKST03010230": "quotations/inquire-time-dailychartprice",
    "FHPUP02100000": "quotations/inquire-index-price",
    "FHPST01390000": "quotations/inquire-vi-status",
    "FHPST01710000": "quotations/volume-rank",
    "FHPST01740000": "ranking/market-cap",
    "FHKST11300006": "quotations/intstock-multprice",
    "CTPF1002R": "quotations/search-stock-info",
    "CTPF1604R": "quotations/search-info",
    "CTCA0903R": "quotations/chk-holiday",
    "HHMCM000002C0": "quotations/market-time",
    "TTTC0084R": "trading/inquire-psbl-rvsecncl",
    "TTTC8408R": "trading/inquire-psbl-sell",
    "TTTC8494R": "trading/inquire-balance-rlz-pl",
    "TTTC8715R": "trading/inquire-period-trade-profit",
    "TTTC8708R": "trading/inquire-period-profit",
    "CTRP6548R": "trading/inquire-account-balance",
    "TTTC0869R": "trading/intgr-margin",
    "CTRGA011R": "trading/period-rights",
    "HHKDB669102C0": "ksdinfo/dividend",
    "HHKDB669105C0": "ksdinfo/rev-split",
    "FHKST117300C0": "quotations/exp-closing-price",
}
_PAPER_TOO = {
    "FHKST01010100": "quotations/inquire-price",
    "FHKST01010300": "quotations/inquire-ccnl",
    "FHKST01010200": "quotations/inquire-asking-price-exp-ccn",
    "FHKST01010400": "quotations/inquire-daily-price",
    "FHKST03010100": "quotations/inquire-daily-itemchartprice",
    "FHKST03010200": "quotations/inquire-time-itemchartprice",
    "FHKUP03500100": "quotations/inquire-daily-indexchartprice",
    "FHPST01060000": "quotations/inquire-time-itemconclusion",
    "FHPST02310000": "quotations/inquire-time-overtimeconclusion",
    "FHPST02320000": "quotations/inquire-daily-overtimeprice",
    "FHKST01010900": "quotations/inquire-investor",
    "FHKST01010600": "quotations/inquire-member",
    "FHKEW15010000": "quotations/inquire-elw-price",
    "VTTC8908R": "trading/inquire-psbl-order",
    "VTTC8434R": "trading/inquire-balance",
    "VTTC0081R": "trading/inquire-daily-ccld",
}
_REAL_RESERVATIONS = {"CTSC0008U": "order-resv", "CTSC0009U": "order-resv-rvsecncl", "CTSC0013U": "order-resv-rvsecncl"}


def _keys(text: str) -> set[str]:
    return set(text.split())


# --- 4.0, 4.1 -------------------------------------------------------------------------------------------------


@check("4.0", PAPER)
async def s4_0_what_is_not_on_papers_list_is_no_paper_tr(kis: Client) -> None:
    for tr_id, path in _REAL_ONLY.items():
        (await kis.get(f"{DOMESTIC}/{path}", tr_id, {})).failed("EGW02006")


@check("4.0", PAPER)
async def s4_0_reservations_are_no_paper_trs(kis: Client) -> None:
    for tr_id, path in _REAL_RESERVATIONS.items():
        (await kis.post(f"{TRADING}/{path}", tr_id, kis.account)).failed("EGW02006")


@check("4.0", PAPER)
async def s4_0_what_is_on_papers_list_is_answered(kis: Client) -> None:
    for tr_id, path in _PAPER_TOO.items():
        answer = await kis.get(f"{DOMESTIC}/{path}", tr_id, kis.account)
        assert answer.code not in ("EGW02006", "EGW00310"), (tr_id, answer.body)


@check("4.1", REAL)
async def s4_1_every_tr_of_the_table_is_known_on_the_real_venue(kis: Client) -> None:
    for tr_id, path in _REAL_ONLY.items():
        answer = await kis.get(f"{DOMESTIC}/{path}", tr_id, kis.account)
        assert answer.code not in ("EGW02006", "EGW00310"), (tr_id, answer.body)


@check("4.1")
async def s4_1_the_order_trs_from_before_the_second_venue_are_taken(kis: Client) -> None:
    body = {**kis.account, "PDNO": "005930", "ORD_DVSN": "01", "ORD_QTY": "2", "ORD_UNPR": "0"}

    bought = (await kis.post(f"{TRADING}/order-cash", kis.tr("TTTC0802U"), body)).done()
    sold = (await kis.post(f"{TRADING}/order-cash", kis.tr("TTTC0801U"), body | {"ORD_QTY": "1"})).done()

    sides = {row["odno"]: row["sll_buy_dvsn_cd"] for row in (await kis.listing()).rows}
    assert sides == {bought.output["ODNO"]: "02", sold.output["ODNO"]: "01"}


@check("4.1")
async def s4_1_the_listing_and_cancel_trs_of_before_are_taken(kis: Client) -> None:
    number = await kis.placed("buy", 1, 60_000)
    body = {**kis.account, "KRX_FWDG_ORD_ORGNO": "", "ORGN_ODNO": number, "ORD_DVSN": "00", "ORD_UNPR": "0"}
    body |= {"RVSE_CNCL_DVSN_CD": "02", "ORD_QTY": "0", "QTY_ALL_ORD_YN": "Y"}

    (await kis.post(f"{TRADING}/order-rvsecncl", kis.tr("TTTC0803U"), body)).done()

    assert len((await kis.listing(real_id="TTTC8001R")).rows) == 2


@check("4.1")
async def s4_1_older_orders_have_a_tr_of_their_own(kis: Client) -> None:
    await kis.placed("buy", 1)

    assert len((await kis.listing(real_id="CTSC9215R")).rows) == 1


@check("4.1")
async def s4_1_a_get_service_is_not_posted_to(kis: Client) -> None:
    (await kis.post(f"{TRADING}/inquire-balance", kis.tr("TTTC8434R"), kis.account)).failed("EGW00310")
