"""The figures of a run, from its trades and its equity day by day."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from itertools import pairwise
from statistics import fmean, pstdev

from kis_daemon.app.backtest.result import BacktestTrade, DayEquity, Metrics
from kis_daemon.domain.market import Side, Won

_DAYS_A_YEAR = 252
_CALENDAR_DAYS_A_YEAR = 365.25


def measure(start_cash: Won, trades: Sequence[BacktestTrade], equity: Sequence[DayEquity]) -> Metrics:
    """Return the figures; `equity` holds one entry a trading day, in their order."""
    worth = [start_cash, *(day.equity for day in equity)]
    returns = [after / before - 1 for before, after in pairwise(worth)]
    years = ((equity[-1].day - equity[0].day).days + 1) / _CALENDAR_DAYS_A_YEAR if equity else 0.0
    sales = [trade for trade in trades if trade.side is Side.SELL]
    won = sum(trade.realized_pnl for trade in sales if trade.realized_pnl > 0)
    lost = -sum(trade.realized_pnl for trade in sales if trade.realized_pnl < 0)
    wins = sum(trade.realized_pnl > 0 for trade in sales)
    volume = sum(trade.amount for trade in trades)
    mean_equity = fmean(worth)
    return Metrics(
        total_return=worth[-1] / start_cash - 1,
        cagr=(worth[-1] / start_cash) ** (1 / years) - 1 if years > 0 and worth[-1] > 0 else None,
        max_drawdown=max_drawdown(worth),
        sharpe=_ratio(returns, pstdev(returns) if returns else 0.0),
        sortino=_ratio(returns, _downside(returns)),
        trades=len(trades),
        wins=wins,
        win_rate=wins / len(sales) if sales else None,
        profit_factor=won / lost if lost else None,
        expectancy=(won - lost) / len(sales) if sales else None,
        realized_pnl=won - lost,
        fees=sum(trade.fee for trade in trades),
        tax=sum(trade.tax for trade in trades),
        turnover=volume / years / mean_equity if years > 0 and mean_equity > 0 else None,
        exposure=fmean(day.holdings_value / day.equity for day in equity) if equity else 0.0,
        exit_reasons=dict(sorted(Counter(trade.rule for trade in sales).items())),
        monthly_returns=monthly_returns(start_cash, equity),
    )


def max_drawdown(worth: Sequence[Won]) -> float:
    """Return the deepest fall from a peak as a part of that peak, 0.0 where it never fell."""
    peak, deepest = 0, 0.0
    for value in worth:
        peak = max(peak, value)
        if peak > 0:
            deepest = max(deepest, 1 - value / peak)
    return deepest


def monthly_returns(start_cash: Won, equity: Sequence[DayEquity]) -> dict[str, float]:
    """Return what each month brought over the end of the one before, by "2016-01"."""
    ends = {f"{day.day:%Y-%m}": day.equity for day in equity}
    worth = [start_cash, *ends.values()]
    return {month: after / before - 1 for month, (before, after) in zip(ends, pairwise(worth), strict=True)}


def _ratio(returns: Sequence[float], deviation: float) -> float | None:
    return fmean(returns) / deviation * math.sqrt(_DAYS_A_YEAR) if deviation > 0 else None


def _downside(returns: Sequence[float]) -> float:
    """Return the deviation of the losses from nothing, over all days."""
    return math.sqrt(fmean(min(r, 0.0) ** 2 for r in returns)) if returns else 0.0
