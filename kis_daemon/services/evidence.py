"""Judging an order whose outcome is unknown by what the broker's complete listings show.

Rules of this room (architecture, section 3)
    A candidate has the same symbol, side, quantity, type and price, is no cancel or modify request, its number belongs
    to no other order of ours, and it is not older than our sending: by minutes, since two clocks are compared here and
    ours may be wrong. Waiting is measured on the loop, which no clock can jump.
    One candidate is it. Two are ambiguous, and so is a listing with a row that cannot be read and may be it. None, said
    long and often enough, means the broker never took it: a BUY after 60 s and 3 listings at least 10 s apart; a SELL
    after 10 s, 2 listings, and all shares still sellable; either once its session is over. A SELL past its settling
    time whose shares are not whole stays doubtful.
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import date, timedelta
from enum import StrEnum

from kis_daemon.domain.market import Side
from kis_daemon.domain.orders import Order, OrderNo, OrderType
from kis_daemon.ports import BrokerOrder, OrderListing

_CLOCK_SKEW = timedelta(minutes=5)  # a clock further off than this closes entries before any order is sent
_BETWEEN_LOOKS_S = {Side.BUY: 10.0, Side.SELL: 3.0}
_SETTLING = {Side.BUY: (60.0, 3), Side.SELL: (10.0, 2)}  # seconds after the first look, and looks


class Verdict(StrEnum):
    FOUND = "FOUND"
    NOT_FOUND = "NOT_FOUND"
    AMBIGUOUS = "AMBIGUOUS"
    DOUBTFUL = "DOUBTFUL"
    OPEN = "OPEN"


def judge(
    order: Order,
    listing: OrderListing,
    explained: Collection[tuple[date, OrderNo | None]],
    looks: list[float],
    asked_at_s: float,
    still_whole: bool | None,
    *,
    session_over: bool,
) -> tuple[Verdict, BrokerOrder | None]:
    """Return what `listing`, asked for at `asked_at_s` of the loop, says of `order`.

    `looks` are the moments of earlier listings without a candidate; this one is added if it counts. `still_whole` says
    of a SELL whether every share of the symbol was sellable just now.
    """
    candidates = [row for row in listing if _could_be(order, row, explained)]
    if listing.may_hide(order.intent.symbol, None):
        return Verdict.AMBIGUOUS, None
    if len(candidates) == 1:
        return Verdict.FOUND, candidates[0]
    if candidates:
        return Verdict.AMBIGUOUS, None
    side = order.intent.side
    if not looks or asked_at_s - looks[-1] >= _BETWEEN_LOOKS_S[side]:
        looks.append(asked_at_s)
    wait_s, count = _SETTLING[side]
    if asked_at_s - looks[0] < wait_s or len(looks) < count:
        return Verdict.OPEN, None
    if side is Side.SELL and not still_whole and not session_over:
        return Verdict.DOUBTFUL, None
    return Verdict.NOT_FOUND, None


def _could_be(order: Order, row: BrokerOrder, explained: Collection[tuple[date, OrderNo | None]]) -> bool:
    intent = order.intent
    same_price = intent.order_type is OrderType.MARKET or row.price == intent.price
    return (
        row.original_no is None
        and row.symbol == intent.symbol
        and row.side is intent.side
        and row.quantity == intent.quantity
        and row.order_type is intent.order_type
        and same_price
        and row.at >= order.created_at.replace(microsecond=0) - _CLOCK_SKEW
        and (row.at.date(), row.order_no) not in explained
    )


def row_of(order: Order, listing: Collection[BrokerOrder]) -> BrokerOrder | None:
    """Return the row of an order whose number we know, or None where the listing does not have it (yet).

    Numbers are unique within a day and branch. The branch of an order's answer and of its listing row may be written
    differently, so symbol and side decide first and the branch only between two that share them.
    """
    rows = [
        row
        for row in listing
        if row.order_no == order.order_no
        and row.at.date() == order.day
        and row.symbol == order.intent.symbol
        and row.side is order.intent.side
        and row.original_no is None
    ]
    if len(rows) > 1:
        rows = [row for row in rows if row.branch_no == order.branch_no]
    return rows[0] if len(rows) == 1 else None
