"""The intraday path of a daily bar, as one pure function of the bar: what the simulator plays and a backtest walks.

Rules of this room
    The path goes open → nearer extreme → other extreme → close and never leaves [low, high]. Who wants to know the
    worst says which extreme comes first.
    Prices are on the tick of their date and market, brought inside the bar's range (never beyond what was traded).
    A rising step trades at the ask, a falling one at the bid; the other side of the touch is one tick away, inside the
    range. Nothing is offered at the upper limit and nothing is bid at the lower: that side is 0, so nobody buys into a
    limit-up day, locked since the opening or only at its end.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from itertools import pairwise

from kis_daemon.domain.market import Bar, Market, Rounding, Won, price_limits, tick_size, to_tick


@dataclass(frozen=True, slots=True, kw_only=True)
class PathTick:
    """One trade on the path: where in the day (0 = open, 1 = close), its price, touch and volume in shares."""

    position: float
    price: Won
    ask: Won
    bid: Won
    volume: int


def snapped(bar: Bar, market: Market) -> Bar:
    """Return `bar` on its ticks, inside its own range wherever a tick lies in it."""
    low = to_tick(bar.low, Rounding.UP, market, bar.date)
    high = to_tick(bar.high, Rounding.DOWN, market, bar.date)
    if low > high:  # no tick inside the range: the nearest one stands for all four
        low = high = max(to_tick(bar.close, Rounding.NEAREST, market, bar.date), tick_size(0, market, bar.date))

    def inside(price: Won) -> Won:
        return min(max(to_tick(price, Rounding.NEAREST, market, bar.date), low), high)

    return Bar(date=bar.date, open=inside(bar.open), high=high, low=low, close=inside(bar.close), volume=bar.volume)


def intraday_path(
    bar: Bar, market: Market, base: Won, ticks: int, *, low_first: bool | None = None
) -> tuple[PathTick, ...]:
    """Return about `ticks` (4 to 30) trades of the day through open, both extremes and close.

    `base` is the day's base price and decides the limits. A day without trade (volume 0) has an empty path.
    `low_first` says which extreme comes first; None takes the nearer one.
    """
    if bar.volume <= 0 or bar.close <= 0:
        return ()
    day = snapped(bar, market)
    if low_first is None:
        low_first = day.open - day.low <= day.high - day.open
    first, second = (day.low, day.high) if low_first else (day.high, day.low)
    corners = (day.open, first, second, day.close)
    positions, prices = _walk(corners, max(ticks, 4), market, bar.date)
    lower, upper = price_limits(base, market, bar.date)
    volumes = _shares(bar.volume, len(prices))
    made: list[PathTick] = []
    previous = prices[0]
    rising = day.close >= day.open
    for position, price, volume in zip(positions, prices, volumes, strict=True):
        if price != previous:
            rising = price > previous
        previous = price
        ask, bid = _touch(price, rising, day, market)
        offered = ask if ask < upper else 0
        wanted = bid if bid > lower else 0
        made.append(PathTick(position=position, price=price, ask=offered, bid=wanted, volume=volume))
    return tuple(made)


def _touch(price: Won, rising: bool, day: Bar, market: Market) -> tuple[Won, Won]:
    """Return (ask, bid) around a trade: it took the ask on the way up, the bid on the way down."""
    if rising:
        below = to_tick(price - 1, Rounding.DOWN, market, day.date) if price > 1 else price
        return price, max(below, day.low)
    above = price + tick_size(price, market, day.date)
    return min(above, day.high), price


def _walk(corners: tuple[Won, Won, Won, Won], ticks: int, market: Market, on: date) -> tuple[list[float], list[Won]]:
    """Spread `ticks` points over the three legs by their length; every corner is one of them."""
    lengths = [abs(b - a) for a, b in pairwise(corners)]
    total = sum(lengths)
    steps_left = ticks - 1
    steps: list[int] = []
    for index, length in enumerate(lengths):
        legs_after = 2 - index
        share = round((ticks - 1) * length / total) if total else (ticks - 1) // 3
        share = max(1, min(share, steps_left - legs_after))
        if index == 2:
            share = steps_left
        steps.append(share)
        steps_left -= share
    prices = [corners[0]]
    for (a, b), count in zip(pairwise(corners), steps, strict=True):
        low, high = min(a, b), max(a, b)
        for step in range(1, count + 1):
            raw = a + (b - a) * step / count
            price = b if step == count else to_tick(raw, Rounding.NEAREST, market, on)
            prices.append(min(max(price, low), high))
    return [index / (len(prices) - 1) for index in range(len(prices))], prices


def _shares(volume: int, count: int) -> list[int]:
    """Divide the day's volume evenly; the remainder goes to the first trade (the opening auction)."""
    each = volume // count
    return [each + volume - each * count] + [each] * (count - 1)
