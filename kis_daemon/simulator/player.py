"""Plays the market, day after day: the trades of every symbol at their seconds, and the ends of the days.

Rules of this room
    A symbol's first trade comes a few seconds after the open (its own delay), its last exactly at the close, in the
    closing auction; those between are spread to a minute before that auction.
    Trades of one second are played in the order of the listing. Nothing here waits but for the clock.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from itertools import groupby
from operator import attrgetter
from typing import NamedTuple

from kis_daemon.domain.calendar import KST, SessionPhase, TradingDay
from kis_daemon.domain.market import Symbol
from kis_daemon.domain.price_path import PathTick, intraday_path
from kis_daemon.ports import Clock
from kis_daemon.simulator.board import Board
from kis_daemon.simulator.exchange import Exchange
from kis_daemon.simulator.requests import OrderEvent

STAGGER_S = 20
QUIET_BEFORE_AUCTION = timedelta(minutes=1)


class PlayedTick(NamedTuple):
    """A trade with its second and its part of the session."""

    at: datetime
    symbol: Symbol
    tick: PathTick
    phase: SessionPhase


def programme(exchange: Exchange, day: TradingDay, ticks_per_day: int) -> list[PlayedTick]:
    """Return all trades of `day` in the order in which they happen."""
    played: list[PlayedTick] = []
    for index, board in enumerate(exchange.boards.values()):
        if board.bar is None:
            continue
        path = intraday_path(board.bar, board.market, board.base, ticks_per_day)
        if not path:
            continue
        start = day.opens_at + timedelta(seconds=1 + index % STAGGER_S)
        room = (day.closing_auction_at - QUIET_BEFORE_AUCTION - start).total_seconds()
        step = room / max(len(path) - 2, 1)
        for place, tick in enumerate(path):
            phase = SessionPhase.REGULAR
            if place == 0:
                at, phase = start, SessionPhase.OPENING_AUCTION
            elif place == len(path) - 1:
                at, phase = day.closes_at, SessionPhase.CLOSING_AUCTION
            else:
                at = start + timedelta(seconds=int(step * place))
            played.append(PlayedTick(at, board.symbol, tick, phase))
    played.sort(key=attrgetter("at"))  # stable: within a second the listing's order stays
    return played


class Player:
    """Drives the exchange along the clock; `on_trade`, `on_events` and `on_day_over` hear what happens."""

    def __init__(
        self,
        *,
        exchange: Exchange,
        clock: Clock,
        ticks_per_day: int,
        on_trade: Callable[[Board, PathTick], None],
        on_events: Callable[[tuple[OrderEvent, ...]], None],
        on_day: Callable[[], None],
        on_day_over: Callable[[TradingDay], None],
    ) -> None:
        self._exchange = exchange
        self._clock = clock
        self._ticks_per_day = ticks_per_day
        self._on_trade = on_trade
        self._on_events = on_events
        self._on_day = on_day
        self._on_day_over = on_day_over

    async def run(self) -> None:
        """Play until cancelled, or until the prices or the calendar end."""
        day = self._exchange.day
        if day is None:
            raise RuntimeError("player without a day: expected an exchange that was begun")
        if self._clock.now() < day.closes_at:
            await self._play(day)
        while True:
            following = self._following(day)
            if following is None:
                return
            day = following
            await self._clock.sleep_until(datetime.combine(day.date, datetime.min.time(), KST))
            self._exchange.open_day(day)
            self._on_day()
            await self._play(day)

    def _following(self, day: TradingDay) -> TradingDay | None:
        calendar, last = self._exchange.calendar, self._exchange.prices.last_day
        if day.date >= min(last, calendar.last):
            return None
        days = calendar.trading_days(day.date + timedelta(days=1), min(last, calendar.last))
        return days[0] if days else None

    async def _play(self, day: TradingDay) -> None:
        """Play what is left of `day`; its trades before now were recorded when the exchange was begun."""
        begun = self._clock.now()
        rest = [played for played in programme(self._exchange, day, self._ticks_per_day) if played.at > begun]
        for at, trades in groupby(rest, key=attrgetter("at")):
            await self._clock.sleep_until(at)
            for _, symbol, tick, phase in trades:
                events = self._exchange.on_tick(symbol, tick, at, phase)
                self._on_trade(self._exchange.boards[symbol], tick)
                if events:
                    self._on_events(events)
        await self._clock.sleep_until(day.closes_at)
        self._exchange.close_day()
        self._on_day_over(day)


def record_until(exchange: Exchange, day: TradingDay, ticks_per_day: int, now: datetime) -> None:
    """Let the trades of `day` up to `now` have happened, filling nothing: a start in the middle of it."""
    for at, symbol, tick, _ in programme(exchange, day, ticks_per_day):
        if at > now:
            return
        exchange.boards[symbol].record(tick, at)
