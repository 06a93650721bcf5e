"""The indicators against TA-Lib's, on real histories, once both are warm.

TA-Lib seeds its ADX with one bar less than Wilder did; what that leaves behind shrinks by 13/14 a bar, and after 300
bars is under a millionth. ATR is seeded as ours and agrees from its first value.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest
import talib

from kis_daemon.domain.indicators import AtrMethod, IndicatorPeriods, Indicators, IndicatorSeries
from kis_daemon.domain.market import Bar
from tests.domain.builders import real_bars

WARM = 300  # of TA-Lib's seed nothing is left then
HOUSE = IndicatorPeriods(breakout=20)


def walked(bars: Sequence[Bar], periods: IndicatorPeriods) -> list[Indicators]:
    """Return our values after each bar."""
    series, found = IndicatorSeries(periods), []
    for bar in bars:
        series.feed(bar)
        assert series.values is not None
        found.append(series.values)
    return found


def columns(bars: Sequence[Bar]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    high, low, close = np.array([(bar.high, bar.low, bar.close) for bar in bars], dtype=float).T.copy()
    return high, low, close


def differing(ours: Sequence[float | None], theirs: np.ndarray, since: int) -> list[tuple[int, float | None, float]]:
    """Return the places where the two, rounded to a millionth, differ by more than the rounding can make."""
    pairs = list(enumerate(zip(ours, theirs.tolist(), strict=True)))[since:]
    assert pairs
    return [
        (place, one, other)
        for place, (one, other) in pairs
        if one is None or abs(round(one, 6) - round(other, 6)) > 1.5e-6
    ]


@pytest.mark.parametrize(
    ("name", "of", "oracle", "since"),
    [
        ("ATR", lambda v: v.atr, lambda h, lo, c: talib.ATR(h, lo, c, 14), 14),
        ("ADX", lambda v: v.adx, lambda h, lo, c: talib.ADX(h, lo, c, 14), WARM),
        ("SMA", lambda v: v.sma, lambda _h, _lo, c: talib.SMA(c, 50), 49),
        ("highest high", lambda v: float(v.highest_high), lambda h, _lo, _c: talib.MAX(h, 20), 19),
    ],
)
def test_every_value_of_a_real_history_is_talibs(
    shared_data: Path,
    name: str,
    of: Callable[[Indicators], float | None],
    oracle: Callable[[np.ndarray, np.ndarray, np.ndarray], np.ndarray],
    since: int,
) -> None:
    histories = real_bars(shared_data)
    compared = 0

    for symbol, bars in histories.items():
        ours = [of(values) for values in walked(bars, HOUSE)]
        assert differing(ours, oracle(*columns(bars)), since) == [], f"{name} of {symbol}"
        compared += len(bars) - since

    assert len(histories) == 40
    assert compared > 40_000


def test_the_mean_method_is_talibs_mean_of_its_true_range(shared_data: Path) -> None:
    for bars in real_bars(shared_data).values():
        ours = [values.atr for values in walked(bars, IndicatorPeriods(atr_method=AtrMethod.SMA))]
        ranges = talib.TRANGE(*columns(bars))[1:]

        assert differing(ours[1:], talib.SMA(ranges, 14), 13) == []
