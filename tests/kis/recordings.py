"""Recorded answers of KIS, and what of each must be found again in what the daemon reads from it."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, datetime, time
from typing import Any

import pytest

from kis_daemon.domain.market import Side, Symbol
from kis_daemon.kis.capabilities import CAPABILITIES, Purpose
from kis_daemon.kis.wire import Answer, Body, parse
from kis_daemon.kis.wire_balance import merged, read_buyable, read_holdings, read_totals
from kis_daemon.kis.wire_errors import read_answer, read_outcome
from kis_daemon.kis.wire_listing import read_open_pages, read_order_pages
from kis_daemon.kis.wire_market import read_chart, read_recent_days, read_snapshot
from kis_daemon.kis.wire_minutes import read_minutes
from kis_daemon.kis.wire_orders import read_accepted
from kis_daemon.kis.wire_profit import read_days as read_profits
from kis_daemon.kis.wire_quotes import read_multi_price, read_order_book
from kis_daemon.kis.wire_research import read_days, read_ranking
from kis_daemon.ports import NoAnswer, OrderListing, ProtocolError
from tests.kis.builders import TODAY

COMMANDS = {CAPABILITIES[purpose].path for purpose in (Purpose.BUY, Purpose.SELL, Purpose.MODIFY_OR_CANCEL)}
OURS = {capability.path for capability in CAPABILITIES.values()} - {""}

Told = list[tuple[str, str]]
"""Pairs of what was read and what stands in the recording."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Recording:
    entry: Mapping[str, Any]
    raw: bytes

    @property
    def endpoint(self) -> str:
        return str(self.entry["endpoint"])

    @property
    def is_fragment(self) -> bool:
        """A piece of a document without its envelope."""
        return self.entry["kind"] == "rest" and self.entry["rt_cd"] is None

    @property
    def answer(self) -> Answer:
        return Answer(status=self.entry["http_status"] or 200, body=self.raw)

    @property
    def body(self) -> Body:
        """The answer, or the fragment put back into its place."""
        if not self.is_fragment:
            return read_outcome(self.answer) if self.endpoint in COMMANDS else read_answer(self.answer)
        return Body(fields=parse(self.raw) or {"output1": json.loads(self.raw)})


# --- field by field --------------------------------------------------------------------------------------------------


def plain(value: object) -> str:
    """Return a value in the form that recordings have it, without padding."""
    if isinstance(value, bool):
        return "Y" if value else "N"
    if isinstance(value, Side):
        return "01" if value is Side.SELL else "02"
    if isinstance(value, datetime):
        return f"{value:%Y%m%d%H%M%S}"
    if isinstance(value, date):
        return f"{value:%Y%m%d}"
    if isinstance(value, time):
        return f"{value:%H%M%S}"
    return "" if value is None else str(value).strip()


def pairs(value: object, row: Mapping[str, Any], fields: str) -> Told:
    """Pair attributes of `value` with keys of `row`; `fields` are `attribute=key` with spaces between."""
    named = [pair.split("=") for pair in fields.split()]
    return [(plain(getattr(value, attribute)), str(row[key]).strip()) for attribute, key in named]


def chosen(raw: Any, key: str) -> list[Any]:
    rows = raw[key]
    return rows if isinstance(rows, list) else [rows]


def each(values: Any, rows: list[Any], fields: str) -> Told:
    assert len(values) == len(rows)
    return [pair for value, row in zip(values, rows, strict=True) for pair in pairs(value, row, fields)]


def price(body: Body, raw: Any) -> Told:
    row = raw["output"]
    snapshot = read_snapshot(body, Symbol(row["stck_shrn_iscd"]), TODAY)
    assert (snapshot.listing.suspended, snapshot.listing.market) == (row["temp_stop_yn"] == "Y", "KOSPI")
    return pairs(
        snapshot.listing,
        row,
        "symbol=stck_shrn_iscd base_price=stck_sdpr upper_limit=stck_mxpr lower_limit=stck_llam in_liquidation=sltr_yn",
    ) + pairs(
        snapshot.quote,
        row,
        "price=stck_prpr open=stck_oprc high=stck_hgpr low=stck_lwpr day_volume=acml_vol in_vi=vi_cls_code",
    )


def many_prices(body: Body, raw: Any) -> Told:
    stocks = [row for row in raw["output"] if len(row["inter_shrn_iscd"]) == 6]
    symbols = [Symbol(row["inter_shrn_iscd"]) for row in stocks]
    with pytest.raises(ProtocolError):  # with the index that was asked for beside them, and has decimals
        read_multi_price(body, symbols, TODAY)
    return each(
        read_multi_price(Body(fields={"output": stocks}), symbols, TODAY),
        stocks,
        "symbol=inter_shrn_iscd price=inter2_prpr ask=inter2_askp bid=inter2_bidp open=inter2_oprc high=inter2_hgpr "
        "low=inter2_lwpr day_volume=acml_vol",
    )


def book(body: Body, raw: Any) -> Told:
    found = read_order_book(body, Symbol(raw["output2"]["stck_shrn_iscd"]))
    told = pairs(found, raw["output1"], "at=aspr_acpt_hour")
    told += pairs(found, raw["output2"], "expected_price=antc_cnpr expected_quantity=antc_vol in_vi=vi_cls_code")
    for side, levels in (("askp", found.asks), ("bidp", found.bids)):
        for n, level in enumerate(levels, start=1):
            told += pairs(level, raw["output1"], f"price={side}{n} quantity={side}_rsqn{n}")
    return told


BARS = "date=stck_bsop_date open=stck_oprc high=stck_hgpr low=stck_lwpr close=stck_clpr volume=acml_vol"


def chart(body: Body, raw: Any) -> Told:
    page = read_chart(body, Symbol(raw["output1"]["stck_shrn_iscd"]), date(2000, 1, 1), TODAY.date())
    return pairs(page, raw["output1"], "name=hts_kor_isnm") + each(page.bars, raw["output2"], BARS)


def days_of_a_symbol(body: Body, raw: Any) -> Told:
    return each(read_recent_days(body)[::-1], raw["output"], BARS)


def minutes(body: Body, raw: Any) -> Told:
    rows = raw["output2"]
    day = date.fromisoformat(rows[0]["stck_bsop_date"])
    bars = read_minutes(body, Symbol("005930"), day, None)
    stamps = [
        (plain(bar.at), row["stck_bsop_date"] + row["stck_cntg_hour"]) for bar, row in zip(bars, rows, strict=True)
    ]
    return stamps + each(bars, rows, "open=stck_oprc high=stck_hgpr low=stck_lwpr close=stck_prpr volume=cntg_vol")


def ranking(body: Body, raw: Any) -> Told:
    return each(
        read_ranking(body),
        raw["output"],
        "rank=data_rank symbol=mksc_shrn_iscd name=hts_kor_isnm price=stck_prpr day_volume=acml_vol "
        "listed_shares=lstn_stcn",
    )


def calendar(body: Body, raw: Any) -> Told:
    rows = raw["output"]
    first, last = (date.fromisoformat(row["bass_dt"]) for row in (rows[0], rows[-1]))
    return each(read_days([body], first, last), rows, "date=bass_dt is_open=opnd_yn is_settlement=sttl_day_yn")


def accepted(body: Body, raw: Any) -> Told:
    if "output" not in raw:  # its author left it out: the number of an order that exists is unknown
        with pytest.raises(NoAnswer):
            read_accepted(body)
        return []
    found = read_accepted(body)
    row = {key: value.lstrip("0") if key == "ODNO" else value for key, value in raw["output"].items()}
    return pairs(found, row, "order_no=ODNO branch_no=KRX_FWDG_ORD_ORGNO")


def _orders(listing: OrderListing, rows: list[Any], fields: str) -> Told:
    assert listing.unreadable == ()
    rows = [row | {"odno": row["odno"].lstrip("0"), "orgn_odno": row["orgn_odno"].lstrip("0")} for row in rows]
    rows.sort(key=lambda row: (row.get("ord_dt", ""), row["ord_tmd"]))
    common = (
        "order_no=odno original_no=orgn_odno branch_no=ord_gno_brno symbol=pdno side=sll_buy_dvsn_cd quantity=ord_qty "
        "price=ord_unpr filled_quantity=tot_ccld_qty filled_amount=tot_ccld_amt "
    )
    return each(listing.rows, rows, common + fields)


def orders(body: Body, raw: Any) -> Told:
    listing = read_order_pages([body])
    stamps = [
        (plain(row.at), told["ord_dt"] + told["ord_tmd"]) for row, told in zip(listing, raw["output1"], strict=True)
    ]
    fields = "remaining_quantity=rmn_qty cancelled_quantity=cncl_cfrm_qty rejected_quantity=rjct_qty"
    return stamps + _orders(listing, raw["output1"], fields)


def open_orders(body: Body, raw: Any) -> Told:
    return _orders(read_open_pages([body], TODAY.date()), raw["output"], "remaining_quantity=psbl_qty")


def account(body: Body, raw: Any) -> Told:
    rows = raw["output1"] if isinstance(raw, dict) else raw
    fields = "symbol=pdno name=prdt_name quantity=hldg_qty cost=pchs_amt price=prpr"
    told = each(read_holdings(body), rows, fields)
    for holding, row in zip(read_holdings(body), rows, strict=True):
        told.append((plain(holding.sellable), row["ord_psbl_qty"] if not row["loan_dt"] else "0"))
    assert sum(holding.quantity for holding in merged(read_holdings(body))) == sum(int(row["hldg_qty"]) for row in rows)
    if "output2" in body.fields:
        told += pairs(read_totals([body]), raw["output2"][0], "cash=prvs_rcdl_excc_amt holdings_value=scts_evlu_amt")
    return told


def buyable(body: Body, raw: Any) -> Told:
    unit = int(raw["output"]["psbl_qty_calc_unpr"])
    return [(plain(read_buyable(body, unit)), raw["output"]["nrcvb_buy_qty"])]


def profits(body: Body, raw: Any) -> Told:
    return each(
        read_profits([body]),
        raw["output1"],
        "day=trad_dt profit=rlzt_pfls bought=buy_amt sold=sll_amt fee=fee tax=tl_tax interest=loan_int",
    )


READERS: dict[Purpose, Callable[[Body, Any], Told]] = {
    Purpose.PRICE: price,
    Purpose.MULTI_PRICE: many_prices,
    Purpose.ORDER_BOOK: book,
    Purpose.DAILY_CHART: chart,
    Purpose.RECENT_DAYS: days_of_a_symbol,
    Purpose.PAST_MINUTES: minutes,
    Purpose.RANK_BY_VALUE: ranking,
    Purpose.HOLIDAYS: calendar,
    Purpose.BUY: accepted,
    Purpose.MODIFY_OR_CANCEL: accepted,
    Purpose.ORDERS: orders,
    Purpose.OPEN_ORDERS: open_orders,
    Purpose.BALANCE: account,
    Purpose.BUYABLE: buyable,
    Purpose.REALIZED_BY_DAY: profits,
}
BY_PATH = {CAPABILITIES[purpose].path: reader for purpose, reader in READERS.items()}
