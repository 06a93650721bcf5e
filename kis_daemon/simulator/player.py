"""Plays the market, day after day: the trades of every symbol at their seconds, and the ends of the days.

Rules of this room
    A symbol's first trade comes a few seconds after the open (its own delay), its last exactly at the close, in the
    closing auction; those between are spread to a minute before that auction.
    Trades of one second are played in the order of the listing. Nothing here waits but for the clock.
    A symbol of single prices trades every half hour. Where the close is put off, the last trade comes with it.
    A trade that the exchange kept back is not told; what ends an interruption is, by a task of its own.
    Where the venue takes orders outside of the regular session, those hours trade and end beside it (`late_market`).
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from itertools import groupby
from operator import attrgetter
from typing import NamedTuple, TypeAlias

from kis_daemon.domain.calendar import KST, SessionPhase, TradingDay
from kis_daemon.domain.market import Symbol
from kis_daemon.domain.price_path import PathTick, intraday_path
from kis_daemon.ports import Clock
from kis_daemon.simulator.board import Board
from kis_daemon.simulator.exchange import Exchange
from kis_daemon.simulator.requests import DIVISIONS, OrderEvent
from kis_daemon.simulator.sessions import ASIDE, hours_of, trades_of

STAGGER_S = 20
SINGLE_PRICES_EVERY = timedelta(minutes=30)
QUIET_BEFORE_AUCTION = timedelta(minutes=1)


PathOf: TypeAlias = Callable[[Board, int], tuple[PathTick, ...]]
"""The trades of one symbol's day, in about so many steps."""


class PlayedTick(NamedTuple):
    """A trade with its second and its part of the session."""

    at: datetime
    symbol: Symbol
    tick: PathTick
    phase: SessionPhase


def usual_path(board: Board, ticks_per_day: int) -> tuple[PathTick, ...]:
    """Return the trades of a board's day as its bar tells them."""
    return () if board.bar is None else intraday_path(board.bar, board.market, board.base, ticks_per_day)


def programme(
    exchange: Exchange, day: TradingDay, ticks_per_day: int, path_of: PathOf = usual_path
) -> list[PlayedTick]:
    """Return all trades of `day` in the order in which they happen."""
    played: list[PlayedTick] = []
    for index, board in enumerate(exchange.boards.values()):
        if board.bar is None:
            continue
        path = path_of(board, ticks_per_day)
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
                at, phase = exchange.closing_price_at(board.symbol, day), SessionPhase.CLOSING_AUCTION
            else:
                at = start + timedelta(seconds=int(step * place))
                if board.single_priced:
                    at, phase = _next_single_price(day, at), SessionPhase.OPENING_AUCTION
                    tick = _without_limits(tick)
            played.append(PlayedTick(at, board.symbol, tick, phase))
    played.sort(key=attrgetter("at"))  # stable: within a second the listing's order stays
    return played


def _next_single_price(day: TradingDay, at: datetime) -> datetime:
    """Return the next half hour of the session, the last one before the closing auction at the latest."""
    count = -((day.opens_at - at) // SINGLE_PRICES_EVERY)
    last = (day.closing_auction_at - day.opens_at) // SINGLE_PRICES_EVERY
    return day.opens_at + min(count, last) * SINGLE_PRICES_EVERY


def _without_limits(tick: PathTick) -> PathTick:
    """Return a trade with both sides of its book: where there is no limit, none is empty."""
    return replace(tick, ask=tick.ask or tick.price, bid=tick.bid or tick.price)


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
        path_of: PathOf = usual_path,
    ) -> None:
        self._exchange = exchange
        self._clock = clock
        self._ticks_per_day = ticks_per_day
        self._on_trade = on_trade
        self._on_events = on_events
        self._on_day = on_day
        self._on_day_over = on_day_over
        self._path_of = path_of

    async def run(self) -> None:
        """Play until cancelled, or until the prices or the calendar end."""
        async with asyncio.TaskGroup() as group:
            self._exchange.on_interruption = lambda begun: self._end_later(group, begun.symbol, begun.ends_at)
            for ends_at, symbol in self._exchange.interrupted():
                self._end_later(group, symbol, ends_at)
            await self._play_days(group)

    async def _play_days(self, group: asyncio.TaskGroup) -> None:
        day = self._exchange.day
        if day is None:
            raise RuntimeError("player without a day: expected an exchange that was begun")
        await self._play(group, day)
        while True:
            following = self._following(day)
            if following is None:
                return
            day = following
            await self._clock.sleep_until(datetime.combine(day.date, datetime.min.time(), KST))
            self._exchange.open_day(day)
            self._on_day()
            await self._play(group, day)

    def _following(self, day: TradingDay) -> TradingDay | None:
        calendar, last = self._exchange.calendar, self._exchange.prices.last_day
        if day.date >= min(last, calendar.last):
            return None
        days = calendar.trading_days(day.date + timedelta(days=1), min(last, calendar.last))
        return days[0] if days else None

    async def _play(self, group: asyncio.TaskGroup, day: TradingDay) -> None:
        """Play what is left of `day`; its trades before now were recorded when the exchange was begun."""
        aside = {DIVISIONS[code].hours for code in self._exchange.rules.divisions}.intersection(ASIDE)
        others = group.create_task(self._play_aside(day), name="simulator player of other hours") if aside else None
        if self._clock.now() < day.closes_at:
            await self._play_session(day)
        if others is not None:
            await others

    async def _play_session(self, day: TradingDay) -> None:
        begun = self._clock.now()
        trades_of_day = programme(self._exchange, day, self._ticks_per_day, self._path_of)
        rest = [played for played in trades_of_day if played.at > begun]
        for at, trades in groupby(rest, key=attrgetter("at")):
            await self._clock.sleep_until(at)
            for _, symbol, tick, phase in trades:
                board = self._exchange.boards[symbol]
                known = board.trades
                self._told(board, known, self._exchange.on_tick(symbol, tick, at, phase))
        for ends_at, symbol in self._exchange.interrupted():  # the close itself was interrupted
            await self._clock.sleep_until(ends_at)
            self._release(symbol, ends_at)
        await self._clock.sleep_until(day.closes_at)
        self._exchange.close_day()
        self._on_day_over(day)

    async def _play_aside(self, day: TradingDay) -> None:
        """Let the hours outside of the regular session trade, and end them when they are over."""
        exchange, begun = self._exchange, self._clock.now()
        reformed = exchange.is_reformed(day.date)
        for hours in ASIDE:
            span = hours_of(hours, day, reformed=reformed)
            if span is None:
                continue
            for at in trades_of(hours, day, reformed=reformed):
                if at > begun:
                    await self._clock.sleep_until(at)
                    events = exchange.trade_late(hours, at)
                    if events:
                        self._on_events(events)
            await self._clock.sleep_until(span[1])
            exchange.end_hours((hours,))

    def _end_later(self, group: asyncio.TaskGroup, symbol: Symbol, ends_at: datetime) -> None:
        async def end() -> None:
            await self._clock.sleep_until(ends_at)
            self._release(symbol, ends_at)

        group.create_task(end(), name=f"interruption of {symbol}")

    def _release(self, symbol: Symbol, ends_at: datetime) -> None:
        board = self._exchange.boards[symbol]
        known = board.trades
        self._told(board, known, self._exchange.release(symbol, ends_at))

    def _told(self, board: Board, known: int, events: tuple[OrderEvent, ...]) -> None:
        """Tell a trade if one happened, then what it filled."""
        if board.trades != known:
            self._on_trade(board, board.tape[-1][1])
        if events:
            self._on_events(events)


def record_until(exchange: Exchange, day: TradingDay, ticks_per_day: int, now: datetime) -> None:
    """Let the trades of `day` up to `now` have happened, filling nothing: a start in the middle of it."""
    for at, symbol, tick, phase in programme(exchange, day, ticks_per_day):
        if at > now:
            return
        exchange.replay(symbol, tick, at, phase)
