"""How much of a result was the order of its trades: the same profits, shuffled.

The sum stays; the way there does not. Money is taken trade by trade, so a fall within a trade is not seen.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate
from random import Random

from kis_daemon.app.backtest.metrics import max_drawdown
from kis_daemon.domain.market import Won

_SHUFFLES = 1_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Shuffled:
    """The deepest fall as it came and over all shuffles, parts of one; `worse`: the part of them that fell deeper."""

    shuffles: int
    actual: float
    p5: float
    median: float
    p95: float
    worst: float
    worse: float


def shuffled(profits: Sequence[Won], start_cash: Won, seed: int, shuffles: int = _SHUFFLES) -> Shuffled | None:
    """Return how deep the account falls when the trades come in another order; None without two trades."""
    if len(profits) < 2:
        return None
    chance = Random(f"{seed}/order of trades")
    mixed, falls = list(profits), []
    for _ in range(shuffles):
        chance.shuffle(mixed)
        falls.append(_fall(mixed, start_cash))
    falls.sort()
    actual = _fall(profits, start_cash)
    return Shuffled(
        shuffles=shuffles,
        actual=actual,
        p5=falls[shuffles * 5 // 100],
        median=falls[shuffles // 2],
        p95=falls[shuffles * 95 // 100],
        worst=falls[-1],
        worse=sum(fall > actual for fall in falls) / shuffles,
    )


def _fall(profits: Sequence[Won], start_cash: Won) -> float:
    return max_drawdown(list(accumulate(profits, initial=start_cash)))
