"""The listings of orders: inquire-daily-ccld of any day, inquire-psbl-rvsecncl of what can still be changed.

Source: the wire contract, sections 4.3.4 and 4.3.7. A row is the sum of an order's fills:
ord_qty = tot_ccld_qty + rmn_qty + cncl_cfrm_qty + rjct_qty. A modify or cancel is a row of its own.
"""

from __future__ import annotations

from datetime import timedelta

from kis_daemon.domain.market import Side
from kis_daemon.simulator.fields import Fields
from kis_daemon.simulator.requests import DIVISIONS, Channel, Patience, Request, RequestKind
from kis_daemon.simulator.rest_ledger import average, side_code
from kis_daemon.simulator.rest_pages import page_of
from kis_daemon.simulator.venue import Venue
from kis_daemon.simulator.wire import Body, Reply, done, plain_symbol

FILLED, UNFILLED = "01", "02"
OPEN_ROWS = 50
RECENT = timedelta(days=92)
_OLDER = ("CTSC", "VTSC")
# these came before the second venue and know nothing of it: what they do not ask for, they get
_BEFORE_NXT = ("TTTC8001R", "VTTC8001R", "CTSC9115R", "VTSC9115R")
_MONEY = ("00", "01", "02", "03", "04", "05", "06", "07")
_CONDITION_NAMES = {Patience.DAY: "없음", Patience.IMMEDIATE: "IOC", Patience.ALL_OR_NOTHING: "FOK"}
_KIND_NAMES = {RequestKind.NEW: "현금", RequestKind.MODIFY: "정정", RequestKind.CANCEL: "취소"}


def daily_ccld(venue: Venue, fields: Fields, tr_id: str) -> Reply:
    """Answer TTTC0081R / VTTC0081R: the orders of some days of the last three months with what became of them.

    The TRs of older orders (CTSC9215R) list whatever days are asked for.
    """
    first, last = fields.day("INQR_STRT_DT"), fields.day("INQR_END_DT")
    if not tr_id.startswith(_OLDER):
        first = max(first, venue.now().date() - RECENT)
    sides = fields.one_of("SLL_BUY_DVSN_CD", ("00", "01", "02"))
    filled = fields.one_of("CCLD_DVSN", ("00", FILLED, UNFILLED))
    order = fields.one_of("INQR_DVSN", ("00", "01"))
    symbol, branch, number = plain_symbol(fields.text("PDNO")), fields.text("ORD_GNO_BRNO"), fields.text("ODNO")
    cash_only = fields.one_of("INQR_DVSN_3", _MONEY) in ("00", "01")
    all_kinds = fields.optional("INQR_DVSN_1") in ("", "0")
    road = fields.optional("EXCG_ID_DVSN_CD") or ("ALL" if tr_id in _BEFORE_NXT else "KRX")
    asked = [
        request
        for request in venue.exchange.orders_shown(venue.now(), first, last)
        if cash_only
        and all_kinds
        and sides in ("00", side_code(request.side))
        and symbol in ("", request.symbol)
        and branch in ("", venue.profile.branch)
        and road in ("ALL", venue.road_of(request))
    ]
    chosen = [
        request
        for request in asked
        if number.lstrip("0") in ("", str(request.number))
        and (filled != FILLED or request.filled)
        and (filled != UNFILLED or request.remaining)
    ]
    if order == "00":
        chosen.reverse()
    key = "!^".join((venue.settings.account_no, venue.settings.product, f"{first:%Y%m%d}", f"{last:%Y%m%d}", sides, ""))
    rows: list[Body] = [_row(venue, request) for request in chosen]
    page = page_of(venue, rows, venue.profile.listing_rows, fields, key)
    quantity, amount = sum(r.filled for r in chosen), sum(r.amount for r in chosen)
    output2 = {
        "tot_ord_qty": str(sum(r.quantity for r in chosen)),
        "tot_ccld_qty": str(quantity),
        "tot_ccld_amt": str(amount),
        "prsm_tlex_smtl": str(sum(r.costs.fee + r.costs.tax for r in asked)),  # as KIS: the number asked is ignored
        "pchs_avg_pric": average(amount, quantity, places=4),
    }
    outcome = venue.profile.listed if rows else venue.profile.nothing_listed
    return Reply(body=done(outcome, **page.contexts, output1=page.rows, output2=output2), tr_cont=page.tr_cont)


def _row(venue: Venue, request: Request) -> dict[str, str]:
    division, road = DIVISIONS[request.division], venue.road_of(request)
    board = venue.exchange.boards.get(request.symbol)
    return {
        "ord_dt": f"{request.at:%Y%m%d}",
        "ord_gno_brno": venue.profile.branch,
        "odno": f"{request.number:010d}",
        "orgn_odno": "" if request.original is None else f"{request.original:010d}",
        "ord_dvsn_name": division.name,
        "sll_buy_dvsn_cd": side_code(request.side),
        "sll_buy_dvsn_cd_name": _kind_name(request),
        "pdno": request.symbol,
        "prdt_name": board.name if board is not None else "",
        "ord_qty": str(request.quantity),
        "ord_unpr": str(request.price),
        "ord_tmd": f"{request.at:%H%M%S}",
        "tot_ccld_qty": str(request.filled),
        "avg_prvs": _short_average(request),
        "cncl_yn": "Y" if request.cancelled else "",
        "tot_ccld_amt": str(request.amount),
        "loan_dt": "",
        "ordr_empno": "OpnAPI" if request.channel is Channel.API else "",
        "ord_dvsn_cd": request.division,
        "cncl_cfrm_qty": str(request.cancelled),
        "rmn_qty": str(request.remaining),
        "rjct_qty": str(request.rejected),
        "ccld_cndt_name": _CONDITION_NAMES[division.patience],
        "inqr_ip_addr": "127.000.000.001",
        "cpbc_ordp_ord_rcit_dvsn_cd": "",
        "cpbc_ordp_infm_mthd_dvsn_cd": "",
        "infm_tmd": "",
        "ctac_tlno": "",
        "prdt_type_cd": "300",
        "excg_dvsn_cd": "12" if road == "SOR" else "02",
        "cpbc_ordp_mtrl_dvsn_cd": "11",
        "ord_orgno": "00000",
        "rsvn_ord_end_dt": "",
        "excg_id_dvsn_cd": road,
        "stpm_cndt_pric": str(request.trigger),
        "stpm_efct_occr_dtmd": "" if request.triggered_at is None else f"{request.triggered_at:%H%M%S}000",
    }


def _kind_name(request: Request) -> str:
    side = "매도" if request.side is Side.SELL else "매수"
    if request.kind is RequestKind.NEW:
        return f"{_KIND_NAMES[request.kind]}{side}"
    return f"{side}{_KIND_NAMES[request.kind]}"


def _short_average(request: Request) -> str:
    """Return the average fill price, with decimals only where it has some."""
    text = average(request.amount, request.filled, places=4)
    return text.rstrip("0").rstrip(".") if "." in text else text


def psbl_rvsecncl(venue: Venue, fields: Fields) -> Reply:
    """Answer TTTC0084R: the orders of today that can still be modified or cancelled, newest first."""
    sides = fields.one_of("INQR_DVSN_2", ("0", "1", "2"))
    fields.one_of("INQR_DVSN_1", ("0", "1"))
    today = venue.now().date()
    rows: list[Body] = [
        _open_row(venue, request)
        for request in reversed(venue.exchange.orders_shown(venue.now(), today, today))
        if request.is_open and sides in ("0", side_code(request.side)[1])
    ]
    key = f"{venue.settings.account_no}^{venue.settings.product}^"
    page = page_of(venue, rows, OPEN_ROWS, fields, key)
    return Reply(body=done(venue.profile.listed, **page.contexts, output=page.rows), tr_cont=page.tr_cont)


def _open_row(venue: Venue, request: Request) -> dict[str, str]:
    row = _row(venue, request)
    names = [
        "ord_gno_brno",
        "odno",
        "orgn_odno",
        "ord_dvsn_name",
        "pdno",
        "prdt_name",
        "ord_qty",
        "ord_unpr",
        "ord_tmd",
        "tot_ccld_qty",
        "tot_ccld_amt",
        "sll_buy_dvsn_cd",
        "ord_dvsn_cd",
        "excg_dvsn_cd",
        "excg_id_dvsn_cd",
        "stpm_cndt_pric",
    ]
    return {name: row[name] for name in names} | {
        "rvse_cncl_dvsn_name": row["sll_buy_dvsn_cd_name"],
        "psbl_qty": str(request.remaining),
        "mgco_aptm_odno": "",
        "excg_id_dvsn_name": row["excg_id_dvsn_cd"],
        "stpm_efct_occr_yn": "" if not request.trigger else "N" if request.sleeps else "Y",
    }
