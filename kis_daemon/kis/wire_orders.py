"""Orders on the wire: sending, cancelling and listing them. Pure.

Rules of this room
    KIS manual, 국내주식 주문/계좌: order-cash, order-rvsecncl, inquire-daily-ccld, inquire-balance,
    inquire-psbl-order.
    Prices and quantities go out as whole numbers; a market order's price is "0".
    Rows of the order listing are cumulative per order number: the truth about it.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date

from kis_daemon.domain.market import Side
from kis_daemon.domain.orders import Order, OrderIntent, OrderType
from kis_daemon.kis.capabilities import LISTED_VENUES, KisProfile, Purpose, path_of, tr_id
from kis_daemon.kis.credentials import Credentials
from kis_daemon.kis.wire import Body, Command, Question, Row
from kis_daemon.kis.wire_values import read_moment, read_order_no, read_side, read_symbol
from kis_daemon.ports import Accepted, BrokerOrder, NoAnswer, ProtocolError

_LIMIT = "00"
_MARKET = "01"
_ORDER_NO_LENGTH = 10


def _order_type_code(order_type: OrderType) -> str:
    return _MARKET if order_type is OrderType.MARKET else _LIMIT


def ask_submit(intent: OrderIntent, credentials: Credentials, profile: KisProfile) -> Command:
    """Return the order as order-cash wants it."""
    purpose = Purpose.BUY if intent.side is Side.BUY else Purpose.SELL
    return Command(
        tr_id=tr_id(purpose, profile),
        path=path_of(purpose),
        body={
            "CANO": credentials.cano,
            "ACNT_PRDT_CD": credentials.product,
            "PDNO": intent.symbol,
            "ORD_DVSN": _order_type_code(intent.order_type),
            "ORD_QTY": str(intent.quantity),
            "ORD_UNPR": str(intent.price or 0),
            "EXCG_ID_DVSN_CD": "KRX",
        },
    )


def ask_cancel(order: Order, credentials: Credentials, profile: KisProfile) -> Command:
    """Return the cancel of all that remains of `order`, which must have its number."""
    if order.order_no is None:
        raise ValueError("an order without a number cannot be cancelled")
    return Command(
        tr_id=tr_id(Purpose.CANCEL, profile),
        path=path_of(Purpose.CANCEL),
        body={
            "CANO": credentials.cano,
            "ACNT_PRDT_CD": credentials.product,
            "KRX_FWDG_ORD_ORGNO": order.branch_no,
            "ORGN_ODNO": order.order_no.zfill(_ORDER_NO_LENGTH),
            "ORD_DVSN": _order_type_code(order.intent.order_type),
            "RVSE_CNCL_DVSN_CD": "02",
            "ORD_QTY": "0",
            "ORD_UNPR": "0",
            "QTY_ALL_ORD_YN": "Y",
            "EXCG_ID_DVSN_CD": "KRX",
        },
    )


def read_accepted(body: Body) -> Accepted:
    """Return the number KIS gave; `NoAnswer` without one: the order exists, its number is unknown."""
    try:
        row = body.row("output")
        order_no = read_order_no(row.text("odno"))
        branch_no = row.text("krx_fwdg_ord_orgno")
    except ProtocolError as unreadable:
        raise NoAnswer(f"accepted, but {unreadable}") from None
    if order_no is None:
        raise NoAnswer("accepted, but without an order number")
    return Accepted(order_no=order_no, branch_no=branch_no)


@dataclass(frozen=True, slots=True, kw_only=True)
class Cursor:
    """Where the next page of a ledger listing begins; opaque."""

    fk: str = ""
    nk: str = ""


def next_cursor(body: Body) -> Cursor | None:
    """Return where the listing goes on, None after its last page."""
    if not body.has_more:
        return None
    cursor = Cursor(fk=body.top.text("ctx_area_fk100"), nk=body.top.text("ctx_area_nk100"))
    if not cursor.nk:
        raise ProtocolError("a page says that more follows, but not where")
    return cursor


def at_cursor(question: Question, cursor: Cursor) -> Question:
    """Return the same question about the page at `cursor`."""
    kept = tuple(pair for pair in question.params if not pair[0].startswith("CTX_AREA_"))
    params = (*kept, ("CTX_AREA_FK100", cursor.fk), ("CTX_AREA_NK100", cursor.nk))
    return replace(question, params=params, continued=True)


def ask_orders(first: date, last: date, purpose: Purpose, credentials: Credentials, profile: KisProfile) -> Question:
    """Return the question for the first page of all orders of `first` to `last`, oldest first."""
    return Question(
        tr_id=tr_id(purpose, profile),
        path=path_of(purpose),
        params=(
            ("CANO", credentials.cano),
            ("ACNT_PRDT_CD", credentials.product),
            ("INQR_STRT_DT", f"{first:%Y%m%d}"),
            ("INQR_END_DT", f"{last:%Y%m%d}"),
            ("SLL_BUY_DVSN_CD", "00"),
            ("INQR_DVSN", "01"),
            ("PDNO", ""),
            ("CCLD_DVSN", "00"),
            ("ORD_GNO_BRNO", ""),
            ("ODNO", ""),
            ("INQR_DVSN_3", "00"),
            ("INQR_DVSN_1", ""),
            ("EXCG_ID_DVSN_CD", LISTED_VENUES[profile]),
            ("CTX_AREA_FK100", ""),
            ("CTX_AREA_NK100", ""),
        ),
    )


def read_orders(body: Body) -> list[BrokerOrder]:
    """Return the rows of one page of the listing, as they stand."""
    return [_read_order(row) for row in body.rows("output1")]


def _read_order(row: Row) -> BrokerOrder:
    order_no = read_order_no(row.text("odno"))
    if order_no is None:
        raise ProtocolError("odno: expected an order number")
    price = row.count("ord_unpr", 0)
    filled = row.count("tot_ccld_qty")
    amount = row.count("tot_ccld_amt")
    if filled and not amount:
        raise ProtocolError(f"{filled} shares filled for nothing")
    is_market = row.text("ord_dvsn_cd") == _MARKET or price == 0
    return BrokerOrder(
        order_no=order_no,
        original_no=read_order_no(row.text("orgn_odno")),
        branch_no=row.text("ord_gno_brno"),
        at=read_moment(row.text("ord_dt"), row.text("ord_tmd")),
        symbol=read_symbol(row.text("pdno")),
        side=read_side(row.text("sll_buy_dvsn_cd")),
        order_type=OrderType.MARKET if is_market else OrderType.LIMIT,
        quantity=row.count("ord_qty"),
        price=price,
        filled_quantity=filled,
        filled_amount=amount,
        remaining_quantity=row.count("rmn_qty"),
        cancelled_quantity=row.count("cncl_cfrm_qty", 0),
        rejected_quantity=row.count("rjct_qty", 0),
    )
