"""Judging an order whose outcome is unknown by what the broker's complete listings show.

Rules of this room (architecture, section 3)
    A candidate has the same symbol, side, quantity, type and price, is not older than our sending, is no cancel or
    modify request, and its number belongs to no other order of ours.
    One candidate is it. Two are ambiguous. None, said long and often enough, means the broker never took it:
    a BUY after 60 s and 3 listings at least 10 s apart; a SELL after 10 s, 2 listings, and all shares still sellable;
    either once its session is over. A SELL past its settling time whose shares are not whole stays doubtful.
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import date, datetime, timedelta
from enum import StrEnum

from kis_daemon.domain.market import Side
from kis_daemon.domain.orders import Order, OrderNo, OrderType
from kis_daemon.ports import BrokerOrder

_CLOCK_SKEW = timedelta(seconds=10)  # the broker's clock and ours may differ, and its times are cut to seconds
_BETWEEN_LOOKS = {Side.BUY: timedelta(seconds=10), Side.SELL: timedelta(seconds=3)}
_SETTLING = {Side.BUY: (timedelta(seconds=60), 3), Side.SELL: (timedelta(seconds=10), 2)}


class Verdict(StrEnum):
    FOUND = "FOUND"
    NOT_FOUND = "NOT_FOUND"
    AMBIGUOUS = "AMBIGUOUS"
    DOUBTFUL = "DOUBTFUL"
    OPEN = "OPEN"


def judge(
    order: Order,
    listing: Collection[BrokerOrder],
    explained: Collection[tuple[date, OrderNo | None]],
    looks: list[datetime],
    asked_at: datetime,
    still_whole: bool | None,
    *,
    session_over: bool,
) -> tuple[Verdict, BrokerOrder | None]:
    """Return what `listing`, asked for at `asked_at`, says of `order`.

    `looks` are the moments of earlier listings without a candidate; this one is added if it counts. `still_whole` says
    of a SELL whether every share of the symbol was sellable just now.
    """
    candidates = [row for row in listing if _could_be(order, row, explained)]
    if len(candidates) == 1:
        return Verdict.FOUND, candidates[0]
    if candidates:
        return Verdict.AMBIGUOUS, None
    side = order.intent.side
    if not looks or asked_at - looks[-1] >= _BETWEEN_LOOKS[side]:
        looks.append(asked_at)
    wait, count = _SETTLING[side]
    if asked_at - order.updated_at < wait or len(looks) < count:
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
