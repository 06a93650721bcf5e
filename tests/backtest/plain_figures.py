"""The figures of a run a second time: from the written rows, by plain loops, with no line shared."""

from __future__ import annotations

from datetime import date
from typing import Any


def plain_figures(told: dict[str, Any]) -> dict[str, Any]:
    """Return the figures of a result as `--json` writes it."""
    values = [float(told["start_cash"])] + [float(row["equity"]) for row in told["equity"]]
    days = [date.fromisoformat(row["date"]) for row in told["equity"]]
    figures: dict[str, Any] = {"total_return": (values[-1] - values[0]) / values[0]}
    figures |= _growth(values, days) | _fall(values) | _ratios(values) | _sales(told["trades"])
    figures["fees"] = figures["tax"] = bought_and_sold = 0
    for trade in told["trades"]:
        figures["fees"] += trade["fee"]
        figures["tax"] += trade["tax"]
        bought_and_sold += trade["amount"]
    figures["trades"] = len(told["trades"])
    years = ((days[-1] - days[0]).days + 1) / 365.25 if days else 0
    mean = sum(values) / len(values)
    figures["turnover"] = bought_and_sold / mean / years if years else None
    held = [row["holdings_value"] / row["equity"] if row["equity"] > 0 else 0 for row in told["equity"]]
    figures["exposure"] = sum(held) / len(held) if held else 0.0
    figures["monthly_returns"] = _months(values, days)
    return figures


def _growth(values: list[float], days: list[date]) -> dict[str, float | None]:
    if len(days) < 2 or values[-1] <= 0:
        return {"cagr": None}
    calendar_days = (days[-1] - days[0]).days + 1
    return {"cagr": (values[-1] / values[0]) ** (365.25 / calendar_days) - 1}


def _fall(values: list[float]) -> dict[str, float]:
    deepest = 0.0
    for first, peak in enumerate(values):
        for later in values[first:]:
            if peak > 0:
                deepest = max(deepest, (peak - later) / peak)
    return {"max_drawdown": deepest}


def _ratios(values: list[float]) -> dict[str, float | None]:
    pairs = [(values[place - 1], values[place]) for place in range(1, len(values))]
    returns = [(after - before) / before for before, after in pairs if before > 0]
    if not returns:
        return {"sharpe": None, "sortino": None}
    mean = sum(returns) / len(returns)
    variance = sum((value - mean) * (value - mean) for value in returns) / len(returns)
    below = sum(value * value for value in returns if value < 0) / len(returns)
    return {
        "sharpe": mean / variance**0.5 * 252**0.5 if variance**0.5 > 1e-12 else None,
        "sortino": mean / below**0.5 * 252**0.5 if below**0.5 > 1e-12 else None,
    }


def _sales(trades: list[dict[str, Any]]) -> dict[str, Any]:
    wins = sales = won = lost = 0
    reasons: dict[str, int] = {}
    for trade in trades:
        if trade["side"] != "SELL":
            continue
        sales += 1
        reasons[trade["reason"]] = reasons.get(trade["reason"], 0) + 1
        if trade["realized_pnl"] > 0:
            wins += 1
            won += trade["realized_pnl"]
        else:
            lost -= trade["realized_pnl"]
    return {
        "wins": wins,
        "win_rate": wins / sales if sales else None,
        "profit_factor": won / lost if lost else None,
        "expectancy": (won - lost) / sales if sales else None,
        "realized_pnl": won - lost,
        "exit_reasons": reasons,
    }


def _months(values: list[float], days: list[date]) -> dict[str, float]:
    months: dict[str, float] = {}
    begun_with = values[0]
    for place, day in enumerate(days):
        is_last = place + 1 == len(days) or days[place + 1].month != day.month or days[place + 1].year != day.year
        if is_last:
            months[f"{day.year}-{day.month:02}"] = (values[place + 1] - begun_with) / begun_with if begun_with else 0.0
            begun_with = values[place + 1]
    return months
