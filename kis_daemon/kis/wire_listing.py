"""Listings of orders on the wire: the daily one, and the open ones. Pure.

Rules of this room
    KIS manual, 주식일별주문체결조회 (inquire-daily-ccld), 주식정정취소가능주문조회 (inquire-psbl-rvsecncl).
    Rows are cumulative per order number: the truth about it. A row without a number is nobody's.
    A row that cannot be read is kept as unreadable: it takes nothing from the others, and is not forgotten.
    The sums below a listing are not read: they can be zero above fills.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import date

from kis_daemon.domain.market import Won
from kis_daemon.domain.orders import OrderNo, OrderType
from kis_daemon.kis.capabilities import LISTED_VENUES, Generation, KisProfile, Purpose, is_offered, path_of, tr_id
from kis_daemon.kis.credentials import Credentials
from kis_daemon.kis.wire import Body, Question, Row
from kis_daemon.kis.wire_pages import FIRST_PAGE
from kis_daemon.kis.wire_values import read_moment, read_order_no, read_side, read_symbol
from kis_daemon.ports import BrokerOrder, ListingChanged, OrderListing, ProtocolError, UnreadableOrder

_MARKET = "01"
_ALL = "00"
_UNFILLED = "02"


def ask_orders(
    first: date,
    last: date,
    purpose: Purpose,
    credentials: Credentials,
    profile: KisProfile,
    generation: Generation = Generation.NEW,
    *,
    open_only: bool = False,
) -> Question:
    """Return the question for the first page of all orders of `first` to `last`, oldest first."""
    venue = (("EXCG_ID_DVSN_CD", LISTED_VENUES[profile]),) if generation is Generation.NEW else ()
    return Question(
        tr_id=tr_id(purpose, profile, generation),
        path=path_of(purpose),
        params=(
            ("CANO", credentials.cano),
            ("ACNT_PRDT_CD", credentials.product),
            ("INQR_STRT_DT", f"{first:%Y%m%d}"),
            ("INQR_END_DT", f"{last:%Y%m%d}"),
            ("SLL_BUY_DVSN_CD", "00"),
            ("INQR_DVSN", "01"),
            ("PDNO", ""),
            ("CCLD_DVSN", _UNFILLED if open_only else _ALL),
            ("ORD_GNO_BRNO", ""),
            ("ODNO", ""),
            ("INQR_DVSN_3", "00"),
            ("INQR_DVSN_1", ""),
            *venue,
            *FIRST_PAGE,
        ),
    )


def ask_open_orders(
    today: date, credentials: Credentials, profile: KisProfile, generation: Generation = Generation.NEW
) -> Question:
    """Return the question for the first page of the open orders; on paper the daily listing of them stands in."""
    if not is_offered(Purpose.OPEN_ORDERS, profile):
        return ask_orders(today, today, Purpose.ORDERS, credentials, profile, generation, open_only=True)
    return Question(
        tr_id=tr_id(Purpose.OPEN_ORDERS, profile, generation),
        path=path_of(Purpose.OPEN_ORDERS),
        params=(
            ("CANO", credentials.cano),
            ("ACNT_PRDT_CD", credentials.product),
            ("INQR_DVSN_1", "0"),
            ("INQR_DVSN_2", "0"),
            *FIRST_PAGE,
        ),
    )


def read_order_pages(pages: Sequence[Body]) -> OrderListing:
    """Return the daily listing that stands on `pages`; `ListingChanged` if a row stands there twice."""
    return _read_pages(pages, "output1", _read_order)


def read_open_pages(pages: Sequence[Body], today: date) -> OrderListing:
    """Return the orders on `pages` of which shares are open, whichever of the two listings these are of."""
    if any("output" in page.fields for page in pages):
        listing = _read_pages(pages, "output", lambda row: _read_open_order(row, today), newest_first=True)
    else:
        listing = read_order_pages(pages)
    open_rows = tuple(row for row in listing.rows if row.remaining_quantity > 0)
    return OrderListing(rows=open_rows, unreadable=listing.unreadable)


def _read_pages(
    pages: Sequence[Body], key: str, read: Callable[[Row], BrokerOrder], *, newest_first: bool = False
) -> OrderListing:
    rows: list[BrokerOrder] = []
    unreadable: list[UnreadableOrder] = []
    known: set[tuple[str, str, OrderNo]] = set()
    for page in pages:
        for row in page.rows(key):
            try:
                rows.append(read(row))
            except ProtocolError as error:
                unreadable.append(_unreadable(row, error))
            if (identity := _identity(row)) is not None:
                if identity in known:
                    raise ListingChanged(f"order {identity[2]} stands in the listing twice")
                known.add(identity)
    if newest_first:
        rows.reverse()
    rows.sort(key=lambda row: row.at)  # stable: KIS's order within a second
    return OrderListing(rows=tuple(rows), unreadable=tuple(unreadable))


def _text(row: Row, key: str) -> str:
    try:
        return row.text(key)
    except ProtocolError:
        return ""


def _identity(row: Row) -> tuple[str, str, OrderNo] | None:
    """Order numbers are unique within a day and a branch."""
    order_no = _number(row)
    return None if order_no is None else (_text(row, "ord_dt"), _text(row, "ord_gno_brno"), order_no)


def _number(row: Row) -> OrderNo | None:
    try:
        return read_order_no(row.text("odno"))
    except ProtocolError:
        return None


def _unreadable(row: Row, error: ProtocolError) -> UnreadableOrder:
    return UnreadableOrder(order_no=_number(row), product=_text(row, "pdno")[:24], reason=str(error))


def _read_order(row: Row) -> BrokerOrder:
    return _order(
        row,
        day=row.text("ord_dt"),
        remaining=row.count("rmn_qty"),
        cancelled=row.count("cncl_cfrm_qty", 0),
        rejected=row.count("rjct_qty", 0),
    )


def _read_open_order(row: Row, today: date) -> BrokerOrder:
    """This listing is of today and says neither what was cancelled nor what was rejected: the rest of the order is."""
    remaining = row.count("psbl_qty")
    gone = row.count("ord_qty") - row.count("tot_ccld_qty") - remaining
    if gone < 0:
        raise ProtocolError("psbl_qty: more is open than was ordered")
    return _order(row, day=f"{today:%Y%m%d}", remaining=remaining, cancelled=gone, rejected=0)


def _order(row: Row, *, day: str, remaining: int, cancelled: int, rejected: int) -> BrokerOrder:
    order_no = read_order_no(row.text("odno"))
    if order_no is None:
        raise ProtocolError("odno: expected an order number")
    price = row.count("ord_unpr", 0)
    filled = row.count("tot_ccld_qty")
    amount = _filled_amount(row, filled)
    if filled and not amount:
        raise ProtocolError(f"{filled} shares filled for nothing")
    is_market = row.text("ord_dvsn_cd") == _MARKET or price == 0
    return BrokerOrder(
        order_no=order_no,
        original_no=read_order_no(row.text("orgn_odno")),
        branch_no=row.text("ord_gno_brno"),
        at=read_moment(day, row.text("ord_tmd")),
        symbol=read_symbol(row.text("pdno")),
        side=read_side(row.text("sll_buy_dvsn_cd")),
        order_type=OrderType.MARKET if is_market else OrderType.LIMIT,
        quantity=row.count("ord_qty"),
        price=price,
        filled_quantity=filled,
        filled_amount=amount,
        remaining_quantity=remaining,
        cancelled_quantity=cancelled,
        rejected_quantity=rejected,
    )


def _filled_amount(row: Row, filled: int) -> Won:
    """Return what the fills cost; where the row leaves it out, its average price tells, which has decimals."""
    average = row.decimal("avg_prvs")
    if row.text("tot_ccld_amt") or average is None or average < 0:
        return row.count("tot_ccld_amt")
    return round(average * filled)
