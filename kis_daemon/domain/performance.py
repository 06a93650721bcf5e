"""What a day or a run came to, from booked trades and what is still held.

Rules of this room
    equity - equity before = realised profit + open profit: every won of cost is in one of the two.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from kis_daemon.domain.market import Side, Symbol, Won
from kis_daemon.domain.orders import Order
from kis_daemon.domain.positions import Position, Trade


@dataclass(frozen=True, slots=True, kw_only=True)
class Performance:
    """Sums over some trades and the positions held at their end; all in won."""

    buys: int
    sells: int
    wins: int
    realized_pnl: Won
    open_pnl: Won
    fees: Won
    tax: Won
    holdings_value: Won


def perform(trades: Iterable[Trade], positions: Iterable[Position], prices: Mapping[Symbol, Won]) -> Performance:
    """Return the sums; `prices` holds the last price of every position."""
    buys = sells = wins = realized = fees = tax = open_pnl = value = 0
    for trade in trades:
        if trade.side is Side.BUY:
            buys += 1
        else:
            sells += 1
            wins += trade.realized_pnl > 0
        realized += trade.realized_pnl
        fees += trade.fee
        tax += trade.tax
    for position in positions:
        price = prices[position.symbol]
        open_pnl += position.open_pnl(price)
        value += position.value(price)
    return Performance(
        buys=buys,
        sells=sells,
        wins=wins,
        realized_pnl=realized,
        open_pnl=open_pnl,
        fees=fees,
        tax=tax,
        holdings_value=value,
    )


def orders_by_state(orders: Iterable[Order]) -> dict[str, int]:
    """Return how many orders are in each state, states without any left out, sorted by name."""
    return dict(sorted(Counter(order.state.value for order in orders).items()))


def percentile(values: Iterable[float], share: float) -> float | None:
    """Return the nearest-rank percentile (`share` 0 to 1) of `values`, or None of none."""
    ranked = sorted(values)
    if not ranked:
        return None
    rank = math.ceil(round(share * len(ranked), 9))  # rounded: 0.07 * 100 is a hair more than 7
    return ranked[min(max(rank, 1), len(ranked)) - 1]
