"""Drift: the orders of a day as they went, held against those of a backtest of the same day.

Rules of this room
    Orders pair by symbol, side and rule, in the order of their time; nothing else is the same wish.
    A pair differs in quantity (what was filled of it) before it differs in price (the average of its fills).
    `cost` is what a difference in price took from us or gave (negative) in won, on the shares that both traded.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from kis_daemon.domain.market import Side, Symbol, Won


class Kind(StrEnum):
    MATCHED = "matched"
    PRICE_DIFFERS = "price_differs"
    QUANTITY_DIFFERS = "quantity_differs"
    MISSING_LIVE = "missing_live"
    MISSING_IN_BACKTEST = "missing_in_backtest"


@dataclass(frozen=True, slots=True, kw_only=True)
class DayOrder:
    """An order of one of the two: what was filled of it, and for how much. `reason` is why it was wished for."""

    at: datetime
    symbol: Symbol
    side: Side
    rule: str
    quantity: int
    filled_quantity: int
    filled_amount: Won
    state: str
    reason: str = ""

    @property
    def price(self) -> float:
        """The average of its fills, 0 without one."""
        return self.filled_amount / self.filled_quantity if self.filled_quantity else 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One order of the day, from both sides; None where one of them has none."""

    kind: Kind
    live: DayOrder | None
    backtest: DayOrder | None
    cost: Won = 0
    reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Drift:
    """A day's orders, in the order of their time."""

    lines: tuple[Line, ...]

    def count(self, kind: Kind) -> int:
        return Counter(line.kind for line in self.lines)[kind]

    @property
    def cost(self) -> Won:
        return sum(line.cost for line in self.lines)

    @property
    def differences(self) -> int:
        """How many orders are not the same in everything but their price."""
        return sum(line.kind not in (Kind.MATCHED, Kind.PRICE_DIFFERS) for line in self.lines)


def compared(
    live: Iterable[DayOrder],
    backtest: Iterable[DayOrder],
    refusals: Mapping[Symbol, str],
    since: datetime | None = None,
) -> Drift:
    """Hold `live` against `backtest`; `refusals` says why the door let no order of a symbol in.

    What only the backtest did before `since` is told as such: nobody was there to do it.
    """
    ours, theirs = _by_wish(live), _by_wish(backtest)
    lines: list[Line] = []
    for wish in dict.fromkeys([*ours, *theirs]):
        mine, other = ours.get(wish, []), theirs.get(wish, [])
        lines += [_pair(one, two) for one, two in zip(mine, other, strict=False)]
        lines += [
            Line(kind=Kind.MISSING_IN_BACKTEST, live=one, backtest=None, reason=one.reason)
            for one in mine[len(other) :]
        ]
        lines += [
            Line(kind=Kind.MISSING_LIVE, live=None, backtest=two, reason=_why_not(two, refusals, since))
            for two in other[len(mine) :]
        ]
    return Drift(lines=tuple(sorted(lines, key=_moment)))


def _why_not(order: DayOrder, refusals: Mapping[Symbol, str], since: datetime | None) -> str:
    if since is not None and order.at < since:
        return f"before the daemon was there at {since:%H:%M}"
    return refusals.get(order.symbol, "no such price live")


def _by_wish(orders: Iterable[DayOrder]) -> dict[tuple[Symbol, Side, str], list[DayOrder]]:
    found: defaultdict[tuple[Symbol, Side, str], list[DayOrder]] = defaultdict(list)
    for order in sorted(orders, key=lambda order: (order.at, order.symbol)):
        found[(order.symbol, order.side, order.rule)].append(order)
    return found


def _pair(live: DayOrder, backtest: DayOrder) -> Line:
    shares = min(live.filled_quantity, backtest.filled_quantity)
    dearer = round((live.price - backtest.price) * shares)
    cost = dearer if live.side is Side.BUY else -dearer
    if live.filled_quantity != backtest.filled_quantity:
        reason = f"{_filled(live)}, backtest {_filled(backtest)}"
        return Line(kind=Kind.QUANTITY_DIFFERS, live=live, backtest=backtest, cost=cost, reason=reason)
    if live.filled_amount != backtest.filled_amount:
        reason = f"{live.price:.2f}, backtest {backtest.price:.2f}"
        return Line(kind=Kind.PRICE_DIFFERS, live=live, backtest=backtest, cost=cost, reason=reason)
    return Line(kind=Kind.MATCHED, live=live, backtest=backtest)


def _moment(line: Line) -> tuple[datetime, Symbol]:
    order = line.live or line.backtest
    assert order is not None, "a line without an order"
    return order.at, order.symbol


def _filled(order: DayOrder) -> str:
    return f"{order.filled_quantity} of {order.quantity} {order.state}"
