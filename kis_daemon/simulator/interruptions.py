"""Volatility interruptions, halts and gaps: what keeps a trade of the market from its board, or changes it.

Rules of this room (the wire contract, section 6.4; KRX business regulations, volatility interruption)
    Static: a trade 10 % or more from the last single price (before the open, from the base price).
    Dynamic: a trade further from the one before than its listing allows; in the closing auction two thirds of it.
    The trade that would have gone too far waits: two minutes of call auction and an end drawn from 0 to 30 seconds,
    then it happens as the single price. Trades of the market meanwhile add their shares to it and move its price.
    An interruption that would reach into the closing auction ends with it, in the auction's own price.
    A halt is deaf: what the market would have traded is lost.
    The end is drawn from the seed, the symbol and the second it began: the same on every road to the same day.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from random import Random

from kis_daemon.domain.calendar import SessionPhase, TradingDay
from kis_daemon.domain.market import Rounding, Symbol, Won, to_tick
from kis_daemon.domain.price_path import PathTick
from kis_daemon.simulator.board import Board, Trading

STATIC_PCT = 10
LASTS = timedelta(minutes=2)
RANDOM_END_S = 30
_MILLION = 1_000_000


class InterruptionKind(StrEnum):
    """What called the interruption (VI_KIND_CODE)."""

    STATIC = "1"
    DYNAMIC = "2"
    BOTH = "3"


@dataclass(frozen=True, slots=True, kw_only=True)
class Interruption:
    """One interruption of the day: what called it, from when to when, and the prices it was measured by."""

    symbol: Symbol
    kind: InterruptionKind
    begins_at: datetime
    ends_at: datetime
    price: Won
    reference: Won
    last_price: Won
    count: int


def random_end(seed: int, symbol: Symbol, begins_at: datetime) -> timedelta:
    """Return the 0 to 30 seconds by which an auction's end is put off."""
    return timedelta(seconds=Random(f"{seed}/{symbol}/{begins_at:%Y%m%d%H%M%S}").randrange(RANDOM_END_S + 1))


def called_by(board: Board, price: Won, phase: SessionPhase) -> InterruptionKind | None:
    """Return what a trade at `price` would set off; a break in the series beyond the limits sets nothing off."""
    if board.single_priced or not board.lower <= price <= board.upper:
        return None
    reference = board.reference
    static = abs(price - reference) * 100 >= STATIC_PCT * reference
    dynamic = False
    if phase is not SessionPhase.OPENING_AUCTION and board.trades:
        allowed = board.interrupts_pct * 100
        if phase is SessionPhase.CLOSING_AUCTION:
            allowed = allowed * 2 // 3
        dynamic = abs(price - board.price) * 10_000 >= allowed * board.price
    if static:
        return InterruptionKind.BOTH if dynamic else InterruptionKind.STATIC
    return InterruptionKind.DYNAMIC if dynamic else None


class Interruptions:
    """Stands between the market's trades and the boards; `records` are those of the day, in their order."""

    def __init__(self, *, watching: bool, seed: int) -> None:
        self.watching = watching
        self.records: list[Interruption] = []
        self._seed = seed

    def passed(
        self, board: Board, tick: PathTick, at: datetime, phase: SessionPhase, day: TradingDay
    ) -> PathTick | None:
        """Return the trade as it reaches the board now, or None where it does not."""
        if board.shift_ppm:
            tick = shifted(board, tick)
        if board.trading is Trading.HALTED:
            return None
        merged = board.kept_back is not None
        if board.kept_back is not None:
            tick = replace(tick, volume=tick.volume + board.kept_back.volume)
            board.disturbed = True
        if board.trading is Trading.INTERRUPTED:
            if phase is not SessionPhase.CLOSING_AUCTION:
                board.kept_back = tick
                board.disturbed = board.disturbed or merged
                return None
            self._end(board)
        elif self.watching and not merged:
            kind = called_by(board, tick.price, phase)
            if kind is not None:
                self.begin(board, kind, tick.price, at, day)
                board.kept_back = tick
                return None
        board.kept_back = None
        settle(board)
        return tick

    def begin(self, board: Board, kind: InterruptionKind, price: Won, at: datetime, day: TradingDay) -> Interruption:
        """Interrupt `board` from `at` on."""
        ends_at = at + LASTS + random_end(self._seed, board.symbol, at)
        if at < day.closing_auction_at < ends_at:
            ends_at = day.closing_auction_at
        board.interruptions += 1
        board.trading, board.interrupted_to = Trading.INTERRUPTED, ends_at
        settle(board)
        record = Interruption(
            symbol=board.symbol,
            kind=kind,
            begins_at=at,
            ends_at=ends_at,
            price=price,
            reference=board.reference,
            last_price=board.price,
            count=board.interruptions,
        )
        self.records.append(record)
        return record

    def released(self, board: Board, at: datetime, day: TradingDay) -> PathTick | None:
        """End the interruption of `board`; return its single price, None where there is none or the close has it."""
        self._end(board)
        if at == day.closing_auction_at:
            return None
        tick, board.kept_back = board.kept_back, None
        settle(board)
        if tick is not None:
            board.single_price = tick.price
        return tick

    def _end(self, board: Board) -> None:
        board.trading, board.interrupted_to = Trading.OPEN, None
        settle(board)


def settle(board: Board) -> None:
    """Say whether the market's trades reach `board` unchanged."""
    board.usual = board.trading is Trading.OPEN and board.kept_back is None and not board.shift_ppm


def shifted(board: Board, tick: PathTick) -> PathTick:
    """Return a trade moved as the rest of the day is, inside the limits; there a side of the book is empty."""

    def moved(price: Won) -> Won:
        raw = price * (_MILLION + board.shift_ppm) / _MILLION
        return min(max(to_tick(raw, Rounding.NEAREST, board.market, board.day), board.lower), board.upper)

    price = moved(tick.price)
    ask = moved(tick.ask) if tick.ask else 0
    bid = moved(tick.bid) if tick.bid else 0
    return replace(tick, price=price, ask=ask if ask < board.upper else 0, bid=bid if bid > board.lower else 0)
