"""What trades outside of the regular session: at the close before, at the close, and in the after-market.

Source: the wire contract, sections 4.4 and 6.1.

Rules of this room
    Each of these hours has a book of its own beside the regular one, which never hears of its trades.
    Before the open and after the close there is one price, the known close, and a trade every minute: together half a
    percent of the day before's shares, and two of the day's. Nobody sells where the day closed at its upper limit.
    The after-market walks from the close by at most a tick a trade, inside the limits of the day, for a fortieth of the
    day's shares. The walk is drawn from the seed, the symbol and the day: the same on every road to the same moment.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, datetime
from itertools import islice
from random import Random

from kis_daemon.domain.market import Bar, Market, Symbol, Won, price_limits, tick_size
from kis_daemon.domain.price_path import PathTick
from kis_daemon.simulator.board import Board
from kis_daemon.simulator.requests import Hours

_A_TRADE = {Hours.BEFORE_OPEN: 2000, Hours.AT_CLOSE: 1000, Hours.AFTER_MARKET: 1000}
_STEPS = (-1, -1, 0, 0, 1, 1)


def late_trades(hours: Hours, board: Board, moments: list[datetime], seed: int) -> list[tuple[datetime, PathTick]]:
    """Return the trades of `hours`, one at each moment; none for a symbol that did not trade or is halted."""
    of_the_day_before = hours is Hours.BEFORE_OPEN
    traded = (board.previous.volume if board.previous is not None else 0) if of_the_day_before else board.volume
    volume = traded // _A_TRADE[hours]
    if volume == 0 or board.halted:
        return []
    price = board.price
    if hours is Hours.AFTER_MARKET:
        walk = _walk(board.symbol, board.market, board.day, price, volume, (board.lower, board.upper), seed)
        return list(zip(moments, walk, strict=False))
    is_offered, is_wanted = of_the_day_before or board.ask, of_the_day_before or board.bid
    tick = PathTick(
        position=0.0, price=price, ask=price if is_offered else 0, bid=price if is_wanted else 0, volume=volume
    )
    return [(at, tick) for at in moments]


def with_after_market(bar: Bar, symbol: Symbol, market: Market, base: Won, trades: int, seed: int) -> Bar:
    """Return a day's bar with its first `trades` of the after-market."""
    volume = bar.volume // _A_TRADE[Hours.AFTER_MARKET]
    if volume == 0 or trades == 0:
        return bar
    walk = _walk(symbol, market, bar.date, bar.close, volume, price_limits(base, market, bar.date), seed)
    prices = [tick.price for tick in islice(walk, trades)]
    return Bar(
        date=bar.date,
        open=bar.open,
        high=max(bar.high, *prices),
        low=min(bar.low, *prices),
        close=prices[-1],
        volume=bar.volume + volume * len(prices),
    )


def _walk(
    symbol: Symbol, market: Market, day: date, close: Won, volume: int, limits: tuple[Won, Won], seed: int
) -> Iterator[PathTick]:
    """Yield trades for ever, the first at the close."""
    chance = Random(f"{seed}/{symbol}/{day:%Y%m%d}/after")
    lower, upper = limits
    price, rising = close, True
    while True:
        above = price + tick_size(price, market, day)
        below = price - tick_size(price - 1, market, day)
        ask, bid = (price, below) if rising else (above, price)
        yield PathTick(
            position=1.0, price=price, ask=ask if ask < upper else 0, bid=bid if bid > lower else 0, volume=volume
        )
        step = chance.choice(_STEPS)
        if step and lower <= (moved := above if step > 0 else below) <= upper:
            price, rising = moved, step > 0
