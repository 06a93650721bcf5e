"""Trend and volatility of a symbol from its completed daily bars, one bar at a time in constant work.

Rules of this room
    Only completed bars enter; a bar of the running day never does. Bars without trade are left out by the caller.
    Wilder's smoothing starts from the plain mean of its first n values (Wilder, New Concepts in Technical Trading
    Systems, 1978): ATR after n + 1 bars, ADX after 2n bars. Until then a value is None.
    This is the one room where prices are floats.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from itertools import islice

from kis_daemon.domain.market import Bar, Won


class AtrMethod(StrEnum):
    WILDER = "wilder"
    SMA = "sma"


@dataclass(frozen=True, slots=True, kw_only=True)
class IndicatorPeriods:
    """How many bars each indicator looks back."""

    atr: int = 14
    adx: int = 14
    sma: int = 50
    spike_window: int = 27
    breakout: int = 1
    atr_method: AtrMethod = AtrMethod.WILDER


@dataclass(frozen=True, slots=True, kw_only=True)
class Indicators:
    """The values after the last completed bar. `atr_spike` is ATR over the mean of the ATRs before it."""

    bars: int
    last: Bar
    atr: float | None
    atr_spike: float | None
    adx: float | None
    sma: float | None
    highest_high: Won


class IndicatorSeries:
    """Feed it bars, oldest first; read `values` after each."""

    __slots__ = (
        "_adx",
        "_atr",
        "_atrs",
        "_closes",
        "_closes_sum",
        "_count",
        "_directional",
        "_dx_sum",
        "_highs",
        "_last",
        "_minus",
        "_periods",
        "_plus",
        "_ranges",
        "_true_range",
    )

    def __init__(self, periods: IndicatorPeriods) -> None:
        self._periods = periods
        self._count = 0
        self._last: Bar | None = None
        self._closes: deque[int] = deque(maxlen=periods.sma)
        self._closes_sum = 0
        self._highs: deque[int] = deque(maxlen=periods.breakout)
        self._ranges: deque[float] = deque(maxlen=periods.atr)
        self._atr: float | None = None
        self._atrs: deque[float] = deque(maxlen=periods.spike_window + 1)
        # Wilder sums of true range and directional movement over the ADX period, then the DX average.
        self._true_range = self._plus = self._minus = 0.0
        self._directional = 0
        self._dx_sum = 0.0
        self._adx: float | None = None

    @property
    def count(self) -> int:
        """How many bars were fed."""
        return self._count

    @property
    def values(self) -> Indicators | None:
        """The values after the last bar, or None before the first."""
        if self._last is None:
            return None
        full = len(self._closes) == self._periods.sma
        return Indicators(
            bars=self._count,
            last=self._last,
            atr=self._atr,
            atr_spike=self._spike(),
            adx=self._adx,
            sma=self._closes_sum / self._periods.sma if full else None,
            highest_high=max(self._highs),
        )

    def feed(self, bar: Bar) -> None:
        """Take the next completed bar; `ValueError` unless it is dated after the last one."""
        last = self._last
        if last is not None:
            if bar.date <= last.date:
                raise ValueError(f"bar of {bar.date}: expected a date after {last.date}")
            true_range = float(max(bar.high - bar.low, abs(bar.high - last.close), abs(bar.low - last.close)))
            self._feed_atr(true_range)
            self._feed_adx(bar, last, true_range)
        if len(self._closes) == self._periods.sma:
            self._closes_sum -= self._closes[0]
        self._closes.append(bar.close)
        self._closes_sum += bar.close
        self._highs.append(bar.high)
        self._last = bar
        self._count += 1

    def feed_all(self, bars: Iterable[Bar]) -> None:
        for bar in bars:
            self.feed(bar)

    def _spike(self) -> float | None:
        if len(self._atrs) <= self._periods.spike_window or self._atr is None:
            return None
        # Added up anew: a running sum keeps a rest of what left it, and against a still stretch that rest is a spike.
        before = math.fsum(islice(self._atrs, self._periods.spike_window)) / self._periods.spike_window
        return self._atr / before if before > 0 else None

    def _feed_atr(self, true_range: float) -> None:
        n = self._periods.atr
        if self._atr is None or self._periods.atr_method is AtrMethod.SMA:
            self._ranges.append(true_range)
            if len(self._ranges) < n:
                return
            self._atr = sum(self._ranges) / n
        else:
            self._atr = (self._atr * (n - 1) + true_range) / n
        self._atrs.append(self._atr)

    def _feed_adx(self, bar: Bar, last: Bar, true_range: float) -> None:
        n = self._periods.adx
        up, down = bar.high - last.high, last.low - bar.low
        plus = float(up) if up > down and up > 0 else 0.0
        minus = float(down) if down > up and down > 0 else 0.0
        self._directional += 1
        if self._directional <= n:
            self._true_range += true_range
            self._plus += plus
            self._minus += minus
            if self._directional < n:
                return
        else:
            self._true_range += true_range - self._true_range / n
            self._plus += plus - self._plus / n
            self._minus += minus - self._minus / n
        moved = self._plus + self._minus
        dx = 100.0 * abs(self._plus - self._minus) / moved if moved > 0 else 0.0
        if self._adx is not None:
            self._adx = (self._adx * (n - 1) + dx) / n
            return
        self._dx_sum += dx
        if self._directional == 2 * n - 1:
            self._adx = self._dx_sum / n
