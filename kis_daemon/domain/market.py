"""What is traded and in which steps: symbols, prices, bars, quotes, ticks and price limits of the Korea Exchange.

Rules of this room
    Money is an ``int`` number of won (`Won`); a ``float`` comes in only through `to_tick`.
    The tick of a price is decided by the price itself, its market and the date (the tables changed on 2023-01-25).
    The daily price limit is 30 % of the base price (15 % before 2015-06-15), its width floored to the tick of the base.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum
from typing import NewType, TypeAlias

Won: TypeAlias = int
Symbol = NewType("Symbol", str)

_SYMBOL = re.compile(r"[0-9A-Z]{6}")


def as_symbol(text: str) -> Symbol:
    """Return `text` as a `Symbol`; `ValueError` unless it is six digits or capital letters (C36)."""
    if not _SYMBOL.fullmatch(text):
        raise ValueError(f"symbol {text!r}: expected six digits or capital letters, e.g. 005930")
    return Symbol(text)


class Market(StrEnum):
    """The board a symbol is listed on; it decides ticks before 2023-01-25 and the sell tax."""

    KOSPI = "KOSPI"
    KOSDAQ = "KOSDAQ"
    ETF = "ETF"


class Side(StrEnum):
    BUY = "BUY"
    SELL = "SELL"


class Rounding(StrEnum):
    """Which neighbouring tick a computed price becomes."""

    DOWN = "DOWN"
    UP = "UP"
    NEAREST = "NEAREST"


@dataclass(frozen=True, slots=True, kw_only=True)
class Bar:
    """One completed trading day of a symbol; prices in won, volume in shares."""

    date: date
    open: Won
    high: Won
    low: Won
    close: Won
    volume: int


class QuoteSource(StrEnum):
    """Who told the price; the words of the quote endpoints (S2-Q02, S2-Q03)."""

    STREAM = "kis-ws"
    REST = "kis-rest"


class QuoteSession(StrEnum):
    """The part of the day a trade belongs to, as the exchange marked it."""

    REGULAR = "REGULAR"
    AUCTION = "AUCTION"
    AFTER_HOURS = "AFTER_HOURS"


@dataclass(frozen=True, slots=True, kw_only=True)
class Quote:
    """The last trade of a symbol with the touch beside it.

    `ask` or `bid` is 0 where that side of the book is empty (a locked limit). `at` is the exchange's second.
    `open`, `high`, `low`, `day_volume` are of the day so far and 0 before its first trade.
    """

    symbol: Symbol
    price: Won
    at: datetime
    ask: Won
    bid: Won
    open: Won
    high: Won
    low: Won
    day_volume: int
    session: QuoteSession
    halted: bool
    in_vi: bool
    source: QuoteSource


@dataclass(frozen=True, slots=True, kw_only=True)
class Listing:
    """What the market says of a symbol today: its board, base price, limits and whether it may be traded.

    `name` may be empty where the source has none (`inquire-price`).
    """

    symbol: Symbol
    name: str
    market: Market
    base_price: Won
    upper_limit: Won
    lower_limit: Won
    suspended: bool
    under_administration: bool
    in_liquidation: bool


# [from price, tick): KRX notices of 2010-10-04 and 2023-01-25; checked against 470,000 raw rows of both regimes.
_TICKS_SINCE_2023 = (
    (500_000, 1000),
    (200_000, 500),
    (50_000, 100),
    (20_000, 50),
    (5_000, 10),
    (2_000, 5),
    (0, 1),
)
_TICKS_KOSPI_BEFORE = (
    (500_000, 1000),
    (100_000, 500),
    (50_000, 100),
    (10_000, 50),
    (5_000, 10),
    (1_000, 5),
    (0, 1),
)
_TICKS_KOSDAQ_BEFORE = ((50_000, 100), (10_000, 50), (5_000, 10), (1_000, 5), (0, 1))
_TICKS_ETF_SINCE = ((2_000, 5), (0, 1))
_TICKS_ETF_BEFORE = ((0, 5),)

_TICK_REFORM = date(2023, 1, 25)
_ETF_ONE_WON_REFORM = date(2023, 12, 11)
_LIMIT_REFORM = date(2015, 6, 15)


def tick_table(market: Market, on: date) -> tuple[tuple[int, int], ...]:
    """Return (from price, tick) pairs, highest first, in force for `market` on `on`."""
    if market is Market.ETF:
        return _TICKS_ETF_SINCE if on >= _ETF_ONE_WON_REFORM else _TICKS_ETF_BEFORE
    if on >= _TICK_REFORM:
        return _TICKS_SINCE_2023
    return _TICKS_KOSDAQ_BEFORE if market is Market.KOSDAQ else _TICKS_KOSPI_BEFORE


def tick_size(price: float, market: Market, on: date) -> Won:
    """Return the tick in won that a price of `price` moves in."""
    for floor, tick in tick_table(market, on):
        if price >= floor:
            return tick
    raise ValueError(f"price {price}: expected zero or more won")


def to_tick(price: float, rounding: Rounding, market: Market, on: date) -> Won:
    """Return the valid price next to `price`; rounding up across a table's edge lands on that edge."""
    tick = tick_size(price, market, on)
    below = math.floor(price / tick) * tick
    if below == price or rounding is Rounding.DOWN:
        return below
    above = below + tick
    if rounding is Rounding.UP:
        return above
    return above if price - below >= above - price else below


def move_ticks(price: Won, steps: int, market: Market, on: date) -> Won:
    """Return the price `steps` ticks above (or below, if negative) a valid `price`, never under one tick."""
    moved = price
    for _ in range(abs(steps)):
        if steps > 0:
            moved += tick_size(moved, market, on)
        else:
            moved = max(to_tick(moved - 1, Rounding.DOWN, market, on), tick_size(0, market, on))
    return moved


def price_limits(base: Won, market: Market, on: date) -> tuple[Won, Won]:
    """Return (lower, upper) limit of a day whose base price is `base`.

    KRX: the width is floored to the tick of the base price, then the limits are brought inside to their own tick.
    """
    percent = 30 if on >= _LIMIT_REFORM else 15
    tick = tick_size(base, market, on)
    width = base * percent // 100 // tick * tick
    lower = to_tick(base - width, Rounding.UP, market, on)
    upper = to_tick(base + width, Rounding.DOWN, market, on)
    return lower, upper
