"""Drift: a day of the daemon, lived again by the backtest from its own morning, and held against its orders.

The backtest knows the day's bars and their usual path, not its ticks: it says what the rules would have done on them.
`logs/drift/drift_YYYYMMDD.json` keeps what came of it, order by order.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import date
from pathlib import Path
from typing import Any

from kis_daemon.app.backtest.engine import run_backtest
from kis_daemon.app.backtest.plan import BacktestPlan
from kis_daemon.app.backtest.recorded_day import RecordedDay
from kis_daemon.app.backtest.result import BacktestResult
from kis_daemon.app.settings import Settings
from kis_daemon.domain.calendar import TradingCalendar
from kis_daemon.domain.drift import DayOrder, Drift, Kind, Line, compared
from kis_daemon.domain.market import Symbol
from kis_daemon.domain.orders import Order


def drift_of(
    settings: Settings,
    day: date,
    recorded: RecordedDay,
    orders: Sequence[Order],
    denied: Mapping[Symbol, str],
    calendar: TradingCalendar,
) -> Drift:
    """Return how `orders` of `day` differ from a backtest; `denied` says why entries were not even asked for."""
    rules = recorded.rules
    as_then = settings.model_copy(
        update={
            "entry": rules.entry,
            "protection": rules.protection,
            "trend_break": rules.trend_break,
            "gap": rules.gap,
            "risk": rules.limits,
            "commission_pct": rules.commission_ppb / 10_000_000,
        }
    )
    plan = BacktestPlan(symbols=recorded.universe, first=day, last=day, cash=recorded.morning.cash)
    result = run_backtest(as_then, plan, recorded.prices, calendar, recorded.morning)
    return compared(
        [_live(order) for order in orders], _replayed(result), {**denied, **recorded.refusals}, recorded.since
    )


def _live(order: Order) -> DayOrder:
    return DayOrder(
        at=order.created_at,
        symbol=order.intent.symbol,
        side=order.intent.side,
        rule=order.intent.rule,
        quantity=order.intent.quantity,
        filled_quantity=order.filled_quantity,
        filled_amount=order.filled_amount,
        state=order.state.value,
        reason=order.intent.reason,
    )


def _replayed(result: BacktestResult) -> list[DayOrder]:
    return [
        DayOrder(
            at=order.at,
            symbol=order.symbol,
            side=order.side,
            rule=order.rule,
            quantity=order.quantity,
            filled_quantity=order.filled_quantity,
            filled_amount=order.filled_amount,
            state=order.state,
        )
        for order in result.orders
    ]


# --- as JSON -------------------------------------------------------------------------------------------------------


def keep(drift: Drift, recorded: RecordedDay, day: date, path: Path) -> dict[str, Any]:
    """Write the drift of `day` to `path`, whole or not at all, and return what was written."""
    told = {
        "day": day.isoformat(),
        "since": recorded.since.isoformat(),
        "symbols": list(recorded.universe),
        "held_in_the_morning": [position.symbol for position in recorded.morning.positions],
        "cash": recorded.morning.cash,
        "counts": {kind.value: drift.count(kind) for kind in Kind},
        "differences": drift.differences,
        "cost": drift.cost,
        "orders": [_line(line) for line in drift.lines],
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_suffix(".draft")
    draft.write_text(json.dumps(told, ensure_ascii=False, indent=1) + "\n", "utf-8")
    draft.rename(path)
    return told


def _line(line: Line) -> dict[str, Any]:
    order = line.live or line.backtest
    assert order is not None, "a line without an order"
    return {
        "kind": line.kind.value,
        "symbol": order.symbol,
        "side": order.side.value,
        "rule": order.rule,
        "live": _side(line.live),
        "backtest": _side(line.backtest),
        "cost": line.cost,
        "reason": line.reason,
    }


def _side(order: DayOrder | None) -> dict[str, Any] | None:
    if order is None:
        return None
    return {
        "at": f"{order.at:%H:%M:%S}",
        "quantity": order.quantity,
        "filled": order.filled_quantity,
        "price": round(order.price, 2),
        "state": order.state,
    }
