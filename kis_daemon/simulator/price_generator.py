"""An invented market that ships with the daemon: twelve known names, plausible prices since 2015, one seed.

Rules of this room
    The names are real, every number is invented.
    A symbol's prices depend on the seed and its code alone: not on the other symbols, on the day asked for, or on
    where a simulation starts. Only additions of `random.random()` go in, so that every platform draws the same.
    All prices lie on their tick and inside their day's limits.
"""

from __future__ import annotations

from datetime import date
from random import Random

from kis_daemon.domain.calendar import TradingCalendar
from kis_daemon.domain.market import Bar, Market, Rounding, Symbol, Won, price_limits, to_tick
from kis_daemon.simulator.prices import ListedSymbol, Series

FIRST_DAY = date(2015, 1, 2)
_YEAR_END = (12, 31)

# code, name, board, first price in won, daily deviation in percent, shares of an ordinary day
_MARKET = (
    ("005930", "삼성전자", Market.KOSPI, 61_000, 1.5, 11_000_000),
    ("000660", "SK하이닉스", Market.KOSPI, 96_000, 2.1, 3_200_000),
    ("035420", "NAVER", Market.KOSPI, 182_000, 1.9, 900_000),
    ("035720", "카카오", Market.KOSPI, 58_500, 2.3, 2_100_000),
    ("005380", "현대차", Market.KOSPI, 191_500, 1.6, 800_000),
    ("051910", "LG화학", Market.KOSPI, 352_000, 2.1, 310_000),
    ("006400", "삼성SDI", Market.KOSPI, 274_500, 2.4, 360_000),
    ("068270", "셀트리온", Market.KOSPI, 143_000, 2.2, 750_000),
    ("105560", "KB금융", Market.KOSPI, 47_250, 1.3, 1_400_000),
    ("247540", "에코프로비엠", Market.KOSDAQ, 121_300, 3.0, 620_000),
    ("086520", "에코프로", Market.KOSDAQ, 43_800, 3.2, 1_100_000),
    ("196170", "알테오젠", Market.KOSDAQ, 67_900, 2.8, 540_000),
)

# regime: mean daily drift in deviations, factor of the deviation
_BULL, _BEAR, _QUIET, _VOLATILE = (0.16, 0.95), (-0.13, 1.1), (0.01, 0.55), (0.02, 1.6)

_LIMIT_DAY = 0.0016
_LOCKED_SHARE = 0.45  # of the limit days: nobody sells (or buys) from the open on
_HALT_STARTS = 0.0004
_GAP_DAY = 0.025
_PULL = 0.14  # deviations a day, at most, back towards the first price: twelve years stay plausible


class GeneratedPrices:
    """The invented market as a `PriceBook`; days are made when first asked for, in order, and kept."""

    def __init__(self, seed: int, calendar: TradingCalendar) -> None:
        self._calendar = calendar
        self._listings = tuple(
            ListedSymbol(symbol=Symbol(code), name=name, market=market) for code, name, market, *_ in _MARKET
        )
        self._walks = {
            Symbol(code): _Walk(Random(f"{seed}/{code}"), market, price, percent / 100, shares)
            for code, _, market, price, percent, shares in _MARKET
        }
        self._first = max(FIRST_DAY, calendar.first)
        self._made_to: dict[Symbol, date] = {}

    @property
    def first_day(self) -> date:
        return self._first

    @property
    def last_day(self) -> date:
        return self._calendar.last

    def listings(self) -> tuple[ListedSymbol, ...]:
        return self._listings

    def bar(self, symbol: Symbol, day: date) -> Bar | None:
        return self._series(symbol, day).bar(day)

    def bars(self, symbol: Symbol, first: date, last: date) -> tuple[Bar, ...]:
        return self._series(symbol, last).between(first, last)

    def base_price(self, symbol: Symbol, day: date) -> Won:
        return self._series(symbol, day).base(day)

    def _series(self, symbol: Symbol, day: date) -> Series:
        """Return the symbol's bars, made at least to the end of the year of `day`."""
        walk = self._walks[symbol]
        made_to = self._made_to.get(symbol)
        if made_to is None or day > made_to:
            start = self._first if made_to is None else made_to
            until = min(day.replace(month=_YEAR_END[0], day=_YEAR_END[1]), self._calendar.last)
            if until >= start:
                for trading_day in self._calendar.trading_days(start, until):
                    if made_to is None or trading_day.date > made_to:
                        walk.step(trading_day.date)
                self._made_to[symbol] = until
        return walk.series


class _Walk:
    """One symbol's walk through the years, a trading day at a step."""

    def __init__(self, chance: Random, market: Market, price: Won, deviation: float, shares: int) -> None:
        self.series = Series(market)
        self._chance = chance
        self._market = market
        self._anchor = price
        self._close = price
        self._deviation = deviation
        self._shares = shares
        self._regime = _QUIET
        self._regime_left = 0
        self._halt_left = 0

    def step(self, day: date) -> None:
        """Make the bar of `day`."""
        if self._regime_left == 0:
            self._regime, self._regime_left = self._next_regime()
        self._regime_left -= 1
        if self._halt_left == 0 and self._chance.random() < _HALT_STARTS:
            self._halt_left = 1 + int(self._chance.random() * 5)
        if self._halt_left:
            self._halt_left -= 1
            bar = Bar(date=day, open=0, high=0, low=0, close=self._close, volume=0)
        elif self._chance.random() < _LIMIT_DAY:
            bar = self._limit_day(day)
        else:
            bar = self._ordinary_day(day)
        self._close = bar.close
        self.series.append(bar, on_tick=True)

    def _next_regime(self) -> tuple[tuple[float, float], int]:
        """Draw the next regime: the further the price has strayed from its beginning, the likelier the way back."""
        days = 15 + int(self._chance.random() * 75)
        ratio = self._close / self._anchor
        up = 0.30 + (0.25 if ratio < 0.6 else 0.0) - (0.15 if ratio > 2.5 else 0.0)
        down = 0.24 + (0.30 if ratio > 2.5 else 0.0) - (0.14 if ratio < 0.6 else 0.0)
        draw = self._chance.random()
        if draw < up:
            return _BULL, days
        if draw < up + down:
            return _BEAR, days
        return (_QUIET if self._chance.random() < 0.55 else _VOLATILE), days // 2

    def _ordinary_day(self, day: date) -> Bar:
        drift, factor = self._regime
        deviation = self._deviation * factor
        drift -= _PULL * (self._close - self._anchor) / (self._close + self._anchor)
        gap = 0.4 * deviation * self._bell() + 0.4 * drift * deviation
        if self._chance.random() < _GAP_DAY:
            gap += (0.02 + 0.05 * self._chance.random()) * (1 if self._chance.random() < 0.5 else -1)
        start = self._close * (1 + gap)
        end = start * (1 + 0.85 * deviation * self._bell() + drift * deviation)
        top = max(start, end) * (1 + 0.55 * deviation * abs(self._bell()))
        bottom = min(start, end) * (1 - 0.55 * deviation * abs(self._bell()))
        lower, upper = price_limits(self._close, self._market, day)

        def valid(price: float) -> Won:
            return min(max(to_tick(price, Rounding.NEAREST, self._market, day), lower), upper)

        swing = abs(end / self._close - 1) / self._deviation
        volume = int(self._shares * (0.55 + 0.5 * self._chance.random() + 0.35 * swing) * factor)
        return Bar(
            date=day,
            open=valid(start),
            high=valid(top),
            low=valid(bottom),
            close=valid(end),
            volume=max(volume, 1000),
        )

    def _limit_day(self, day: date) -> Bar:
        lower, upper = price_limits(self._close, self._market, day)
        rising = self._chance.random() < 0.6
        limit = upper if rising else lower
        if self._chance.random() < _LOCKED_SHARE:
            volume = max(int(self._shares * (0.02 + 0.06 * self._chance.random())), 1000)
            return Bar(date=day, open=limit, high=limit, low=limit, close=limit, volume=volume)
        way = 0.1 + 0.3 * self._chance.random()
        start = to_tick(self._close + (limit - self._close) * way, Rounding.NEAREST, self._market, day)
        other = to_tick(start + (self._close - start) * self._chance.random(), Rounding.NEAREST, self._market, day)
        low, high = (min(start, other), limit) if rising else (limit, max(start, other))
        volume = int(self._shares * (3 + 4 * self._chance.random()))
        return Bar(date=day, open=start, high=high, low=low, close=limit, volume=volume)

    def _bell(self) -> float:
        """Draw from a bell curve of deviation one: the sum of six even draws, whose variance is one half."""
        total = 0.0
        for _ in range(6):
            total += self._chance.random()
        return (total - 3.0) * 1.4142
