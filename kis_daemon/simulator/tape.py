"""The trades of a day, one by one: what ticks and minute rows are made of.

Rules of this room
    Today's trades are those that its board recorded. A past day is played again from its bar; the last few days asked
    for are kept.
"""

from __future__ import annotations

from datetime import date, datetime, time
from typing import NamedTuple, TypeAlias

from kis_daemon.domain.calendar import TradingDay
from kis_daemon.domain.market import Symbol, Won
from kis_daemon.domain.price_path import PathTick
from kis_daemon.simulator.account import Account
from kis_daemon.simulator.exchange import Exchange
from kis_daemon.simulator.player import programme

_KEPT_DAYS = 3

Trades: TypeAlias = list[tuple[datetime, PathTick]]


class Minute(NamedTuple):
    """The trades of one minute; `turnover` is that of the day so far, as KIS shows it."""

    day: date
    at: time
    open: Won
    high: Won
    low: Won
    close: Won
    volume: int
    turnover: Won


class Tape:
    """Remembers the trades of the days that were asked for."""

    def __init__(self) -> None:
        self._days: dict[date, dict[Symbol, Trades]] = {}

    def trades(self, exchange: Exchange, symbol: Symbol, day: TradingDay, ticks_per_day: int) -> Trades:
        """Return the trades of `symbol` on `day`, oldest first; today's as far as they have happened."""
        if exchange.day is not None and exchange.day.date == day.date:
            return exchange.boards[symbol].tape
        if day.date not in self._days:
            while len(self._days) >= _KEPT_DAYS:
                del self._days[next(iter(self._days))]
            self._days[day.date] = _played(exchange, day, ticks_per_day)
        return self._days[day.date].get(symbol, [])

    def minutes(self, exchange: Exchange, symbol: Symbol, day: TradingDay, ticks_per_day: int) -> list[Minute]:
        """Return the minutes of `day` in which `symbol` traded, oldest first."""
        made: list[Minute] = []
        turnover = 0
        for at, tick in self.trades(exchange, symbol, day, ticks_per_day):
            turnover += tick.price * tick.volume
            minute = time(at.hour, at.minute)
            if made and made[-1].at == minute:
                row = made.pop()
                opened, high, low = row.open, max(row.high, tick.price), min(row.low, tick.price)
                volume = row.volume + tick.volume
            else:
                opened = high = low = tick.price
                volume = tick.volume
            made.append(Minute(day.date, minute, opened, high, low, tick.price, volume, turnover))
        return made


def _played(exchange: Exchange, day: TradingDay, ticks_per_day: int) -> dict[Symbol, Trades]:
    """Play `day` on an exchange of its own, which nobody trades at."""
    other = Exchange(
        prices=exchange.prices,
        calendar=exchange.calendar,
        account=Account(cash=0),
        rules=exchange.rules,
        commission_ppb=exchange.commission_ppb,
    )
    other.show(day)
    by_symbol: dict[Symbol, Trades] = {}
    for played in programme(other, day, ticks_per_day):
        by_symbol.setdefault(played.symbol, []).append((played.at, played.tick))
    return by_symbol
