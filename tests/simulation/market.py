"""One trading date that makes orders: every symbol has a year of rising days behind it and a fate today.

The fates are drawn from the seed, at least three of them such that an entry is followed by an exit.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime, time, timedelta
from functools import cache
from random import Random

from kis_daemon.domain.calendar import KST, TradingCalendar
from kis_daemon.domain.market import Bar, Market, Rounding, Symbol, Won, price_limits, to_tick
from kis_daemon.simulator.prices import ListedSymbol, Series

DAY = date(2026, 3, 3)
"""The simulated date."""

OPENS = datetime.combine(DAY, time(8, 20), KST)
"""Where it begins: before the opening auction."""

SYMBOLS = tuple(Symbol(f"1000{number}0") for number in range(1, 7))
TICKS_PER_SYMBOL = 26

_HISTORY = 130
_RISE = 1.008
_FATES: Mapping[str, tuple[float, float, float, float]] = {  # open, high, low, close over the close before
    "crash": (1.012, 1.030, 0.880, 0.900),
    "fade": (1.012, 1.035, 0.940, 0.950),
    "late": (1.000, 1.060, 0.990, 0.905),
    "dive": (1.012, 1.020, 0.860, 0.930),
    "run": (1.012, 1.045, 1.008, 1.040),
    "calm": (1.000, 1.004, 0.996, 1.001),
    "limit": (1.012, 1.020, 0.700, 0.700),
}
_FALLING = ("crash", "fade", "dive")


@cache
def _past(calendar: TradingCalendar) -> tuple[tuple[date, ...], date]:
    days = calendar.trading_days(DAY - timedelta(days=400), DAY - timedelta(days=1))[-_HISTORY:]
    after = calendar.trading_days(DAY + timedelta(days=1), DAY + timedelta(days=20))[0]
    return tuple(day.date for day in days), after.date


class SmallMarket:
    """`simulator.prices.PriceBook` of one date and its past; `fates` tells what each symbol does today."""

    def __init__(self, seed: int, calendar: TradingCalendar) -> None:
        chance = Random(f"market|{seed}")
        days, after = _past(calendar)
        fates = [*_FALLING, *(chance.choice(list(_FATES)) for _ in SYMBOLS[len(_FALLING) :])]
        chance.shuffle(fates)
        self.fates = dict(zip(SYMBOLS, fates, strict=True))
        self.first_day, self.last_day = days[0], after
        self._series: dict[Symbol, Series] = {}
        thinnest = fates.index(chance.choice(_FALLING))  # at least one whose orders are filled in parts
        for place, symbol in enumerate(SYMBOLS):
            thin = chance.random() < 1 / 4 or place == thinnest
            volume = 3_000 if thin else 3_000_000
            series = self._series[symbol] = Series(Market.KOSPI)
            close = 8_000.0 + 1_500 * place
            for day in days:
                series.append(_bar(day, (close, close * 1.014, close * 0.998, close * _RISE), volume), on_tick=True)
                close *= _RISE
            base = to_tick(close, Rounding.DOWN, Market.KOSPI, DAY)
            today = _today(base, _FATES[self.fates[symbol]], volume)
            series.append(today, on_tick=True)
            series.append(_bar(after, (today.close,) * 4, volume), on_tick=True)

    def listings(self) -> tuple[ListedSymbol, ...]:
        return tuple(ListedSymbol(symbol=s, name=f"종목{s[4]}", market=Market.KOSPI) for s in SYMBOLS)

    def bar(self, symbol: Symbol, day: date) -> Bar | None:
        return self._series[symbol].bar(day) if symbol in self._series else None

    def bars(self, symbol: Symbol, first: date, last: date) -> tuple[Bar, ...]:
        return self._series[symbol].between(first, last) if symbol in self._series else ()

    def base_price(self, symbol: Symbol, day: date) -> Won:
        return self._series[symbol].base(day) if symbol in self._series else 0


def _bar(day: date, prices: tuple[float, float, float, float], volume: int) -> Bar:
    opened, high, low, close = (to_tick(price, Rounding.DOWN, Market.KOSPI, day) for price in prices)
    return Bar(date=day, open=opened, high=high, low=low, close=close, volume=volume)


def _today(base: Won, fate: tuple[float, float, float, float], volume: int) -> Bar:
    lower, upper = price_limits(base, Market.KOSPI, DAY)
    opened, high, low, close = (
        min(max(to_tick(base * part, Rounding.DOWN, Market.KOSPI, DAY), lower), upper) for part in fate
    )
    return Bar(date=DAY, open=opened, high=high, low=low, close=close, volume=volume)
