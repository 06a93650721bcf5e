"""Orders on the wire: sending, changing and cancelling them. Pure.

Rules of this room
    KIS manual, 국내주식 주문/계좌: order-cash, order-rvsecncl.
    Prices and quantities go out as whole numbers; a market order's price is "0".
    An order is changed at the venue it was sent to, and named by its branch and its padded number.
    The older TR ids know no venue and get none.
"""

from __future__ import annotations

from kis_daemon.domain.market import Side, Won
from kis_daemon.domain.orders import Order, OrderIntent, OrderType
from kis_daemon.kis.capabilities import Generation, KisProfile, Purpose, path_of, tr_id
from kis_daemon.kis.credentials import Credentials
from kis_daemon.kis.wire import Body, Command
from kis_daemon.kis.wire_values import read_order_no
from kis_daemon.ports import Accepted, NoAnswer, ProtocolError

_LIMIT = "00"
_MARKET = "01"
_ORDER_NO_LENGTH = 10


def _order_type_code(order_type: OrderType) -> str:
    return _MARKET if order_type is OrderType.MARKET else _LIMIT


def _at_krx(generation: Generation) -> dict[str, str]:
    return {"EXCG_ID_DVSN_CD": "KRX"} if generation is Generation.NEW else {}


def ask_submit(
    intent: OrderIntent, credentials: Credentials, profile: KisProfile, generation: Generation = Generation.NEW
) -> Command:
    """Return the order as order-cash wants it."""
    purpose = Purpose.BUY if intent.side is Side.BUY else Purpose.SELL
    return Command(
        tr_id=tr_id(purpose, profile, generation),
        path=path_of(purpose),
        body={
            "CANO": credentials.cano,
            "ACNT_PRDT_CD": credentials.product,
            "PDNO": intent.symbol,
            "ORD_DVSN": _order_type_code(intent.order_type),
            "ORD_QTY": str(intent.quantity),
            "ORD_UNPR": str(intent.price or 0),
            **_at_krx(generation),
        },
    )


def ask_cancel(
    order: Order, credentials: Credentials, profile: KisProfile, generation: Generation = Generation.NEW
) -> Command:
    """Return the cancel of all that remains of `order`, which must have its number and its branch."""
    return _change(order, credentials, profile, generation, kind="02", order_type=order.intent.order_type)


def ask_modify(
    order: Order,
    quantity: int | None,
    price: Won,
    credentials: Credentials,
    profile: KisProfile,
    generation: Generation = Generation.NEW,
) -> Command:
    """Return the move of `order` to a limit of `price`: of `quantity` shares, or of all that remain."""
    if price <= 0 or (quantity is not None and quantity <= 0):
        raise ValueError(f"{quantity} shares at {price}: expected one share or more, at more than zero won")
    return _change(
        order, credentials, profile, generation, kind="01", order_type=OrderType.LIMIT, quantity=quantity, price=price
    )


def _change(
    order: Order,
    credentials: Credentials,
    profile: KisProfile,
    generation: Generation,
    *,
    kind: str,
    order_type: OrderType,
    quantity: int | None = None,
    price: Won = 0,
) -> Command:
    if order.order_no is None or not order.branch_no:
        raise ValueError("an order without its number and branch can be neither changed nor cancelled")
    return Command(
        tr_id=tr_id(Purpose.MODIFY_OR_CANCEL, profile, generation),
        path=path_of(Purpose.MODIFY_OR_CANCEL),
        body={
            "CANO": credentials.cano,
            "ACNT_PRDT_CD": credentials.product,
            "KRX_FWDG_ORD_ORGNO": order.branch_no,
            "ORGN_ODNO": order.order_no.zfill(_ORDER_NO_LENGTH),
            "ORD_DVSN": _order_type_code(order_type),
            "RVSE_CNCL_DVSN_CD": kind,
            "ORD_QTY": str(quantity or 0),
            "ORD_UNPR": str(price),
            "QTY_ALL_ORD_YN": "Y" if quantity is None else "N",
            **_at_krx(generation),
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
