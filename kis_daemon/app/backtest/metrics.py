"""The figures of a run, from its trades and its equity day by day."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from itertools import pairwise
from statistics import fmean, pstdev

from kis_daemon.app.backtest.result import BacktestTrade, DayEquity, Metrics
from kis_daemon.domain.market import Side, Won

_DAYS_A_YEAR = 252
_CALENDAR_DAYS_A_YEAR = 365.25
_NO_DEVIATION = 1e-12  # what is left of equal returns after rounding


def measure(start_cash: Won, trades: Sequence[BacktestTrade], equity: Sequence[DayEquity]) -> Metrics:
    """Return the figures; `equity` holds one entry a trading day, in their order."""
    worth = [start_cash, *(day.equity for day in equity)]
    curve = curve_of([day.day for day in equity], worth)
    years = curve.years
    sales = [trade for trade in trades if trade.side is Side.SELL]
    won = sum(trade.realized_pnl for trade in sales if trade.realized_pnl > 0)
    lost = -sum(trade.realized_pnl for trade in sales if trade.realized_pnl < 0)
    wins = sum(trade.realized_pnl > 0 for trade in sales)
    volume = sum(trade.amount for trade in trades)
    mean_equity = fmean(worth)
    return Metrics(
        total_return=curve.total_return,
        cagr=curve.cagr,
        max_drawdown=curve.max_drawdown,
        sharpe=curve.sharpe,
        sortino=curve.sortino,
        trades=len(trades),
        wins=wins,
        win_rate=wins / len(sales) if sales else None,
        profit_factor=won / lost if lost else None,
        expectancy=(won - lost) / len(sales) if sales else None,
        realized_pnl=won - lost,
        fees=sum(trade.fee for trade in trades),
        tax=sum(trade.tax for trade in trades),
        turnover=volume / years / mean_equity if years > 0 and mean_equity > 0 else None,
        exposure=fmean(exposure(day) for day in equity) if equity else 0.0,
        exit_reasons=dict(sorted(Counter(trade.rule for trade in sales).items())),
        monthly_returns=monthly_returns(start_cash, equity),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Curve:
    """The figures that a row of values has by itself, ours or a benchmark's; as in `Metrics`."""

    years: float
    total_return: float
    cagr: float | None
    max_drawdown: float
    sharpe: float | None
    sortino: float | None


def curve_of(days: Sequence[date], worth: Sequence[float]) -> Curve:
    """Return the figures of `worth`: the value before the first of `days`, then one after each."""
    returns = [after / before - 1 for before, after in pairwise(worth) if before > 0]
    years = ((days[-1] - days[0]).days + 1) / _CALENDAR_DAYS_A_YEAR if days else 0.0
    return Curve(
        years=years,
        total_return=worth[-1] / worth[0] - 1,
        cagr=_growth(worth[-1] / worth[0], years) if len(days) > 1 else None,  # one day says nothing of a year
        max_drawdown=max_drawdown(worth),
        sharpe=_ratio(returns, pstdev(returns) if returns else 0.0),
        sortino=_ratio(returns, _downside(returns)),
    )


def max_drawdown(worth: Sequence[float]) -> float:
    """Return the deepest fall from a peak as a part of that peak, 0.0 where it never fell."""
    return max(drawdowns(worth), default=0.0)


def drawdowns(worth: Iterable[float]) -> list[float]:
    """Return how far each value lies below the highest before it, as a part of that."""
    peak, found = 0.0, []
    for value in worth:
        peak = max(peak, value)
        found.append(1 - value / peak if peak > 0 else 0.0)
    return found


def exposure(day: DayEquity) -> float:
    """Return the part of equity that was held at the close."""
    return day.holdings_value / day.equity if day.equity > 0 else 0.0


def monthly_returns(start_cash: Won, equity: Sequence[DayEquity]) -> dict[str, float]:
    """Return what each month brought over the end of the one before, by "2016-01"."""
    ends = {f"{day.day:%Y-%m}": day.equity for day in equity}
    steps = zip(ends, pairwise([start_cash, *ends.values()]), strict=True)
    return {month: (after / before - 1 if before > 0 else 0.0) for month, (before, after) in steps}


def _growth(factor: float, years: float) -> float | None:
    try:
        return factor ** (1 / years) - 1 if factor > 0 else None
    except OverflowError:  # a few days, and prices that cannot be
        return None


def _ratio(returns: Sequence[float], deviation: float) -> float | None:
    return fmean(returns) / deviation * math.sqrt(_DAYS_A_YEAR) if deviation > _NO_DEVIATION else None


def _downside(returns: Sequence[float]) -> float:
    """Return the deviation of the losses from nothing, over all days."""
    return math.sqrt(fmean(min(r, 0.0) ** 2 for r in returns)) if returns else 0.0
